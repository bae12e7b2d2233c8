//! A network that parts and heals while clients come to all nodes.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::support::{
    Homes, Mesh, Node, Place, SOON, Visitors, Visits, Wires, ask, source, until, visit_all,
};

/// How long nodes may take to find each other again, and to be equal.
const RECOVERY: Duration = Duration::from_secs(20);

/// Three nodes that are connected and know the first clients.
struct Parted {
    nodes: Vec<Node>,
    mesh: Mesh,
    wires: Wires,
    known: Homes,
    _place: Place,
}

impl Parted {
    fn start() -> Self {
        let place = Place::new();
        let (mesh, wires) =
            Mesh::over_wires(&place, &["a", "b", "c"], "type ip size 200k expire 10m");
        let nodes = mesh.start_all();
        mesh.until_all_connected(&nodes);
        let come = |n: u32| {
            let front = mesh.fronts[usize::try_from(n % 3).unwrap()];
            (source(n), ask(source(n), front).unwrap())
        };
        let known = (0..300).map(come).collect();
        Mesh::until_equal(&nodes, SOON);
        Self { _place: place, mesh, wires, nodes, known }
    }

    fn visitors(&self) -> Visitors {
        Visitors::start(&self.mesh.fronts, 1_000_000, &self.known)
    }

    fn until_lost(&self, node: usize, peer: &str) {
        let is_lost = || !Mesh::is_connected(&self.nodes[node], peer);
        until(&format!("{node} has lost {peer}"), SOON, is_lost);
    }

    /// Heals the network under load. Everybody must be known everywhere afterwards.
    #[track_caller]
    fn heal(&self, what: &str, visitors: Visitors) {
        self.wires.heal();
        let healed = Instant::now();
        self.mesh.until_all_connected(&self.nodes);
        let connected = healed.elapsed();
        let Visits { tally, homes, longest } = visitors.stop();
        Mesh::until_equal(&self.nodes, RECOVERY);
        let equal = healed.elapsed();
        assert!(tally.is_clean(), "{tally:?}");
        assert_eq!(self.nodes[0].api().used(Mesh::TABLE), homes.len() + self.known.len());
        let mut after = visit_all(&self.mesh.fronts, &homes);
        after.add(&visit_all(&self.mesh.fronts, &self.known));
        assert!(after.is_clean(), "{after:?}");
        eprintln!(
            "{what}: {} connections meanwhile (the slowest took {longest:?}), {} new clients; \
             connected again after {connected:?}, equal after {equal:?}; misrouted 0, refused 0, \
             lost 0",
            tally.answered,
            homes.len()
        );
    }
}

#[test]
fn a_mesh_that_was_parted_knows_every_client_everywhere_when_it_is_whole_again() {
    let parted = Parted::start();
    let visitors = parted.visitors();
    parted.wires.cut(0, 1);
    parted.wires.cut(0, 2);
    parted.until_lost(0, "b");
    parted.until_lost(0, "c");
    parted.until_lost(1, "a");
    assert!(Mesh::is_connected(&parted.nodes[1], "c"));
    parted.heal("one node cut off from two", visitors);
}

#[test]
fn a_way_that_carries_one_direction_only_is_no_way_and_heals() {
    let parted = Parted::start();
    let visitors = parted.visitors();
    parted.wires.allow(0, 1, 0);
    parted.until_lost(1, "a");
    parted.until_lost(0, "b");
    parted.heal("a way cut in one direction", visitors);
}

#[test]
fn a_cut_shorter_than_the_silence_that_peers_allow_costs_nothing() {
    let mut parted = Parted::start();
    let visitors = parted.visitors();
    let reconnects = |parted: &Parted| {
        let mesh = parted.nodes[0].api().command("show mesh json");
        let mesh: serde_json::Value = serde_json::from_str(&mesh).unwrap();
        let link = &mesh["sections"][0]["links"][0];
        (link["peer"].clone(), link["reconnects"].as_u64().unwrap())
    };
    let before = reconnects(&parted);
    for cut in 0..3 {
        parted.wires.cut(0, 1);
        crate::support::pause(Duration::from_secs(1));
        parted.wires.heal();
        // Something passes in both directions before the next cut.
        for (from, to) in [(0, 1), (1, 0)] {
            let stranger = source(900_000 + 2 * cut + from);
            let front = usize::try_from(from).unwrap();
            let server = ask(stranger, parted.mesh.fronts[front]).unwrap();
            parted.known.insert(stranger, server);
            let show = format!("show table {} key {stranger}", Mesh::TABLE);
            until("the other node knows the client", SOON, || {
                parted.nodes[to].api().command(&show).contains("key=")
            });
        }
    }
    assert!(Mesh::is_connected(&parted.nodes[0], "b"));
    assert_eq!(reconnects(&parted), before);
    parted.heal("three short cuts", visitors);
}

/// Clients that come to both sides of a cut get a server on each side. When the network is whole
/// again all nodes have to agree on one of the two.
#[test]
fn nodes_agree_about_a_client_that_came_to_both_sides() {
    let parted = Parted::start();
    let clients: Vec<Ipv4Addr> = (5000..5200).map(source).collect();
    parted.wires.cut(0, 1);
    parted.wires.cut(0, 2);
    parted.until_lost(0, "b");
    parted.until_lost(1, "a");
    // Each side is at its own place in the round of the servers.
    ask(source(6000), parted.mesh.fronts[0]).unwrap();
    let sides = |client: &Ipv4Addr| [0, 1].map(|n| ask(*client, parted.mesh.fronts[n]).unwrap());
    let differ = |client: &&Ipv4Addr| {
        let [one, other] = sides(client);
        one != other
    };
    let conflicts = clients.iter().filter(differ).count();
    assert!(conflicts > 0);
    parted.wires.heal();
    let healed = Instant::now();
    parted.mesh.until_all_connected(&parted.nodes);
    Mesh::until_equal(&parted.nodes, RECOVERY);
    eprintln!("{conflicts} clients with a server on each side: equal after {:?}", healed.elapsed());
    let home = |client: &Ipv4Addr| (*client, ask(*client, parted.mesh.fronts[2]).unwrap());
    let homes: Homes = clients.iter().map(home).collect();
    let tally = visit_all(&parted.mesh.fronts, &homes);
    assert!(tally.is_clean(), "{tally:?}");
}
