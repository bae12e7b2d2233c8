//! Peers that are found by DNS, and come and go.

use std::net::SocketAddr;

use crate::support::nameserver::{Answer, Nameserver};
use crate::support::tls::certificates;
use crate::support::{Node, Place, SOON, Spec, Table, contents, eventually, until};

const SERVICE: &str = "_peers._tcp.lb.test";

/// A nameserver and the nodes that it knows.
struct World {
    place: Place,
    names: Nameserver,
    listed: Vec<(String, SocketAddr)>,
}

impl World {
    fn new() -> Self {
        let place = Place::new();
        let names = Nameserver::start(&place);
        Self { place, names, listed: Vec::new() }
    }

    fn section(&self) -> String {
        format!(
            "resolvers dns\n nameserver ns1 {}\n timeout resolve 50ms\n timeout retry 50ms\n \
             resolve_retries 1\n",
            self.names.address()
        )
    }

    /// Starts a node. `lines` are those of its peers section.
    fn start(&self, name: &str, lines: &str) -> Node {
        let body = format!(
            "{}peers mesh\n {lines}\n table t type ip size 1k store server_id\n\
             listen fe\n bind {}\n server s1 127.0.0.1:1\n",
            self.section(),
            self.place.address(),
        );
        Spec::new(&self.place, name, &body).reloadable().start()
    }

    /// Starts a node that finds the others by the service, and lists it there.
    fn join(&mut self, name: &str) -> Node {
        let address = self.place.address();
        self.listed.push((name.to_owned(), address));
        let node = self.start(
            name,
            &format!(
                "bind {address}\n peer-template 8 {SERVICE} resolvers dns resolve-prefer ipv4"
            ),
        );
        self.tell();
        node
    }

    fn leave(&mut self, name: &str) {
        self.listed.retain(|(other, _)| other != name);
        self.tell();
    }

    fn tell(&self) {
        for (name, address) in &self.listed {
            self.names.hosts(&format!("{name}.lb.test"), &[&address.ip().to_string()]);
        }
        let hosts: Vec<String> =
            self.listed.iter().map(|(name, _)| format!("{name}.lb.test")).collect();
        let records: Vec<_> = hosts
            .iter()
            .zip(&self.listed)
            .map(|(host, (_, address))| (1, address.port(), host.as_str()))
            .collect();
        self.names.services(SERVICE, &records);
    }
}

/// The remote peers that a node shows, and whether each is connected.
fn peers(node: &Node) -> Vec<(String, bool)> {
    let text = node.api().command("show peers");
    let lines = text.lines().filter(|line| line.contains("(remote,"));
    let mut found: Vec<_> = lines
        .map(|line| {
            let name = line.split("id=").nth(1).unwrap().split('(').next().unwrap();
            (name.to_owned(), line.contains("last_status=ESTA"))
        })
        .collect();
    found.sort();
    found
}

#[track_caller]
fn until_peers(node: &Node, expected: &[&str]) {
    let expected: Vec<_> = expected.iter().map(|name| ((*name).to_owned(), true)).collect();
    let are_so = eventually(SOON, || peers(node) == expected);
    assert!(are_so, "{expected:?}: {:?}", peers(node));
}

#[track_caller]
fn until_holds(node: &Node, expected: &Table) {
    let holds = eventually(SOON, || contents(&node.api(), "mesh/t") == *expected);
    assert!(holds, "{:?}", contents(&node.api(), "mesh/t"));
}

