//! Limits and balance hold over a reload: the connections that the old process still has count in
//! the new one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::{Node, Place, SOON, Server, Spec, connect_from, source, until};

/// A client that has its server's name, and keeps its connection.
struct Guest {
    stream: BufReader<TcpStream>,
    server: String,
}

impl Guest {
    fn new(front: SocketAddr, number: u32) -> Self {
        Self::of(connect_from(source(number), front).unwrap())
    }

    /// Waits until a server has the client.
    fn of(stream: TcpStream) -> Self {
        let mut stream = BufReader::new(stream);
        let mut server = String::new();
        stream.read_line(&mut server).unwrap();
        Self { stream, server: server.trim().to_owned() }
    }

    /// Whether its connection still works.
    fn is_served(&mut self) -> bool {
        let sent = self.stream.get_mut().write_all(b"x");
        sent.is_ok() && self.stream.read_exact(&mut [0]).is_ok()
    }
}

struct Service {
    _servers: Vec<Server>,
    node: Node,
    front: SocketAddr,
}

fn service(place: &Place, global: &str, words: &str, server_words: &str) -> Service {
    service_with(place, words, server_words, |body| Spec::with_global(place, "a", global, body))
}

fn service_with(
    place: &Place,
    words: &str,
    server_words: &str,
    spec: impl Fn(&str) -> Spec,
) -> Service {
    let servers: Vec<_> =
        (1..=2).map(|n| Server::greeting_echo(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let mut body = format!("listen web\n    bind {front}\n    {words}\n    timeout queue 1m\n");
    for (server, n) in servers.iter().zip(1..) {
        body.push_str(&format!("    server s{n} {} {server_words}\n", server.address()));
    }
    let node = spec(&body).reloadable().start();
    Service { _servers: servers, node, front }
}

fn figure(node: &Node, service: &str, field: &str) -> u32 {
    node.api().stat("web", service, field).parse().unwrap()
}

#[test]
fn a_server_has_no_more_connections_than_its_maxconn() {
    let place = Place::new();
    let Service { node, front, .. } = &service(&place, "", "balance roundrobin", "maxconn 2");
    let mut guests: Vec<_> = (0..4).map(|n| Guest::new(*front, n)).collect();
    for _ in 0..2 {
        node.reload();
    }
    let late = connect_from(source(10), *front).unwrap();
    until("the next client waits", SOON, || figure(node, "BACKEND", "qcur") == 1);
    assert!(guests.iter_mut().all(Guest::is_served));
    let place = guests.iter().position(|guest| guest.server == "s2").unwrap();
    drop(guests.remove(place));
    let late = Guest::of(late);
    assert_eq!((late.server.as_str(), figure(node, "BACKEND", "qcur")), ("s2", 0));
    // When the old processes have ended, nothing of theirs counts any more.
    drop(guests);
    let all: Vec<_> = (20..23).map(|n| Guest::new(*front, n)).collect();
    assert_eq!(all.iter().filter(|guest| guest.server == "s1").count(), 2);
}

#[test]
fn the_server_with_the_fewest_connections_gets_the_next_client() {
    let place = Place::new();
    let Service { node, front, .. } = &service(&place, "", "balance leastconn", "");
    let mut guests: Vec<_> = (0..8).map(|n| Guest::new(*front, n)).collect();
    guests.retain(|guest| guest.server == "s1");
    until("four have left", SOON, || figure(node, "BACKEND", "scur") == 4);
    node.reload();
    let next: Vec<_> = (20..24).map(|n| Guest::new(*front, n).server).collect();
    assert_eq!(next, ["s2"; 4]);
    drop(guests);
}

#[test]
fn a_frontend_and_the_process_have_no_more_connections_than_their_maxconn() {
    for (global, words) in [("", "maxconn 3"), ("maxconn 3", "")] {
        let place = Place::new();
        let Service { node, front, .. } = &service(&place, global, words, "");
        let mut guests: Vec<_> = (0..3).map(|n| Guest::new(*front, n)).collect();
        node.reload();
        let late = connect_from(source(10), *front).unwrap();
        // A turn accepts before it answers. The client waits in the kernel's queue.
        assert_eq!(figure(node, "FRONTEND", "scur"), 0, "{global}{words}");
        assert!(guests.iter_mut().all(Guest::is_served));
        guests.pop();
        Guest::of(late);
    }
}

/// Descriptors allow few connections, and no `maxconn` is written.
#[test]
fn a_limit_that_follows_from_descriptors_is_each_processes_own() {
    let place = Place::new();
    let Service { node, front, .. } =
        &service_with(&place, "", "", |body| Spec::new(&place, "a", body).descriptors(120));
    let limit: u32 = node.api().info("Maxconn").parse().unwrap();
    let mut guests: Vec<_> = (0..limit).map(|n| Guest::new(*front, n)).collect();
    node.reload();
    guests.extend((0..limit).map(|n| Guest::new(*front, 100 + n)));
    assert!(guests.iter_mut().all(Guest::is_served));
}
