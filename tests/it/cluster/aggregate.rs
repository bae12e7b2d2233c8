//! Tables that count for the whole cluster (`aggregate`).

use std::fmt::Write as _;
use std::io::Read;
use std::net::SocketAddr;

use nix::sys::signal::Signal;

use crate::support::{
    Mesh, Node, Place, SOON, Server, Spec, ask, connect_from, eventually, http, mesh_check, source,
    until,
};

const NAMES: [&str; 3] = ["a", "b", "c"];
/// A node that is not there in the beginning.
const LATER: &str = "d";

/// Where a node is.
struct At {
    name: &'static str,
    peer: SocketAddr,
    front: SocketAddr,
    exporter: SocketAddr,
}

/// Three nodes that count their clients in the table `T`.
struct Cluster<'p> {
    place: &'p Place,
    nodes: Vec<At>,
    /// The words of the table beside what it stores.
    words: String,
    rules: String,
    server: Server,
}

impl<'p> Cluster<'p> {
    /// Clients with more than six connections are refused.
    fn new(place: &'p Place, expire: &str) -> Self {
        let limit = "tcp-request connection reject if { src_conn_rate(T) gt 5 }";
        Self::with_rules(place, expire, &[limit, "tcp-request connection track-sc0 src table T"])
    }

    /// Each node saves its part when it is told to, and when it stops.
    fn saved(place: &'p Place) -> Self {
        let cluster = Self::new(place, "10m");
        let words = format!("{} save {}/NODE.table every 1h", cluster.words, place.dir().display());
        Self { words, ..cluster }
    }

    fn with_rules(place: &'p Place, expire: &str, rules: &[&str]) -> Self {
        let at = |name| {
            let [peer, front, exporter] = [(); 3].map(|()| place.address());
            At { name, peer, front, exporter }
        };
        let nodes = NAMES.into_iter().chain([LATER]).map(at).collect();
        let words = format!("expire {expire} aggregate");
        let server = Server::greeting_echo(place.address(), "s1");
        Self { place, nodes, words, rules: rules.join("\n    "), server }
    }

    /// The configuration of a node that has these peers.
    fn body(&self, index: usize, peers: &[&str]) -> String {
        let mut body = String::from("peers mesh\n");
        for At { name, peer, .. } in self.nodes.iter().filter(|at| peers.contains(&at.name)) {
            writeln!(body, "    peer {name} {peer}").unwrap();
        }
        let At { name, front, exporter, .. } = &self.nodes[index];
        let (words, rules) = (self.words.replace("NODE", name), &self.rules);
        write!(
            body,
            "backend T\n    stick-table type ip size 1k {words} peers mesh store \
             gpc0,conn_cnt,conn_rate(1h),conn_cur,bytes_out_cnt\n\
             listen web\n    bind {front}\n    {rules}\n    server s1 {}\n\
             frontend pages\n    mode http\n    bind {exporter}\n    \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n",
            self.server.address()
        )
        .unwrap();
        body
    }

    fn start(&self, index: usize) -> Node {
        self.start_with(index, &NAMES)
    }

    fn start_with(&self, index: usize, peers: &[&str]) -> Node {
        let body = self.body(index, peers);
        Spec::new(self.place, self.nodes[index].name, &body).reloadable().start()
    }

    fn start_all(&self) -> Vec<Node> {
        let nodes: Vec<_> = (0..NAMES.len()).map(|index| self.start(index)).collect();
        for (index, node) in nodes.iter().enumerate() {
            for (other, name) in NAMES.iter().enumerate() {
                if other != index {
                    Mesh::until_connected(node, name);
                }
            }
        }
        nodes
    }

    /// A client comes to a node and goes again. Whether it was served.
    fn come(&self, client: u32, node: usize) -> bool {
        ask(source(client), self.nodes[node].front).is_ok_and(|said| said.starts_with("s1"))
    }
}