#[test]
fn nodes_find_each_other_by_a_service_and_come_and_go() {
    let mut world = World::new();
    let all = ["lb-0", "lb-1", "lb-2", "lb-3", "lb-4"];
    let mut nodes: Vec<Node> = all.iter().map(|name| world.join(name)).collect();
    let others = |own: &str, all: &[&'static str]| -> Vec<&'static str> {
        all.iter().copied().filter(|name| *name != own).collect()
    };
    for (node, name) in nodes.iter().zip(all) {
        until_peers(node, &others(name, &all));
    }
    let keys = (1..=20).map(|n| std::net::Ipv4Addr::new(192, 0, 2, n));
    nodes[0].api().set_servers("mesh/t", keys, 1);
    let expected = contents(&nodes[0].api(), "mesh/t");
    for node in &nodes {
        until_holds(node, &expected);
    }
    // One goes, another comes.
    let mut gone = nodes.pop().unwrap();
    gone.crash();
    world.leave("lb-4");
    until_peers(&nodes[0], &["lb-1", "lb-2", "lb-3"]);
    let newcomer = world.join("lb-7");
    until_peers(&newcomer, &["lb-0", "lb-1", "lb-2", "lb-3"]);
    until_holds(&newcomer, &expected);
    nodes.push(newcomer);
    // A reload needs no nameserver.
    for name in [SERVICE, "lb-0.lb.test", "lb-1.lb.test", "lb-2.lb.test", "lb-7.lb.test"] {
        world.names.set(name, Answer::Silence);
    }
    nodes[0].reload();
    until_peers(&nodes[0], &["lb-1", "lb-2", "lb-3", "lb-7"]);
    let keys = (21..=30).map(|n| std::net::Ipv4Addr::new(192, 0, 2, n));
    nodes[1].api().set_servers("mesh/t", keys, 1);
    let expected = contents(&nodes[1].api(), "mesh/t");
    for node in &nodes {
        until_holds(node, &expected);
    }
    // The one that went comes back, with another address.
    world.tell();
    nodes.push(world.join("lb-4"));
    until_peers(&nodes[0], &["lb-1", "lb-2", "lb-3", "lb-4", "lb-7"]);
    until_holds(&nodes[5], &expected);
}

#[test]
fn a_peer_follows_its_name() {
    let world = World::new();
    let [first, second] = [world.place.address(), world.place.address()];
    let elsewhere = SocketAddr::new("127.0.0.99".parse().unwrap(), second.port());
    world.names.hosts("b.test", &[&elsewhere.ip().to_string()]);
    let words = "resolvers dns resolve-prefer ipv4";
    let a = world.start("a", &format!("peer a {first}\n peer b b.test:{} {words}", second.port()));
    world.names.until_asked("b.test", 3);
    assert!(peers(&a) == [("b".to_owned(), false)], "{:?}", peers(&a));
    // The other node does not know where this one is, and so cannot call.
    let b = world.start("b", &format!("peer b {second}\n peer a 127.0.0.98:1"));
    world.names.hosts("b.test", &[&second.ip().to_string()]);
    until_peers(&a, &["b"]);
    until("the other sees it", SOON, || peers(&b) == [("a".to_owned(), true)]);
}

#[test]
fn nodes_that_a_service_names_speak_tls_and_have_to_show_their_names() {
    let mut world = World::new();
    let certificates = certificates();
    let (folder, trust) = (certificates.join("peers"), certificates.join("ca.pem"));
    let mut join = |name: &str, file: &str| {
        let address = world.place.address();
        world.listed.push((name.to_owned(), address));
        let words = format!(
            "ssl crt {} ca-file {} verify required",
            folder.join(file).display(),
            trust.display()
        );
        let node = world.start(
            name,
            &format!(
                "bind {address} {words}\n default-server {words}\n \
                 peer-template 8 {SERVICE} resolvers dns resolve-prefer ipv4"
            ),
        );
        world.tell();
        node
    };
    let first = join("a", "a.pem");
    let second = join("b", "b.pem");
    until_peers(&first, &["b"]);
    until_peers(&second, &["a"]);
    first.api().set_servers("mesh/t", std::iter::once(std::net::Ipv4Addr::new(192, 0, 2, 1)), 1);
    let expected = contents(&first.api(), "mesh/t");
    until_holds(&second, &expected);
    // A node with the certificate of another one is no peer.
    let stranger = join("c", "b.pem");
    let is_refused = |node: &Node| node.log().contains("its certificate does not name 'c'");
    assert!(eventually(SOON, || is_refused(&first) && is_refused(&second)), "{}", first.log());
    assert!(contents(&stranger.api(), "mesh/t").is_empty());
    assert!(peers(&first).contains(&("b".to_owned(), true)));
}
