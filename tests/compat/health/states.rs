//! Health checks: their columns in `show stat`, their log lines, and the servers that clients get.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{Held, Node, Place, SOON, Server, ask, eventually, source, until};
use crate::{flavours, start};

/// The result of the last health check of `s1`. HAProxy hides a part of it while the next check is
/// made.
pub fn found(node: &Node, proxy: &str) -> [String; 4] {
    ["status", "check_status", "check_code", "last_chk"]
        .map(|field| node.api().stat(proxy, "s1", field))
}

/// A server that answers the first bytes: the request of an HTTP check, or a line.
fn answering(address: SocketAddr, answer: &'static str) -> Server {
    Server::start(address, move |mut stream| {
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer)?;
        stream.write_all(answer.as_bytes())?;
        let _ = stream.read(&mut buffer)?;
        Ok(())
    })
}

/// The next notice that contains `part`.
pub fn notice(receiver: &UdpSocket, part: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if let Some(at) = line.find("]: ").filter(|_| line.contains(part)) {
            let text = line[at + 3..].trim_end().to_owned();
            let priority = line.split('>').next().unwrap().to_owned();
            // How long it took is not the same twice.
            let Some((head, tail)) = text.split_once("duration: ") else {
                return format!("{priority}>{text}");
            };
            let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
            return format!("{priority}>{head}duration: #{tail}");
        }
    }
}

/// The lines of a backend. For a dialogue only its last line is given.
fn whole_lines(words: &str) -> String {
    const TCP: &str = "option tcp-check\n    tcp-check send PING\\r\\n\n    ";
    const HTTP: &str = "option httpchk GET /health\n    ";
    match words {
        "http" => HTTP.to_owned(),
        words if words.starts_with("http-check") => format!("{HTTP}{words}"),
        words if words.contains("status") => format!("{HTTP}http-check {words}"),
        words if words.starts_with("expect") => format!("{TCP}tcp-check {words}"),
        words => words.to_owned(),
    }
}

#[test]
fn checks_find_what_haproxy_finds() {
    for flavour in flavours() {
        let place = Place::new();
        let [line, http, dead] = [place.address(), place.address(), place.address()];
        let _line = answering(line, "+PONG 1\r\n");
        let _http = answering(http, "HTTP/1.1 503 Sad\r\nContent-Length: 4\r\n\r\nbody");
        let _dead = Held::refusing(dead);
        let lines = [
            ("", dead, ("DOWN", "L4CON", "", "Connection refused")),
            ("", line, ("UP", "L4OK", "", "")),
            (
                "option tcp-check",
                dead,
                ("DOWN", "L4CON", "", "Connection refused at initial connection step of tcp-check"),
            ),
            ("option tcp-check\n    tcp-check connect", line, ("UP", "L4OK", "", "(tcp-check)")),
            ("expect string PONG", line, ("UP", "L7OK", "0", "(tcp-check)")),
            ("expect binary 504f4e47", line, ("UP", "L7OK", "0", "(tcp-check)")),
            ("expect rstring ^.PO[MN]G", line, ("UP", "L7OK", "0", "(tcp-check)")),
            (
                "expect ! string PONG",
                line,
                ("DOWN", "L7RSP", "", "TCPCHK matched unwanted content 'PONG' at step 2"),
            ),
            (
                "expect ! rstring ^.PONG",
                line,
                ("DOWN", "L7RSP", "", "TCPCHK matched unwanted content (regex) at step 2"),
            ),
            (
                "expect string GNOP",
                line,
                ("DOWN", "L7TOUT", "", " at step 2 of tcp-check (expect string 'GNOP')"),
            ),
            ("http", http, ("DOWN", "L7STS", "503", "Sad")),
            ("expect status 500-599", http, ("UP", "L7OK", "503", "")),
            ("expect rstatus ^5", http, ("UP", "L7OK", "503", "")),
            ("http-check expect ! status 503", http, ("DOWN", "L7STS", "503", "Sad")),
            ("http-check expect string body", http, ("UP", "L7OK", "503", "")),
            (
                "http-check expect string soul",
                http,
                ("DOWN", "L7RSP", "", "HTTP content check did not match"),
            ),
            (
                "http-check expect ! rstring b..y",
                http,
                ("DOWN", "L7RSP", "", "HTTP check matched unwanted content"),
            ),
        ];
        let mut body = String::new();
        for (number, (words, server, _)) in lines.iter().enumerate() {
            let words = whole_lines(words);
            body += &format!(
                "backend b{number}\n    timeout check 300ms\n    {words}\n    \
                 server s1 {server} check inter 700ms rise 1 fall 1\n"
            );
        }
        let node = start(flavour, &place, "", &body);
        for (number, (words, _, expected)) in lines.iter().enumerate() {
            let (status, check, code, info) = *expected;
            let expected = [status, check, code, info];
            let found = || found(&node, &format!("b{number}"));
            let fits = eventually(SOON, || found() == expected);
            assert!(fits, "{flavour:?}: {words}: {:?}, not {expected:?}", found());
        }
    }
}

