//! The id that a frontend gives to its connections: `unique-id-format`.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, UdpSocket};

use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, marked_line, start};

struct Setting {
    _node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    _server: Server,
    _place: Place,
}

/// A frontend `in` with these lines and a backend `out` with those; the server gets these words and
/// returns what it has received.
fn setting(flavour: Flavour, lines: &str, of_backend: &str, words: &str) -> Setting {
    let place = Place::new();
    let receiver = place.log_receiver();
    let front = place.address();
    let server = Server::echo(place.address());
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    {lines}\n    default_backend out\n\
         backend out\n    {of_backend}\n    server s1 {} {words}\n",
        server.address()
    );
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let node = start(flavour, &place, &global, &body);
    Setting { _node: node, receiver, front, _server: server, _place: place }
}

impl Setting {
    /// What the server received from a client that says `x`.
    fn received(&self) -> Vec<u8> {
        received(self.front)
    }

    fn line(&self) -> String {
        marked_line(&self.receiver)
    }
}

/// What the server behind this address received from a client that says `x`.
fn received(front: SocketAddr) -> Vec<u8> {
    let mut client = connect_from(source(258), front).unwrap();
    client.write_all(b"x").unwrap();
    let mut all = vec![0];
    client.read_exact(&mut all).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client.read_to_end(&mut all).unwrap();
    all
}

