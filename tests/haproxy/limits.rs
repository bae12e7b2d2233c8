//! Rate limits with a replicated table: a client that one node counts is limited at the other node,
//! for every pair of programs. The pair of two HAProxys shows what the protocol itself provides.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::haproxy_or_skip;
use crate::support::{
    Entry, Mesh, Node, Place, SOON, Server, Spec, ask, eventually, source, until,
};

/// Two nodes that track clients in one table, and the addresses at which they accept clients.
struct Pair {
    nodes: Vec<Node>,
    fronts: Vec<SocketAddr>,
    label: String,
    _server: Server,
    _place: Place,
}

impl Pair {
    /// Starts `a` and `b`. A node with a binary runs that HAProxy.
    fn start(members: [Option<&Path>; 2]) -> Self {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let names = ["a", "b"];
        let mut peers = String::from("peers mesh\n");
        for name in names {
            peers.push_str(&format!("    peer {name} {}\n", place.address()));
        }
        let fronts: Vec<_> = names.iter().map(|_| place.address()).collect();
        let mut nodes = Vec::new();
        for ((name, binary), front) in names.iter().zip(members).zip(&fronts) {
            let body = format!(
                "{peers}backend limits\n    stick-table type ip size 1k expire 10m peers mesh \
                 store conn_cnt,conn_cur,conn_rate(60s),sess_cnt,sess_rate(60s),gpc0,\
                 gpc0_rate(60s),bytes_in_cnt,bytes_out_cnt,bytes_out_rate(60s)\n\
                 frontend in\n    bind {front}\n    \
                 tcp-request connection track-sc0 src table limits\n    \
                 tcp-request connection sc-inc-gpc0(0)\n    \
                 tcp-request connection reject if {{ sc_conn_rate(0) gt 20 }}\n    \
                 default_backend out\nbackend out\n    server s1 {}\n",
                server.address()
            );
            let spec = Spec::new(&place, name, &body);
            let spec = match binary {
                Some(binary) => spec.on_haproxy(binary.to_owned()),
                None => spec,
            };
            nodes.push(spec.start());
        }
        Mesh::until_connected(&nodes[0], "b");
        Mesh::until_connected(&nodes[1], "a");
        let label = format!("{:?} and {:?}", nodes[0].flavour(), nodes[1].flavour());
        Self { nodes, fronts, label, _server: server, _place: place }
    }

    /// The client's entry at a node, without the fields that only this node has.
    fn entry(&self, node: usize) -> Option<Entry> {
        let mut entry = self.nodes[node].api().table("limits").remove(&source(1).to_string())?;
        entry.remove("conn_cur");
        Some(entry)
    }

    /// Waits until a node has an entry in which each of these fields has its value.
    #[track_caller]
    fn until_counted(&self, node: usize, fields: &[(&str, u32)]) {
        let what = format!("{}: {fields:?} at node {node}", self.label);
        let mut last = None;
        let counted = eventually(SOON, || {
            last = self.entry(node);
            let is = |(field, value): &(&str, u32)| {
                last.as_ref().is_some_and(|entry| entry[*field] == value.to_string())
            };
            fields.iter().all(is)
        });
        assert!(counted, "{what}: {last:?}");
    }

    /// Waits until the client has no connection at a node and the other node has received all
    /// counts. The node pushes its counts at the end of a connection, and they replace the counts
    /// of the other node.
    #[track_caller]
    fn until_settled(&self, node: usize) {
        let key = source(1).to_string();
        // A HAProxy with threads counts the end of a connection before it notes that this is to be
        // told, so it has to look settled several times.
        let mut looks = 0;
        until(&format!("{}: all is told", self.label), SOON, || {
            let is_over = self.nodes[node].api().table("limits")[&key]["conn_cur"] == "0";
            let (pushed, last) =
                (self.told(node, "last_pushed="), self.told(node, " localupdate="));
            let is_told = pushed.is_some() && pushed == last;
            let is_known = self.told(1 - node, "last_get=") == pushed;
            looks = if is_over && is_told && is_known { looks + 1 } else { 0 };
            looks == 5
        });
    }

    /// The line in `show peers` of a node about its session with the other node.
    fn told(&self, node: usize, field: &str) -> Option<u32> {
        let said = self.nodes[node].api().command("show peers");
        let (_, about) = said.split_once(["id=b(remote", "id=a(remote"][node])?;
        let (_, rest) = about.split_once(field)?;
        rest.split([' ', '\n']).next()?.parse().ok()
    }

    /// How many of `count` connections to a node are accepted before the first refusal.
    fn let_in(&self, node: usize, count: usize) -> usize {
        let asked = (0..count).map(|_| ask(source(1), self.fronts[node]).is_ok());
        let asked: Vec<bool> = asked.collect();
        let first = asked.iter().position(|is_in| !is_in).unwrap_or(count);
        assert!(asked.iter().skip(first).all(|is_in| !is_in), "{}: {asked:?}", self.label);
        first
    }
}

/// Every pair of programs. Without an installed HAProxy, only stickd with stickd.
fn pairs() -> Vec<[Option<PathBuf>; 2]> {
    let Some(haproxy) = haproxy_or_skip() else { return vec![[None, None]] };
    let haproxy = || Some(haproxy.clone());
    vec![[None, None], [None, haproxy()], [haproxy(), None], [haproxy(), haproxy()]]
}

#[test]
fn a_client_that_was_counted_at_one_node_is_limited_at_the_other() {
    for [a, b] in pairs() {
        let pair = Pair::start([a.as_deref(), b.as_deref()]);
        assert_eq!(pair.let_in(0, 15), 15, "{}", pair.label);
        pair.until_settled(0);
        pair.until_counted(1, &[("conn_rate(60000)", 15), ("conn_cnt", 15)]);
        // Learned counts and own counts add up: 20 in all, at whichever node the clients came in.
        assert_eq!(pair.let_in(1, 8), 5, "{}", pair.label);
        pair.until_settled(1);
        pair.until_counted(0, &[("conn_rate(60000)", 23), ("conn_cnt", 23), ("sess_cnt", 20)]);
        assert_eq!(pair.let_in(0, 2), 0, "{}", pair.label);
        assert_eq!(ask(source(2), pair.fronts[0]).unwrap(), "s1", "{}", pair.label);
    }
}

#[test]
fn what_both_nodes_count_in_turn_is_the_sum_at_both() {
    for [a, b] in pairs() {
        let pair = Pair::start([a.as_deref(), b.as_deref()]);
        for count in 1..=10 {
            let node = count as usize % 2;
            assert_eq!(pair.let_in(node, 1), 1, "{}", pair.label);
            pair.until_settled(node);
            let fields = [
                ("conn_cnt", count),
                ("conn_rate(60000)", count),
                ("sess_cnt", count),
                ("sess_rate(60000)", count),
                ("gpc0", count),
                ("gpc0_rate(60000)", count),
                ("bytes_in_cnt", 0),
                ("bytes_out_cnt", 3 * count),
                ("bytes_out_rate(60000)", 3 * count),
            ];
            pair.until_counted(node, &fields);
            pair.until_counted(1 - node, &fields);
        }
        let open = pair.nodes.iter().map(|node| node.api().table("limits"));
        let open: Vec<_> =
            open.map(|table| table[&source(1).to_string()]["conn_cur"].clone()).collect();
        assert_eq!(open, ["0", "0"], "{}", pair.label);
    }
}
