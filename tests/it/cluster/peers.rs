//! Several nodes have the same table, also after a late start, a crash or a lost session.

use std::time::Duration;

use crate::support::{Mesh, Node, Place, SOON, ask, contents, source};

#[test]
fn two_thousand_new_clients_are_known_everywhere_soon() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    Mesh::until_connected(&nodes[0], "c");
    let names: Vec<_> = (0..2000).map(|n| ask(source(n), mesh.fronts[0]).unwrap()).collect();
    let expected = contents(&nodes[0].api(), Mesh::TABLE);
    assert_eq!(expected.len(), 2000);
    Mesh::until_holds(&nodes[1], &expected, SOON);
    Mesh::until_holds(&nodes[2], &expected, SOON);
    // So every client reaches the same server through any node.
    for (n, name) in (0..).zip(&names).step_by(37) {
        for front in &mesh.fronts {
            assert_eq!(ask(source(n), *front).unwrap(), *name);
        }
    }
}

#[test]
fn changes_on_all_nodes_reach_all_nodes() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let nodes = mesh.start_all();
    for (node, peer) in [(0, "b"), (0, "c"), (1, "c")] {
        Mesh::until_connected(&nodes[node], peer);
    }
    for n in 0..600 {
        let node = usize::try_from(n % 3).unwrap();
        ask(source(n), mesh.fronts[node]).unwrap();
    }
    let expected = 600;
    for node in &nodes {
        crate::support::until("all entries", SOON, || node.api().used(Mesh::TABLE) == expected);
    }
    let first = contents(&nodes[0].api(), Mesh::TABLE);
    Mesh::until_holds(&nodes[1], &first, SOON);
    Mesh::until_holds(&nodes[2], &first, SOON);
}

#[test]
fn a_late_joiner_learns_everything() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let first = mesh.start(0);
    first.api().set_servers(Mesh::TABLE, (0..20_000).map(source), 2);
    let expected = contents(&first.api(), Mesh::TABLE);
    assert_eq!(expected.len(), 20_000);
    let late = mesh.start(1);
    Mesh::until_holds(&late, &expected, SOON);
    assert_eq!(ask(source(4711), mesh.fronts[1]).unwrap(), "s2");
}

#[test]
fn a_node_that_was_killed_learns_again_what_it_knew_and_missed() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let first = mesh.start(0);
    let mut second = mesh.start(1);
    Mesh::until_connected(&first, "b");
    for n in 0..100 {
        ask(source(n), mesh.fronts[1]).unwrap();
    }
    let before = contents(&second.api(), Mesh::TABLE);
    Mesh::until_holds(&first, &before, SOON);
    second.crash();
    for n in 100..200 {
        ask(source(n), mesh.fronts[0]).unwrap();
    }
    let expected = contents(&first.api(), Mesh::TABLE);
    assert_eq!(expected.len(), 200);
    let second = second.start_again();
    Mesh::until_holds(&second, &expected, SOON);
    // And it goes on from there, in both directions.
    ask(source(300), mesh.fronts[0]).unwrap();
    ask(source(301), mesh.fronts[1]).unwrap();
    for node in [&first, &second] {
        crate::support::until("the new ones", SOON, || node.api().used(Mesh::TABLE) == 202);
    }
}

#[test]
fn a_node_that_was_cut_off_gets_what_it_missed() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    ask(source(1), mesh.fronts[0]).unwrap();
    // Stopped for longer than the other side waits for a sign of life.
    nodes[1].signal(nix::sys::signal::Signal::SIGSTOP);
    for n in 2..100 {
        ask(source(n), mesh.fronts[0]).unwrap();
    }
    let said = || nodes[0].api().command("show peers");
    crate::support::until("it is given up", SOON, || !said().contains("last_status=ESTA"));
    nodes[1].signal(nix::sys::signal::Signal::SIGCONT);
    let expected = contents(&nodes[0].api(), Mesh::TABLE);
    Mesh::until_holds(&nodes[1], &expected, Duration::from_secs(15));
}

