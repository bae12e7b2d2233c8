//! Stick rules beside HAProxy: which of several rules apply, and what is left of a client that no
//! server took.

use std::net::SocketAddr;

use crate::support::{Flavour, Node, Place, Server, ask, source};
use crate::{flavours, start};

/// A `listen` section `web` with a table and three servers s1 to s3, and these lines.
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
