//! TLS with the clients, and TLS with the servers.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::{Server, connect_from, source, under_each_program, until_checked};
use crate::support::tls::{TlsClient, TlsHost, shown_name};

/// A broker with this certificate, which tells its name.
fn broker(address: SocketAddr, certificate: &str, name: &'static str) -> Server {
    let host = TlsHost::new(certificate);
    Server::start(address, move |stream| {
        let mut stream = host.over(stream)?;
        stream.read_exact(&mut [0; 4])?;
        stream.write_all(name.as_bytes())?;
        stream.conn.send_close_notify();
        stream.flush()
    })
}

#[test]
fn both_ways_are_encrypted_and_a_server_with_another_certificate_gets_nobody() {
    under_each_program("tls-both-ways.cfg", |example, flavour| {
        let _first = broker(example.server("10.0.0.11:5671"), "site.pem", "mq1");
        let _second = broker(example.server("10.0.0.12:5671"), "shop.pem", "mq2");
        let node = example.start(flavour);
        until_checked(&node, "amqps/mq1", "UP");
        until_checked(&node, "amqps/mq2", "DOWN");
        for client in 0..3 {
            let stream = connect_from(source(client), example.front(5671)).unwrap();
            let mut stream = TlsClient::new().over(stream, "site.example.org").unwrap();
            assert_eq!(shown_name(&stream), "site.example.org", "{flavour:?}");
            stream.write_all(b"AMQP").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "mq1", "{flavour:?}");
        }
        example.log_with(" amqps~ amqps/mq1 ");
        let mut stranger = connect_from(source(9), example.front(5671)).unwrap();
        stranger.write_all(b"AMQP\0\0\x09\x01\r\n").unwrap();
        let _ = stranger.read_to_end(&mut Vec::new());
        let line = example.log_with(" SSL handshake failure");
        assert!(line.ends_with(" amqps~ SSL handshake failure"), "{flavour:?}: {line}");
    });
}
