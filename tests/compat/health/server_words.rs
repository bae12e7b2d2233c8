//! Effects of a server's health: servers that track it, connections that end, warming up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support::{Flavour, Place, SOON, Server, connect_from, source, until};
use crate::{flavours, start};

/// The next line that contains `part`, from the text after the program's name.
fn line(receiver: &UdpSocket, part: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = receiver.recv(&mut buffer).unwrap();
        let line = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if let Some(at) = line.find("]: ").filter(|_| line.contains(part)) {
            return line[at + 3..].trim_end().to_owned();
        }
    }
}

#[test]
fn a_server_follows_the_one_that_it_tracks() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let mut server = Server::name(place.address(), "s1");
        let address = server.address();
        let body = format!(
            "backend a\n    log global\n    server s1 {address} check inter 100ms fall 2 rise 2\n\
             backend b\n    log global\n    server t1 {address} track a/s1\n    \
             server t2 {address} track t1"
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        let stat = |server, field| node.api().stat("b", server, field);
        until("it is up", SOON, || node.api().stat("a", "s1", "check_health") == "3");
        assert_eq!((stat("t1", "status"), stat("t1", "tracked")), {
            ("UP".to_owned(), "a/s1".to_owned())
        });
        assert_eq!(stat("t2", "tracked"), "b/t1", "{flavour:?}");
        server.stop();
        let down = "Server b/t1 is DOWN via a/s1. 1 active and 0 backup servers left. 0 sessions \
                    active, 0 requeued, 0 remaining in queue.";
        assert_eq!(line(&receiver, "b/t1 is DOWN"), down, "{flavour:?}");
        // HAProxy names the end of the chain.
        assert!(line(&receiver, "b/t2 is DOWN").starts_with("Server b/t2 is DOWN via "));
        assert_eq!(stat("t2", "status"), "DOWN", "{flavour:?}");
        let _server = Server::name(address, "s1");
        let up = "Server b/t1 is UP via a/s1. 1 active and 0 backup servers online. 0 sessions \
                  requeued, 0 total in queue.";
        assert_eq!(line(&receiver, "b/t1 is UP"), up, "{flavour:?}");
    }
}

#[test]
fn connections_end_with_their_server_or_when_it_is_back() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let front = place.address();
        let checked = place.address();
        let [first, backup] =
            ["first", "backup"].map(|name| Server::greeting_echo(place.address(), name));
        let mut health = Server::name(checked, "fine");
        let body = format!(
            "listen web\n    bind {front}\n    log global\n    option tcplog\n    \
             timeout client 20s\n    timeout server 20s\n    \
             server s1 {} check addr {} port {} inter 100ms fall 2 rise 2 \
             on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n    \
             server s2 {} backup",
            first.address(),
            checked.ip(),
            checked.port(),
            backup.address()
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let _node = start(flavour, &place, &log, &body);
        let meet = |name: &str| {
            let stream = connect_from(source(1), front).unwrap();
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            assert_eq!(line.trim_end(), name, "{flavour:?}");
            lines
        };
        let mut open = meet("first");
        health.stop();
        let _ = open.read(&mut [0]); // the end, or a reset
        let ended = line(&receiver, " web web/s1 ");
        assert!(ended.contains(" D- "), "{flavour:?}: {ended}");
        let mut open = meet("backup");
        let _health = Server::name(checked, "fine");
        let _ = open.read(&mut [0]);
        let ended = line(&receiver, " web web/s2 ");
        assert!(ended.contains(" U- "), "{flavour:?}: {ended}");
        meet("first");
    }
}

