//! The ends of a connection: samples of where it came in, actions that set its addresses, and what
//! a PROXY header says beside the addresses.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};

use crate::support::{Flavour, Node, Place, Server, ask, connect_from, source};
use crate::{flavours, start};

/// Frontends of which each sends its clients to `yes` if its condition holds, and to `no` if not.
fn with_conditions(
    flavour: Flavour,
    place: &Place,
    conditions: &[&str],
) -> (Node, [Server; 2], Vec<SocketAddr>) {
    let servers = ["yes", "no"].map(|name| Server::name(place.address(), name));
    let fronts: Vec<SocketAddr> = conditions.iter().map(|_| place.address()).collect();
    let mut body = String::new();
    for (number, (front, condition)) in fronts.iter().zip(conditions).enumerate() {
        let condition = condition.replace("PORT", &front.port().to_string());
        body += &format!(
            "frontend f{number}\n    bind {} name other\n    bind {front} name one\n    \
             use_backend yes if {{ {condition} }}\n    default_backend no\n",
            place.address()
        );
    }
    body += &format!(
        "backend yes\n    timeout tunnel 7s\n    server s1 {}\n\
         backend no\n    server s1 {} weight 7\n",
        servers[0].address(),
        servers[1].address()
    );
    (start(flavour, place, "", &body), servers, fronts)
}

#[test]
fn samples_tell_where_a_connection_came_in() {
    let conditions = [
        ("so_name one", "yes"),
        ("so_name other", "no"),
        ("so_id 2", "yes"),
        ("fe_defbe no", "yes"),
        ("fe_client_timeout 30000", "yes"),
        ("fc_src 127.1.0.1", "yes"),
        ("fc_src_port lt 1", "no"),
        ("fc_src_is_local", "yes"),
        ("fc_dst 127.0.0.0/8", "yes"),
        ("fc_dst_port PORT", "yes"),
        ("fc_dst_is_local", "yes"),
        ("fc_rcvd_proxy", "no"),
        ("fc_pp_authority -m found", "no"),
        ("fc_pp_unique_id -m found", "no"),
        ("srv_weight(no/s1) 7", "yes"),
        ("srv_iweight(no/s1) 7", "yes"),
        ("srv_uweight(no/s1) 7", "yes"),
    ];
    let texts = conditions.map(|(condition, _)| condition);
    for flavour in flavours() {
        let place = Place::new();
        let (_node, _servers, fronts) = with_conditions(flavour, &place, &texts);
        for ((condition, expected), front) in conditions.iter().zip(fronts) {
            let answer = ask(source(1), front).unwrap();
            assert_eq!(answer, *expected, "{flavour:?}: {condition}");
        }
    }
}

#[test]
fn rules_of_a_backend_know_its_timeouts() {
    let conditions = [
        ("be_server_timeout 5000", "s2"),
        ("be_tunnel_timeout 7000", "s2"),
        ("be_tunnel_timeout 1", "s1"),
    ];
    for flavour in flavours() {
        let place = Place::new();
        let servers = ["s1", "s2"].map(|name| Server::name(place.address(), name));
        let fronts = conditions.map(|_| place.address());
        let body: String = conditions
            .iter()
            .zip(&fronts)
            .enumerate()
            .map(|(number, ((condition, _), front))| {
                format!(
                    "listen l{number}\n    bind {front}\n    timeout server 5s\n    \
                     timeout tunnel 7s\n    use-server s2 if {{ {condition} }}\n    \
                     server s1 {}\n    server s2 {} weight 0\n",
                    servers[0].address(),
                    servers[1].address()
                )
            })
            .collect();
        let _node = start(flavour, &place, "", &body);
        for ((condition, expected), front) in conditions.iter().zip(fronts) {
            let answer = ask(source(1), front).unwrap();
            assert_eq!(answer, *expected, "{flavour:?}: {condition}");
        }
    }
}

/// A server that returns what it has received.
fn mirror(place: &Place) -> Server {
    Server::echo(place.address())
}

/// What the server received before the end of a client that sends `bytes`.
fn received(front: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut client = connect_from(source(1), front).unwrap();
    client.write_all(bytes).unwrap();
    // A client that leaves before the server has accepted may get nothing.
    let mut all = vec![0];
    client.read_exact(&mut all).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn rules_set_the_addresses_of_a_connection() {
    let cases = [
        ("connection set-src ipv4(192.0.2.7)", "192.0.2.7 DST PORT DPORT"),
        ("session set-src ipv4(192.0.2.7)", "192.0.2.7 DST PORT DPORT"),
        ("content set-src ipv4(192.0.2.7)", "192.0.2.7 DST PORT DPORT"),
        ("content set-src str(192.0.2.8)", "192.0.2.8 DST PORT DPORT"),
        ("connection set-src-port int(5)", "SRC DST 5 DPORT"),
        ("content set-src-port int(65542)", "SRC DST 6 DPORT"),
        ("connection set-dst ipv4(192.0.2.9)", "SRC 192.0.2.9 PORT DPORT"),
        ("content set-dst ipv4(192.0.2.9)", "SRC 192.0.2.9 PORT DPORT"),
        ("session set-dst-port int(7)", "SRC DST PORT 7"),
        ("content set-dst-port int(8)", "SRC DST PORT 8"),
    ];
    for flavour in flavours() {
        let place = Place::new();
        let server = mirror(&place);
        let fronts = cases.map(|_| place.address());
        let body: String = cases
            .iter()
            .zip(&fronts)
            .enumerate()
            .map(|(number, ((rule, _), front))| {
                format!(
                    "listen l{number}\n    bind {front}\n    tcp-request {rule}\n    \
                     server s1 {} send-proxy\n",
                    server.address()
                )
            })
            .collect();
        let _node = start(flavour, &place, "", &body);
        for ((rule, expected), front) in cases.iter().zip(fronts) {
            let header = String::from_utf8(received(front, b"")).unwrap();
            let words: Vec<&str> = header.trim_end().split(' ').collect();
            let port = words[4].to_owned();
            let expected = expected
                .replace("DPORT", &front.port().to_string())
                .replace("SRC", "127.1.0.1")
                .replace("DST", &front.ip().to_string())
                .replace("PORT", &port);
            assert_eq!(words[2..].join(" "), expected, "{flavour:?}: {rule}");
        }
    }
}

/// A PROXY header of version 2 with the name `a.example` and the id `abc`.
fn header_with_additions() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00".to_vec();
    let mut body = vec![192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 6];
    body.extend_from_slice(b"\x02\x00\x09a.example");
    body.extend_from_slice(b"\x05\x00\x03abc");
    header.push(u8::try_from(body.len()).unwrap());
    header.extend_from_slice(&body);
    header
}

