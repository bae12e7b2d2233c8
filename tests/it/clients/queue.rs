//! Queues under load: no client is lost, a server never gets more clients than its limit, and
//! waiting clients survive changes of the servers.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Held, Node, Place, SOON, Server, ask, connect_from, pause, source, until};

/// A server that remembers the largest number of its clients at a time.
fn watched(address: SocketAddr, most: &Arc<AtomicUsize>) -> Server {
    let (now, most) = (AtomicUsize::new(0), most.clone());
    Server::start(address, move |mut stream| {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(count, Ordering::SeqCst);
        pause(Duration::from_millis(5));
        now.fetch_sub(1, Ordering::SeqCst);
        std::io::Write::write_all(&mut stream, b"s1\n")
    })
}

#[test]
fn a_server_never_gets_more_than_it_may_and_nobody_is_lost() {
    let place = Place::new();
    let most = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let servers = [watched(place.address(), &most[0]), watched(place.address(), &most[1])];
    let front = place.address();
    let body = format!(
        "listen l\n    bind {front}\n    balance leastconn\n    timeout queue 20s\n    \
         server s1 {} maxconn 3\n    server s2 {} maxconn 5",
        servers[0].address(),
        servers[1].address()
    );
    let node = Node::start(&place, "a", &body);
    thread::scope(|scope| {
        for thread in 0..20 {
            scope.spawn(move || {
                for n in 0..20 {
                    assert_eq!(ask(source(thread * 100 + n), front).unwrap(), "s1");
                }
            });
        }
    });
    let most = most.map(|most| most.load(Ordering::SeqCst));
    assert!(most[0] <= 3 && most[1] <= 5, "{most:?}");
    until("all places are free", SOON, || {
        ["s1", "s2", "BACKEND"].iter().all(|row| node.api().stat("l", row, "scur") == "0")
    });
    let queued: u32 = node.api().stat("l", "BACKEND", "qmax").parse().unwrap();
    assert!(queued > 0, "nobody ever waited: the test shows nothing");
    assert_eq!(node.api().stat("l", "BACKEND", "qcur"), "0");
}

#[test]
fn clients_that_leave_the_queue_or_are_killed_in_it_leave_nothing_behind() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen l\n    bind {front}\n    timeout queue 20s\n    server s1 {} maxconn 1",
        server.address()
    );
    let node = Node::start(&place, "a", &body);
    let stat = |row, field| node.api().stat("l", row, field);
    let first = connect_from(source(0), front).unwrap();
    until("the first has its place", SOON, || stat("s1", "scur") == "1");
    for round in 0..3 {
        let mut others: Vec<TcpStream> =
            (1..20).map(|n| connect_from(source(n), front).unwrap()).collect();
        until("the others wait", SOON, || stat("BACKEND", "qcur") == "19");
        while let Some(stream) = others.pop() {
            if others.len() % 2 == round % 2 {
                crate::support::reset(stream);
            } else {
                drop(stream);
            }
        }
        until("the queue is empty", SOON, || stat("BACKEND", "qcur") == "0");
    }
    drop(first);
    until("the place is free", SOON, || stat("s1", "scur") == "0");
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    until("nothing is left", SOON, || node.api().info("CurrConns") == "0");
}

#[test]
fn a_failing_server_gives_its_places_back() {
    let place = Place::new();
    let dead = place.address();
    let _held = Held::refusing(dead);
    let alive = Server::name(place.address(), "s2");
    let front = place.address();
    // Tries at the failing server take no time, so there are many while the other one is busy.
    let body = format!(
        "listen l\n    bind {front}\n    option redispatch\n    retries 1000000\n    \
         timeout queue 1m\n    \
         server s1 {dead} maxconn 1\n    server s2 {} maxconn 1",
        alive.address()
    );
    let node = Node::start(&place, "a", &body);
    thread::scope(|scope| {
        for n in 0..10 {
            scope.spawn(move || assert_eq!(ask(source(n), front).unwrap(), "s2"));
        }
    });
    let scur = |row| node.api().stat("l", row, "scur");
    until("all places are free", SOON, || scur("s1") == "0" && scur("s2") == "0");
}
