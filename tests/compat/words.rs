//! Single words of ordinary configurations, each with its effect.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{Flavour, Held, Node, Place, SOON, Server, ask, connect_from, source, until};
use crate::{flavours, start};

/// A `listen` section `l` with a server `s1`, and the receiver of its log.
struct Setting {
    node: Node,
    front: SocketAddr,
    log: UdpSocket,
    _server: Option<Server>,
    _held: Option<Held>,
    _place: Place,
}

fn setting(flavour: Flavour, global: &str, lines: &str, words: &str, is_up: bool) -> Setting {
    let place = Place::new();
    let log = place.log_receiver();
    let (front, address) = (place.address(), place.address());
    let server = is_up.then(|| Server::greeting_echo(address, "s1"));
    let held = (!is_up).then(|| Held::refusing(address));
    let global = format!("log {} local0\n{global}", log.local_addr().unwrap());
    let body = format!(
        "listen l\n    bind {front}\n    log global\n    {lines}\n    server s1 {address} {words}"
    );
    let node = start(flavour, &place, &global, &body);
    Setting { node, front, log, _server: server, _held: held, _place: place }
}

impl Setting {
    /// The priority, the tag and the message of the next log line about a connection.
    fn logged(&self) -> (String, String, String) {
        let mut buffer = [0; 4096];
        loop {
            let count = self.log.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let (head, message) = line.split_once("]: ").unwrap();
            if !message.contains(" l ") {
                continue;
            }
            let (priority, rest) = head.split_once('>').unwrap();
            let (signature, _) = rest.split_once('[').unwrap();
            let tag = signature.rsplit_once(' ').unwrap().1;
            return (priority[1..].to_owned(), tag.to_owned(), message.to_owned());
        }
    }
}

#[test]
fn a_section_signs_its_lines_and_reports_errors_as_such() {
    let lines = "option tcplog\n    log-tag mine\n    option log-separate-errors\n    retries 0";
    for flavour in flavours() {
        for (is_up, priority) in [(true, "134"), (false, "131")] {
            let setting = setting(flavour, "log-tag everyone", lines, "", is_up);
            assert_eq!(ask(source(1), setting.front).is_ok(), is_up, "{flavour:?}");
            let (found, tag, _) = setting.logged();
            assert_eq!((found.as_str(), tag.as_str()), (priority, "mine"), "{flavour:?}");
        }
    }
}

#[test]
fn an_http_log_of_a_tcp_section_is_a_tcp_log() {
    for flavour in flavours() {
        let setting = setting(flavour, "", "option httplog", "", true);
        ask(source(1), setting.front).unwrap();
        let (_, _, message) = setting.logged();
        assert!(message.contains("] l l/s1 "), "{flavour:?}: {message}");
        assert!(message.contains(" 3 -- 1/1/0/0/0 0/0"), "{flavour:?}: {message}");
    }
}

#[test]
fn a_failed_connect_is_tried_again_where_that_is_an_event_to_retry() {
    for flavour in flavours() {
        for (events, retries) in [
            ("none", "0"),
            ("503 empty-response", "0"),
            ("conn-failure", "1"),
            ("all-retryable-errors", "1"),
        ] {
            let lines = format!("retries 1\n    retry-on {events}\n    log-format \"- l %rc %ts\"");
            let setting = setting(flavour, "", &lines, "", false);
            ask(source(1), setting.front).unwrap_err();
            let (_, _, message) = setting.logged();
            assert_eq!(message.trim(), format!("- l {retries} SC"), "{flavour:?}: {events}");
        }
    }
}

#[test]
fn a_client_that_has_closed_its_side_leaves_the_queue_only_if_it_is_to() {
    for flavour in flavours() {
        for (option, expected) in [("", "- l --"), ("option abortonclose", "- l CQ")] {
            let lines = format!("{option}\n    timeout queue 20s\n    log-format \"- l %ts\"");
            let setting = setting(flavour, "", &lines, "maxconn 1", true);
            let mut first = connect_from(source(1), setting.front).unwrap();
            // What is not read would make the end a reset.
            first.read_exact(&mut [0; 3]).unwrap();
            let mut second = connect_from(source(2), setting.front).unwrap();
            second.write_all(b"hello").unwrap();
            let waiting = || setting.node.api().stat("l", "BACKEND", "qcur") == "1";
            until("the second client waits", SOON, waiting);
            second.shutdown(Shutdown::Write).unwrap();
            if option.is_empty() {
                // It waits on, until the first has gone.
                drop(first);
                assert_eq!(setting.logged().2.trim(), "- l --", "{flavour:?}");
            }
            assert_eq!(setting.logged().2.trim(), expected, "{flavour:?}: {option}");
        }
    }
}

