//! What PROXY headers tell a server of TLS with the client, and what a listener keeps of it.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::support::tls::{TlsClient, tls_global};
use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, start};

const V12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
const V13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Starts a program with a listener that has `words`, with TLS and without it, in front of a server
/// that sends back what it gets. Returns both addresses.
fn listen(flavour: Flavour, place: &Place, words: &str) -> (Node, Server, [SocketAddr; 2]) {
    let [secured, plain, back] = [(); 3].map(|()| place.address());
    let server = Server::start(back, |mut stream| {
        let mut part = [0; 2048];
        loop {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                len => stream.write_all(&part[..len])?,
            }
        }
    });
    let body = format!(
        "listen l\n    bind {secured} ssl crt site.pem crt shop.pem ca-file ca.pem verify optional \
         alpn mqtt\n    bind {plain}\n    server s1 {back} {words}\n"
    );
    let node = start(flavour, place, &tls_global(), &body);
    (node, server, [secured, plain])
}

/// What the server was sent before `end`.
fn header(stream: &mut (impl Read + Write)) -> Vec<u8> {
    stream.write_all(b"end").unwrap();
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(b"end") {
        stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
    got
}

/// The additions of a header of version 2, in the order of their types, without the ports and the
/// checksum; for a header of version 1 its first word.
fn additions(header: &[u8]) -> Vec<(u8, Vec<u8>)> {
    if !header.starts_with(b"\r\n\r\n\0\r\nQUIT\n") {
        return vec![(0, header[..header.len().min(5)].to_vec())];
    }
    let body = &header[28..header.len() - 3];
    let mut all = split(body);
    for (kind, value) in &mut all {
        if *kind == 0x20 {
            let texts = split(&value.split_off(5));
            value.extend(texts.into_iter().flat_map(|(kind, text)| [vec![kind], text].concat()));
        }
    }
    all.retain(|(kind, _)| *kind != 3);
    all
}

fn split(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while let [kind, high, low, rest @ ..] = bytes {
        let (value, after) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        all.push((*kind, value.to_vec()));
        bytes = after;
    }
    all.sort();
    all
}

#[test]
fn a_server_is_told_of_tls_with_the_client() {
    const WORDS: [&str; 10] = [
        "send-proxy-v2",
        "send-proxy-v2-ssl",
        "send-proxy-v2-ssl-cn",
        "send-proxy-v2 proxy-v2-options ssl",
        "send-proxy-v2 proxy-v2-options cert-cn,crc32c",
        "send-proxy-v2 proxy-v2-options ssl-cipher,cert-sig,cert-key,authority",
        "send-proxy-v2-ssl-cn no-send-proxy-v2-ssl-cn",
        "send-proxy-v2-ssl-cn no-send-proxy-v2-ssl",
        "proxy-v2-options crc32c",
        "send-proxy send-proxy-v2-ssl no-send-proxy-v2-ssl",
    ];
    for words in WORDS {
        let told = flavours().into_iter().map(|flavour| {
            let place = Place::new();
            let (_node, _server, [secured, plain]) = listen(flavour, &place, words);
            let mut told = Vec::new();
            for (versions, certificate, name, protocols) in [
                (V13, Some("named.pem"), "shop.example.org", &["mqtt"][..]),
                (V12, Some("shop.pem"), "site.example.org", &[]),
                (V13, None, "site.example.org", &[]),
            ] {
                let client = TlsClient::with(versions, certificate, protocols);
                // The second time with its session.
                for _ in 0..2 {
                    let stream = connect_from(source(7), secured).unwrap();
                    told.push(additions(&header(&mut client.over(stream, name).unwrap())));
                }
            }
            told.push(additions(&header(&mut connect_from(source(7), plain).unwrap())));
            told
        });
        let told: Vec<_> = told.collect();
        if words == "send-proxy-v2-ssl-cn" {
            let texts = b"\x07\0\0\0\0\x21TLSv1.3\x22named.example.org".to_vec();
            assert!(told[0][0].contains(&(0x20, texts)), "{:?}", told[0][0]);
        }
        for pair in told.windows(2) {
            for (own, other) in pair[0].iter().zip(&pair[1]) {
                assert_eq!(own, other, "{words}");
            }
        }
    }
}

/// The samples are about the connection itself: what a header says of TLS is not kept.
#[test]
fn a_listener_keeps_nothing_that_a_header_says_of_tls() {
    for flavour in flavours() {
        let place = Place::new();
        let [inner, back] = [(); 2].map(|()| place.address());
        let names = Server::name(back, "s1");
        let (front, lines) = (place.address(), "tcp-request content reject if { ssl_fc }");
        let body = format!(
            "listen outer\n    bind {front} ssl crt site.pem\n    \
             server s1 {inner} send-proxy-v2-ssl-cn proxy-v2-options authority\n\
             listen inner\n    bind {inner} accept-proxy\n    {lines}\n    \
             tcp-request content reject unless {{ fc_pp_authority site.example.org }}\n    \
             server s1 {back}\n"
        );
        let _node = start(flavour, &place, &tls_global(), &body);
        let stream = connect_from(source(7), front).unwrap();
        let mut stream = TlsClient::new().over(stream, "site.example.org").unwrap();
        let mut name = [0; 2];
        stream.read_exact(&mut name).unwrap();
        assert_eq!(&name, b"s1", "{flavour:?}");
        drop(names);
    }
}
