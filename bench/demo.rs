//! The main use of stickd with real processes: three servers, three nodes in one mesh, and a reload
//! under traffic. `scripts/demo` builds and runs this program.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program for people, made of the parts of the tests"
)]

#[expect(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use support::{
    Mesh, Node, Place, Random, StopOnDrop, Tally, ask, ask_often, contents, eventually, pause,
    source,
};

/// The number of clients that connect before the reload.
const CLIENTS: u32 = 2000;

/// The number of reloads of the first node.
const RELOADS: u32 = 5;

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    // The signals are blocked before any thread starts, so every thread leaves them to `wait`.
    let mut ending = SigSet::empty();
    ending.add(Signal::SIGINT);
    ending.add(Signal::SIGTERM);
    ending.thread_block().unwrap();

    let place = Place::new();
    let mesh = Mesh::new(&place, &[("node1", None), ("node2", None), ("node3", None)]);
    let nodes = mesh.start_all();
    let is_clean = show(&mesh, &nodes);
    if once {
        drop(nodes);
        drop(mesh);
        drop(place);
        std::process::exit(i32::from(!is_clean));
    }
    addresses(&place, &mesh);
    ending.wait().unwrap();
    println!("\nEnding.");
}

/// Runs all steps and prints the results.
fn show(mesh: &Mesh, nodes: &[Node]) -> bool {
    heading("Three nodes, one memory");
    for (peer, node) in [("node2", 0), ("node3", 0), ("node3", 1)] {
        Mesh::until_connected(&nodes[node], peer);
    }
    println!("  node1, node2 and node3 are stickd processes in one peers mesh;");
    println!("  behind each of them are the same three servers s1, s2 and s3.");

    heading("New clients come to node1");
    let homes: BTreeMap<Ipv4Addr, String> = (0..CLIENTS)
        .map(|n| (source(n), ask(source(n), mesh.fronts[0]).unwrap_or_default()))
        .collect();
    let mut shares: BTreeMap<&str, u32> = BTreeMap::new();
    for name in homes.values() {
        *shares.entry(name).or_default() += 1;
    }
    for (name, count) in &shares {
        println!("  {name}  {count:>5} clients");
    }

    heading("The same clients come to node2 and node3");
    let expected = contents(&nodes[0].api(), Mesh::TABLE);
    let start = Instant::now();
    let in_step = eventually(Duration::from_secs(10), || {
        nodes.iter().all(|node| contents(&node.api(), Mesh::TABLE) == expected)
    });
    println!(
        "  the tables are {} after {:?}",
        if in_step { "equal" } else { "NOT EQUAL" },
        start.elapsed()
    );
    let mut elsewhere = Tally::default();
    for front in &mesh.fronts[1..] {
        let mut clients = homes.iter();
        let stop = AtomicBool::new(false);
        elsewhere.add(&ask_often(*front, &stop, || {
            let (client, name) = clients.next().unwrap();
            if clients.len() == 0 {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            (*client, Some(name.clone()))
        }));
    }
    row(&elsewhere);

    heading(&format!("node1 is reloaded {RELOADS} times under traffic"));
    let before = nodes[0].api().used(Mesh::TABLE);
    let generation = nodes[0].pid();
    let traffic = reload_under_traffic(mesh, nodes, &homes);
    row(&traffic);
    let after = nodes[0].api().used(Mesh::TABLE);
    println!("  process {generation} became process {}", nodes[0].pid());
    println!("  entries before {before}, after {after}");

    heading("In the end");
    let failed = elsewhere.failed + traffic.failed;
    let misrouted = elsewhere.misrouted + traffic.misrouted;
    let served_by_all = shares.len() == 3 && !shares.contains_key("");
    let is_clean = failed == 0 && misrouted == 0 && after == before && in_step && served_by_all;
    println!(
        "  sent {}, misrouted {misrouted}, refused or reset {failed}, entries lost {}",
        u64::from(CLIENTS) + elsewhere.answered + traffic.answered + failed,
        before.saturating_sub(after)
    );
    println!("  {}", if is_clean { "Nobody noticed." } else { "SOMETHING WENT WRONG." });
    is_clean
}

/// Connects known clients to node1 from four threads while node1 is reloaded.
fn reload_under_traffic(mesh: &Mesh, nodes: &[Node], homes: &BTreeMap<Ipv4Addr, String>) -> Tally {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let client = |seed: u64| {
            let (stop, front) = (&stop, mesh.fronts[0]);
            let mut random = Random::new(seed);
            move || {
                ask_often(front, stop, || {
                    let client = source(random.below(CLIENTS));
                    (client, homes.get(&client).cloned())
                })
            }
        };
        let threads: Vec<_> = (1..=4).map(|seed| scope.spawn(client(seed))).collect();
        let guard = StopOnDrop(&stop);
        pause(Duration::from_millis(300));
        for _ in 0..RELOADS {
            nodes[0].reload();
            pause(Duration::from_millis(300));
        }
        drop(guard);
        let mut all = Tally::default();
        for thread in threads {
            all.add(&thread.join().unwrap());
        }
        all
    })
}

/// Commands for the user to try.
fn addresses(place: &Place, mesh: &Mesh) {
    heading("To play with");
    for (number, front) in mesh.fronts.iter().enumerate() {
        let name = format!("node{}", number + 1);
        println!(
            "  {name}  clients {front}   Runtime API {}",
            place.path(&format!("{name}.admin")).display()
        );
    }
    let front = mesh.fronts[1];
    println!(
        "  curl -s --http0.9 --interface 127.5.5.5 http://{front}/     # asks for a server's name"
    );
    println!("  echo 'show table web' | socat - {}", place.path("node2.admin").display());
    println!("  kill -USR2 $(cat {})     # reloads node2", place.path("node2.pid").display());
    println!("\n  Ctrl-C ends it all.");
}

fn heading(text: &str) {
    if std::io::stdout().is_terminal() {
        println!("\n\x1b[1m{text}\x1b[0m");
    } else {
        println!("\n{text}");
    }
}

fn row(tally: &Tally) {
    println!(
        "  {} connections, {} misrouted, {} refused or reset",
        tally.answered, tally.misrouted, tally.failed
    );
    for example in &tally.examples {
        println!("    {example}");
    }
}
