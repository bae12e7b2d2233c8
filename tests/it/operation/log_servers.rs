//! TCP log servers that are absent, that close, or that are slow: lines wait in the ring, and
//! clients are served meanwhile.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::sync::mpsc::Receiver;

use crate::support::{Node, Place, SOON, Server, Spec, ask, source, until};

/// A node that logs each connection as `<client>` and `text` into a ring with a server at `to`.
fn feeding(place: &Place, to: SocketAddr, text: &str, server: SocketAddr) -> (Node, SocketAddr) {
    let front = place.address();
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    log-format \"<%ci>{text}\"\n    \
         default_backend out\nbackend out\n    server s1 {server}\n\
         ring lines\n    format raw\n    size 131072\n    timeout connect 2s\n    \
         server log1 {to}\n"
    );
    let global = "log ring@lines len 65535 local0 info";
    (Spec::with_global(place, "a", global, &body).start(), front)
}

/// A log server that tells what it reads, and closes a connection after `reads` reads.
fn log_server(address: SocketAddr, reads: usize) -> (Server, Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let server = Server::start(address, move |mut stream: TcpStream| {
        let mut buffer = [0; 4096];
        for _ in 0..reads {
            match stream.read(&mut buffer)? {
                0 => break,
                count => {
                    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    tell.send(text).unwrap_or_default();
                }
            }
        }
        Ok(())
    });
    (server, told)
}

fn until_told(told: &Receiver<String>, last: &str) -> String {
    let mut text = String::new();
    while !text.contains(last) {
        text.push_str(&told.recv_timeout(SOON).unwrap());
    }
    text
}

#[test]
fn a_server_that_comes_late_gets_what_the_ring_has_kept() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let to = place.address();
    let (node, front) = feeding(&place, to, "", server.address());
    until("it is said", SOON, || node.log().contains("connect: Connection refused"));
    for client in 1..=3 {
        assert_eq!(ask(source(client), front).unwrap(), "s1");
    }
    let (_log_server, told) = log_server(to, usize::MAX);
    let text = until_told(&told, &format!("<{}>\n", source(3)));
    assert!(text.contains(&format!("<{}>\n<{}>\n", source(1), source(2))), "{text}");
    assert_eq!(node.log().matches("ring lines: server log1").count(), 1, "{}", node.log());
    assert_eq!(node.api().info("DroppedLogs"), "0");
}

#[test]
fn a_server_that_closes_is_connected_to_again() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let (log_server, told) = log_server(place.address(), 1);
    let (node, front) = feeding(&place, log_server.address(), "", server.address());
    for (client, count) in (1..).zip(1..=3) {
        assert_eq!(ask(source(client), front).unwrap(), "s1");
        until_told(&told, &format!("<{}>\n", source(client)));
        // What is written to a connection that the server is closing is lost.
        until("it is connected again", SOON, || log_server.accepted() > count);
    }
    assert!(node.log().contains("closed the connection"));
}

#[test]
fn a_server_that_does_not_read_costs_lines_and_nothing_else() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let (keep, _kept) = mpsc::channel();
    let silent = Server::start(place.address(), move |stream| {
        keep.send(stream).unwrap_or_default(); // stays open, and nobody reads
        Ok(())
    });
    let text = "x".repeat(1500);
    let (node, front) = feeding(&place, silent.address(), &text.repeat(40), server.address());
    let mut client = 0;
    until("lines are lost", 4 * SOON, || {
        for _ in 0..50 {
            client += 1;
            assert_eq!(ask(source(client), front).unwrap(), "s1");
        }
        node.api().info("DroppedLogs") != "0"
    });
    until("it is said", SOON, || node.log().contains("messages are lost: the ring is full"));
    let shown = node.api().command("show events");
    let lines = shown.lines().find(|line| line.starts_with("    lines ")).unwrap();
    assert!(!lines.contains(" 0 dropped"), "{shown}");
    let last = node.api().command("show events lines");
    assert!(last.contains(&format!("<{}>", source(client))), "the newest lines stay");
}
