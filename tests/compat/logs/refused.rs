//! `error-log-format`: the lines of clients that were refused before they got in.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, UdpSocket};

use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, start, without_times};

const VALID: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n";

struct Setting {
    _node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    _server: Server,
    _place: Place,
}

/// A frontend `in` with these lines, whose clients have to send a PROXY header.
fn setting(flavour: Flavour, lines: &str) -> Setting {
    let place = Place::new();
    let receiver = place.log_receiver();
    let front = place.address();
    let server = Server::name(place.address(), "s1");
    let body = format!(
        "frontend in\n    bind {front} name one accept-proxy\n    log global\n    {lines}\n    \
         default_backend out\nbackend out\n    server s1 {}\n",
        server.address()
    );
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let node = start(flavour, &place, &global, &body);
    Setting { _node: node, receiver, front, _server: server, _place: place }
}

impl Setting {
    /// A client that says this and leaves when it is answered or refused.
    fn say(&self, says: &[u8]) {
        let mut client = connect_from(source(1), self.front).unwrap();
        client.write_all(says).unwrap();
        // A refused client may be reset.
        let _ = client.shutdown(Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new());
    }

    /// The next line with this mark, from its priority on.
    fn line(&self) -> (String, String) {
        let mut buffer = [0; 4096];
        loop {
            let count = self.receiver.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if let Some((header, message)) = line.trim_end().split_once("]: <") {
                return (header[..5].to_owned(), message.to_owned());
            }
        }
    }
}

#[test]
fn a_refused_client_has_a_line_of_its_own() {
    let lines = "tcp-request connection set-var(sess.a) str(A)\n    unique-id-format %ci\n    \
                 error-log-format \"<E %ci %f %ft %b %s %ts %tsc %B %U (%Tt) %Tw %Tc \
                 %Th %ac/%fc/%bc/%sc %rc %sq/%bq %fi:%fp %si:%sp %bi:%bp %ID %hr \
                 %[src] %[dst_port] %[var(sess.a)] %[unique-id] %[be_name] %[fe_name] \
                 %{+Q}[str(x)] %lc\"\n    \
                 log-format \"<N %ci %f %b %ID %lc %ts\"";
    for flavour in flavours() {
        let setting = setting(flavour, lines);
        let (front, port) = (setting.front, setting.front.port());
        let error = format!(
            "E 127.1.0.1 in in in <NOSRV> PR PR-- 0 0 (ms) -1 -1 0 1/1/0/0 0 0/0 {front} -:- -:- - \
             127.1.0.1 {port} A - - in \"x\""
        );
        for (number, says) in
            [VALID, b"PROXY\r\n", VALID, b"hello\r\n\r\n hello"].into_iter().enumerate()
        {
            setting.say(says);
            let (_, line) = setting.line();
            if says == VALID {
                let expected = format!("N 192.0.2.1 in out 192.0.2.1 {number} ");
                assert!(line.starts_with(&expected), "{flavour:?}: {line}");
            } else {
                assert_eq!(without_times(&line), format!("{error} {number}"), "{flavour:?}");
            }
        }
    }
}

#[test]
fn options_choose_the_level_and_pass_over_silent_clients() {
    let lines = "option dontlognull\n    option log-separate-errors\n    \
                 error-log-format \"<%ci %ts\"\n    log-format \"<%ci %ts\"";
    for flavour in flavours() {
        let setting = setting(flavour, lines);
        setting.say(b"");
        setting.say(b"PROXY\r\n");
        setting.say(&[VALID, b"hello"].concat());
        let refused = ("<131>".to_owned(), "127.1.0.1 PR".to_owned());
        assert_eq!(setting.line(), refused, "{flavour:?}");
        assert!(setting.line().1.starts_with("192.0.2.1 "), "{flavour:?}");
    }
}

#[test]
fn a_client_that_session_rules_refuse_has_such_a_line_after_a_header_alone() {
    let lines = "error-log-format \"<E %ci %ts\"\n    \
                 tcp-request session reject if { src 192.0.2.1 }\n    \
                 log-format \"<N %ci %f\"";
    for flavour in flavours() {
        let setting = setting(flavour, lines);
        setting.say(VALID);
        assert_eq!(setting.line().1, "E 192.0.2.1 PR", "{flavour:?}");
        setting.say(b"PROXY TCP4 192.0.2.9 192.0.2.2 5 6\r\n");
        assert_eq!(setting.line().1, "N 192.0.2.9 in", "{flavour:?}");
    }
}