/// The value of the id in a binary PROXY header.
fn id_in(header: &[u8]) -> Option<String> {
    let end = 16 + usize::from(u16::from_be_bytes([header[14], header[15]]));
    let mut rest = &header[28..end];
    while let [kind, high, low, after @ ..] = rest {
        let (value, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if *kind == 5 {
            return Some(String::from_utf8(value.to_vec()).unwrap());
        }
        rest = after;
    }
    None
}

#[test]
fn the_log_rules_and_the_server_get_the_same_id() {
    let lines = "unique-id-format \"%{+X}o%ci:%{-X}cp_%fi:%fp_%Ts_%{+Q}f_%b/%s_%B_%ts_%Tw\"\n    \
                 tcp-request content set-var(sess.kept) unique-id\n    \
                 log-format \"<%ID %[unique-id] %[var(sess.kept)] %{+Q}ID %{+X}ID\"";
    for flavour in flavours() {
        let setting = setting(flavour, lines, "", "send-proxy-v2 proxy-v2-options unique-id");
        let id = id_in(&setting.received()).unwrap();
        let (front_ip, port) = (setting.front.ip(), setting.front.port());
        let std::net::IpAddr::V4(ip) = front_ip else { panic!("{front_ip}") };
        assert!(id.starts_with("7F010102:"), "{flavour:?}: {id}");
        let end = format!("_{:08X}:{port:04X}_", ip.to_bits());
        assert!(id.contains(&end), "{flavour:?}: {id}");
        assert!(id.ends_with("_\"in\"_in/<NOSRV>_0_--_-1"), "{flavour:?}: {id}");
        assert_eq!(setting.line(), format!("{id} {id} {id} \"{id}\" {id}"), "{flavour:?}");
    }
}

#[test]
fn the_id_is_made_when_it_is_asked_for_first() {
    let cases = [
        ("", "", "out/s1/two"),
        ("tcp-request content set-var(sess.x) unique-id", "", "in/<NOSRV>/two"),
        ("", "tcp-request content set-var(sess.x) unique-id", "out/<NOSRV>/two"),
        ("", "stick-table type string len 64 size 10\n    stick on unique-id", "out/<NOSRV>/two"),
        ("", "tcp-response content set-var(sess.x) unique-id", "out/s1/two"),
        ("tcp-request connection set-var(sess.x) unique-id", "", "out/s1/two"),
        ("tcp-request session set-var(sess.x) unique-id", "", "out/s1/two"),
        (
            "tcp-request content reject if { unique-id -m found } { src 192.0.2.1 }",
            "",
            "in/<NOSRV>/two",
        ),
        (
            "tcp-request content reject if { src 192.0.2.1 } { unique-id -m found }",
            "",
            "out/s1/two",
        ),
    ];
    for flavour in flavours() {
        for (of_frontend, of_backend, expected) in cases {
            let lines = format!(
                "unique-id-format %b/%s/%[var(sess.a)]\n    \
                 tcp-request content set-var(sess.a) str(two)\n    {of_frontend}\n    \
                 log-format \"<%ID|%ts\""
            );
            let setting = setting(flavour, &lines, of_backend, "");
            setting.received();
            let line = setting.line();
            let (id, _) = line.split_once('|').unwrap();
            assert_eq!(id, expected, "{flavour:?}: {of_frontend} {of_backend}");
        }
    }
}

/// What the client has sent counts, as long as nothing of it was passed on.
#[test]
fn an_id_is_made_of_what_the_client_has_sent() {
    let wait = "tcp-request inspect-delay 5s\n    tcp-request content reject if !HTTP";
    let rule = "tcp-request content set-var(sess.x) unique-id";
    let refuse = "tcp-request content reject if HTTP";
    for flavour in flavours() {
        for (rules, words, expected) in [
            (rule, "", "id-/a-b"),
            (refuse, "", "id-/a-b"),
            ("", "send-proxy-v2 proxy-v2-options unique-id", "id-/a-b"),
            ("", "", "id--"),
        ] {
            let lines = format!(
                "unique-id-format id-%[path]-%[url,word(2,?)]\n    {wait}\n    {rules}\n    \
                 log-format <%ID"
            );
            let setting = setting(flavour, &lines, "", words);
            let mut client = connect_from(source(1), setting.front).unwrap();
            client.write_all(b"GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n").unwrap();
            if rules != refuse {
                client.read_exact(&mut [0; 8]).unwrap();
            }
            drop(client);
            assert_eq!(setting.line(), expected, "{flavour:?}: {rules} {words}");
        }
    }
}

#[test]
fn without_a_format_there_is_no_id() {
    let lines = "tcp-request content set-var(sess.x) unique-id\n    \
                 log-format \"<%ID|%{+Q}ID|%[unique-id]|%[var(sess.x)]\"";
    for flavour in flavours() {
        let setting = setting(flavour, lines, "", "send-proxy-v2 proxy-v2-options unique-id");
        assert_eq!(id_in(&setting.received()).as_deref(), Some(""), "{flavour:?}");
        assert_eq!(setting.line(), "-|\"\"|-|-", "{flavour:?}");
    }
}

#[test]
fn what_is_missing_in_an_id_leaves_no_mark_and_an_id_is_cut() {
    let long = "x".repeat(200);
    let cases = [
        ("%ID/%si/%[var(sess.no)]/%{+Q}si/%{+M}si/%{+M}[var(sess.no)]/%{-M}si", "///\"\"/-//"),
        ("%hr/%sslc/%{+Q}ci", "//\"127.1.1.2\""),
        ("%{+Q}[str(x)]%{+E}[bin(5c)]%[bin(41e90a7f42)]", "x\\\\A\u{fffd}%0A%7FB"),
        ("a  %si b %rc %hr %hs", "a  b 0 "),
        (long.as_str(), &long[..127]),
    ];
    for flavour in flavours() {
        for (format, expected) in cases {
            let format = format.replace('"', "\\\"");
            let lines = format!(
                "unique-id-format \"{format}\"\n    \
                 tcp-request content set-var(sess.id) unique-id\n    log-format \"<%ID|\""
            );
            let setting = setting(flavour, &lines, "", "");
            setting.received();
            assert_eq!(setting.line(), format!("{expected}|"), "{flavour:?}: {format}");
        }
    }
}

#[test]
fn a_line_with_an_id_and_one_beside_an_id_of_the_end_are_written_at_the_end() {
    let cases = [
        ("log-format \"<%ID|%ci\"\n    unique-id-format a", true),
        ("log-format \"<%ci %[unique-id]\"\n    unique-id-format a", false),
        ("log-format \"<%ci\"\n    unique-id-format %B", true),
        ("log-format \"<%ci\"\n    log-format-sd %B", true),
        ("log-format \"<%ci\"\n    error-log-format %B", true),
        ("log-format \"<%ci\"\n    error-log-format %ci\n    log-format-sd %s", false),
    ];
    for flavour in flavours() {
        for (lines, is_late) in cases {
            let setting = setting(flavour, lines, "", "");
            // The first client stays until the second client's line has come, or its own.
            let mut stays = connect_from(source(1), setting.front).unwrap();
            stays.write_all(b"x").unwrap();
            stays.read_exact(&mut [0]).unwrap();
            setting.received();
            let mut first = setting.line();
            drop(stays);
            let mut second = setting.line();
            if is_late {
                std::mem::swap(&mut first, &mut second);
            }
            let (mine, other) = (source(1).to_string(), source(258).to_string());
            assert!(first.contains(&mine), "{flavour:?}: {lines}: {first}");
            assert!(second.contains(&other), "{flavour:?}: {lines}: {second}");
        }
    }
}

#[test]
fn the_id_of_a_client_before_a_header_names_the_header_s_address() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::echo(place.address());
        let (first, second) = (place.address(), place.address());
        let body = format!(
            "listen one\n    bind {first}\n    unique-id-format one-%ci\n    \
             server s1 {second} send-proxy-v2 proxy-v2-options unique-id,crc32c\n\
             listen two\n    bind {second} accept-proxy\n    \
             unique-id-format two-%[fc_pp_unique_id]-%ci\n    \
             server s1 {} send-proxy-v2 proxy-v2-options unique-id\n",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        let from = source(258);
        assert_eq!(
            id_in(&received(first)).unwrap(),
            format!("two-one-{from}-{from}"),
            "{flavour:?}"
        );
    }
}
