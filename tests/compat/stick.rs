//! Stick rules compared with HAProxy: which of several rules apply, and what is stored about a
//! client that no server took.

use std::io::Read;
use std::net::SocketAddr;

use crate::support::{
    Flavour, Held, Node, Place, SOON, Server, ask, connect_from, reset, source, until,
};
use crate::{flavours, start};

/// A `listen` section `web` with a table, the servers s1 to s3, and these lines.
struct Setting {
    node: Node,
    front: SocketAddr,
    _servers: Vec<Server>,
    _place: Place,
}

fn setting(flavour: Flavour, lines: &str) -> Setting {
    let place = Place::new();
    let front = place.address();
    let mut body = format!(
        "listen web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 1k expire 1h\n{lines}\n"
    );
    let mut servers = Vec::new();
    for number in 1..=3 {
        let server = Server::name(place.address(), &format!("s{number}"));
        body.push_str(&format!("    server s{number} {}\n", server.address()));
        servers.push(server);
    }
    let node = start(flavour, &place, "", &body);
    Setting { node, front, _servers: servers, _place: place }
}

#[test]
fn of_the_rules_that_store_in_a_table_one_applies_and_those_that_match_all_do() {
    const STAYS: [&str; 4] = ["s1"; 4];
    const MOVES: [&str; 4] = ["s1", "s2", "s3", "s1"];
    let cases = [
        ("    stick store-request src\n    stick match src", STAYS),
        ("    stick match src\n    stick store-request src", STAYS),
        // The second rule would store too, so it is passed over as a whole.
        ("    stick store-request src\n    stick on src", MOVES),
        ("    stick on src\n    stick store-request src", STAYS),
        // What the client connected to is remembered, not the client.
        ("    stick store-request dst\n    stick match src\n    stick store-request src", MOVES),
        ("    stick store-request dst\n    stick match src\n    stick match dst", STAYS),
        ("    stick store-request dst if { dst_port 1 }\n    stick on src", STAYS),
    ];
    for flavour in flavours() {
        for (lines, expected) in cases {
            let setting = setting(flavour, lines);
            let seen = [0; 4].map(|_| ask(source(1), setting.front).unwrap());
            assert_eq!(seen, expected, "{flavour:?}:\n{lines}");
            assert_eq!(setting.node.api().table("web").len(), 1, "{flavour:?}:\n{lines}");
        }
    }
}

/// A server with one slot, which the client 127.1.0.1 holds. All clients go to this server, so
/// other clients wait in its queue.
struct Full {
    node: Node,
    front: SocketAddr,
    holder: std::net::TcpStream,
    _server: Server,
    _place: Place,
}

fn full(flavour: Flavour, lines: &str, words: &str) -> Full {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen l\n    bind {front}\n    stick-table type ip size 1k\n    stick on src\n    \
         use-server s1 if TRUE\n    {lines}\n    server s1 {} maxconn 1 {words}\n",
        server.address()
    );
    let node = start(flavour, &place, "", &body);
    let mut holder = connect_from(source(1), front).unwrap();
    holder.read_exact(&mut [0; 3]).unwrap();
    Full { node, front, holder, _server: server, _place: place }
}

impl Full {
    fn remembers(&self, number: u32) -> bool {
        self.node.api().table("l").contains_key(&source(number).to_string())
    }

    fn waiting(&self, count: usize) {
        until("clients wait", SOON, || {
            self.node.api().stat("l", "s1", "qcur") == count.to_string()
        });
    }
}

#[test]
fn a_client_that_waits_in_vain_for_a_place_is_not_remembered() {
    for flavour in flavours() {
        let full = full(flavour, "timeout queue 300ms", "");
        let burst: Vec<_> = (0..3).map(|_| connect_from(source(2), full.front).unwrap()).collect();
        for mut stream in burst {
            stream.read_to_end(&mut Vec::new()).ok();
        }
        full.waiting(0);
        until("it is forgotten", SOON, || !full.remembers(2));
        assert!(full.remembers(1), "{flavour:?}");
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_is_not_remembered() {
    for flavour in flavours() {
        let full = full(flavour, "timeout queue 60s", "");
        let stream = connect_from(source(2), full.front).unwrap();
        full.waiting(1);
        reset(stream);
        full.waiting(0);
        until("it is forgotten", SOON, || !full.remembers(2));
        assert!(full.remembers(1), "{flavour:?}");
    }
}

#[test]
fn a_client_that_finds_the_queue_full_is_not_remembered() {
    for flavour in flavours() {
        let lines = "timeout queue 60s\n    no option redispatch";
        let full = full(flavour, lines, "maxqueue 1");
        let _waits = connect_from(source(2), full.front).unwrap();
        full.waiting(1);
        let mut late = connect_from(source(3), full.front).unwrap();
        late.read_to_end(&mut Vec::new()).ok();
        until("it is forgotten", SOON, || !full.remembers(3));
        assert!(full.remembers(1), "{flavour:?}");
    }
}

#[test]
fn a_client_that_has_reached_its_server_by_another_connection_is_remembered() {
    for flavour in flavours() {
        let Full { node, front, holder, _server, _place } = full(flavour, "timeout queue 60s", "");
        let remembers = || node.api().table("l").contains_key(&source(2).to_string());
        let waiting = |count: &str| {
            until("clients wait", SOON, || node.api().stat("l", "s1", "qcur") == count);
        };
        let mut first = connect_from(source(2), front).unwrap();
        waiting("1");
        let second = connect_from(source(2), front).unwrap();
        waiting("2");
        drop(holder);
        first.read_exact(&mut [0; 3]).unwrap();
        reset(second);
        waiting("0");
        assert!(remembers(), "{flavour:?}");
        drop(first);
    }
}

#[test]
fn a_client_that_leaves_while_its_server_does_not_answer_is_not_remembered() {
    for flavour in flavours() {
        let place = Place::new();
        let dead = place.address();
        let _held = Held::unanswering(dead);
        let front = place.address();
        let body = format!(
            "listen l\n    bind {front}\n    stick-table type ip size 1k\n    stick on src\n    \
             timeout connect 60s\n    server s1 {dead}\n"
        );
        let node = start(flavour, &place, "", &body);
        let stream = connect_from(source(2), front).unwrap();
        until("it has come", SOON, || node.api().stat("l", "s1", "scur") == "1");
        reset(stream);
        until("it has gone", SOON, || node.api().stat("l", "s1", "scur") == "0");
        until("it is forgotten", SOON, || node.api().table("l").is_empty());
    }
}