/// What a node tells of a client in a table: one value of the entry, 0 without an entry.
fn told(node: &Node, table: &str, client: u32, value: &str) -> u64 {
    let table = node.api().table(table);
    table.get(&source(client).to_string()).map_or(0, |entry| entry[value].parse().unwrap())
}

fn count(node: &Node, table: &str, client: u32) -> u64 {
    told(node, table, client, "conn_cnt")
}

#[test]
fn every_node_tells_the_sum_and_refuses_by_it() {
    let place = Place::new();
    let cluster = Cluster::new(&place, "10m");
    let nodes = cluster.start_all();
    for node in [0, 0, 1, 1, 1] {
        assert!(cluster.come(1, node));
    }
    assert!(cluster.come(2, 1));
    let mut held = connect_from(source(1), cluster.nodes[2].front).unwrap();
    held.read_exact(&mut [0; 2]).unwrap();
    for node in &nodes {
        until("the sum", SOON, || {
            let told = |value| told(node, "T", 1, value);
            (told("conn_cnt"), told("conn_rate(3600000)"), told("conn_cur")) == (6, 6, 1)
        });
        until("the other client", SOON, || count(node, "T", 2) == 1);
        let parts = ["T:a", "T:b", "T:c"].map(|part| count(node, part, 1));
        assert_eq!(parts, [2, 3, 1]);
        let part = node.api().command(&format!("show table T:b key {}", source(1)));
        assert!(part.starts_with("# table: T:b, type: ip, size:1024, used:2\n"), "{part}");
        let sum = node.api().command("show table T");
        assert!(sum.starts_with("# table: T, type: ip, size:1024, used:2\n"), "{sum}");
        assert_eq!(sum.matches("key=").count(), 2, "{sum}");
        let many = node.api().command("show table T data.conn_cnt gt 3");
        assert_eq!(many.matches("key=").count(), 1, "{many}");
        assert!(node.api().command("show table").contains("# table: T, "));
    }
    for node in 0..3 {
        assert!(!cluster.come(1, node), "the node {node} lets the client in");
        assert!(cluster.come(3, node));
    }
    drop(held);
    for node in &nodes {
        until("the client is gone", SOON, || told(node, "T", 1, "conn_cur") == 0);
        until("the third client", SOON, || count(node, "T", 3) == 3);
    }
    let sockets = ["a.admin", "b.admin", "c.admin"].map(|name| place.path(name));
    let (is_same, said) = mesh_check(&sockets);
    assert!(is_same && said.contains("T:b: the same 3 entries on 3 nodes"), "{said}");
}

#[test]
fn samples_of_every_kind_tell_the_sum() {
    let place = Place::new();
    let rules = [
        "tcp-request connection reject if !{ src,in_table(T) }",
        "tcp-request connection reject if !{ src,table_expire(T) gt 0 }",
        "tcp-request connection track-sc0 src table T",
        "tcp-request connection reject if !{ src_get_gpc0(T) eq 7 }",
        "tcp-request connection reject if !{ src,table_gpc0(T) eq 7 }",
        "tcp-request connection reject if !{ sc0_get_gpc0 eq 7 } || !{ sc0_get_gpc0(T) eq 7 }",
        "tcp-request connection reject if !{ src_kbytes_out(T) eq 3 }",
        "tcp-request connection reject if !{ sc0_conn_cur eq 1 }",
        "tcp-request connection reject if !{ sc0_inc_gpc0 eq 8 }",
        "tcp-request connection reject if !{ src_inc_gpc0(T) eq 9 }",
        "tcp-request connection reject if !{ sc0_clr_gpc0 eq 9 }",
        "tcp-request connection reject if !{ src_get_gpc0(T) eq 4 }",
        "tcp-request connection reject if !{ sc0_trackers eq 1 }",
    ];
    let cluster = Cluster::with_rules(&place, "10m", &rules);
    let nodes = cluster.start_all();
    let set = |node: usize, client: u32, gpc0: u32, bytes: u32| {
        let key = source(client);
        let values = format!("data.gpc0 {gpc0} data.bytes_out_cnt {bytes}");
        nodes[node].api().command(&format!("set table T key {key} {values}"));
    };
    set(0, 1, 3, 1500);
    set(1, 1, 4, 1700);
    until("the sum", SOON, || told(&nodes[0], "T", 1, "gpc0") == 7);
    assert!(cluster.come(1, 0), "client 1 has an entry in two parts");
    assert_eq!(told(&nodes[0], "T:a", 1, "gpc0"), 0);
    set(2, 2, 7, 3100);
    until("the other part", SOON, || told(&nodes[0], "T", 2, "gpc0") == 7);
    assert!(!cluster.come(2, 0), "all rules but that for what another node keeps");
    assert_eq!(told(&nodes[0], "T", 2, "gpc0"), 7, "only its own part was cleared");
    assert!(!cluster.come(3, 0));
    assert_eq!(nodes[0].api().table("T").len(), 2, "client 3 is in no part");
}

