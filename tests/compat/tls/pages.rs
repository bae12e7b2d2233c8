//! Pages over TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::tls::{TlsClient, TlsStream, tls_global};
use crate::support::{Flavour, Node, Place, connect_from, source};
use crate::{flavours, start};

struct Setting {
    _node: Node,
    front: SocketAddr,
    _place: Place,
}

impl Setting {
    /// A section with all kinds of pages; `words` stand on its `bind` line.
    fn new(flavour: Flavour, words: &str) -> Self {
        Self::with(flavour, words, "")
    }

    /// The same with another line.
    fn with(flavour: Flavour, words: &str, line: &str) -> Self {
        let place = Place::new();
        let front = place.address();
        let servers: String =
            (1..=150).map(|n| format!("    server s{n} 127.0.0.1:{n}\n")).collect();
        let body = format!(
            "frontend pages\n    mode http\n    bind {front} ssl crt site.pem {words}\n    \
             {line}\n    monitor-uri /alive\n    stats enable\n    \
             stats uri /stats\n    \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n\
             backend many\n{servers}"
        );
        let node = start(flavour, &place, &tls_global(), &body);
        Self { _node: node, front, _place: place }
    }

    fn connect(&self) -> TcpStream {
        connect_from(source(5), self.front).unwrap()
    }

    fn shake_hands(&self, client: &TlsClient) -> TlsStream {
        client.over(self.connect(), "site.example.org").unwrap()
    }
}

/// Asks for a page, and reads until the connection is closed.
fn get(mut stream: TlsStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    // That the end is told is part of the answer: without the notice this fails.
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn every_kind_of_page_is_served_over_tls() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, "");
        let client = TlsClient::new();
        let ask = |path: &str| get(setting.shake_hands(&client), path);
        assert!(ask("/alive").starts_with("HTTP/1.1 200 OK\r\n"), "{flavour:?}");
        let page = ask("/stats;csv");
        assert!(
            page.contains("\nmany,s1,") && page.contains("\nmany,s150,"),
            "{flavour:?}: {page}"
        );
        assert!(ask("/metrics").contains("haproxy_process_uptime_seconds"), "{flavour:?}");
        assert!(ask("/stats").contains("s150"), "{flavour:?}");
    }
}

#[test]
fn a_connection_serves_several_pages() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, "");
        let mut stream = setting.shake_hands(&TlsClient::new());
        for _ in 0..3 {
            write!(stream, "GET /alive HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            let mut answer = [0; 15];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK", "{flavour:?}");
            let mut rest = Vec::new();
            while !rest.ends_with(b"</html>\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                rest.extend(byte);
            }
        }
    }
}

#[test]
fn a_proxy_header_stands_before_the_handshake_with_a_page() {
    for flavour in flavours() {
        let setting = Setting::new(flavour, "accept-proxy");
        let mut stream = setting.connect();
        stream.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n").unwrap();
        let stream = TlsClient::new().over(stream, "site.example.org").unwrap();
        assert!(get(stream, "/alive").starts_with("HTTP/1.1 200 OK\r\n"), "{flavour:?}");
    }
}

#[test]
fn a_page_is_not_given_to_those_who_do_not_shake_hands() {
    for flavour in flavours() {
        let setting = Setting::with(flavour, "", "timeout client 700ms");
        let mut plain = setting.connect();
        plain.write_all(b"GET /alive HTTP/1.0\r\n\r\n").unwrap();
        let mut silent = setting.connect();
        for stream in [&mut plain, &mut silent] {
            let mut said = Vec::new();
            // Perhaps with an alert, perhaps with a reset.
            let _ = stream.read_to_end(&mut said);
            assert!(!said.starts_with(b"HTTP"), "{flavour:?}: {said:?}");
        }
        let needs_certificate = Setting::new(flavour, "ca-file ca.pem verify required");
        let known = TlsClient::with(rustls::ALL_VERSIONS, Some("client.pem"), &[]);
        let page = get(needs_certificate.shake_hands(&known), "/alive");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{flavour:?}");
        let stranger = TlsClient::new().over(needs_certificate.connect(), "site.example.org");
        // With TLS 1.3 the client learns only afterwards that it is refused.
        let answer = stranger.and_then(|mut stream| {
            stream.write_all(b"GET /alive HTTP/1.0\r\n\r\n")?;
            stream.read_to_end(&mut Vec::new())
        });
        assert!(answer.is_err(), "{flavour:?}");
    }
}

#[test]
fn pages_are_served_by_http1_where_clients_know_http2_too() {
    let client = TlsClient::with(rustls::ALL_VERSIONS, None, &["h2", "http/1.1"]);
    let setting = Setting::new(Flavour::Stickd, "alpn h2,http/1.1");
    let stream = setting.shake_hands(&client);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(get(stream, "/alive").starts_with("HTTP/1.1 200 OK\r\n"));
    let only = Setting::new(Flavour::Stickd, "alpn h2");
    assert_eq!(only.shake_hands(&client).conn.alpn_protocol(), None);
}
