//! `log` targets: formats, samples, levels; rings, and the TCP log servers that are fed from them.

mod format;
mod refused;
mod structured;
mod unique_id;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;

use crate::support::{Flavour, Node, Place, SOON, Server, ask, source, until};
use crate::{flavours, start};

/// A node whose connections are logged as `<client>`, with the lines `global` before.
fn logging(flavour: Flavour, place: &Place, global: &str, sections: &str) -> (Node, SocketAddr) {
    let (front, server) = (place.address(), place.address());
    let body = format!(
        "frontend in\n    bind {front}\n    log global\n    log-format \"<%ci>\"\n    \
         default_backend out\nbackend out\n    retries 0\n    server s1 {server}\n{sections}"
    );
    (start(flavour, place, global, &body), front)
}

/// Comes from each of the sources in turn, and is not served.
fn come(front: SocketAddr, sources: std::ops::RangeInclusive<u32>) {
    for client in sources {
        ask(source(client), front).unwrap_err();
    }
}

/// The next line about a client.
fn next(receiver: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if line.contains("<127.1.") {
            return line;
        }
    }
}

/// A TCP log server: what it is sent, in pieces.
fn log_server(place: &Place) -> (Server, Receiver<Vec<u8>>) {
    let (tell, told) = mpsc::channel();
    let server = Server::start(place.address(), move |mut stream: TcpStream| {
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                count => tell.send(buffer[..count].to_vec()).unwrap_or_default(),
            }
        }
    });
    (server, told)
}

/// What was told until the text contains `last`.
fn until_told(told: &Receiver<Vec<u8>>, last: &str) -> String {
    let mut text = String::new();
    while !text.contains(last) {
        text.push_str(&String::from_utf8(told.recv_timeout(SOON).unwrap()).unwrap());
    }
    text
}

/// A header with a `#` in the place of each run of digits, and `TAG` in the place of the tag.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for letter in line.trim_end().chars() {
        if !letter.is_ascii_digit() {
            shape.push(letter);
        } else if !shape.ends_with('#') {
            shape.push('#');
        }
    }
    shape.replace("stickd", "TAG").replace("haproxy", "TAG")
}

#[test]
fn the_header_of_every_format_is_that_of_haproxy() {
    let formats = ["raw", "rfc3164", "rfc5424", "local", "priority", "short", "timed", "iso", ""];
    for extra in ["", "log-send-hostname n1", "log-send-hostname n1\nlog-tag mine"] {
        let mut seen: Vec<Vec<String>> = Vec::new();
        for flavour in flavours() {
            let place = Place::new();
            let receivers: Vec<UdpSocket> = formats.iter().map(|_| place.log_receiver()).collect();
            let target = |(format, receiver): (&&str, &UdpSocket)| {
                let word = if format.is_empty() { "" } else { "format" };
                format!("log {} {word} {format} local0", receiver.local_addr().unwrap())
            };
            let targets: Vec<String> = formats.iter().zip(&receivers).map(target).collect();
            let global = format!("{}\n{extra}", targets.join("\n"));
            let (_node, front) = logging(flavour, &place, &global, "");
            come(front, 1..=1);
            seen.push(receivers.iter().map(|receiver| shape(&next(receiver))).collect());
        }
        assert!(seen.iter().all(|lines| *lines == seen[0]), "{seen:#?}");
    }
}

#[test]
fn a_sample_sends_the_lines_at_its_positions() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let to = receiver.local_addr().unwrap();
        let global = format!("log {to} format raw sample 2,4-5:5 local0 info");
        let (_node, front) = logging(flavour, &place, &global, "");
        come(front, 1..=12);
        let expected: Vec<String> = [2, 4, 5, 7, 9, 10, 12]
            .into_iter()
            .map(|client| format!("<{}>", source(client)))
            .collect();
        let seen: Vec<String> =
            expected.iter().map(|_| next(&receiver).trim_end().to_owned()).collect();
        assert_eq!(seen, expected, "{flavour:?}");
    }
}