#[test]
fn what_a_header_says_beside_the_addresses_is_known_and_passed_on() {
    for flavour in flavours() {
        let place = Place::new();
        let server = mirror(&place);
        let names = ["named", "unnamed"].map(|name| Server::name(place.address(), name));
        let (front, asking) = (place.address(), place.address());
        let body = format!(
            "listen l\n    bind {front} accept-proxy\n    \
             server s1 {} send-proxy-v2 proxy-v2-options crc32c,authority\n\
             frontend asking\n    bind {asking} accept-proxy\n    \
             use_backend named if {{ fc_pp_authority a.example }} {{ fc_pp_unique_id abc }} \
             {{ fc_rcvd_proxy }}\n    default_backend unnamed\n\
             backend named\n    server s1 {}\nbackend unnamed\n    server s1 {}\n",
            server.address(),
            names[0].address(),
            names[1].address(),
        );
        let _node = start(flavour, &place, "", &body);
        let sent = header_with_additions();
        let passed = received(front, &sent);
        let expected_start = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x1f";
        assert!(passed.starts_with(expected_start), "{flavour:?}: {passed:?}");
        let named = b"\x02\x00\x09a.example";
        assert!(passed.windows(named.len()).any(|part| part == named), "{flavour:?}: {passed:?}");
        let sum = b"\x03\x00\x04";
        assert!(passed.windows(sum.len()).any(|part| part == sum), "{flavour:?}: {passed:?}");
        assert_eq!(received(asking, &sent), b"named\n", "{flavour:?}");
        let plain = b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n";
        assert_eq!(received(asking, plain), b"unnamed\n", "{flavour:?}");
    }
}

#[test]
fn a_header_with_a_checksum_is_taken_by_both_programs() {
    for flavour in flavours() {
        let place = Place::new();
        let server = mirror(&place);
        let (front, middle) = (place.address(), place.address());
        let body = format!(
            "listen l\n    bind {front}\n    \
             server s1 {middle} send-proxy-v2 proxy-v2-options crc32c\n\
             listen m\n    bind {middle} accept-proxy\n    server s1 {} send-proxy\n",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        let said = String::from_utf8(received(front, b"hello")).unwrap();
        assert!(said.starts_with("PROXY TCP4 127.1.0.1 "), "{flavour:?}: {said}");
        assert!(said.ends_with("\r\nhello"), "{flavour:?}: {said}");
    }
}

/// Rules about the connection itself set its ends, later rules what is told of them.
#[test]
fn later_rules_do_not_change_the_ends_of_the_connection_itself() {
    let rules = "tcp-request connection set-src ipv4(10.0.0.1)
        tcp-request connection set-dst ipv4(10.0.0.2)
        tcp-request session set-src ipv4(10.1.0.1)
        tcp-request session set-src-port int(7)
        tcp-request content set-src ipv4(10.2.0.1)
        tcp-request content set-dst ipv4(10.2.0.2)
        tcp-request content set-dst-port int(8)
        use_backend yes if { fc_src 10.0.0.1 } { fc_dst 10.0.0.2 } { src 10.2.0.1 } \
        { dst 10.2.0.2 } { fc_src_port gt 7 } { src_port 7 } { fc_dst_port gt 8 } { dst_port 8 }";
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = Server::name(place.address(), "yes");
        let body = format!(
            "frontend in\n    bind {front}\n    {rules}\nbackend yes\n    server s1 {}\n",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        assert_eq!(ask(source(1), front).unwrap(), "yes", "{flavour:?}");
    }
}

#[test]
fn a_proxy_header_does_not_change_the_ends_of_the_connection_itself() {
    let rules = "use_backend yes if { fc_src 127.1.0.1 } { fc_dst 127.0.0.0/8 } { src 192.0.2.1 } \
        { dst 192.0.2.2 } { fc_src_port gt 7 } { src_port 7 } { fc_dst_port gt 8 } { dst_port 8 }";
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = Server::name(place.address(), "yes");
        let body = format!(
            "frontend in\n    bind {front} accept-proxy\n    {rules}\n\
             backend yes\n    server s1 {}\n",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        let mut client = connect_from(source(1), front).unwrap();
        client.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 7 8\r\n").unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard.trim(), "yes", "{flavour:?}");
    }
}