#[test]
fn commands_change_the_part_of_their_node_and_clear_all_parts() {
    let place = Place::new();
    let cluster = Cluster::new(&place, "10m");
    let nodes = cluster.start_all();
    let key = source(1);
    nodes[0].api().command(&format!("set table T key {key} data.gpc0 4294967290"));
    nodes[1].api().command(&format!("set table T key {key} data.gpc0 20 data.bytes_out_cnt 7"));
    for node in &nodes {
        until("the sum ends where the counter ends", SOON, || {
            told(node, "T", 1, "gpc0") == u64::from(u32::MAX)
                && told(node, "T", 1, "bytes_out_cnt") == 7
        });
    }
    assert_eq!(told(&nodes[2], "T:b", 1, "gpc0"), 20);
    let refused = nodes[0].api().command(&format!("set table T:b key {key} data.gpc0 1"));
    assert_eq!(refused.trim(), "Another node counts in this table: set the entry there");
    assert_eq!(nodes[2].api().command("clear table T data.gpc0 gt 21").trim(), "");
    assert!(!nodes[2].api().command("show table").contains("used:1"));
    assert_eq!(nodes[0].api().command(&format!("clear table T key {key}")).trim(), "");
    assert!(!nodes[0].api().command("show table").contains("used:1"));
    assert_eq!(told(&nodes[1], "T", 1, "gpc0"), u64::from(u32::MAX), "nodes clear for themselves");
}

#[test]
fn what_a_dead_node_has_counted_fades() {
    let place = Place::new();
    let cluster = Cluster::new(&place, "4s");
    let mut nodes = cluster.start_all();
    assert!(cluster.come(1, 2));
    until("the others know it", SOON, || (0..2).all(|n| count(&nodes[n], "T", 1) == 1));
    nodes[2].crash();
    until("it is forgotten", SOON, || (0..2).all(|n| count(&nodes[n], "T", 1) == 0));
    assert!(cluster.come(1, 0));
    until("only what is counted now", SOON, || count(&nodes[1], "T", 1) == 1);
}

#[test]
fn a_node_keeps_its_part_in_a_reload_and_the_sum_never_doubles() {
    let place = Place::new();
    let cluster = Cluster::new(&place, "10m");
    let nodes = cluster.start_all();
    assert!(cluster.come(1, 0) && cluster.come(1, 0) && cluster.come(1, 1));
    until("the sum", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 3));
    nodes[0].reload();
    assert_eq!([count(&nodes[0], "T", 1), count(&nodes[0], "T:a", 1)], [3, 2]);
    assert!(cluster.come(1, 0));
    let mut most = 0;
    let all_tell_four = || {
        let counts: Vec<_> = nodes.iter().map(|node| count(node, "T", 1)).collect();
        most = counts.iter().copied().fold(most, u64::max);
        counts.iter().all(|count| *count == 4)
    };
    assert!(eventually(SOON, all_tell_four), "the sum after the reload");
    assert_eq!(most, 4);
    assert_eq!(["T:a", "T:b", "T:c"].map(|part| count(&nodes[2], part, 1)), [3, 1, 0]);
}

