//! Texts that rules keep for the log.

use std::io::{Read, Write};

use super::lines::client_hello;
use crate::support::{Place, Server, connect_from, source};
use crate::{flavours, start};

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
