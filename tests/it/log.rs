//! Connection lines in HAProxy's TCP format, sent as syslog datagrams.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};

use crate::support::{Held, Node, Place, SOON, Server, Spec, ask, connect_from, source, until};

fn start(
    place: &Place,
    receiver: &UdpSocket,
    lines: &str,
    server: SocketAddr,
) -> (Node, SocketAddr) {
    let front = place.address();
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    option tcplog\n    {lines}\n    \
         default_backend out\nbackend out\n    timeout connect 200ms\n    retries 1\n    \
         server s1 {server}"
    );
    let log = format!("log {} local0", receiver.local_addr().unwrap());
    (Spec::with_global(place, "a", &log, &body).start(), front)
}

/// The next line about a connection.
fn next_line(receiver: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if line.contains(" in out/") || line.contains(" in in/") {
            return line;
        }
    }
}

/// Whether `line` has the form of `pattern`, in which `#` is a number and `*` a word.
fn is_like(line: &str, pattern: &str) -> bool {
    let (mut line, mut pattern) = (line.trim_end(), pattern);
    while let Some(at) = pattern.find(['#', '*']) {
        let Some(rest) = line.strip_prefix(&pattern[..at]) else { return false };
        let is_part = |c: char| {
            if pattern[at..].starts_with('#') { c.is_ascii_digit() } else { c.is_alphanumeric() }
        };
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            return false;
        }
        line = &rest[end..];
        pattern = &pattern[at + 1..];
    }
    line == pattern
}

#[test]
fn a_connection_is_logged_in_the_tcp_format() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let (node, front) = start(&place, &receiver, "", server.address());
    ask(source(258), front).unwrap();
    let line = next_line(&receiver);
    // Facility local0, level info, 3 bytes to the client.
    let own = format!("[{}]: 127.1.1.2:#", node.pid());
    assert!(line.contains(&own[..own.len() - 1]), "{line}");
    let (header, rest) = line.split_once(&own[..own.len() - 1]).unwrap();
    let program = header.rsplit(' ').next().unwrap();
    assert!(header.starts_with("<134>"), "{line}");
    assert!(["stickd", "haproxy"].contains(&program), "{line}");
    let pattern = "# [#/*/#:#:#:#.#] in out/s1 #/#/# 3 -- #/#/#/#/# #/#";
    assert!(is_like(rest, pattern), "{rest}");
}

#[test]
fn a_server_that_cannot_be_reached_is_logged_with_its_cause() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let dead = place.address();
    let _held = Held::refusing(dead);
    let (_node, front) = start(&place, &receiver, "", dead);
    ask(source(1), front).unwrap_err();
    let line = next_line(&receiver);
    assert!(line.contains(" in out/s1 "), "{line}");
    assert!(line.contains(" 0 SC "), "{line}");
}

#[test]
fn a_client_that_was_silent_too_long_is_logged_with_its_cause() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::echo(place.address());
    let (_node, front) = start(&place, &receiver, "timeout client 200ms", server.address());
    let stream = connect_from(source(1), front).unwrap();
    let line = next_line(&receiver);
    assert!(line.contains(" cD ") || line.contains(" sD "), "{line}");
    drop(stream);
}

#[test]
fn connections_that_carried_nothing_are_not_logged_when_told_so() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::greeting_echo(place.address(), "s1");
    let quiet = Server::silent(place.address());
    let (node, front) = start(&place, &receiver, "option dontlognull", quiet.address());
    drop(connect_from(source(1), front).unwrap());
    until("it came and went", SOON, || {
        node.api().info("CumConns") != "0" && node.api().info("CurrConns") == "0"
    });
    drop(node);
    let (_node, front) = start(&place, &receiver, "option dontlognull", server.address());
    let mut stream = connect_from(source(2), front).unwrap();
    stream.write_all(b"x").unwrap();
    drop(stream);
    let line = next_line(&receiver);
    assert!(line.contains(&format!("{}:", source(2))), "{line}");
}

#[test]
fn a_log_target_that_is_not_there_does_no_harm() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let (_node, front) = start(&place, &receiver, "", server.address());
    drop(receiver);
    for n in 0..50 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
}

#[test]
fn without_tcplog_a_client_is_logged_when_it_comes() {
    let place = Place::new();
    let receiver = place.log_receiver();
    let server = Server::name(place.address(), "s1");
    let (_node, front) = start(&place, &receiver, "no option tcplog", server.address());
    ask(source(259), front).unwrap();
    let mut buffer = [0; 4096];
    let line = loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if line.contains("Connect from") {
            break line;
        }
    };
    let (_, rest) = line.split_once("]: ").unwrap();
    assert!(is_like(rest, &format!("Connect from 127.1.1.3:# to {front} (in/TCP)")), "{rest}");
}