#[test]
fn a_server_that_dies_gets_no_clients_until_it_is_back() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let front = place.address();
        let [mut first, second] =
            [1, 2].map(|number| Server::name(place.address(), &format!("s{number}")));
        let body = format!(
            "listen web\n    bind {front}\n    log global\n    option redispatch\n    \
             stick-table type ip size 1k expire 1h\n    stick on src\n    \
             default-server check inter 100ms fall 2 rise 2\n    server s1 {}\n    \
             server s2 {} backup\n    server s3 {} no-check disabled",
            first.address(),
            second.address(),
            second.address()
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        assert_eq!(ask(source(1), front).unwrap(), "s1", "{flavour:?}");
        until("both are up", SOON, || {
            let health = |server| node.api().stat("web", server, "check_health");
            (health("s1"), health("s2")) == ("3".to_owned(), "3".to_owned())
        });
        let address = first.address();
        let stat = |field| node.api().stat("web", "s1", field);
        let failed = || stat("chkfail").parse::<u32>().unwrap();
        let before = failed();
        first.stop();
        let down = "<129>Server web/s1 is DOWN, reason: Layer4 connection problem, info: \
                    \"Connection refused\", check duration: #ms. 0 active and 1 backup servers \
                    left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue.";
        assert_eq!(notice(&receiver, "web/s1 is DOWN"), down, "{flavour:?}");
        assert_eq!(ask(source(1), front).unwrap(), "s2", "{flavour:?}: its entry counts no more");
        assert_eq!((stat("status"), failed() - before, stat("chkdown")), {
            ("DOWN".to_owned(), 2, "1".to_owned())
        });
        let _first = Server::name(address, "s1");
        let up = "<133>Server web/s1 is UP, reason: Layer4 check passed, check duration: #ms. 1 \
                  active and 1 backup servers online. 0 sessions requeued, 0 total in queue.";
        assert_eq!(notice(&receiver, "web/s1 is UP"), up, "{flavour:?}");
        assert_eq!(ask(source(2), front).unwrap(), "s1", "{flavour:?}");
        assert_eq!(ask(source(1), front).unwrap(), "s2", "{flavour:?}: its entry has moved");
    }
}

#[test]
fn the_last_server_is_mourned_and_every_change_is_told_if_asked() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let mut server = Server::name(place.address(), "s1");
        let body = format!(
            "backend out\n    log global\n    option log-health-checks\n    \
             server s1 {} check inter 100ms fall 2 rise 2",
            server.address()
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let _node = start(flavour, &place, &log, &body);
        let told = |part| notice(&receiver, part);
        let succeeded = "<133>Health check for server out/s1 succeeded, reason: Layer4 check \
                         passed, check duration: #ms, status: 2/2 UP.";
        assert_eq!(told("Health check"), succeeded, "{flavour:?}");
        let address = server.address();
        server.stop();
        let failed = |at| {
            format!(
                "<133>Health check for server out/s1 failed, reason: Layer4 connection problem, \
                 info: \"Connection refused\", check duration: #ms, status: {at}."
            )
        };
        assert_eq!(told("Health check"), failed("1/2 UP"), "{flavour:?}");
        assert_eq!(told("Health check"), failed("0/2 DOWN"), "{flavour:?}");
        let down = "<129>Server out/s1 is DOWN. 0 active and 0 backup servers left. 0 sessions \
                    active, 0 requeued, 0 remaining in queue.";
        assert_eq!(told("Server out/s1"), down, "{flavour:?}");
        assert_eq!(told("available"), "<128>backend out has no server available!", "{flavour:?}");
        let _server = Server::name(address, "s1");
        assert_eq!(told("Health check"), succeeded.replace("2/2 UP", "1/2 DOWN"), "{flavour:?}");
        assert_eq!(told("Health check"), succeeded, "{flavour:?}");
        assert!(told("Server out/s1").starts_with("<133>Server out/s1 is UP. 1 active"));
    }
}

#[test]
fn a_check_goes_where_it_is_told_and_not_too_often() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let checked = Server::silent(place.address());
        let body = format!(
            "backend out\n    option tcp-check\n    tcp-check send hello\n    \
             server s1 {} check inter 200ms fastinter 50ms addr {} port {}",
            server.address(),
            checked.address().ip(),
            checked.address().port()
        );
        let node = start(flavour, &place, "", &body);
        until("checks are made", SOON, || checked.accepted() >= 3);
        let (before, began) = (checked.accepted(), Instant::now());
        until("ten more are made", SOON, || checked.accepted() >= before + 10);
        // The first of them may have been seen late.
        let took = began.elapsed();
        assert!(took > Duration::from_millis(1000), "{flavour:?}: ten checks in {took:?}");
        assert_eq!(server.accepted(), 0, "{flavour:?}");
        drop(node);
    }
}