#[test]
fn a_check_may_begin_with_a_proxy_header() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::start(place.address(), |mut stream| {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone()?);
            reader.read_line(&mut line)?;
            let is_header = line.starts_with("PROXY TCP4 127.");
            stream.write_all(if is_header { b"header\n" } else { b"none\n" })
        });
        let address = server.address();
        let (ip, port) = (address.ip(), address.port());
        let mut body = String::new();
        let words = [
            ("check-send-proxy", true),
            ("", false),
            ("send-proxy", true),
            ("send-proxy port 1", false),
            ("send-proxy check-send-proxy port 1", true),
        ];
        for (number, (words, _)) in words.iter().enumerate() {
            let words = words.replace("port 1", &format!("port {port} addr {ip}"));
            body += &format!(
                "backend b{number}\n    timeout check 1s\n    option tcp-check\n    \
                 tcp-check send x\\r\\n\n    tcp-check expect string header\n    \
                 server s1 {address} check inter 300ms rise 1 fall 1 {words}\n"
            );
        }
        let node = start(flavour, &place, "", &body);
        for (number, (words, has_header)) in words.iter().enumerate() {
            let expected = if *has_header { "L7OK" } else { "L7RSP" };
            let stat = || node.api().stat(&format!("b{number}"), "s1", "check_status");
            until(&format!("{flavour:?}: {words}: {expected}, not {}", stat()), SOON, || {
                stat() == expected
            });
        }
    }
}

#[test]
fn a_server_that_is_back_warms_up() {
    for flavour in flavours() {
        let place = Place::new();
        let mut server = Server::name(place.address(), "s1");
        let address = server.address();
        let body = format!(
            "backend out\n    server s1 {address} weight 100 check inter 100ms fall 1 rise 1 \
             slowstart 3s"
        );
        let node = start(flavour, &place, "", &body);
        let stat = |field| node.api().stat("out", "s1", field);
        until("it is checked", SOON, || stat("check_status") == "L4OK");
        assert_eq!(stat("throttle"), "", "{flavour:?}: it was never down");
        server.stop();
        until("it is down", SOON, || stat("status") == "DOWN");
        let _server = Server::name(address, "s1");
        until("it is up", SOON, || stat("status") == "UP");
        let throttle = || stat("throttle").parse::<u32>().ok();
        let first = throttle();
        assert!(first.is_some_and(|percent| percent < 95), "{flavour:?}: {first:?}");
        until("it gets warmer", SOON, || throttle() > first);
        until("it is warm", SOON, || stat("throttle").is_empty());
    }
}

#[test]
fn checks_stray_from_their_interval_if_asked() {
    for flavour in flavours() {
        let place = Place::new();
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = times.clone();
        let server = Server::start(place.address(), move |mut stream| {
            seen.lock().unwrap().push(Instant::now());
            stream.read(&mut [0; 8]).map(drop)
        });
        let body = format!(
            "backend out\n    option tcp-check\n    tcp-check send x\n    \
             server s1 {} check inter 200ms",
            server.address()
        );
        let _node = start(flavour, &place, "spread-checks 50", &body);
        let gaps = || -> Vec<u128> {
            let times = times.lock().unwrap();
            let gap = |pair: &[Instant]| pair[1].duration_since(pair[0]).as_millis();
            times.windows(2).map(gap).collect()
        };
        until("one check comes early", SOON, || {
            let gaps = gaps();
            gaps.len() >= 10 && gaps.iter().any(|gap| *gap < 160)
        });
        // One gap is shorter where a busy machine has let this test see a check late, but not all.
        let (sum, count) = (gaps().iter().sum::<u128>(), gaps().len() as u128);
        assert!(sum >= 80 * count, "{flavour:?}: {:?}", gaps());
    }
}

/// HAProxy 3.1 has the word, but 2.6 lacks it. The expected states come from its manual.
#[test]
fn a_server_begins_in_the_state_that_it_is_taken_for() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let words = ["up", "fully-down", "down", "up", "fully-up"];
    let servers = (0..).zip(words).fold(String::new(), |lines, (number, word)| {
        lines + &format!("    server s{number} {} init-state {word}\n", server.address())
    });
    // The first of them is checked at once, the others much later.
    let body = format!("backend out\n    default-server check inter 60s\n{servers}");
    let node = start(Flavour::Stickd, &place, "", &body);
    let found = [1, 2, 3, 4].map(|number| {
        let stat = |field| node.api().stat("out", &format!("s{number}"), field);
        format!("{} {}", stat("check_health"), stat("status"))
    });
    assert_eq!(found, ["0 DOWN", "1 DOWN 1/2", "2 UP 1/3", "4 UP"]);
}