#[test]
fn a_node_that_starts_anew_is_taught_its_own_part() {
    let place = Place::new();
    let cluster = Cluster::new(&place, "10m");
    let mut nodes = cluster.start_all();
    assert!(cluster.come(1, 0) && cluster.come(1, 0) && cluster.come(1, 1));
    until("the sum", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 3));
    nodes[0].crash();
    nodes[0] = cluster.start(0);
    until("its own part", SOON, || count(&nodes[0], "T:a", 1) == 2);
    until("the sum", SOON, || count(&nodes[0], "T", 1) == 3);
    assert!(cluster.come(1, 0));
    until("it counts on", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 4));
    assert_eq!(["T:a", "T:b", "T:c"].map(|part| count(&nodes[2], part, 1)), [3, 1, 0]);
}

/// Has the part of a node saved.
fn save(node: &Node) {
    let saves = || {
        let text = node.api().command("show tables");
        let (_, rest) = text.split_once(": saves=").unwrap();
        rest.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let before = saves();
    node.api().command("save tables");
    until("a save", SOON, || saves() > before);
}

fn stop_all(mut nodes: Vec<Node>) {
    nodes.iter().for_each(|node| node.signal(Signal::SIGTERM));
    for node in &mut nodes {
        node.wait(SOON);
    }
}

#[test]
fn the_sum_outlives_a_stop_of_all_nodes_if_each_saves_its_part() {
    let place = Place::new();
    let cluster = Cluster::saved(&place);
    let nodes = cluster.start_all();
    for (client, node) in [(1, 0), (1, 0), (1, 1), (2, 2)] {
        assert!(cluster.come(client, node));
    }
    let sums = |node: &Node| [1, 2].map(|client| count(node, "T", client));
    until("the sums", SOON, || nodes.iter().all(|node| sums(node) == [3, 1]));
    stop_all(nodes);
    let nodes = cluster.start_all();
    until("the sums again", SOON, || nodes.iter().all(|node| sums(node) == [3, 1]));
    assert!(cluster.come(1, 0) && cluster.come(2, 1));
    until("it counts on", SOON, || nodes.iter().all(|node| sums(node) == [4, 2]));
    for node in &nodes {
        assert_eq!(["T:a", "T:b", "T:c"].map(|part| count(node, part, 1)), [3, 1, 0]);
    }
}

/// Who does not start soon after the others finds nodes that ask nobody any more.
#[test]
fn a_part_that_was_saved_is_told_to_nodes_that_started_long_before() {
    let place = Place::new();
    let cluster = Cluster::saved(&place);
    let nodes = cluster.start_all();
    assert!(cluster.come(1, 0) && cluster.come(1, 1) && cluster.come(1, 1));
    until("the sum", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 3));
    let entry = |node: &Node, part: &str| {
        node.api().remaining_ms(part).get(&source(1).to_string()).copied().unwrap_or(0)
    };
    stop_all(nodes);
    let first = cluster.start(0);
    until("it asks no longer", SOON, || first.log().contains("no peer to learn from"));
    assert_eq!(count(&first, "T", 1), 1);
    let second = cluster.start(1);
    until("what the first has counted", SOON, || count(&second, "T", 1) == 3);
    until("what the second has counted", SOON, || count(&first, "T", 1) == 3);
    let lives_ms = [entry(&first, "T:b"), entry(&second, "T:b")];
    assert!(lives_ms[0].abs_diff(lives_ms[1]) < 3_000, "it is no visit: {lives_ms:?}");
}

