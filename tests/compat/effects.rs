//! Words whose effect can be seen only from outside.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Flavour, Place, SOON, Server, Spec, ask, connect_from, source};
use crate::{flavours, start};

#[test]
fn a_server_is_remembered_by_its_name_or_its_address() {
    for flavour in flavours() {
        for (word, by_name) in [("", true), ("srvkey name", true), ("srvkey addr", false)] {
            let place = Place::new();
            let server = Server::name(place.address(), "s1");
            let (front, address) = (place.address(), server.address());
            let body = format!(
                "listen l\n    bind {front}\n    stick-table type ip size 1k {word}\n    \
                 stick on src\n    server s1 {address}"
            );
            let node = start(flavour, &place, "", &body);
            ask(source(1), front).unwrap();
            let key = node.api().table("l")["127.1.0.1"]["server_key"].clone();
            let wanted = if by_name { "s1".to_owned() } else { address.to_string() };
            assert_eq!(key, wanted, "{flavour:?}: '{word}'");
        }
    }
}

/// HAProxy 2.8 has the word, but 2.6 lacks it. The expected counts come from its manual.
#[test]
fn a_rule_adds_to_a_counter_of_an_array() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen l\n    bind {front}\n    stick-table type ip size 1k \
         store gpc(2),gpc_rate(2,1h)\n    tcp-request connection track-sc0 src\n    \
         tcp-request connection sc-add-gpc(1,0) 5\n    server s1 {}",
        server.address()
    );
    let node = start(Flavour::Stickd, &place, "", &body);
    for count in [5, 10] {
        ask(source(1), front).unwrap();
        let entry = node.api().table("l").remove("127.1.0.1").unwrap();
        let counts = ["gpc0", "gpc1", "gpc0_rate(3600000)", "gpc1_rate(3600000)"];
        let found = counts.map(|name| entry[name].parse::<u32>().unwrap());
        assert_eq!(found, [0, count, 0, count]);
    }
}

#[test]
fn too_low_a_limit_is_an_error_where_limits_are_strict() {
    let place = Place::new();
    let body = format!("listen l\n    bind {}\n    server s1 127.0.0.1:1", place.address());
    let spec = |name, global: &str| {
        Spec::with_global(&place, name, &format!("maxconn 5000\n{global}"), &body).descriptors(300)
    };
    let node = spec("lenient", "").start();
    assert!(node.log().contains("maxconn 5000 needs"), "{}", node.log());
    let most: u32 = node.api().info("Maxconn").parse().unwrap();
    assert!((1..150).contains(&most), "{most}");
    let mut node = spec("strict", "strict-limits").start_unready();
    assert_eq!(node.wait(SOON).code(), Some(1));
    assert!(node.log().contains("'strict-limits'"), "{}", node.log());
}

#[test]
fn a_process_without_privileges_leaves_a_core_file_where_it_is_told_to() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can change user");
        return;
    }
    for flavour in flavours() {
        for (word, is_dumpable) in [("", false), ("set-dumpable", true)] {
            let place = Place::new();
            let body = format!("listen l\n    bind {}\n    server s1 127.0.0.1:1", place.address());
            let node = start(flavour, &place, &format!("user nobody\n{word}"), &body);
            // What a process keeps for itself is root's; else it is its own.
            let about = std::fs::metadata(format!("/proc/{}/environ", node.pid())).unwrap();
            assert_eq!(about.uid() != 0, is_dumpable, "{flavour:?}: '{word}'");
        }
    }
}

#[test]
fn programs_that_the_process_executes_gain_no_privileges() {
    for flavour in flavours() {
        for (word, is_locked) in [("", true), ("insecure-setuid-wanted", false)] {
            let place = Place::new();
            let body = format!("listen l\n    bind {}\n    server s1 127.0.0.1:1", place.address());
            let node = start(flavour, &place, word, &body);
            let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
            let said = format!("NoNewPrivs:\t{}\n", u8::from(is_locked));
            assert!(status.contains(&said), "{flavour:?}: '{word}': {status}");
        }
    }
}

#[test]
fn the_connections_of_the_process_can_be_bounded_while_it_runs() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let front = place.address();
        let body = format!("listen l\n    bind {front}\n    server s1 {}", server.address());
        let node = start(flavour, &place, "maxconn 100", &body);
        let api = node.api();
        assert_eq!(api.command("set maxconn global 1").trim(), "");
        assert_eq!(api.info("Maxconn"), "1", "{flavour:?}");
        let is_greeted = |client: &mut std::net::TcpStream, within| {
            client.set_read_timeout(Some(within)).unwrap();
            client.read(&mut [0; 3]).is_ok_and(|count| count > 0)
        };
        let mut first = connect_from(source(1), front).unwrap();
        assert!(is_greeted(&mut first, SOON), "{flavour:?}");
        let mut second = connect_from(source(2), front).unwrap();
        assert!(!is_greeted(&mut second, Duration::from_millis(200)), "{flavour:?}");
        assert_eq!(api.command("set maxconn global 2").trim(), "");
        assert!(is_greeted(&mut second, SOON), "{flavour:?}: there is room now");
        assert_eq!(api.command("set maxconn global 0").trim(), "");
        assert_eq!(api.info("Maxconn"), "100", "{flavour:?}: what there is room for");
    }
}

#[test]
fn a_signal_that_stops_at_once_is_what_ends_the_process() {
    for flavour in flavours() {
        for number in [Signal::SIGINT, Signal::SIGTERM] {
            // HAProxy leaves a signal ignored that it was started to ignore, as a shell does for
            // programs in the background.
            if flavour == Flavour::Haproxy && is_ignored_here(number) {
                continue;
            }
            let place = Place::new();
            let body = format!("listen l\n    bind {}\n    server s1 127.0.0.1:1", place.address());
            let mut node = start(flavour, &place, "", &body);
            node.signal(number);
            assert_eq!(node.wait(SOON).signal(), Some(number as i32), "{flavour:?}");
        }
    }
}

/// Whether this process, and so what it starts, ignores a signal.
fn is_ignored_here(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() >> (signal as i32 - 1) & 1 == 1
}
