//! Silence ends a connection when the timeout is over, and not before.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::support::{Held, Node, Place, SOON, Server, ask, connect_from, source, until};

/// Starts a node with these timeouts in front of `server`. Returns how long a connection lasts that
/// is idle from its first byte on.
fn idle_time(place: &Place, server: &Server, timeouts: &str) -> Duration {
    let front = place.address();
    let body =
        format!("listen web\n    bind {front}\n    {timeouts}\n    server s1 {}", server.address());
    let _node = Node::start(place, "a", &body);
    let mut stream = connect_from(source(1), front).unwrap();
    let start = Instant::now();
    stream.write_all(b"x").unwrap();
    while stream.read(&mut [0; 16]).is_ok_and(|count| count > 0) {}
    start.elapsed()
}

/// A busy machine may be late, but the other timeouts of these tests are far away.
#[track_caller]
fn assert_about(time: Duration, expected_ms: u64) {
    let expected = Duration::from_millis(expected_ms);
    assert!(time >= expected - Duration::from_millis(60), "{time:?} is less than {expected:?}");
    assert!(time < expected + SOON / 2, "{time:?} is more than {expected:?}");
}

#[test]
fn a_silent_client_is_closed() {
    let place = Place::new();
    let server = Server::echo(place.address());
    assert_about(idle_time(&place, &server, "timeout client 300ms\n    timeout server 20s"), 300);
}

#[test]
fn a_silent_server_is_closed() {
    let place = Place::new();
    let server = Server::silent(place.address());
    assert_about(idle_time(&place, &server, "timeout client 20s\n    timeout server 300ms"), 300);
}

#[test]
fn the_tunnel_timeout_replaces_those_of_both_sides() {
    let place = Place::new();
    let server = Server::echo(place.address());
    let timeouts = "timeout client 200ms\n    timeout server 200ms\n    timeout tunnel 900ms";
    assert_about(idle_time(&place, &server, timeouts), 900);
}

#[test]
fn traffic_keeps_a_connection_open_beyond_its_timeouts() {
    let place = Place::new();
    let server = Server::echo(place.address());
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    timeout client 1s\n    timeout server 1s\n    \
         server s1 {}",
        server.address()
    );
    let _node = Node::start(&place, "a", &body);
    let mut stream = connect_from(source(1), front).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) {
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        crate::support::pause(Duration::from_millis(200));
    }
}

#[test]
fn a_server_whose_client_has_finished_has_its_own_timeout() {
    let place = Place::new();
    // It never answers and never closes.
    let server = Server::start(place.address(), |mut stream| {
        std::io::copy(&mut stream, &mut std::io::sink())?;
        crate::support::pause(SOON);
        Ok(())
    });
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    timeout client 20s\n    timeout server 20s\n    \
         timeout server-fin 300ms\n    server s1 {}",
        server.address()
    );
    let _node = Node::start(&place, "a", &body);
    let mut stream = connect_from(source(1), front).unwrap();
    stream.write_all(b"x").unwrap();
    let start = Instant::now();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(!stream.read(&mut [0]).is_ok_and(|count| count > 0));
    assert_about(start.elapsed(), 300);
}

#[test]
fn a_client_whose_server_has_finished_has_its_own_timeout() {
    let place = Place::new();
    let (report, reported) = std::sync::mpsc::channel();
    let server = Server::start(place.address(), move |mut stream| {
        let start = Instant::now();
        stream.shutdown(Shutdown::Write)?;
        while stream.read(&mut [0; 16]).is_ok_and(|count| count > 0) {}
        report.send(start.elapsed()).unwrap();
        Ok(())
    });
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    timeout client 20s\n    timeout client-fin 300ms\n    \
         timeout server 20s\n    server s1 {}",
        server.address()
    );
    let _node = Node::start(&place, "a", &body);
    // It never closes by itself.
    let _stream = connect_from(source(1), front).unwrap();
    assert_about(reported.recv_timeout(SOON).unwrap(), 300);
}

#[test]
fn a_server_that_does_not_take_the_connection_is_given_up() {
    let place = Place::new();
    let (dead, front) = (place.address(), place.address());
    let _held = Held::unanswering(dead);
    let body = format!(
        "listen web\n    bind {front}\n    timeout connect 200ms\n    retries 1\n    \
         server s1 {dead}"
    );
    let _node = Node::start(&place, "a", &body);
    let start = Instant::now();
    assert!(ask(source(1), front).is_err());
    assert!(start.elapsed() >= Duration::from_millis(350), "{:?}", start.elapsed());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn a_server_that_comes_up_between_two_tries_gets_the_client() {
    let place = Place::new();
    let (back, front) = (place.address(), place.address());
    let body = format!("listen web\n    bind {front}\n    retries 5\n    server s1 {back}");
    let _node = Node::start(&place, "a", &body);
    let asking = std::thread::spawn(move || ask(source(1), front));
    // The first try is refused before the server listens.
    crate::support::pause(Duration::from_millis(300));
    let server = Server::name(back, "late");
    assert_eq!(asking.join().unwrap().unwrap(), "late");
    until("one connection", SOON, || server.accepted() == 1);
}
