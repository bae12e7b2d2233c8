//! One instance per core: several processes at the same addresses that are peers of each other, as
//! `scripts/stickd@.service` starts them.

use crate::support::{Mesh, Node, Place, SOON, Server, ask, contents, source, until};
use std::net::SocketAddr;

const CLIENTS: u32 = 200;

/// The instances `0` and `1` at one address, with a session between them and three servers.
fn instances(place: &Place, front: SocketAddr, servers: &[Server]) -> [Node; 2] {
    let mut body = format!(
        "peers cores\n    peer 0 {}\n    peer 1 {}\n\n\
         listen web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 10k expire 10m peers cores\n    stick on src\n",
        place.address(),
        place.address()
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{number} {}\n", server.address()));
    }
    let nodes = ["0", "1"].map(|name| Node::start(place, name, &body));
    Mesh::until_connected(&nodes[0], "1");
    nodes
}

fn servers(place: &Place) -> Vec<Server> {
    (0..3).map(|number| Server::name(place.address(), &format!("s{number}"))).collect()
}

/// Lets every client connect once. Returns the answers, once both instances have all entries.
fn first_answers(front: SocketAddr, nodes: &[Node; 2]) -> Vec<String> {
    let answers = (0..CLIENTS).map(|n| ask(source(n), front).unwrap()).collect();
    let all = usize::try_from(CLIENTS).unwrap();
    until("both know all clients", SOON, || {
        nodes.iter().all(|node| node.api().used(Mesh::TABLE) == all)
    });
    answers
}

fn served(node: &Node) -> u32 {
    node.api().stat("web", "FRONTEND", "stot").parse().unwrap()
}

#[test]
fn instances_on_one_address_share_the_clients_and_know_each_others() {
    let place = Place::new();
    let (front, servers) = (place.address(), servers(&place));
    let nodes = instances(&place, front, &servers);
    let answers = first_answers(front, &nodes);
    let shares = [served(&nodes[0]), served(&nodes[1])];
    assert_eq!(shares[0] + shares[1], CLIENTS);
    assert!(shares.iter().all(|share| *share > CLIENTS / 10), "the kernel spreads: {shares:?}");
    assert_eq!(contents(&nodes[0].api(), "web"), contents(&nodes[1].api(), "web"));
    // The port changes, and with it the instance that the kernel picks.
    for _ in 0..3 {
        for (n, answer) in (0..).zip(&answers) {
            assert_eq!(ask(source(n), front).unwrap(), *answer);
        }
    }
}

#[test]
fn an_instance_is_reloaded_beside_the_other_without_a_refusal() {
    let place = Place::new();
    let (front, servers) = (place.address(), servers(&place));
    let nodes = instances(&place, front, &servers);
    let answers = first_answers(front, &nodes);
    nodes[0].ask_reload();
    let mut is_reloaded = false;
    until("the reload is done", SOON, || {
        for (n, answer) in (0..20).zip(&answers) {
            assert_eq!(ask(source(n), front).unwrap(), *answer);
        }
        // One more time after it is done.
        std::mem::replace(&mut is_reloaded, nodes[0].api().info("Reload_generation") == "2")
    });
    assert_eq!(nodes[1].api().info("Reload_generation"), "1");
}
