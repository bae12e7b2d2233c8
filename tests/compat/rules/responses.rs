//! Rules about what servers send: `tcp-response`, and `stick store-response`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{Flavour, Node, Place, SOON, Server, connect_from, pause, source, until};
use crate::{flavours, start};

/// A server that does what the client's first words say: it sends a word, waits for 100 ms at
/// `wait`, and goes on until the client has finished at `hold`.
fn obedient(address: SocketAddr) -> Server {
    Server::start(address, |mut stream| {
        let mut script = [0; 200];
        let len = stream.read(&mut script)?;
        let script = String::from_utf8_lossy(&script[..len]).into_owned();
        for word in script.split_whitespace() {
            match word {
                "wait" => pause(Duration::from_millis(100)),
                "hold" => {
                    std::io::copy(&mut stream, &mut std::io::sink())?;
                }
                word => stream.write_all(word.as_bytes())?,
            }
        }
        Ok(())
    })
}

/// A `listen` section `web` with these lines and one obedient server.
struct Setting {
    node: Node,
    front: SocketAddr,
    _server: Server,
    _place: Place,
}

fn setting(flavour: Flavour, lines: &str) -> Setting {
    let place = Place::new();
    let front = place.address();
    let server = obedient(place.address());
    let mut body = format!(
        "listen web\n    bind {front}\n    stick-table type string len 8 size 1k expire 1h\n    \
         server s1 {}\n",
        server.address()
    );
    body.extend(lines.lines().map(|line| format!("    {}\n", line.trim())));
    let node = start(flavour, &place, "", &body);
    Setting { node, front, _server: server, _place: place }
}

impl Setting {
    /// Checks what a client gets who gives the server this script: the text, and how the connection
    /// ends.
    #[track_caller]
    fn expect(&self, script: &str, expected: &str) {
        let mut client = connect_from(source(1), self.front).unwrap();
        client.write_all(script.as_bytes()).unwrap();
        let flavour = self.node.flavour();
        assert_eq!(heard(&mut client, expected), expected, "{flavour:?}: {script}");
    }

    fn counted(&self) -> Vec<String> {
        let of = |service: &'static str, column: &'static str| {
            self.node.api().stat("web", service, column)
        };
        vec![
            of("FRONTEND", "dresp"),
            of("BACKEND", "dresp"),
            of("s1", "dresp"),
            of("FRONTEND", "dreq"),
            of("BACKEND", "dreq"),
        ]
    }

    fn keys(&self) -> Vec<String> {
        self.node.api().table("web").into_keys().collect()
    }
}

