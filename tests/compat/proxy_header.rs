//! `accept-proxy`, `send-proxy` and `send-proxy-v2`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};

use crate::support::{Flavour, Node, Place, Server, source};
use crate::{flavours, start};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &len, body].concat()
}

/// 10.1.2.3:1111 to 10.9.9.9:80.
const V4: &[u8] = &[10, 1, 2, 3, 10, 9, 9, 9, 4, 87, 0, 80];

struct Setting {
    node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    _servers: Vec<Server>,
    _place: Place,
}

/// A server that sends back all bytes that come before `hello`.
fn mirror(address: SocketAddr, name: &'static str) -> Server {
    Server::start(address, move |mut stream| {
        let mut got = Vec::new();
        while !got.ends_with(b"hello") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            got.push(byte[0]);
        }
        stream.write_all(name.as_bytes())?;
        stream.write_all(&got)
    })
}

fn setting(flavour: Flavour, bind_words: &str, server_words: &str) -> Setting {
    setting_with(flavour, bind_words, "", server_words, "")
}

fn setting_with(
    flavour: Flavour,
    bind_words: &str,
    rules: &str,
    server_words: &str,
    more: &str,
) -> Setting {
    let place = Place::new();
    let receiver = place.log_receiver();
    let front = place.address();
    let servers = vec![mirror(place.address(), "1 "), mirror(place.address(), "2 ")];
    let mut body = format!(
        "{more}\nfrontend in\n    bind {front} {bind_words}\n    {rules}\n    log global\n    \
         option tcplog\n    default_backend out\nbackend out\n    \
         stick-table type ip size 1k expire 1h\n    stick on src\n"
    );
    for (number, server) in servers.iter().enumerate() {
        let address = server.address();
        body.push_str(&format!("    server s{} {address} {server_words}\n", number + 1));
    }
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let node = start(flavour, &place, &global, &body);
    Setting { node, receiver, front, _servers: servers, _place: place }
}

impl Setting {
    /// Sends `parts` one after the other and returns the answer.
    fn exchange(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.front).unwrap();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                crate::support::pause(std::time::Duration::from_millis(100));
            }
            stream.write_all(part).ok();
        }
        let mut got = Vec::new();
        stream.read_to_end(&mut got).ok();
        got
    }

    /// The next log line about a client, from the text after the address and the date.
    fn line(&self) -> (String, String) {
        let mut buffer = [0; 4096];
        loop {
            let count = self.receiver.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if let Some((head, rest)) = line.split_once("] in") {
                let head = head.split_once("]: ").unwrap().1;
                let client = head.split_once(" [").unwrap().0;
                return (client.to_owned(), format!("in{}", rest.trim_end()));
            }
        }
    }
}

#[test]
fn the_carried_address_is_logged_and_sticks() {
    for flavour in flavours() {
        let setting = setting(flavour, "accept-proxy", "");
        let text = b"PROXY TCP4 10.1.2.3 10.9.9.9 1111 80\r\n".as_slice();
        let binaries = [
            binary(1, 0x11, V4),
            binary(1, 0x11, &[V4, &[4, 0, 3], b"abc"].concat()),
            binary(1, 0x11, &[V4, &[0xea, 0, 2], b"xy"].concat()),
        ];
        let mut names = Vec::new();
        for header in [text, &binaries[0], &binaries[1], &binaries[2]] {
            let got = setting.exchange(&[header, b"hello"]);
            assert!(got.ends_with(b" hello") && got.len() == 7, "{flavour:?}: {got:?}");
            names.push(got[0]);
            let (client, _) = setting.line();
            assert_eq!(client, "10.1.2.3:1111", "{flavour:?}");
        }
        assert!(names.iter().all(|name| *name == names[0]), "{flavour:?}: {names:?}");
        let table = setting.node.api().command("show table out");
        assert!(table.contains("key=10.1.2.3"), "{flavour:?}: {table}");
    }
}