#[test]
fn what_peers_know_of_a_part_is_newer_than_its_file() {
    let place = Place::new();
    let cluster = Cluster::saved(&place);
    let mut nodes = cluster.start_all();
    assert!(cluster.come(1, 0) && cluster.come(1, 1));
    until("the sum", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 2));
    save(&nodes[0]);
    assert!(cluster.come(1, 0) && cluster.come(2, 0));
    until("the sum", SOON, || nodes[1..].iter().all(|node| count(node, "T", 1) == 3));
    until("the other client", SOON, || nodes[1..].iter().all(|node| count(node, "T", 2) == 1));
    nodes[0].crash();
    nodes[0] = cluster.start(0);
    assert!(nodes[0].log().contains("table 'T:a' has 1 entries of "), "{}", nodes[0].log());
    until("what came after the save", SOON, || count(&nodes[0], "T:a", 1) == 2);
    until("the sum", SOON, || count(&nodes[0], "T", 1) == 3 && count(&nodes[0], "T", 2) == 1);
    assert!(cluster.come(1, 0));
    until("it counts on", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 4));
}

#[test]
fn a_node_that_joins_is_counted_and_one_that_left_is_not() {
    let place = Place::new();
    let cluster = Cluster::saved(&place);
    let mut nodes = cluster.start_all();
    for node in [0, 0, 1, 2] {
        assert!(cluster.come(1, node));
    }
    until("the sum", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 4));
    // The third node leaves, and another one comes.
    stop_all(vec![nodes.remove(2)]);
    let peers = ["a", "b", LATER];
    for (index, node) in nodes.iter().enumerate() {
        node.spec().configure("", &cluster.body(index, &peers));
        node.reload();
        assert_eq!(count(node, "T", 1), 3, "the two that stayed");
        assert!(!node.api().command("show table").contains("T:c"));
    }
    nodes.push(cluster.start_with(3, &peers));
    until("what the others have counted", SOON, || count(&nodes[2], "T", 1) == 3);
    assert!(cluster.come(1, 3));
    until("the sum of those that are there", SOON, || {
        nodes.iter().all(|node| count(node, "T", 1) == 4)
    });
    // The node that left comes back, with what it had counted.
    for (index, node) in nodes.iter().take(2).enumerate() {
        node.spec().configure("", &cluster.body(index, &["a", "b", "c", LATER]));
        node.reload();
    }
    nodes.push(cluster.start_with(2, &["a", "b", "c", LATER]));
    until("the sum with its part", SOON, || count(&nodes[3], "T", 1) == 5);
    until("the others know it as well", SOON, || {
        nodes.iter().take(2).all(|node| count(node, "T", 1) == 5)
    });
}

#[test]
fn the_exporter_tells_of_each_part_by_its_name() {
    let place = Place::new();
    let cluster = Cluster::saved(&place);
    let nodes = cluster.start_all();
    assert!(cluster.come(1, 0) && cluster.come(2, 0) && cluster.come(1, 1));
    until("the sum", SOON, || nodes.iter().all(|node| count(node, "T", 1) == 2));
    until("the other client", SOON, || nodes.iter().all(|node| count(node, "T", 2) == 1));
    save(&nodes[0]);
    let text = http::get(cluster.nodes[0].exporter, "/metrics");
    let has = |line: &str| assert_eq!(text.matches(line).count(), 1, "{line} in {text}");
    for (part, entries) in [("T:a", 2), ("T:b", 1), ("T:c", 0)] {
        has(&format!("\nhaproxy_sticktable_used{{name=\"{part}\",type=\"ip\"}} {entries}\n"));
        has(&format!("\nstickd_table_entries{{table=\"{part}\"}} {entries}\n"));
    }
    // The sum is no table, and each node saves its own part alone.
    assert!(!text.contains("{table=\"T\"") && !text.contains("sticktable_used{name=\"T\""));
    has("\nstickd_table_save_failures_total{table=\"T:a\"} 0\n");
    assert_eq!(text.matches("\nstickd_table_saves_total{").count(), 1, "{text}");
    assert_eq!(text.matches("\nstickd_table_last_save_timestamp_seconds{").count(), 1, "{text}");
}
