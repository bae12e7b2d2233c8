//! Peers that refuse a session, close too early, or send messages that stickd never sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::peer::{FakePeer, definition, table_message};
use crate::support::{Node, Place, SOON, Spec, connect_from, pause, reset, source, until};

/// A node `a` at the first address with a peer `fake` at the second address, and a table `t`.
fn node_with_fake_peer(place: &Place, own: SocketAddr, fake: SocketAddr) -> Node {
    node_started_with(&[], place, own, fake)
}

fn node_started_with(arguments: &[&str], place: &Place, own: SocketAddr, fake: SocketAddr) -> Node {
    let peers = format!("peers mesh\n    peer a {own}\n    peer fake {fake}\n");
    let table = "backend t\n    stick-table type ip size 10k expire 10m store gpc0 peers mesh\n";
    Spec::new(place, "a", &(peers + table)).arguments(arguments).start()
}

/// The result of the last attempt to reach the peer `fake`, from `show peers`.
fn last_status(node: &Node) -> String {
    let said = node.api().command("show peers");
    let line = said.lines().find(|line| line.contains("id=fake(remote")).unwrap();
    line.split("last_status=").nth(1).unwrap().to_owned()
}

#[test]
fn a_status_is_read_that_comes_with_the_end_of_the_connection() {
    // The words are those of haproxy 2.6.12 in front of the same peer.
    for (status, word) in [("300", "RETR"), ("501", "PROT"), ("503", "NAME"), ("504", "UNKN")] {
        let place = Place::new();
        let peer = TcpListener::bind(place.address()).unwrap();
        let node = node_with_fake_peer(&place, place.address(), peer.local_addr().unwrap());
        assert_eq!(FakePeer::refuse(&peer, status), "HAProxyS 2.1");
        until("the status is shown", SOON, || {
            last_status(&node).starts_with(&format!("{word} last_hdshk="))
        });
        assert!(!last_status(&node).contains("NEVER"), "{}", last_status(&node));
        let log = node.log();
        assert!(log.contains(&format!("status {status}")), "{log}");
    }
}

#[test]
fn callers_from_networks_that_may_not_call_are_closed_before_they_say_anything() {
    let place = Place::new();
    let own = place.address();
    let body = format!(
        "peers mesh\n    allow 127.99.0.0/16 {}\n    peer a {own}\n    peer fake {}\n\
         backend t\n    stick-table type ip size 1k peers mesh\n",
        source(7),
        place.address()
    );
    let node = Spec::new(&place, "a", &body).start();
    let says_hello = |number| {
        let mut caller = connect_from(source(number), own).unwrap();
        caller.set_read_timeout(Some(SOON)).unwrap();
        // The caller may be closed by then.
        let _ = caller.write_all(b"HAProxyS 2.1\na\nfake 1 1\n");
        let mut status = [0; 4];
        caller.read_exact(&mut status).is_ok_and(|()| status == *b"200\n")
    };
    assert!(says_hello(7));
    assert!(!says_hello(8));
    let closed = format!("a caller at {}:", source(8));
    until("it is logged", SOON, || node.log().contains(&closed));
}

#[test]
fn a_refused_version_is_stepped_down_from_at_once() {
    let place = Place::new();
    let peer = TcpListener::bind(place.address()).unwrap();
    let node = node_with_fake_peer(&place, place.address(), peer.local_addr().unwrap());
    assert_eq!(FakePeer::refuse(&peer, "502"), "HAProxyS 2.1");
    assert_eq!(FakePeer::refuse(&peer, "502"), "HAProxyS 2.0");
    until("the status is shown", SOON, || last_status(&node).starts_with("VERS last_hdshk="));
}

#[test]
fn what_a_peer_said_before_it_broke_off_is_learned() {
    let place = Place::new();
    let own = place.address();
    let node = node_with_fake_peer(&place, own, place.address());
    let mut peer = FakePeer::call(own, "a", "fake");
    peer.answers();
    // More updates than it handles in one turn are there when the connection is already broken.
    node.signal(Signal::SIGSTOP);
    let mut bytes = definition(1, "t", (4, 4), 4);
    for id in 1..=2000_u32 {
        let key = (0x0a00_0000 + id).to_be_bytes();
        bytes.extend(table_message(128, &[&id.to_be_bytes(), &key, &[7]]));
    }
    peer.send(&bytes);
    reset(peer.into_stream());
    node.signal(Signal::SIGCONT);
    until("all entries", SOON, || node.api().used("t") == 2000);
}

#[test]
fn a_key_of_another_length_is_told_as_it_was_configured() {
    let place = Place::new();
    let (own, fake) = (place.address(), place.address());
    let peers = format!("peers mesh\n    peer a {own}\n    peer fake {fake}\n");
    let table = "backend t\n    stick-table type string len 20 size 10 peers mesh\n";
    let node = Node::start(&place, "a", &(peers + table));
    let mut peer = FakePeer::call(own, "a", "fake");
    peer.send(&definition(1, "t", (6, 33), 1));
    peer.answers();
    until("it is said", SOON, || {
        node.log().contains("its keys are of 32 bytes there and of 20 here")
    });
}

#[test]
fn a_worker_that_is_taught_is_replaced_when_the_resync_is_over() {
    let place = Place::new();
    let own = place.address();
    let node = node_started_with(&["-W"], &place, own, place.address());
    let mut peer = FakePeer::call(own, "a", "fake");
    while peer.next() != (0, 0, Vec::new()) {} // it asks for a resync
    node.ask_reload();
    until("the next worker is there", SOON, || node.log().matches("started worker").count() == 2);
    // Nothing is to happen now: time for what should not.
    pause(Duration::from_millis(300));
    let log = node.log();
    assert!(!log.contains("takes over"), "{log}");
    peer.send(&[0, 1]);
    until("the next worker serves", SOON, || node.log().contains("generation 2 serves"));
    let log = node.log();
    assert!(!log.contains("the resync begins anew"), "{log}");
}