#[test]
fn a_rule_decides_who_has_to_send_a_header() {
    const RULES: &str = "tcp-request connection track-sc0 src table seen
        tcp-request connection expect-proxy layer4 if { src 127.1.0.0/24 }
        tcp-request connection sc-set-gpt0(0) 5
        tcp-request session reject if { src 10.1.2.4 }
        tcp-request content track-sc1 src table later";
    const TABLES: &str = "backend seen
        stick-table type ip size 1k expire 1h store gpt0,conn_cnt,sess_cnt
        backend later
        stick-table type ip size 1k expire 1h store conn_cnt";
    for flavour in flavours() {
        let setting = setting_with(flavour, "", RULES, "", TABLES);
        let say = |from: u32, parts: &[&[u8]]| {
            let mut stream = crate::support::connect_from(source(from), setting.front).unwrap();
            parts.iter().for_each(|part| stream.write_all(part).unwrap());
            let mut got = Vec::new();
            stream.read_to_end(&mut got).ok();
            (got.len(), got.ends_with(b" hello"))
        };
        let header = b"PROXY TCP4 10.1.2.3 10.9.9.9 1111 80\r\n";
        assert_eq!(say(7, &[header, b"hello"]), (7, true), "{flavour:?}");
        assert_eq!(setting.line().0, "10.1.2.3:1111", "{flavour:?}");
        // The rule's clients must send a header; all other clients must not send a header.
        assert_eq!(say(7, &[b"no header, hello"]).0, 0, "{flavour:?}");
        let foreign = "in/1: Received something which does not look like a PROXY protocol header";
        assert_eq!(setting.line().1, foreign, "{flavour:?}");
        assert_eq!(say(300, &[header, b"hello"]), (2 + header.len() + 5, false), "{flavour:?}");
        assert!(setting.line().0.starts_with("127.1.1.44:"), "{flavour:?}");
        // The address that is carried counts from the session rules on.
        let denied = b"PROXY TCP4 10.1.2.4 10.9.9.9 1111 80\r\n";
        assert_eq!(say(8, &[denied, b"hello"]).0, 0, "{flavour:?}");
        let api = setting.node.api();
        let seen = api.table("seen");
        let counted = |key: &str| ["gpt0", "conn_cnt", "sess_cnt"].map(|f| seen[key][f].clone());
        assert_eq!(counted("127.1.0.7"), ["5", "2", "1"], "{flavour:?}");
        assert_eq!(counted("127.1.0.8"), ["5", "1", "0"], "{flavour:?}");
        let later: Vec<_> = api.table("later").into_keys().collect();
        assert_eq!(later, ["10.1.2.3", "127.1.1.44"], "{flavour:?}");
        let stuck: Vec<_> = api.table("out").into_keys().collect();
        assert_eq!(stuck, ["10.1.2.3", "127.1.1.44"], "{flavour:?}");
        assert_eq!(api.stat("in", "FRONTEND", "dses"), "1", "{flavour:?}");
    }
}

#[test]
fn a_connection_of_the_proxys_own_keeps_its_address() {
    for flavour in flavours() {
        let setting = setting(flavour, "accept-proxy", "");
        for header in [b"PROXY UNKNOWN\r\n".to_vec(), binary(0, 0, b""), binary(0, 0x11, V4)] {
            let got = setting.exchange(&[&header, b"hello"]);
            assert!(got.ends_with(b" hello"), "{flavour:?}: {got:?}");
            let (client, _) = setting.line();
            assert!(client.starts_with("127."), "{flavour:?}: {client}");
        }
    }
}

