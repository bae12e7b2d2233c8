//! A table with `aggregate`, of which a HAProxy node has a part.

use crate::haproxy_or_skip;
use crate::support::{Mesh, Node, Place, SOON, Server, Spec, ask, source, until};

/// The connections of the client in a table; 0 without an entry.
fn count(node: &Node, table: &str) -> u64 {
    let table = node.api().table(table);
    table.get(&source(1).to_string()).map_or(0, |entry| entry["conn_cnt"].parse().unwrap())
}

#[test]
fn haproxy_takes_part_with_a_table_for_each_node() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let peers =
        format!("peers mesh\n    peer a {}\n    peer h {}\n", place.address(), place.address());
    let fronts = [place.address(), place.address()];
    let columns = "type ip size 1k expire 10m store conn_cnt,conn_rate(1h) peers mesh";
    let listen = |front: usize, table: &str| {
        format!(
            "listen web\n    bind {}\n    tcp-request connection track-sc0 src table {table}\n    \
             server s1 {}\n",
            fronts[front],
            server.address()
        )
    };
    let own = format!("{peers}backend T\n    stick-table {columns} aggregate\n{}", listen(0, "T"));
    let parts = format!(
        "{peers}backend T:a\n    stick-table {columns}\nbackend T:h\n    \
         stick-table {columns}\n{}",
        listen(1, "T:h")
    );
    let stickd = Spec::new(&place, "a", &own);
    let mut node = stickd.clone().start();
    let haproxy = Spec::new(&place, "h", &parts).on_haproxy(haproxy).start();
    Mesh::until_connected(&haproxy, "a");
    Mesh::until_connected(&node, "h");
    for front in [0, 1, 1, 0, 1] {
        ask(source(1), fronts[front]).unwrap();
    }
    until("HAProxy knows both parts", SOON, || {
        (count(&haproxy, "T:a"), count(&haproxy, "T:h")) == (2, 3)
    });
    until("the sum", SOON, || count(&node, "T") == 5);
    assert_eq!((count(&node, "T:a"), count(&node, "T:h")), (2, 3));
    node.crash();
    let node = stickd.start();
    until("HAProxy has taught both parts", SOON, || {
        (count(&node, "T:a"), count(&node, "T:h"), count(&node, "T")) == (2, 3, 5)
    });
}