#[test]
fn garbage_on_the_peers_port_harms_nobody() {
    use std::io::Write;
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let mut nodes = mesh.start_all();
    Mesh::until_connected(&nodes[0], "b");
    let address = Mesh::peers_address(&nodes[0]);
    let mut random = crate::support::Random::new(7);
    for _ in 0..200 {
        let mut stream = crate::support::connect_from(source(1), address).unwrap();
        let mut bytes = b"HAProxyS 2.1\na\nb 1 1\n".to_vec();
        if random.below(2) == 0 {
            bytes.clear();
        }
        for _ in 0..random.below(400) {
            bytes.push(u8::try_from(random.below(256)).unwrap());
        }
        stream.write_all(&bytes).ok();
    }
    assert!(nodes.iter_mut().all(Node::is_running));
    for n in 0..50 {
        ask(source(n), mesh.fronts[0]).unwrap();
    }
    let expected = contents(&nodes[0].api(), Mesh::TABLE);
    Mesh::until_holds(&nodes[1], &expected, Duration::from_secs(15));
}

/// The caller gives up its call before the node reads the hello. HAProxy does so when both nodes
/// call at the same moment. The node must keep the session that is already up.
#[test]
fn a_hello_whose_caller_is_gone_does_not_end_the_session() {
    use std::io::{Read, Write};
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let node = mesh.start(0);
    let address = Mesh::peers_address(&node);
    let call = || {
        let mut stream = crate::support::connect_from(source(1), address).unwrap();
        stream.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
        stream
    };
    let mut session = call();
    let mut status = [0; 4];
    session.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"200\n");
    node.signal(nix::sys::signal::Signal::SIGSTOP);
    drop(call());
    node.signal(nix::sys::signal::Signal::SIGCONT);
    for _ in 0..5 {
        node.api().command("show info"); // several turns of its loop: it has seen the hello
    }
    session.write_all(&[0, 1]).unwrap(); // the resync that it asks for is over
    ask(source(2), mesh.fronts[0]).unwrap();
    session.set_read_timeout(Some(SOON)).unwrap();
    let mut said = Vec::new();
    while !said.windows(2).any(|bytes| bytes == [10, 128]) {
        let mut bytes = [0; 1000];
        let count = session.read(&mut bytes).unwrap();
        assert!(count > 0, "the session was closed after {said:?}");
        said.extend_from_slice(&bytes[..count]);
    }
}

/// A definition of the mesh's table with this type and length of the keys.
fn definition(key_type: u8, key_len: u8) -> Vec<u8> {
    let mut payload = vec![1, 3];
    payload.extend_from_slice(Mesh::TABLE.as_bytes());
    payload.extend_from_slice(&[key_type, key_len, 1, 0]);
    let mut message = vec![10, 130, u8::try_from(payload.len()).unwrap()];
    message.extend_from_slice(&payload);
    message
}

#[test]
fn a_table_that_is_otherwise_elsewhere_is_said_once_however_often_it_is_defined() {
    use std::io::{Read, Write};
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None)]);
    let node = mesh.start(0);
    let mut session = crate::support::connect_from(source(1), Mesh::peers_address(&node)).unwrap();
    session.write_all(b"HAProxyS 2.1\na\nb 1 1\n").unwrap();
    for _ in 0..50 {
        session.write_all(&definition(5, 16)).unwrap();
        session.write_all(&definition(4, 8)).unwrap();
    }
    // It closes once it has read everything.
    session.shutdown(std::net::Shutdown::Write).unwrap();
    session.read_to_end(&mut Vec::new()).unwrap();
    let log = node.log();
    assert_eq!(log.matches("; not learned").count(), 1, "{log}");
    let said = ": table 'web': its keys are of type ipv6 there and of type ip here";
    assert!(log.contains(said), "{log}");
}