#[test]
fn what_is_no_header_ends_the_connection_with_the_reason_logged() {
    let truncated = "Truncated PROXY protocol header received";
    let invalid = "Received an invalid PROXY protocol header";
    let unhandled = "Received an unhandled protocol in the PROXY protocol header";
    let foreign = "Received something which does not look like a PROXY protocol header";
    let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![b"GET / HTTP/1.0\r\n\r\n".to_vec()], foreign),
        (vec![b"G".to_vec()], truncated),
        (vec![b"PROXY TCP4 10.1".to_vec(), b".2.3 10.9.9.9 1111 80\r\n".to_vec()], truncated),
        (vec![b"PROXY TCP4 10.1.2.3 10.9.9.9 1111 80\n".to_vec()], invalid),
        (vec![b"PROXY TCP4 10.1.2.3 10.9.9.9 11\r\n".to_vec()], invalid),
        (vec![b"PROXY UDP4 10.1.2.3 10.9.9.9 11 80\r\n".to_vec()], unhandled),
        (vec![[b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat()], truncated),
        (vec![binary(1, 0x12, V4)], invalid),
        (vec![binary(2, 0x11, V4)], invalid),
        (vec![binary(1, 0x11, &[V4, &[3, 0, 4], b"abcd"].concat())], invalid),
        (vec![binary(1, 0x11, &[V4, &[4, 9, 9], b"abcd"].concat())], invalid),
        (vec![binary(1, 0x11, V4)[..20].to_vec(), V4[4..].to_vec()], truncated),
    ];
    for flavour in flavours() {
        let setting = setting(flavour, "accept-proxy", "");
        for (parts, reason) in &cases {
            let mut parts = parts.clone();
            if let ([whole], true) = (&mut parts[..], *reason != truncated) {
                whole.extend_from_slice(b"hello");
            }
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            assert_eq!(setting.exchange(&parts), b"", "{flavour:?}: {parts:?}");
            assert_eq!(setting.line().1, format!("in/1: {reason}"), "{flavour:?}: {parts:?}");
        }
        drop(TcpStream::connect(setting.front).unwrap());
        let closed = "in/1: Connection closed while waiting for PROXY protocol header";
        assert_eq!(setting.line().1, closed, "{flavour:?}");
        let hasty = setting_with(flavour, "accept-proxy", "timeout client 1s", "", "");
        assert_eq!(hasty.exchange(&[]), b"", "{flavour:?}");
        let late = "in/1: Timeout while waiting for PROXY protocol header";
        assert_eq!(hasty.line().1, late, "{flavour:?}");
    }
}

#[test]
fn a_server_is_told_who_the_client_is() {
    for flavour in flavours() {
        let text = setting(flavour, "name web", "send-proxy");
        let stream = crate::support::connect_from(source(3), text.front).unwrap();
        let (from, to) = (stream.local_addr().unwrap(), text.front);
        let expected =
            format!("PROXY TCP4 {} {} {} {}\r\nhello", from.ip(), to.ip(), from.port(), to.port());
        assert_eq!(answer(stream), expected.as_bytes(), "{flavour:?}");

        for words in ["send-proxy-v2", "send-proxy send-proxy-v2"] {
            let both = setting(flavour, "", words);
            let stream = crate::support::connect_from(source(3), both.front).unwrap();
            let (from, to) = (stream.local_addr().unwrap(), both.front);
            let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else { unreachable!() };
            let body = [
                &from.ip().octets()[..],
                &to.ip().octets(),
                &from.port().to_be_bytes(),
                &to.port().to_be_bytes(),
            ];
            let expected = [&binary(1, 0x11, &body.concat())[..], b"hello"].concat();
            assert_eq!(answer(stream), expected, "{flavour:?}");
        }
    }
}

/// The bytes that a server got, after the server's name.
fn answer(mut stream: TcpStream) -> Vec<u8> {
    stream.write_all(b"hello").unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    stream.shutdown(Shutdown::Both).ok();
    got.split_off(2)
}

#[test]
fn a_header_is_passed_on_in_the_other_version() {
    for flavour in flavours() {
        let setting = setting(flavour, "accept-proxy", "send-proxy-v2");
        let got = setting.exchange(&[b"PROXY TCP4 10.1.2.3 10.9.9.9 1111 80\r\n", b"hello"]);
        assert_eq!(&got[2..], [&binary(1, 0x11, V4)[..], b"hello"].concat(), "{flavour:?}");
    }
}
