//! Several nodes in one peers section, with the same servers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tls::certificates;
use super::{Api, Entry, Node, Place, Server, Spec, Table, Wires, until};

/// The configuration and the running nodes of a mesh.
#[derive(Debug)]
pub struct Mesh {
    /// The servers `s1` to `s3`.
    pub servers: Vec<Server>,
    /// The addresses at which the nodes accept clients.
    pub fronts: Vec<SocketAddr>,
    specs: Vec<Spec>,
}

impl Mesh {
    /// The declaration of the table in every node.
    pub const TABLE: &'static str = "web";

    /// A mesh of the named nodes. No node is started yet. A node with a binary runs that HAProxy.
    pub fn new(place: &Place, members: &[(&str, Option<PathBuf>)]) -> Self {
        Self::with_table(place, members, "type ip size 200k expire 10m")
    }

    /// A mesh with another declaration of the table.
    pub fn with_table(place: &Place, members: &[(&str, Option<PathBuf>)], table: &str) -> Self {
        let addresses: Vec<_> = members.iter().map(|_| place.address()).collect();
        let mut peers = String::from("peers mesh\n");
        for ((name, _), address) in members.iter().zip(addresses) {
            writeln!(peers, "    peer {name} {address}").unwrap();
        }
        Self::with_peers(place, members, table, |_| peers.clone())
    }

    /// A mesh of stickd nodes whose sessions can be cut.
    pub fn over_wires(place: &Place, names: &[&str], table: &str) -> (Self, Wires) {
        let members: Vec<_> = names.iter().map(|name| (*name, None)).collect();
        let own: Vec<_> = names.iter().map(|_| place.address()).collect();
        let wires = Wires::new(place, &own);
        let peers = |caller: &str| {
            let caller = names.iter().position(|name| *name == caller).unwrap();
            let mut peers = String::from("peers mesh\n");
            for (called, name) in names.iter().enumerate() {
                writeln!(peers, "    peer {name} {}", wires.address(caller, called)).unwrap();
            }
            peers
        };
        (Self::with_peers(place, &members, table, peers), wires)
    }

    /// A mesh whose nodes speak TLS with each other and show certificates with their names. The
    /// nodes `plain` are called in plain text.
    pub fn over_tls(place: &Place, members: &[(&str, Option<PathBuf>)], plain: &[&str]) -> Self {
        let addresses: Vec<_> = members.iter().map(|_| place.address()).collect();
        let peers = |own: &str| {
            let words = |called: &str| match plain.contains(&called) {
                true => String::new(),
                false => tls_words(&format!("{own}.pem")),
            };
            let mut peers = format!("peers mesh\n    default-bind {}\n", words(own));
            for ((name, _), address) in members.iter().zip(&addresses) {
                writeln!(peers, "    peer {name} {address} {}", words(name)).unwrap();
            }
            peers
        };
        Self::with_peers(place, members, "type ip size 200k expire 10m", peers)
    }

