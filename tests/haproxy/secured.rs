//! TLS between stickd and HAProxy in one mesh.

use std::fmt::Write as _;

use crate::haproxy_or_skip;
use crate::support::{Mesh, Node, Place, SOON, Spec, ask, contents, source, tls_words, until};

#[test]
fn a_mesh_of_three_over_tls_with_one_node_in_plain_text_is_in_step() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let members = [("a", None), ("h", Some(haproxy)), ("b", None)];
    let mesh = Mesh::over_tls(&place, &members, &["b"]);
    let nodes = mesh.start_all();
    for (node, peer) in [(0, "h"), (0, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "h")] {
        Mesh::until_connected(&nodes[node], peer);
    }
    for n in 0..900 {
        ask(source(n), mesh.fronts[usize::try_from(n % 3).unwrap()]).unwrap();
    }
    for node in &nodes {
        until("all clients", SOON, || node.api().used(Mesh::TABLE) == 900);
    }
    let expected = contents(&nodes[0].api(), Mesh::TABLE);
    for node in &nodes {
        Mesh::until_holds(node, &expected, SOON);
    }
}

#[test]
fn a_late_joiner_learns_everything_over_tls_whoever_calls() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    for early in [0, 1] {
        let place = Place::new();
        let members = [("a", None), ("h", Some(haproxy.clone()))];
        let mesh = Mesh::over_tls(&place, &members, &[]);
        let first = mesh.start(early);
        first.api().set_servers(Mesh::TABLE, (0..10_000).map(source), 2);
        // The one that starts second calls.
        let late = mesh.start(1 - early);
        until("all entries", SOON, || late.api().used(Mesh::TABLE) == 10_000);
        assert_eq!(ask(source(77), mesh.fronts[1 - early]).unwrap(), "s2");
        until("the other hears of it", SOON, || {
            contents(&first.api(), Mesh::TABLE) == contents(&late.api(), Mesh::TABLE)
        });
    }
}

/// Nodes `a` and `h` that show these certificates, in a section with `bind` and `server` lines.
fn pair(place: &Place, haproxy: &std::path::Path, certificates: [&str; 2]) -> [Node; 2] {
    let addresses = [place.address(), place.address()];
    let names = ["a", "h"];
    let node = |own: usize| {
        let words = tls_words(certificates[own]);
        let mut body = format!("peers m\n    bind {} {words}\n", addresses[own]);
        writeln!(body, "    default-server {words}").unwrap();
        for (name, address) in names.iter().zip(addresses) {
            let address = if *name == names[own] { String::new() } else { address.to_string() };
            writeln!(body, "    server {name} {address}").unwrap();
        }
        body += "backend t\n    stick-table type ip size 100 store gpc0 peers m\n";
        Spec::new(place, names[own], &body)
    };
    [node(0).start(), node(1).on_haproxy(haproxy.to_owned()).start()]
}

#[test]
fn bind_and_server_lines_mean_the_same_to_both() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let nodes = pair(&place, &haproxy, ["a.pem", "h.pem"]);
    Mesh::until_connected(&nodes[0], "h");
    for (from, to, key) in [(0, 1, "192.0.2.1"), (1, 0, "192.0.2.2")] {
        nodes[from].api().command(&format!("set table t key {key} data.gpc0 7"));
        until("the entry comes", SOON, || {
            nodes[to].api().command("show table t").contains(&format!("key={key} "))
        });
    }
}

#[test]
fn a_haproxy_with_the_certificate_of_another_node_is_no_peer() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let nodes = pair(&place, &haproxy, ["a.pem", "c.pem"]);
    let said = "its certificate does not name 'h' but 'c'";
    // Once where it is called, and once where it calls.
    until("both are refused", SOON, || nodes[0].log().matches(said).count() >= 2);
    let peers = nodes[0].api().command("show peers");
    assert!(!peers.contains("last_status=ESTA"), "{peers}");
}
