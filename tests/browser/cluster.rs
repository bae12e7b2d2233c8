//! Three nodes that share a stick table, each with a statistics page.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::support::{Node, Place, SOON, Server, Spec, until};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// The running nodes, and the servers `s1` to `s3` of all of them.
pub struct Cluster {
    pub nodes: Vec<Node>,
    /// Where the nodes accept clients.
    pub fronts: Vec<SocketAddr>,
    /// Where the nodes show their pages.
    pub pages: Vec<SocketAddr>,
    servers: Vec<Option<Server>>,
}

impl Cluster {
    /// Starts the nodes, and waits until they know each other and their servers.
    pub fn start(place: &Place) -> Self {
        let mut peers = "peers mesh\n".to_owned();
        for name in NAMES {
            writeln!(peers, "    peer {name} {}", place.address()).unwrap();
        }
        let servers: Vec<_> =
            (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
        let addresses: Vec<_> = servers.iter().map(Server::address).collect();
        let (mut nodes, mut fronts, mut pages) = (Vec::new(), Vec::new(), Vec::new());
        for name in NAMES {
            let (front, page) = (place.address(), place.address());
            let mut body = format!(
                "{peers}\nlisten web\n    bind {front}\n    balance roundrobin\n    \
                 stick-table type ip size 20k expire 30m peers mesh origins\n    stick on src\n"
            );
            for (at, address) in addresses.iter().enumerate() {
                writeln!(body, "    server s{} {address} check inter 200ms fall 2", at + 1)
                    .unwrap();
            }
            write!(
                body,
                "frontend stats\n    mode http\n    bind {page}\n    stats uri /stats\n    \
                 stats show-node\n    stats show-legends\n    stats refresh 10s\n    \
                 stats admin if TRUE\n    no log\n"
            )
            .unwrap();
            nodes.push(Spec::new(place, name, &body).reloadable().start());
            fronts.push(front);
            pages.push(page);
        }
        for node in &nodes {
            until("all peers are connected", SOON, || {
                node.api().command("show peers").matches("last_status=ESTA").count() >= 2
            });
            until("all servers are checked", SOON, || {
                let api = node.api();
                (1..=3).all(|n| api.stat("web", &format!("s{n}"), "check_status") == "L4OK")
            });
        }
        Self { nodes, fronts, pages, servers: servers.into_iter().map(Some).collect() }
    }

    /// Ends a node. Its links end with it.
    pub fn end_node(&mut self, at: usize) {
        drop(self.nodes.remove(at));
    }

    /// Ends a server.
    pub fn end_server(&mut self, at: usize) {
        self.servers[at] = None;
    }
}