    /// A mesh whose nodes have these peers sections, by their names.
    fn with_peers(
        place: &Place,
        members: &[(&str, Option<PathBuf>)],
        table: &str,
        peers: impl Fn(&str) -> String,
    ) -> Self {
        let servers: Vec<_> =
            (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
        let fronts: Vec<_> = members.iter().map(|_| place.address()).collect();
        let spec = |(index, (name, haproxy)): (usize, &(&str, Option<PathBuf>))| {
            let mut body = peers(name);
            writeln!(body, "\nlisten web\n    bind {}\n    balance roundrobin", fronts[index])
                .unwrap();
            writeln!(body, "    stick-table {table} peers mesh\n    stick on src").unwrap();
            for (number, server) in servers.iter().enumerate() {
                writeln!(body, "    server s{} {}", number + 1, server.address()).unwrap();
            }
            let spec = Spec::new(place, name, &body).reloadable();
            match haproxy {
                Some(binary) => spec.on_haproxy(binary.clone()),
                None => spec,
            }
        };
        let specs = members.iter().enumerate().map(spec).collect();
        Self { servers, fronts, specs }
    }

    /// The configuration of a node.
    pub fn config(&self, index: usize) -> &Path {
        self.specs[index].config()
    }

    /// The address at which a node listens for its peers.
    #[track_caller]
    pub fn peers_address(node: &Node) -> SocketAddr {
        let said = node.api().command("show peers");
        let own = format!("id={}(local", node.spec().name());
        let address = said.split(&own).nth(1).and_then(|rest| rest.split("addr=").nth(1));
        let address = address.and_then(|rest| rest.split(' ').next());
        address.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
    }

    /// Starts one node.
    #[track_caller]
    pub fn start(&self, index: usize) -> Node {
        self.specs[index].clone().start()
    }

    /// Starts one node with further command-line arguments.
    #[track_caller]
    pub fn start_with(&self, index: usize, arguments: &[&str]) -> Node {
        self.specs[index].clone().arguments(arguments).start()
    }

    /// Starts one node on another copy of the program.
    #[track_caller]
    pub fn start_on(&self, index: usize, program: PathBuf) -> Node {
        self.specs[index].clone().on(program).start()
    }

    /// Starts all nodes.
    #[track_caller]
    pub fn start_all(&self) -> Vec<Node> {
        (0..self.specs.len()).map(|index| self.start(index)).collect()
    }

    /// Waits until the node holds exactly these rows.
    #[track_caller]
    pub fn until_holds(node: &Node, expected: &Table, limit: Duration) {
        // The number of rows is cheaper than the rows.
        let holds = || {
            let is_full = node.api().used(Self::TABLE) == expected.len();
            is_full && contents(&node.api(), Self::TABLE) == *expected
        };
        if !super::eventually(limit, holds) {
            let last = contents(&node.api(), Self::TABLE);
            assert!(last == *expected, "after {limit:?} {}", difference(&last, expected));
        }
    }

    /// Waits until all nodes hold the same rows.
    #[track_caller]
    pub fn until_equal(nodes: &[Node], limit: Duration) {
        let all_equal = || {
            let used = |node: &Node| node.api().used(Self::TABLE);
            nodes.windows(2).all(|two| used(&two[0]) == used(&two[1])) && {
                let first = contents(&nodes[0].api(), Self::TABLE);
                nodes[1..].iter().all(|node| contents(&node.api(), Self::TABLE) == first)
            }
        };
        if !super::eventually(limit, all_equal) {
            let first = contents(&nodes[0].api(), Self::TABLE);
            for node in &nodes[1..] {
                let rows = contents(&node.api(), Self::TABLE);
                assert!(rows == first, "after {limit:?} {}", difference(&rows, &first));
            }
        }
    }

    /// Waits until every node has a session with every other node.
    #[track_caller]
    pub fn until_all_connected(&self, nodes: &[Node]) {
        for (index, node) in nodes.iter().enumerate() {
            for (other, spec) in self.specs.iter().enumerate() {
                if index != other {
                    Self::until_connected(node, spec.name());
                }
            }
        }
    }

    /// Whether the node has a session with the named peer.
    pub fn is_connected(node: &Node, peer: &str) -> bool {
        let answer = node.api().command("show peers");
        let mut lines = answer.lines();
        let line = lines.find(|line| line.contains(&format!("id={peer}(remote")));
        line.is_some_and(|line| line.contains("last_status=ESTA"))
    }

    /// Waits until the session between `node` and the named peer is up.
    #[track_caller]
    pub fn until_connected(node: &Node, peer: &str) {
        let is_connected = || Self::is_connected(node, peer);
        until(&format!("a session with {peer}"), super::SOON, is_connected);
    }
}

/// The words of a `bind` or `peer` line with which a node shows this certificate, and wants one of
/// the tests' authority.
pub fn tls_words(certificate: &str) -> String {
    let folder = certificates();
    let folder = folder.display();
    format!("ssl crt {folder}/peers/{certificate} ca-file {folder}/ca.pem verify required")
}

/// The rows of a table with the server of each client only. All nodes must agree on these rows.
pub fn contents(api: &Api, table: &str) -> Table {
    let keep = |name: &str| name == "server_id" || name == "server_key";
    let rows = api.table(table).into_iter().map(|(key, entry)| {
        let entry: Entry = entry.into_iter().filter(|(name, _)| keep(name)).collect();
        (key, entry)
    });
    rows.collect()
}

fn difference(got: &Table, expected: &Table) -> String {
    let differs = |(key, entry): &(&String, &Entry)| got.get(*key) != Some(*entry);
    let differing = expected.iter().filter(differs).take(5);
    let lacking: BTreeMap<_, _> =
        differing.map(|(key, entry)| (key, (entry, "not", got.get(key)))).collect();
    let extra: Vec<_> = got.keys().filter(|key| !expected.contains_key(*key)).take(5).collect();
    format!(
        "{} rows, not {}; lacking or different: {lacking:?}; not expected: {extra:?}",
        got.len(),
        expected.len()
    )
}

/// What `scripts/mesh-check` says of nodes whose Runtime API is at these places, and whether it
/// finds that all hold the same.
#[track_caller]
pub fn mesh_check(sockets: &[PathBuf]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/mesh-check");
    let output = Command::new(script).args(sockets).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    match output.status.code() {
        Some(0) => (true, said),
        Some(1) => (false, said),
        _ => panic!("{said}{}", String::from_utf8_lossy(&output.stderr)),
    }
}
