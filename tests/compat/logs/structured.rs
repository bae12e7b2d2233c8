//! `log-format-sd`: the structured data in lines of RFC 5424.

use std::net::UdpSocket;

use crate::support::{Flavour, Place, Server, ask, source};
use crate::{flavours, start};

/// What follows the process id in the line of a client of a `listen` section with these lines, if
/// `log` lines have this form; `wanted` stands in the line.
fn line(flavour: Flavour, form: &str, lines: &str, wanted: &str) -> String {
    let place = Place::new();
    let receiver = place.log_receiver();
    let front = place.address();
    let server = Server::name(place.address(), "s1");
    let body = format!(
        "listen in\n    bind {front}\n    log global\n    {lines}\n    server s1 {}\n",
        server.address()
    );
    let target = receiver.local_addr().unwrap();
    let global = format!("log-tag tag\nlog {target} format {form} local0");
    let _node = start(flavour, &place, &global, &body);
    ask(source(1), front).unwrap();
    let line = next_with(&receiver, wanted);
    let (_, rest) = line.split_once(" tag ").unwrap_or(("", &line));
    rest.split_once(' ').unwrap().1.trim_end().to_owned()
}

fn next_with(receiver: &UdpSocket, wanted: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if line.contains(wanted) && !line.contains("Proxy in ") {
            return line;
        }
    }
}

#[test]
fn structured_data_stand_before_the_message_of_a_connection() {
    let data = "tcp-request content set-var(sess.a) bin(61225d62)\n    \
                log-format-sd \"%{+Q,+E}o [x@1 ip=%ci to=%s no=%[var(sess.no)] \
                a=%[var(sess.a)] id=%ID]\"\n    unique-id-format %[var(sess.a)]";
    let inside = "[x@1 ip=\"127.1.0.1\" to=\"s1\" no=\"\" a=\"a\\\"\\]b\" id=\"a\\\"\\]b\"]";
    let cases = [
        (format!("{data}\n    log-format \"<%f>\""), format!("- {inside} <in>")),
        (
            "log-format-sd \"[a  b=%f]  c\"\n    log-format <%f>".to_owned(),
            "- [a b=in] c <in>".to_owned(),
        ),
        ("log-format-sd %ID\n    log-format <%f>".to_owned(), "- - <in>".to_owned()),
        ("log-format-sd %hr\n    log-format <%f>".to_owned(), "- - <in>".to_owned()),
        (
            "log-format-sd %hr-%hr\n    declare capture request len 9\n    log-format <%f>"
                .to_owned(),
            "- {}-{} <in>".to_owned(),
        ),
        ("log-format <%f>".to_owned(), "- - <in>".to_owned()),
    ];
    for flavour in flavours() {
        for (lines, expected) in &cases {
            let line = line(flavour, "rfc5424", lines, "<in>");
            assert_eq!(line, *expected, "{flavour:?}: {lines}");
        }
        let line = line(flavour, "rfc5424", "log-format-sd a", "Connect from");
        assert!(line.starts_with("- - Connect from"), "{flavour:?}: {line}");
    }
}

#[test]
fn lines_of_other_forms_have_no_structured_data() {
    let lines = "log-format-sd [a]\n    log-format \"<in> b\"";
    for flavour in flavours() {
        for form in ["rfc3164", "local", "short", "raw", "timed", "iso", "priority"] {
            let line = line(flavour, form, lines, "<in>");
            assert!(!line.contains("[a]"), "{flavour:?}: {form}: {line}");
        }
    }
}
