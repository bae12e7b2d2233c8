//! Each client keeps its server, and new clients are spread. A failure moves a client only if the
//! configuration allows it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use crate::support::{Held, Node, Place, SOON, Server, ask, resident_bytes, source, until};

/// A node with a table and servers `s1`, `s2`, …, each with further words on its line.
fn sticky(place: &Place, servers: &[(SocketAddr, &str)], lines: &str) -> (Node, SocketAddr) {
    let front = place.address();
    let mut body = format!(
        "listen web\n    bind {front}\n    balance roundrobin\n    retries 1\n\
         \x20   stick-table type ip size 20k\n    stick on src\n    {lines}\n"
    );
    for (number, (address, words)) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {address} {words}\n", number + 1));
    }
    (Node::start(place, "a", &body), front)
}

fn named_servers(place: &Place, count: usize) -> Vec<Server> {
    (1..=count).map(|number| Server::name(place.address(), &format!("s{number}"))).collect()
}

fn plain(servers: &[Server]) -> Vec<(SocketAddr, &'static str)> {
    servers.iter().map(|server| (server.address(), "")).collect()
}

#[test]
fn a_client_keeps_its_server() {
    let place = Place::new();
    let servers = named_servers(&place, 3);
    let (node, front) = sticky(&place, &plain(&servers), "");
    let first: BTreeMap<Ipv4Addr, String> =
        (0..60).map(|n| (source(n), ask(source(n), front).unwrap())).collect();
    for _ in 0..3 {
        for (client, name) in &first {
            assert_eq!(ask(*client, front).unwrap(), *name, "{client}");
        }
    }
    let table = node.api().table("web");
    assert_eq!(table.len(), 60);
    for (client, name) in first {
        let entry = &table[&client.to_string()];
        assert_eq!(entry["server_key"], name);
        assert_eq!(format!("s{}", entry["server_id"]), name);
    }
}

#[test]
fn new_clients_are_spread_evenly() {
    let place = Place::new();
    let servers = named_servers(&place, 3);
    let (_node, front) = sticky(&place, &plain(&servers), "");
    for n in 0..300 {
        ask(source(n), front).unwrap();
    }
    let counts: Vec<_> = servers.iter().map(Server::accepted).collect();
    assert_eq!(counts, [100, 100, 100]);
}

#[test]
fn weights_are_kept_and_spread_smoothly() {
    let place = Place::new();
    let servers = named_servers(&place, 3);
    let lines: Vec<_> =
        servers.iter().map(Server::address).zip(["weight 1", "weight 2", "weight 4"]).collect();
    let (_node, front) = sticky(&place, &lines, "");
    let names: Vec<_> = (0..140).map(|n| ask(source(n), front).unwrap()).collect();
    let counts: Vec<_> = servers.iter().map(Server::accepted).collect();
    assert_eq!(counts, [20, 40, 80]);
    // Smooth: no run of seven consecutive clients misses the weights by more than one.
    for window in names.windows(7) {
        let heavy = window.iter().filter(|name| *name == "s3").count();
        assert!((3..=5).contains(&heavy), "{window:?}");
    }
}

