//! Signals: the soft stop, the hard stop, the state report, and a successor with `-sf` and `-st`.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{
    Node, Place, SOON, Server, Spec, ask, connect_from, eventually, source, until,
};

fn web(front: SocketAddr, server: &Server) -> String {
    format!("listen web\n    bind {front}\n    server s1 {}", server.address())
}

#[test]
fn a_soft_stop_finishes_what_is_open_and_takes_nothing_new() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let mut node = Node::start(&place, "a", &web(front, &server));
    let mut open = connect_from(source(1), front).unwrap();
    open.read_exact(&mut [0; 3]).unwrap();
    node.signal(Signal::SIGUSR1);
    until("no new connections", SOON, || ask(source(2), front).is_err());
    open.write_all(b"still here").unwrap();
    let mut answer = [0; 10];
    open.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"still here");
    assert!(node.is_running());
    drop(open);
    assert!(node.wait(SOON).success());
}

#[test]
fn a_soft_stop_is_bounded_by_hard_stop_after() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = web(front, &server);
    let mut node = Spec::with_global(&place, "a", "hard-stop-after 500ms", &body).start();
    let mut open = connect_from(source(1), front).unwrap();
    open.read_exact(&mut [0; 3]).unwrap();
    node.signal(Signal::SIGUSR1);
    node.wait(SOON);
}

/// A node with a local peer that it cannot call, because it may open no more descriptors.
fn without_descriptors(place: &Place, global: &str) -> Node {
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!("peers mesh\n    peer a {}\n{}", place.address(), web(front, &server));
    let node = Spec::with_global(place, "a", global, &body).start();
    let pid = node.pid().to_string();
    let limited =
        std::process::Command::new("prlimit").args(["--nofile=3", "--pid", &pid]).status();
    assert!(limited.unwrap().success());
    node
}

#[test]
fn a_soft_stop_ends_although_the_local_peer_cannot_be_called() {
    let place = Place::new();
    let mut node = without_descriptors(&place, "");
    node.signal(Signal::SIGUSR1);
    assert!(node.wait(SOON).success());
    assert!(node.log().contains("soft stop"), "{}", node.log());
}

#[test]
fn hard_stop_after_bounds_the_wait_for_the_local_peer_too() {
    let place = Place::new();
    let mut node = without_descriptors(&place, "hard-stop-after 500ms");
    node.signal(Signal::SIGUSR1);
    assert!(node.wait(Duration::from_secs(3)).success());
}

#[test]
fn a_hard_stop_ends_at_once() {
    for number in [Signal::SIGTERM, Signal::SIGINT] {
        let place = Place::new();
        let server = Server::greeting_echo(place.address(), "s1");
        let front = place.address();
        let mut node = Node::start(&place, "a", &web(front, &server));
        let mut open = connect_from(source(1), front).unwrap();
        open.read_exact(&mut [0; 3]).unwrap();
        node.signal(number);
        node.wait(SOON);
        assert!(!open.read(&mut [0; 1]).is_ok_and(|count| count > 0));
    }
}

#[test]
fn sighup_reports_every_proxy_and_peer_and_changes_nothing() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "peers mesh\n    peer a {}\n    peer other {}\n{}",
        place.address(),
        place.address(),
        web(front, &server)
    );
    let node = Node::start(&place, "a", &body);
    let before = node.log().len();
    node.signal(Signal::SIGHUP);
    let reported = eventually(SOON, || {
        let log = node.log();
        let report = &log[before..];
        report.contains("web") && report.contains("s1") && report.contains("other")
    });
    assert!(reported, "{}", node.log());
    assert_eq!(ask(source(1), front).unwrap(), "s1");
}

#[test]
fn sigpipe_is_ignored() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let mut node = Node::start(&place, "a", &web(front, &server));
    node.signal(Signal::SIGPIPE);
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    assert!(node.is_running());
}

#[test]
fn a_successor_started_by_hand_takes_over_without_a_refusal() {
    for option in ["-sf", "-st"] {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let front = place.address();
        let body =
            format!("{}\n    stick-table type ip size 1k\n    stick on src", web(front, &server));
        let mut old = Node::start(&place, "a", &body);
        for n in 0..50 {
            assert_eq!(ask(source(n), front).unwrap(), "s1");
        }
        let pid = old.pid().to_string();
        let new = Spec::new(&place, "a", &body).arguments(&[option, &pid]).start();
        old.wait(SOON);
        for n in 0..50 {
            assert_eq!(ask(source(n), front).unwrap(), "s1", "{option}");
        }
        assert_ne!(new.pid().to_string(), pid);
    }
}