/// What comes until the end. Where the connection is expected to stay open, nothing may follow the
/// expected text for a while.
fn heard(client: &mut TcpStream, expected: &str) -> String {
    let open = expected.strip_suffix(" open");
    let mut text = Vec::new();
    let mut part = [0; 64];
    let end = loop {
        let is_all = open.is_some_and(|open| open.len() == text.len());
        let limit = if is_all { Duration::from_millis(700) } else { SOON };
        client.set_read_timeout(Some(limit)).unwrap();
        match client.read(&mut part) {
            Ok(0) => break "",
            Ok(len) => text.extend(&part[..len]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break " reset",
            Err(error) if error.kind() == ErrorKind::WouldBlock => break " open",
            Err(error) => panic!("{error}"),
        }
    };
    format!("{}{end}", String::from_utf8_lossy(&text))
}

#[test]
fn a_rule_decides_on_what_the_server_sends_and_waits_for_more() {
    for flavour in flavours() {
        let setting = setting(
            flavour,
            "tcp-response inspect-delay 10s
             tcp-response content accept if { res.len ge 6 } { res.payload(0,2) -m str ok }
             tcp-response content reject if { res.len ge 6 }
             tcp-response content accept if { res.len ge 6 }",
        );
        setting.expect("ok wait more wait end", "okmoreend");
        setting.expect("no wait more hold", "");
        assert_eq!(setting.counted(), ["1", "1", "1", "0", "0"], "{flavour:?}");
        // What has come counts when the server ends: not enough to be refused.
        setting.expect("no wait", "no");
        setting.expect("", " open");
    }
}

#[test]
fn a_rule_waits_no_longer_than_the_delay() {
    for flavour in flavours() {
        let setting = setting(
            flavour,
            "tcp-response inspect-delay 300ms
             tcp-response content reject if { res.payload(0,2) -m str no } WAIT_END
             tcp-response content accept if { res.len gt 5 }",
        );
        let before = Instant::now();
        setting.expect("ok hold", "ok open");
        setting.expect("no hold", "");
        assert!(before.elapsed() >= Duration::from_millis(600), "{flavour:?}");
        setting.expect("hold", " open");
    }
}

#[test]
fn without_a_delay_nothing_is_waited_for() {
    for flavour in flavours() {
        let rules = "tcp-response content reject if { res.len gt 0 }
                     tcp-response content accept if { src 127.0.0.0/8 }
                     stick store-response res.payload(0,2)
                     stick store-response src";
        let setting = setting(flavour, rules);
        setting.expect("wait ok hold", "ok open");
        assert_eq!(setting.keys(), ["127.1.0."], "{flavour:?}");
    }
    for flavour in flavours() {
        let setting = setting(flavour, "tcp-response content reject if { src 127.1.0.1 }");
        setting.expect("wait ok hold", "");
    }
}

#[test]
fn a_server_is_closed_behind_what_it_has_sent() {
    for flavour in flavours() {
        let setting = setting(
            flavour,
            "tcp-response inspect-delay 10s
             tcp-response content close if { res.len ge 4 }",
        );
        setting.expect("last hold", "last");
        assert_eq!(setting.counted(), ["0"; 5], "{flavour:?}");
    }
}

#[test]
fn a_client_is_dropped_without_being_told() {
    for flavour in flavours() {
        let setting = setting(
            flavour,
            "tcp-response inspect-delay 10s
             tcp-response content silent-drop if { res.len ge 4 }",
        );
        setting.expect("last hold", " open");
        assert_eq!(setting.counted(), ["0", "0", "0", "1", "1"], "{flavour:?}");
    }
}

#[test]
fn the_client_goes_on_to_send_while_the_server_is_inspected() {
    for flavour in flavours() {
        let place = Place::new();
        let (server, front) = (Server::echo(place.address()), place.address());
        let body = format!(
            "listen web\n    bind {front}\n    tcp-response inspect-delay 10s\n    \
             tcp-response content accept if {{ res.payload(0,9) -m str onetwosix }}\n    \
             server s1 {}\n",
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        let mut client = connect_from(source(1), front).unwrap();
        for part in ["one", "two", "six"] {
            client.write_all(part.as_bytes()).unwrap();
            pause(Duration::from_millis(20));
        }
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(heard(&mut client, ""), "onetwosix", "{flavour:?}");
        // A client that leaves ends the connection.
        let mut client = connect_from(source(1), front).unwrap();
        client.write_all(b"other").unwrap();
        let current = || node.api().stat("web", "s1", "scur");
        until("the server is reached", SOON, || current() == "1");
        drop(client);
        until("the connection is over", SOON, || current() == "0");
    }
}

#[test]
fn timeouts_count_while_the_server_is_inspected() {
    for flavour in flavours() {
        let setting = setting(
            flavour,
            "timeout server 1s
             tcp-response inspect-delay 10s
             tcp-response content accept if { res.len gt 5 }",
        );
        setting.expect("ok hold", "ok");
        setting.expect("hold", "");
    }
}

#[test]
fn of_the_rules_that_store_from_a_response_the_first_of_a_table_applies() {
    let wait = "tcp-response inspect-delay 10s
                tcp-response content accept if { res.len ge 4 }\n";
    let cases: [(&str, &[&str]); 5] = [
        ("stick store-response res.payload(0,2)\nstick store-response str(second)", &["ab"]),
        (
            "stick store-response res.payload(0,2) if { res.payload(0,1) -m str x }
             stick store-response res.payload(2,2)",
            &["cd"],
        ),
        ("stick store-response res.payload(0,9)\nstick store-response str(second)", &["second"]),
        ("stick on src\nstick store-response payload(1,2)", &["127.1.0.", "bc"]),
        ("stick store-response res.payload_lv(0,1)", &[]),
    ];
    for flavour in flavours() {
        for (lines, expected) in cases {
            let setting = setting(flavour, &format!("{wait}{lines}"));
            setting.expect("abcd wait end", "abcdend");
            assert_eq!(setting.keys(), expected, "{flavour:?}: {lines}");
        }
    }
}

#[test]
fn counters_change_with_what_the_server_sends() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = obedient(place.address());
        let body = format!(
            "listen web\n    bind {front}\n    stick-table type ip size 1k store gpc0,gpt0\n    \
             tcp-request content track-sc0 src\n    tcp-response inspect-delay 10s\n    \
             tcp-response content sc-inc-gpc0(0) if {{ res.payload(0,4) -m str FAIL }}\n    \
             tcp-response content sc-set-gpt0(0) res.len\n    server s1 {}\n",
            server.address()
        );
        let node = start(flavour, &place, "", &body);
        for script in ["FAIL", "pass", "FAIL", "five5"] {
            let mut client = connect_from(source(1), front).unwrap();
            client.write_all(script.as_bytes()).unwrap();
            assert_eq!(heard(&mut client, script), script, "{flavour:?}");
        }
        let entry = &node.api().table("web")["127.1.0.1"];
        assert_eq!((&entry["gpc0"][..], &entry["gpt0"][..]), ("2", "5"), "{flavour:?}");
    }
}

#[test]
fn a_response_rule_makes_a_text_of_its_first_variable() {
    for flavour in flavours() {
        let lines = "tcp-response inspect-delay 5s
            tcp-response content reject unless { res.len gt 0 }
            tcp-response content set-var(res.first) be_name
            tcp-response content set-var-fmt(txn.text) <%[var(res.first)]:%[int(7)]>
            tcp-response content reject if { var(txn.text) -m str <web:7> } { res.len 1 }";
        let setting = setting(flavour, lines);
        setting.expect("a", "");
        setting.expect("more", "more");
    }
}