#[test]
fn a_burst_from_a_new_client_is_never_split() {
    const BURSTS: u32 = 200;
    const PARALLEL: usize = 20;
    let place = Place::new();
    let servers = named_servers(&place, 3);
    let (_node, front) = sticky(&place, &plain(&servers), "");
    let mut split = 0;
    let mut used = BTreeSet::new();
    for burst in 0..BURSTS {
        let names: BTreeSet<String> = std::thread::scope(|scope| {
            let asking: Vec<_> =
                (0..PARALLEL).map(|_| scope.spawn(|| ask(source(burst), front).unwrap())).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        split += u32::from(names.len() > 1);
        used.extend(names);
    }
    assert_eq!(split, 0, "of {BURSTS} bursts");
    assert_eq!(used.len(), 3, "the bursts themselves are spread");
}

#[test]
fn the_entry_is_there_before_the_server_has_answered() {
    let place = Place::new();
    let server = Server::silent(place.address());
    let (node, front) = sticky(&place, &[(server.address(), "")], "");
    let _open = crate::support::connect_from(source(7), front).unwrap();
    until("an entry", SOON, || node.api().table("web").contains_key(&source(7).to_string()));
}

#[test]
fn redispatch_moves_the_client_and_its_entry() {
    let place = Place::new();
    let mut servers = named_servers(&place, 2);
    let (node, front) = sticky(&place, &plain(&servers), "option redispatch");
    let client = (0..).map(source).find(|client| ask(*client, front).unwrap() == "s1").unwrap();
    servers[0].stop();
    assert_eq!(ask(client, front).unwrap(), "s2");
    assert_eq!(node.api().table("web")[&client.to_string()]["server_id"], "2");
    // The first server is back, but the client has moved for good.
    let _back = Server::name(servers[0].address(), "s1");
    assert_eq!(ask(client, front).unwrap(), "s2");
}

#[test]
fn without_redispatch_a_client_is_not_moved() {
    let place = Place::new();
    let mut servers = named_servers(&place, 2);
    let (node, front) = sticky(&place, &plain(&servers), "no option redispatch");
    let client = (0..).map(source).find(|client| ask(*client, front).unwrap() == "s1").unwrap();
    servers[0].stop();
    assert!(ask(client, front).is_err());
    assert_eq!(node.api().table("web")[&client.to_string()]["server_id"], "1");
    let _back = Server::name(servers[0].address(), "s1");
    assert_eq!(ask(client, front).unwrap(), "s1");
}

#[test]
fn an_entry_made_for_a_connection_that_reached_nobody_is_taken_back() {
    let place = Place::new();
    let (first, second) = (place.address(), place.address());
    let _held = [Held::refusing(first), Held::refusing(second)];
    let (node, front) = sticky(&place, &[(first, ""), (second, "")], "option redispatch");
    assert!(ask(source(1), front).is_err());
    until("no entry is left", SOON, || node.api().table("web").is_empty());
}

#[test]
fn an_older_entry_stays_when_its_server_cannot_be_reached() {
    let place = Place::new();
    let mut servers = named_servers(&place, 1);
    let (node, front) = sticky(&place, &plain(&servers), "");
    assert_eq!(ask(source(1), front).unwrap(), "s1");
    servers[0].stop();
    assert!(ask(source(1), front).is_err());
    assert_eq!(node.api().table("web").len(), 1);
}

#[test]
fn a_disabled_server_gets_nobody_and_a_backup_only_when_needed() {
    let place = Place::new();
    let mut servers = named_servers(&place, 3);
    let lines: Vec<_> =
        servers.iter().map(Server::address).zip(["", "disabled", "backup"]).collect();
    let (node, front) = sticky(&place, &lines, "option redispatch");
    for n in 0..20 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
    node.api().set_servers("web", std::iter::once(source(99)), 2);
    assert_eq!(ask(source(99), front).unwrap(), "s1", "stored for a disabled server");
    drop(node);
    let lines: Vec<_> =
        servers.iter().map(Server::address).zip(["disabled", "disabled", "backup"]).collect();
    let (_node, front) = sticky(&place, &lines, "");
    assert_eq!(ask(source(1), front).unwrap(), "s3");
    servers[2].stop();
}

#[test]
fn a_server_of_weight_zero_gets_only_stored_clients() {
    let place = Place::new();
    let servers = named_servers(&place, 2);
    let lines: Vec<_> = servers.iter().map(Server::address).zip(["", "weight 0"]).collect();
    let (node, front) = sticky(&place, &lines, "");
    node.api().set_servers("web", std::iter::once(source(50)), 2);
    for n in 0..10 {
        assert_eq!(ask(source(n), front).unwrap(), "s1");
    }
    assert_eq!(ask(source(50), front).unwrap(), "s2");
}

#[test]
fn an_entry_for_a_server_that_does_not_exist_is_rewritten() {
    let place = Place::new();
    let servers = named_servers(&place, 1);
    let (node, front) = sticky(&place, &plain(&servers), "");
    node.api().set_servers("web", std::iter::once(source(5)), 99);
    assert_eq!(ask(source(5), front).unwrap(), "s1");
    assert_eq!(node.api().table("web")[&source(5).to_string()]["server_id"], "1");
}

#[test]
fn server_ids_skip_the_forced_ones() {
    let place = Place::new();
    let servers = named_servers(&place, 5);
    let lines: Vec<_> =
        servers.iter().map(Server::address).zip(["", "id 1", "", "id 3", ""]).collect();
    let (node, front) = sticky(&place, &lines, "");
    for n in 0..5 {
        ask(source(n), front).unwrap();
    }
    let table = node.api().table("web");
    let ids: BTreeMap<_, _> =
        table.values().map(|entry| (&entry["server_key"][..], &entry["server_id"][..])).collect();
    let expected = [("s1", "2"), ("s2", "1"), ("s3", "4"), ("s4", "3"), ("s5", "6")];
    assert_eq!(ids, BTreeMap::from(expected));
}

#[test]
fn a_full_table_forgets_the_client_that_was_longest_away() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    stick-table type ip size 100\n    stick on src\n    \
         server s1 {}",
        server.address()
    );
    let node = Node::start(&place, "a", &body);
    for n in 0..100 {
        ask(source(n), front).unwrap();
    }
    ask(source(0), front).unwrap();
    ask(source(1000), front).unwrap();
    let table = node.api().table("web");
    assert!(table.contains_key(&source(0).to_string()), "used again, so not the oldest");
    assert!(table.contains_key(&source(1000).to_string()));
    assert!(table.len() <= 100, "{}", table.len());
}

