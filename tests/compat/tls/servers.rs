//! Servers that speak TLS: the program under test connects to another listener of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::support::tls::tls_global;
use crate::support::{Flavour, Node, Place, SOON, Server, connect_from, source, until};
use crate::{flavours, start};

struct Setting {
    node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    _server: Server,
    _place: Place,
}

impl Setting {
    /// `words` stand on the `server` line, `inner` on the `bind` line of the listener with TLS,
    /// and `rules` behind the frontend of that listener.
    fn new(flavour: Flavour, words: &str, inner: &str, rules: &str) -> Self {
        let place = Place::new();
        let receiver = place.log_receiver();
        let (front, middle, back) = (place.address(), place.address(), place.address());
        let server = Server::greeting_echo(back, "s1");
        let body = format!(
            "listen outer\n    bind {front}\n    log global\n    option tcplog\n    retries 0\n    \
             server secret {middle} {words}\n\
             frontend inner\n    bind {middle} ssl crt site.pem crt shop.pem {inner}\n    {rules}\n\
             \x20   default_backend out\n\
             backend out\n    server s1 {back}\n"
        );
        let log = format!("log {} local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let node = start(flavour, &place, &log, &body);
        Self { node, receiver, front, _server: server, _place: place }
    }

    fn ask(&self) -> Option<String> {
        let mut stream: TcpStream = connect_from(source(9), self.front).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    fn termination(&self) -> String {
        self.receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut line = [0; 4096];
        loop {
            let len = self.receiver.recv(&mut line).unwrap();
            let line = String::from_utf8_lossy(&line[..len]).into_owned();
            if line.contains(" outer ") {
                return line.split(' ').rev().nth(2).unwrap().to_owned();
            }
        }
    }
}

const TRUST: &str = "ssl verify required ca-file ca.pem";

#[test]
fn a_server_is_trusted_if_an_authority_has_signed_for_the_name_that_counts() {
    for flavour in flavours() {
        for (words, is_trusted) in [
            ("ssl verify none".to_owned(), true),
            (TRUST.to_owned(), true),
            (format!("{TRUST} sni str(shop.example.org)"), true),
            (format!("{TRUST} sni str(else.example.org)"), false),
            (format!("{TRUST} verifyhost site.example.org"), true),
            (format!("{TRUST} verifyhost shop.example.org"), false),
            (format!("{TRUST} verifyhost site.example.org sni str(shop.example.org)"), true),
            ("ssl verify required ca-file self-signed.pem".to_owned(), false),
        ] {
            let setting = Setting::new(flavour, &words, "", "");
            let answer = setting.ask();
            assert_eq!(answer.is_some(), is_trusted, "{flavour:?} {words}");
            if is_trusted {
                assert_eq!(answer.unwrap(), "s1\nhello");
            } else {
                assert_eq!(setting.termination(), "SC", "{flavour:?} {words}");
            }
        }
    }
}

#[test]
fn a_server_is_shown_a_certificate_if_it_asks_for_one() {
    let inner = "ca-file ca.pem verify required force-tlsv12";
    for flavour in flavours() {
        let with = Setting::new(flavour, "ssl verify none crt client.pem", inner, "");
        let without = Setting::new(flavour, "ssl verify none", inner, "");
        assert!(without.ask().is_none(), "{flavour:?}");
        let _ = with;
    }
}

#[test]
fn a_proxy_header_goes_before_the_handshake() {
    for flavour in flavours() {
        for word in ["send-proxy", "send-proxy-v2"] {
            let words = format!("ssl verify none {word}");
            let rules = "tcp-request content reject unless { src 127.0.0.0/8 }";
            let setting = Setting::new(flavour, &words, "accept-proxy", rules);
            assert_eq!(setting.ask().as_deref(), Some("s1\nhello"), "{flavour:?} {word}");
        }
    }
}

#[test]
fn handshakes_are_counted() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, "ssl verify none", "", "");
        // The second and third continue the session of the first with the server.
        for _ in 0..3 {
            assert!(setting.ask().is_some());
        }
        let node = &setting.node;
        let counts = |proxy: &str, name: &str| {
            let count = |field| node.api().stat(proxy, name, field);
            ["ssl_sess", "ssl_reused_sess", "ssl_failed_handshake"].map(count)
        };
        assert_eq!(counts("outer", "secret"), ["1", "2", "0"], "{flavour:?}");
        assert_eq!(counts("outer", "BACKEND"), ["1", "2", "0"], "{flavour:?}");
        assert_eq!(counts("inner", "FRONTEND"), ["1", "2", "0"], "{flavour:?}");
        assert_eq!(node.api().info("CumSslConns"), "6", "{flavour:?}");
        let untrusted =
            Setting::new(flavour, "ssl verify required ca-file self-signed.pem", "", "");
        assert!(untrusted.ask().is_none());
        let failed = |proxy, name| untrusted.node.api().stat(proxy, name, "ssl_failed_handshake");
        assert_eq!(failed("outer", "secret"), "1", "{flavour:?}");
        until("the other end has noticed", SOON, || failed("inner", "FRONTEND") == "1");
    }
}
