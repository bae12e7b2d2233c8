//! Strangers at a peers port with TLS: they keep nobody out, are closed in time, and do not fill
//! the log.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::tls::TlsClient;
use crate::support::{
    Node, Place, SOON, connect_from, open_descriptors, pause, source, tls_words, until,
};

/// A node `a` with a peer `b` that is not there, and the address at which it listens for peers.
fn node(place: &Place) -> (Node, SocketAddr) {
    let (own, other) = (place.address(), place.address());
    let words = tls_words("a.pem");
    let body = format!(
        "peers m\n    bind {own} {words}\n    server a\n    server b {other} {words}\n\
         backend t\n    stick-table type ip size 100 peers m\n"
    );
    (Node::start(place, "a", &body), own)
}

/// The peer `b` calls. It must be accepted.
#[track_caller]
fn assert_peer_gets_in(address: SocketAddr) {
    let client = TlsClient::with(rustls::ALL_VERSIONS, Some("peers/b.pem"), &[]);
    let mut stream = client.over(connect_from(source(2), address).unwrap(), "a").unwrap();
    stream.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
    let mut status = [0; 4];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"200\n");
}

/// How a client begins: the first message of a TLS handshake.
fn hello() -> Vec<u8> {
    let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_protocol_versions(rustls::ALL_VERSIONS)
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let name = "a".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut hello).unwrap();
    }
    hello
}

#[test]
fn half_open_handshakes_keep_no_peer_out() {
    let place = Place::new();
    let (node, address) = node(&place);
    let hello = hello();
    let open = |count: usize| -> Vec<TcpStream> {
        let stream = |n: usize| {
            let mut stream = connect_from(source(1), address).unwrap();
            // Nothing, half a hello, or all of it and then silence.
            stream.write_all(&hello[..hello.len() * (n % 3) / 2]).unwrap();
            stream
        };
        (0..count).map(stream).collect()
    };
    let mut strangers = open(200);
    for _ in 0..5 {
        assert_peer_gets_in(address);
        strangers.extend(open(40));
    }
    assert!(open_descriptors(node.pid()) < 100, "{}", node.log());
    let log = node.log();
    let said = log.matches("callers have said no hello").count();
    assert!((1..=8).contains(&said), "{log}");
}

#[test]
fn a_handshake_byte_by_byte_ends_with_the_time_for_a_hello() {
    let place = Place::new();
    let (node, address) = node(&place);
    let start = Instant::now();
    let mut stranger = connect_from(source(1), address).unwrap();
    let mut silent = connect_from(source(1), address).unwrap();
    for byte in hello() {
        if stranger.write_all(&[byte]).is_err() || start.elapsed() > SOON {
            break;
        }
        // Its pace is what the test is about.
        pause(Duration::from_millis(50));
    }
    for stream in [&mut stranger, &mut silent] {
        stream.set_read_timeout(Some(SOON)).unwrap();
        // A reset is an end as well.
        assert_eq!(stream.read(&mut [0; 100]).unwrap_or(0), 0);
    }
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    until("it is said", SOON, || node.log().contains("the hello was not complete in time"));
    assert_peer_gets_in(address);
}

#[test]
fn a_called_peer_that_never_ends_the_handshake_is_given_up_and_called_again() {
    let place = Place::new();
    let (own, other) = (place.address(), place.address());
    let words = tls_words("a.pem");
    let listener = std::net::TcpListener::bind(other).unwrap();
    let body = format!(
        "peers m\n    bind {own} {words}\n    server a\n    server b {other} {words}\n\
         backend t\n    stick-table type ip size 100 peers m\n"
    );
    let node = Node::start(&place, "a", &body);
    let (mut first, _) = listener.accept().unwrap();
    let start = Instant::now();
    until("it is given up", SOON, || {
        node.log().contains("peer m/b: the TLS handshake was not over in time")
    });
    assert!(start.elapsed() > Duration::from_secs(4), "{:?}", start.elapsed());
    let (mut second, _) = listener.accept().unwrap();
    let mut hello = Vec::new();
    first.read_to_end(&mut hello).unwrap();
    // The hello of the peers protocol is for whom it is meant.
    assert!(!hello.windows(8).any(|bytes| bytes == b"HAProxyS"));
    assert_eq!(second.read(&mut [0]).unwrap(), 1);
}

#[test]
fn strangers_with_garbage_and_wrong_certificates_do_not_fill_the_log() {
    let place = Place::new();
    let (node, address) = node(&place);
    let without = TlsClient::new();
    let wrong = TlsClient::with(rustls::ALL_VERSIONS, Some("self-signed.pem"), &[]);
    for _ in 0..60 {
        let mut stream = connect_from(source(1), address).unwrap();
        stream.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
        let mut stream = connect_from(source(1), address).unwrap();
        stream.write_all(&[0x16, 3, 1, 0xff, 0xff]).unwrap();
        stream.write_all(&[7; 300]).ok();
        for client in [&without, &wrong] {
            let stream = connect_from(source(1), address).unwrap();
            let answer = client.over(stream, "a").and_then(|mut stream| stream.read(&mut [0; 9]));
            assert!(answer.is_err(), "{answer:?}");
        }
    }
    assert_peer_gets_in(address);
    let log = node.log();
    let said = log.matches("TLS failed").count();
    assert!((1..=8).contains(&said), "{log}");
}
