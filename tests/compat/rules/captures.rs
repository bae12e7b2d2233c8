//! Texts that rules keep for the log.

use std::io::{Read, Write};

use super::lines::client_hello;
use crate::support::{Flavour, Place, Server, connect_from, source};
use crate::{flavours, marked_line, start};

#[test]
fn rules_keep_texts_and_the_log_shows_them() {
    let hello = client_hello("www.example.org");
    let cases: [(&[u8], &str); 2] = [
        (
            &hello,
            "{127.1.0|||www.example.org} \"127.1.0\" \"\" \"\" \"www.example.org\"|127.1.0 - - \
             www.example.org -|",
        ),
        (
            b"a{b\x01\xe9|#c",
            "{127.1.0||a#7Bb#01#E9#7C|} \"127.1.0\" \"\" \"a#7Bb#01#E9#7C\" \"\"|127.1.0 - ",
        ),
    ];
    for flavour in flavours() {
        for (says, expected) in &cases {
            let place = Place::new();
            let receiver = place.log_receiver();
            let front = place.address();
            let server = Server::greeting_echo(place.address(), "s1");
            let body = format!(
                "listen in\n    bind {front}\n    log global\n    \
                 tcp-request inspect-delay 5s\n    \
                 tcp-request content capture src len 7\n    \
                 declare capture request len 60\n    \
                 tcp-request content reject unless {{ req.len gt 0 }}\n    \
                 tcp-request content capture req.payload(0,0) len 6 unless \
                 {{ req.ssl_hello_type 1 }}\n    \
                 tcp-request content capture req.ssl_sni len 64\n    \
                 log-format \"<%hr %{{+Q}}hrl|%[capture.req.hdr(0)] %[capture.req.hdr(1)] \
                 %[capture.req.hdr(2)] %[capture.req.hdr(3)] %[capture.req.hdr(4)]|%ts\"\n    \
                 server s1 {}\n",
                server.address()
            );
            let global = format!("log {} local0", receiver.local_addr().unwrap());
            let _node = start(flavour, &place, &global, &body);
            let mut client = connect_from(source(1), front).unwrap();
            client.write_all(says).unwrap();
            client.read_exact(&mut [0; 1]).unwrap();
            drop(client);
            let mut buffer = [0; 4096];
            let line = loop {
                let count = receiver.recv(&mut buffer).unwrap();
                let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
                if let Some((_, message)) = line.split_once("]: <") {
                    break message.to_owned();
                }
            };
            assert!(line.starts_with(expected), "{flavour:?}: {line}");
        }
    }
}

#[test]
fn converters_fill_the_slots_of_both_sides() {
    let slots = "declare capture request len 5\n    declare capture response len 6\n    \
                 declare capture request len 3";
    let both = "%hr %hrl|%hs %hsl|%{+Q}hs %{+Q}hsl|%[capture.req.hdr(0)] %[capture.req.hdr(1)] \
                %[capture.res.hdr(0)] %[capture.res.hdr(1)]|%[var(sess.a)]";
    let nothing = "{|} - -|{} -|\"{}\" \"\"|- - - -|";
    let cases = [
        ("", "", format!("{nothing}-")),
        (
            "tcp-request content set-var(sess.a) str(abcdefgh),capture-req(0)",
            "",
            "{abcde|} abcde -|{} -|\"{}\" \"\"|abcde - - -|abcdefgh".to_owned(),
        ),
        (
            "tcp-request content set-var(sess.a) src,capture-req(1),capture-res(0),ipmask(8)",
            "",
            "{|127} - 127|{127.1.} 127.1.|\"{127.1.}\" \"127.1.\"|- 127 127.1. -|127.0.0.0"
                .to_owned(),
        ),
        (
            "tcp-request content set-var(sess.a) int(12345),capture-req(1),add(1)",
            "",
            "{|123} - 123|{} -|\"{}\" \"\"|- 123 - -|12346".to_owned(),
        ),
        (
            "tcp-request content set-var(sess.x) str(abc),capture-req(0)\n    \
             tcp-request content set-var(sess.a) str(de),capture-req(0),upper",
            "",
            "{de|} de -|{} -|\"{}\" \"\"|de - - -|DE".to_owned(),
        ),
        (
            "tcp-request content set-var(sess.b) str(a),capture-res(0)",
            "tcp-response content set-var(sess.a) str({z),capture-res(0)",
            "{|} - -|{#7Bz} #7Bz|\"{#7Bz}\" \"#7Bz\"|- - {z -|{z".to_owned(),
        ),
        (
            "",
            "tcp-request content set-var(sess.a) str(b),capture-req(1)",
            "{|b} - b|{} -|\"{}\" \"\"|- b - -|b".to_owned(),
        ),
        ("tcp-request connection set-var(sess.a) str(a),capture-req(0)", "", format!("{nothing}-")),
        ("tcp-request session set-var(sess.a) str(a),capture-res(0)", "", format!("{nothing}-")),
        ("tcp-request content set-var(sess.a) str(a),capture-req(2)", "", format!("{nothing}-")),
        ("tcp-request content set-var(sess.a) str(a),capture-res(1)", "", format!("{nothing}-")),
    ];
    for flavour in flavours() {
        for (of_frontend, of_backend, expected) in &cases {
            let rules = format!("{slots}\n    {of_frontend}");
            let line = line(flavour, &rules, of_backend, both);
            assert_eq!(line, *expected, "{flavour:?}: {of_frontend} {of_backend}");
        }
        let line = line(flavour, "", "", "%hr|%hs|%hsl|%[capture.res.hdr(0)]");
        assert_eq!(line, "|||-", "{flavour:?}");
    }
}

#[test]
fn the_slots_of_rules_and_of_declarations_are_in_one_order() {
    let rules = "tcp-request content capture src len 4\n    declare capture response len 9\n    \
                 declare capture request len 9\n    \
                 tcp-request content set-var(sess.a) str(a),capture-req(0)\n    \
                 tcp-request content set-var(sess.a) str(b),capture-req(1)";
    for flavour in flavours() {
        assert_eq!(line(flavour, rules, "", "%hr %hs"), "{a|b} {}", "{flavour:?}");
    }
}

/// The line of a client of a frontend and a backend with these rules.
fn line(flavour: Flavour, of_frontend: &str, of_backend: &str, format: &str) -> String {
    let place = Place::new();
    let receiver = place.log_receiver();
    let front = place.address();
    let server = Server::greeting_echo(place.address(), "s1");
    let format = format.replace('"', "\\\"");
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    {of_frontend}\n    \
         default_backend out\n    log-format \"<{format}|%ts\"\n\
         backend out\n    {of_backend}\n    server s1 {}\n",
        server.address()
    );
    let global = format!("log {} local0", receiver.local_addr().unwrap());
    let _node = start(flavour, &place, &global, &body);
    let mut client = connect_from(source(1), front).unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    drop(client);
    let line = marked_line(&receiver);
    line.rsplit_once('|').unwrap().0.to_owned()
}