#[test]
fn a_server_that_does_not_stick_is_not_remembered() {
    let lines = "stick-table type ip size 10\n    stick on src";
    for flavour in flavours() {
        for (word, entries) in [("", 1), ("non-stick", 0), ("non-stick stick", 1)] {
            let setting = setting(flavour, "", lines, word, true);
            ask(source(1), setting.front).unwrap();
            assert_eq!(setting.node.api().used("l"), entries, "{flavour:?}: {word}");
        }
    }
}

#[test]
fn blanks_may_stand_between_the_converters_of_a_key() {
    let table = "stick-table type ip size 10 store gpc0";
    for flavour in flavours() {
        for (line, entries) in [
            ("stick on src", 2),
            ("stick on src,ipmask(24)", 1),
            ("stick on src, ipmask(24)", 1),
            ("stick on src ipmask(24) ipmask(8)", 1),
            ("stick on src, table l", 2),
            ("tcp-request connection track-sc0 src ipmask(24)", 1),
            ("tcp-request connection track-sc0 src, ipmask(24) table l if TRUE", 1),
        ] {
            let setting = setting(flavour, "", &format!("{table}\n    {line}"), "", true);
            ask(source(1), setting.front).unwrap();
            ask(source(2), setting.front).unwrap();
            assert_eq!(setting.node.api().used("l"), entries, "{flavour:?}: {line}");
        }
    }
}

#[test]
fn words_about_tls_have_no_effect_where_nothing_asks_for_it() {
    let lines = "stats enable\n    stats uri /x\n    stats admin if TRUE";
    let words = "verify none no-sslv3 ssl-min-ver TLSv1.2 alpn h2,http/1.1 sni str(x)";
    for flavour in flavours() {
        let setting = setting(flavour, "nbthread 2", lines, words, true);
        ask(source(1), setting.front).unwrap();
        drop(setting);
    }
}

#[test]
fn the_process_accepts_as_many_connections_a_second_as_it_may() {
    for flavour in flavours() {
        for word in ["maxconnrate", "maxsessrate"] {
            let setting = setting(flavour, &format!("{word} 10"), "", "", true);
            let began = Instant::now();
            for number in 0..25 {
                ask(source(number), setting.front).unwrap();
            }
            let took = began.elapsed();
            assert!(took > Duration::from_millis(1000), "{flavour:?}: {word}: {took:?}");
        }
    }
}

#[test]
fn a_template_makes_servers_that_differ_in_their_numbers() {
    for flavour in flavours() {
        let place = Place::new();
        let address = place.address();
        let body = format!(
            "listen l\n    bind {}\n    server-template web 2 {address} weight 7\n    \
             server-template db 4-5 {address}",
            place.address()
        );
        let node = start(flavour, &place, "", &body);
        let found = ["web1", "web2", "db4", "db5"]
            .map(|name| (node.api().stat("l", name, "weight"), node.api().stat("l", name, "sid")));
        let expected = [("7", "1"), ("7", "2"), ("1", "3"), ("1", "4")];
        assert_eq!(found, expected.map(|(w, id)| (w.to_owned(), id.to_owned())), "{flavour:?}");
    }
}

#[test]
fn a_server_without_an_address_begins_in_maintenance_or_with_the_one_given() {
    for flavour in flavours() {
        let place = Place::new();
        let body = format!(
            "listen l\n    bind {}\n    server a nosuch.invalid:81 init-addr last,libc,none\n    \
             server b nosuch.invalid:82 init-addr libc,127.9.9.9\n    \
             server c localhost:83 init-addr 127.9.9.8,libc\n    \
             server d localhost:84 init-addr none",
            place.address()
        );
        let node = start(flavour, &place, "", &body);
        let stat = |server: &str, field: &str| node.api().stat("l", server, field);
        assert!(stat("a", "status").starts_with("MAINT"), "{flavour:?}");
        assert_eq!(stat("b", "status"), "no check", "{flavour:?}");
        assert_eq!(stat("b", "addr"), "127.9.9.9:82", "{flavour:?}");
        assert_eq!(stat("c", "addr"), "127.9.9.8:83", "{flavour:?}");
        assert!(stat("d", "status").starts_with("MAINT"), "{flavour:?}");
    }
}

#[test]
fn unix_sockets_get_the_prefix_and_the_mode_of_all() {
    use std::os::unix::fs::PermissionsExt;
    for flavour in flavours() {
        let place = Place::new();
        let prefix = format!("{}/x-", place.dir().display());
        let body = format!("listen l\n    bind unix@front\n    server s1 {}", place.address());
        let global = format!("unix-bind prefix {prefix} mode 640");
        let _node = start(flavour, &place, &global, &body);
        let found = std::fs::metadata(format!("{prefix}front")).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o640, "{flavour:?}");
    }
}
