//! A reload refuses no connection, breaks no connection, and loses no entry.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{
    Held, Mesh, Node, Place, Recipe, SOON, Server, Spec, Tally, ask, ask_often,
    assert_new_clients_keep_their_server, connect_from, contents, eventually, is_alive, pause,
    source, until,
};

const SMALL: Recipe = Recipe {
    entries: 20_000,
    clients: 2,
    reloads: 5,
    before: Duration::from_millis(500),
    gap: Duration::from_millis(200),
    after: Duration::from_secs(2),
};

/// Three servers and a table. With `peers` the table is in a peers section with only this node.
fn sticky(place: &Place, peers: bool) -> (Vec<Server>, Node, SocketAddr) {
    let servers: Vec<_> =
        (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let front = place.address();
    let body = sticky_body(place, peers, &servers, front);
    (servers, Spec::new(place, "a", &body).reloadable().start(), front)
}

fn sticky_body(place: &Place, peers: bool, servers: &[Server], front: SocketAddr) -> String {
    let (section, word) = if peers {
        (format!("peers mesh\n    peer a {}\n", place.address()), "peers mesh")
    } else {
        (String::new(), "")
    };
    let mut body = format!(
        "{section}listen web\n    bind {front}\n    balance roundrobin\n    \
         stick-table type ip size 200k expire 10m {word}\n    stick on src\n"
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    body
}

#[test]
fn reloads_under_load_lose_nothing() {
    let place = Place::new();
    let (_servers, node, front) = sticky(&place, true);
    let outcome = SMALL.run(&node, &[front], "web");
    assert!(outcome.is_clean(), "{outcome}");
    assert!(outcome.generations > 1, "{outcome}");
}

#[test]
fn a_table_without_peers_survives_reloads_as_well() {
    let place = Place::new();
    let (_servers, node, front) = sticky(&place, false);
    let outcome = SMALL.run(&node, &[front], "web");
    assert!(outcome.is_clean(), "{outcome}");
    assert!(outcome.generations > 1, "{outcome}");
}

#[test]
fn new_clients_that_come_during_reloads_keep_their_server() {
    let place = Place::new();
    let (_servers, node, front) = sticky(&place, true);
    assert_new_clients_keep_their_server(front, || {
        for _ in 0..4 {
            node.reload();
        }
    });
}

#[test]
fn a_reload_right_after_the_start_keeps_all() {
    let place = Place::new();
    let (_servers, node, front) = sticky(&place, true);
    node.api().set_servers("web", (0..200).map(source), 1);
    node.reload();
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    until("the successor has all", SOON, || node.api().used("web") == 200);
    node.ask_reload();
    node.ask_reload();
    node.reload();
    for n in 0..200 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
}

#[test]
fn a_table_that_gets_other_keys_begins_empty_and_the_log_says_why() {
    let place = Place::new();
    let (servers, node, front) = sticky(&place, false);
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    let body = sticky_body(&place, false, &servers, front).replace("type ip ", "type ipv6 ");
    node.spec().configure("", &body);
    node.reload();
    assert_eq!(node.api().used("web"), 0);
    let message = "reload: table 'web' begins empty: its keys are of type ip there and of type \
                   ipv6 here";
    until("the reason in the log", SOON, || node.log().contains(message));
}

#[test]
fn the_files_of_maps_count_again_after_a_reload() {
    let place = Place::new();
    place.write("map", "127.1.0.1 s1\n");
    let map = format!("{}/map", place.dir().display());
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    use-server s1 if {{ src,map({map}) -m str s1 }}\n    \
         server s1 {}\n",
        server.address()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    node.api().command(&format!("add map {map} 127.1.0.2 s1"));
    place.write("map", "127.1.0.1 s1\n127.1.0.3 s1\n");
    let shown = |node: &Node| {
        let answer = node.api().command(&format!("show map {map}"));
        let keys = answer.lines().filter_map(|line| line.split(' ').nth(1));
        keys.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(shown(&node), ["127.1.0.1", "127.1.0.2"]);
    node.reload();
    assert_eq!(shown(&node), ["127.1.0.1", "127.1.0.3"]);
}

#[test]
fn remaining_times_survive_a_reload() {
    let place = Place::new();
    let (_servers, node, _front) = sticky(&place, true);
    node.api().set_servers("web", (0..10).map(source), 1);
    pause(Duration::from_millis(1200));
    let before = node.api().remaining_ms("web");
    node.reload();
    until("the successor has all", SOON, || node.api().used("web") == 10);
    for (key, remaining) in node.api().remaining_ms("web") {
        assert!(remaining <= before[&key], "{key}: {remaining} after {}", before[&key]);
        assert!(remaining + 60_000 > before[&key], "{key}: {remaining} after {}", before[&key]);
    }
}

#[test]
fn a_long_lived_connection_survives_and_the_old_process_ends_with_it() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}", server.address());
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let mut open = connect_from(source(1), front).unwrap();
    open.read_exact(&mut [0; 3]).unwrap();
    let old: i32 = node.api().info("Pid").parse().unwrap();
    for _ in 0..3 {
        node.reload();
        open.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        open.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ping");
    }
    assert!(is_alive(old));
    drop(open);
    until("the old process has ended", SOON, || !is_alive(old));
}

#[test]
fn an_old_process_without_connections_ends_soon() {
    let place = Place::new();
    let (_servers, node, front) = sticky(&place, true);
    let old: i32 = node.api().info("Pid").parse().unwrap();
    node.reload();
    until("the old process has ended", SOON, || !is_alive(old));
    assert_eq!(ask(source(1), front).unwrap().len(), 2);
}

#[test]
fn a_broken_configuration_leaves_the_old_process_serving() {
    let place = Place::new();
    let (servers, node, front) = sticky(&place, true);
    let good = sticky_body(&place, true, &servers, front);
    let name = ask(source(1), front).unwrap();
    let pid = node.api().info("Pid");
    node.spec().configure("", "listen web\n    frobnicate 3\n");
    let before = node.log().len();
    node.ask_reload();
    let said = |words: &str| node.log()[before..].contains(words);
    until("the mistake is logged", SOON, || said("frobnicate"));
    for n in 0..20 {
        assert!(ask(source(n), front).is_ok());
    }
    assert_eq!(node.api().info("Pid"), pid);
    assert_eq!(ask(source(1), front).unwrap(), name);
    // And the next good one is taken. Same addresses but for the local peer's.
    node.spec().configure("", &good);
    node.reload();
    until("the successor knows the client", SOON, || {
        node.api().table("web").contains_key(&source(1).to_string())
    });
    assert_eq!(ask(source(1), front).unwrap(), name);
}

#[test]
fn a_reload_takes_the_new_configuration() {
    let place = Place::new();
    let (servers, node, front) = sticky(&place, true);
    let mut kept = Vec::new();
    for n in 0..30 {
        kept.push((source(n), ask(source(n), front).unwrap()));
    }
    let added = Server::name(place.address(), "s4");
    let second = place.address();
    let body = sticky_body(&place, true, &servers, front)
        .replace(&format!("bind {front}"), &format!("bind {front}\n    bind {second}"));
    let body = format!("{body}    server s4 {}\n", added.address());
    node.spec().configure("", &body);
    node.reload();
    until("the new address is served", SOON, || ask(source(0), second).is_ok());
    for (client, name) in &kept {
        assert_eq!(ask(*client, second).unwrap(), *name);
        assert_eq!(ask(*client, front).unwrap(), *name);
    }
    let names: std::collections::BTreeSet<_> =
        (100..120).map(|n| ask(source(n), front).unwrap()).collect();
    assert!(names.contains("s4"), "{names:?}");
}

#[test]
fn reloads_asked_for_in_a_storm_are_coalesced() {
    let place = Place::new();
    let (_servers, node, front) = sticky(&place, true);
    node.api().set_servers("web", (0..1000).map(source), 1);
    for _ in 0..200 {
        node.ask_reload();
        pause(Duration::from_millis(2));
    }
    let mut last = node.pid();
    until("it comes to rest", Duration::from_secs(30), || {
        let pid = node.pid();
        let rested = pid == last && !eventually(Duration::from_millis(700), || node.pid() != pid);
        last = pid;
        rested
    });
    for n in 0..1000 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
    assert_eq!(node.api().used("web"), 1000);
}

#[test]
fn to_the_mesh_a_reload_is_invisible() {
    let place = Place::new();
    let members = [("a", None), ("b", None), ("c", None)];
    let mesh = Mesh::new(&place, &members);
    let nodes = mesh.start_all();
    for (node, peer) in [(0, "b"), (0, "c"), (1, "a"), (1, "c"), (2, "a"), (2, "b")] {
        Mesh::until_connected(&nodes[node], peer);
    }
    let stop = AtomicBool::new(false);
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        // New clients on every node, each node with addresses of its own.
        let clients: Vec<_> = mesh
            .fronts
            .iter()
            .enumerate()
            .map(|(index, front)| {
                let stop = &stop;
                let mut number = u32::try_from(index).unwrap() * 1_000_000;
                scope.spawn(move || {
                    ask_often(*front, stop, || {
                        number += 1;
                        (source(number), None)
                    })
                })
            })
            .collect();
        for _ in 0..20 {
            nodes[0].ask_reload();
            pause(Duration::from_millis(250));
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            tally.add(&client.join().unwrap());
        }
    });
    assert_eq!(tally.failed, 0, "{tally:?}");
    let expected = usize::try_from(tally.answered).unwrap();
    let all = |node: &Node| contents(&node.api(), Mesh::TABLE);
    let equal = eventually(Duration::from_secs(15), || {
        nodes.iter().all(|node| node.api().used(Mesh::TABLE) == expected)
    });
    let counts: Vec<_> = nodes.iter().map(|node| node.api().used(Mesh::TABLE)).collect();
    assert!(equal, "{expected} clients, but {counts:?} entries");
    let first = all(&nodes[0]);
    assert!(first == all(&nodes[1]) && first == all(&nodes[2]), "the entries differ");
}

#[test]
fn a_successor_knows_which_servers_are_down() {
    let place = Place::new();
    let front = place.address();
    let [dead, alive] = [place.address(), place.address()];
    let held = Held::refusing(dead);
    let alive = Server::name(alive, "alive");
    // Of two servers the second is checked for the first time after half of the interval.
    let body = format!(
        "listen web\n    bind {front}\n    default-server check inter 8s fall 1 rise 1\n    \
         server s1 {}\n    server s2 {dead}\n    server s3 {} disabled no-check",
        alive.address(),
        alive.address()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let status = |server| node.api().stat("web", server, "status");
    until("the dead server is down", SOON, || status("s2") == "DOWN");
    drop(held);
    let _back = Server::name(dead, "back");
    node.reload();
    assert_eq!((status("s2"), status("s3")), ("DOWN".to_owned(), "MAINT".to_owned()));
    for number in 0..10 {
        assert_eq!(ask(source(number), front).unwrap(), "alive");
    }
    until("the successor's own check brings it back", SOON, || status("s2") == "UP");
}