#[test]
fn an_entry_lives_as_long_as_its_client_comes_back_and_then_expires() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    stick-table type ip size 1k expire 2s\n    \
         stick on src\n    \
         server s1 {}",
        server.address()
    );
    let node = Node::start(&place, "a", &body);
    let start = std::time::Instant::now();
    until("it has come back for longer than that", SOON, || {
        ask(source(1), front).unwrap();
        assert_eq!(node.api().table("web").len(), 1);
        start.elapsed() > std::time::Duration::from_secs(3)
    });
    until("the entry has expired", SOON, || node.api().table("web").is_empty());
}

#[test]
fn two_backends_may_share_the_table_of_a_third() {
    let place = Place::new();
    let servers = named_servers(&place, 2);
    let (first, second) = (place.address(), place.address());
    let lines: String = servers
        .iter()
        .enumerate()
        .map(|(n, server)| format!("    server s{} {}\n", n + 1, server.address()))
        .collect();
    let body = format!(
        "backend clients\n    stick-table type ip size 1k\n\
         listen one\n    bind {first}\n    stick match src table clients\n    \
         stick store-request src table clients\n{lines}\
         listen two\n    bind {second}\n    stick on src table clients\n{lines}"
    );
    let node = Node::start(&place, "a", &body);
    for n in 0..20 {
        let name = ask(source(n), first).unwrap();
        assert_eq!(ask(source(n), second).unwrap(), name);
    }
    assert_eq!(node.api().table("clients").len(), 20);
}

#[test]
fn a_table_of_a_hundred_million_entries_takes_the_memory_of_those_that_are_there() {
    let place = Place::new();
    let (server, front) = (Server::name(place.address(), "up"), place.address());
    let body = format!(
        "listen fe\n bind {front}\n stick-table type ip size 100m expire 1h\n stick on src\n \
         server s1 {}\n",
        server.address()
    );
    let node = Node::start(&place, "a", &body);
    assert_eq!(ask(source(1), front).unwrap(), "up");
    let resident = resident_bytes(node.pid());
    assert!(resident < 40 << 20, "{resident} bytes");
    assert!(node.api().command("show table fe").contains("size:104857600, used:1"));
}