#[test]
fn a_ring_keeps_lines_and_show_events_shows_them() {
    const RINGS: &str = "ring one\n    description \"the first\"\n    maxlen 8\n\
                         ring two\n    format priority\n";
    for flavour in flavours() {
        let place = Place::new();
        // The format is that of the ring.
        let global = "log ring@one local0\nlog ring@two format rfc5424 local1 info";
        let (node, front) = logging(flavour, &place, global, RINGS);
        come(front, 1..=2);
        let show = |command: &str| node.api().command(command);
        until("both lines", SOON, || show("show events two").matches("<127.1.").count() == 2);
        let (first, second) = (source(1), source(2));
        assert_eq!(
            show("show events two").trim_end(),
            format!("<142><{first}>\n<142><{second}>"),
            "{flavour:?}"
        );
        let cut = |client| format!("<{client}>")[..8].to_owned();
        let ones = show("show events one");
        assert!(ones.contains(&format!("{}\n{}", cut(first), cut(second))), "{ones}");
        assert_eq!(show("show events two -n").trim_end(), "", "{flavour:?}");
        assert!(show("show events none").contains("No such event sink"));
        assert!(show("show events two -x").contains("unknown option"));
        let all = show("show events");
        assert!(all.contains("    one        : type=buffer, 0 dropped, the first\n"), "{all}");
        assert!(all.contains("    two        : type=buffer, 0 dropped, two\n"), "{all}");
    }
}

#[test]
fn show_events_goes_on_as_lines_come() {
    for flavour in flavours() {
        let place = Place::new();
        let (node, front) =
            logging(flavour, &place, "log ring@one local0 info", "ring one\n    format raw\n");
        come(front, 1..=1);
        let mut client = UnixStream::connect(node.api().path()).unwrap();
        client.set_read_timeout(Some(SOON)).unwrap();
        client.write_all(b"show events one -w\n").unwrap();
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
        let mut about = |number: u32| {
            let wanted = format!("<{}>", source(number));
            while lines.next().unwrap().unwrap() != wanted {}
        };
        about(1);
        come(front, 2..=2);
        about(2);
        come(front, 3..=3);
        about(3);
    }
}

#[test]
fn a_tcp_log_server_is_sent_lines_or_counted_octets() {
    for flavour in flavours() {
        let place = Place::new();
        let ((legacy, lines), (counting, octets)) = (log_server(&place), log_server(&place));
        let sections = format!(
            "ring a\n    format raw\n    timeout connect 2s\n    timeout server 2s\n    \
             server s1 {}\n\
             ring b\n    format priority\n    timeout connect 2s\n    timeout server 2s\n    \
             server s1 {} log-proto octet-count\n",
            legacy.address(),
            counting.address()
        );
        let global = "log ring@a local0 info\nlog ring@b local0 info";
        let (_node, front) = logging(flavour, &place, global, &sections);
        come(front, 1..=2);
        let last = format!("<{}>", source(2));
        let text = until_told(&lines, &last);
        assert!(text.contains(&format!("<{}>\n<{}>", source(1), source(2))), "{text}");
        let text = until_told(&octets, &last);
        let message = |client| format!("16 <134><{client}>");
        assert_eq!(source(1).to_string().len(), 9);
        let both = format!("{}{}", message(source(1)), message(source(2)));
        assert!(text.contains(&both), "{flavour:?}: {text}");
    }
}

#[test]
fn a_log_line_may_name_a_tcp_server_itself() {
    for flavour in flavours() {
        let place = Place::new();
        let (server, lines) = log_server(&place);
        let global = format!("log tcp@{} local0 info", server.address());
        let (_node, front) = logging(flavour, &place, &global, "");
        come(front, 1..=1);
        let text = until_told(&lines, &format!("<{}>\n", source(1)));
        let line = text.lines().find(|line| line.contains("<127.1.")).unwrap();
        let shape = shape(line);
        assert!(shape.starts_with("<#>"), "{flavour:?}: {shape}");
        assert!(shape.ends_with(" #:#:# TAG[#]: <#.#.#.#>"), "{flavour:?}: {shape}");
    }
}

#[test]
fn a_rule_gives_a_line_its_level_or_keeps_it_back() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let (front, server) = (place.address(), place.address());
        let (two, three, four) = (source(2), source(3), source(4));
        let body = format!(
            "frontend in\n    bind {front}\n    log global\n    log-format \"<%ci> %ts\"\n    \
             option log-separate-errors\n    \
             tcp-request content set-log-level silent if {{ src {two} }}\n    \
             tcp-request content set-log-level warning if {{ src {three} }}\n    \
             tcp-request content set-log-level debug if {{ src {four} }}\n    \
             default_backend out\nbackend out\n    retries 0\n    server s1 {server}\n"
        );
        let to = receiver.local_addr().unwrap();
        let _node = start(flavour, &place, &format!("log {to} format short local0 info"), &body);
        come(front, 1..=5);
        let lines: Vec<String> = (0..3).map(|_| next(&receiver).trim_end().to_owned()).collect();
        let line = |level, client| format!("<{level}><{}> SC", source(client));
        assert_eq!(lines, [line(3, 1), line(4, 3), line(3, 5)], "{flavour:?}");
    }
}
