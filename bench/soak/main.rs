//! Mixed load on a mesh of three nodes for a long time, with reloads, restarts, stops and changes.
//! `scripts/soak` builds and runs this program. It ends with status 1 if a client was misrouted or
//! refused, an entry was lost, or the memory, descriptors or CPU time of a node did not stay flat.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement, made of the parts of the tests"
)]

mod disturbances;
mod load;
mod samples;
#[expect(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/it/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use disturbances::Disturbances;
use load::Load;
use samples::Samples;
use support::tls::certificates;
use support::{
    Homes, Mesh, Node, Place, Recipe, Server, Visitors, Visits, eventually, source, visit_all,
};

/// A storm of reloads comes first.
const STORM: Recipe = Recipe {
    entries: 100_000,
    clients: 3,
    reloads: 100,
    before: Duration::from_secs(1),
    gap: Duration::from_millis(100),
    after: Duration::from_secs(5),
};

/// The addresses of one node beside that of its sticky service.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    /// An echo.
    pub echo: SocketAddr,
    /// The name of a server, behind TLS.
    pub secured: SocketAddr,
    /// The statistics page and the metrics.
    pub pages: SocketAddr,
    /// Servers that are changed all the time.
    pub changing: SocketAddr,
}

/// The nodes `a`, `b` and `c`, their servers and addresses.
#[derive(Debug)]
pub struct Cluster {
    /// The sticky service.
    pub mesh: Mesh,
    /// The running nodes.
    pub nodes: Vec<Node>,
    /// The other services of each node.
    pub doors: Vec<Doors>,
    _servers: Vec<Server>,
    _place: Place,
}

impl Cluster {
    fn start() -> Self {
        let place = Place::new();
        let mesh = Mesh::with_table(
            &place,
            &[("a", None), ("b", None), ("c", None)],
            "type ip size 200k expire 24h",
        );
        let mut servers = vec![Server::echo(place.address())];
        servers.extend((1..=3).map(|n| Server::name(place.address(), &format!("x{n}"))));
        let doors = (0..3).map(|index| {
            let doors = Doors {
                echo: place.address(),
                secured: place.address(),
                pages: place.address(),
                changing: place.address(),
            };
            let config = mesh.config(index);
            let text = fs::read_to_string(config).unwrap() + &sections(&doors, &servers);
            fs::write(config, text).unwrap();
            doors
        });
        let doors = doors.collect();
        let nodes = vec![mesh.start(0), mesh.start(1), mesh.start_with(2, &["-W"])];
        mesh.until_all_connected(&nodes);
        Self { mesh, nodes, doors, _servers: servers, _place: place }
    }
}

fn sections(doors: &Doors, servers: &[Server]) -> String {
    let Doors { echo, secured, pages, changing } = doors;
    let certificate = certificates().join("site.pem");
    let mut text = format!(
        "listen echo\n    bind {echo}\n    server e {}\n\
         listen secured\n    bind {secured} ssl crt {}\n    server x1 {}\n\
         frontend pages\n    mode http\n    bind {pages}\n    stats uri /stats\n    \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n\
         listen changing\n    bind {changing}\n    balance leastconn\n    option redispatch\n",
        servers[0].address(),
        certificate.display(),
        servers[1].address()
    );
    for (number, server) in servers.iter().enumerate().skip(1) {
        writeln!(text, "    server x{number} {} check inter 1s", server.address()).unwrap();
    }
    text
}

fn main() {
    let minutes = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(10);
    let mut cluster = Cluster::start();
    let mut faults = Vec::new();
    storm(&cluster, &mut faults);
    faults.extend(soak(&mut cluster, Duration::from_secs(60 * minutes)));
    for fault in &faults {
        println!("FAILED: {fault}");
    }
    if faults.is_empty() {
        println!("Everything stayed flat, and nobody noticed.");
    }
    drop(cluster); // exit(3) would leave its processes
    std::process::exit(i32::from(!faults.is_empty()));
}

/// Reloads one node again and again while known clients come to all nodes.
fn storm(cluster: &Cluster, faults: &mut Vec<String>) {
    let Cluster { mesh, nodes, .. } = cluster;
    nodes[0].api().set_servers(Mesh::TABLE, (0..STORM.entries).map(source), 1);
    let entries = usize::try_from(STORM.entries).unwrap();
    let has_all = |node: &Node| node.api().used(Mesh::TABLE) == entries;
    let long = Duration::from_secs(60);
    if !eventually(long, || nodes.iter().all(has_all)) {
        faults.push("the entries did not reach all nodes".to_owned());
    }
    let outcome = STORM.run(&nodes[0], &mesh.fronts, Mesh::TABLE);
    println!("a storm of {} reloads in 10 s: {outcome}", STORM.reloads);
    if !outcome.is_clean() {
        faults.push("the storm of reloads".to_owned());
    }
    mesh.until_all_connected(nodes);
    Mesh::until_equal(nodes, long);
}

/// The long run. Returns what went wrong.
fn soak(cluster: &mut Cluster, length: Duration) -> Vec<String> {
    let fronts = cluster.mesh.fronts.clone();
    let began = Instant::now();
    // The clients of the third node are those that disturbances ask for.
    let visitors = Visitors::start(&fronts[..2], 1_000_000, &Homes::new());
    let load = Load::start(&cluster.doors[..2], &cluster.nodes[..2]);
    let mut samples = Samples::new(length);
    let mut disturbances = Disturbances::new();
    while began.elapsed() < length {
        disturbances.go_on(cluster, began.elapsed());
        samples.take(&cluster.nodes, began.elapsed(), visitors.answered());
        support::pause(Duration::from_millis(200));
    }
    let Visits { tally, homes, longest } = visitors.stop();
    let (mut faults, counts) = (Vec::new(), load.stop());
    disturbances.finish(cluster);
    println!("{samples}");
    println!("{disturbances}");
    for count in counts {
        println!("{count}");
        faults.extend(count.fault());
    }
    println!(
        "short connections: {} of {} clients, misrouted {}, refused or reset {}, the slowest took \
         {longest:?}",
        tally.answered,
        homes.len(),
        tally.misrouted,
        tally.failed
    );
    if !tally.is_clean() {
        faults.push(format!("short connections: {:?}", tally.examples));
    }
    faults.extend(disturbances.faults());
    faults.extend(samples.faults());
    faults.extend(last_look(cluster, &homes));
    faults
}

/// Whether all nodes know everybody in the end.
fn last_look(cluster: &Cluster, homes: &Homes) -> Option<String> {
    let Cluster { mesh, nodes, .. } = cluster;
    mesh.until_all_connected(nodes);
    Mesh::until_equal(nodes, Duration::from_secs(60));
    let ids = nodes[2].api().server_ids(Mesh::TABLE);
    let lost = (0..STORM.entries).filter(|n| ids.get(&source(*n)) != Some(&1)).count();
    let forgotten = homes.keys().filter(|client| !ids.contains_key(client)).count();
    let some: Homes = homes.clone().into_iter().step_by(homes.len() / 1000 + 1).collect();
    let tally = visit_all(&mesh.fronts, &some);
    println!(
        "in the end: {} entries on all nodes, lost {}, of {} clients misrouted {}, refused {}",
        ids.len(),
        lost + forgotten,
        tally.answered,
        tally.misrouted,
        tally.failed
    );
    (lost + forgotten > 0 || !tally.is_clean()).then(|| format!("in the end: {tally:?}"))
}
