//! What goes wrong, and when.

use stickd::peers::Start;

use crate::process::{Process, Row};
use crate::scenario::Fault;
use crate::world::World;
use crate::{clients, foreign, invariants, reload, saves};

/// How long one direction between two nodes stands still at most.
const STALL_MS: u64 = 9_000;

/// Some time passes.
pub fn run(world: &mut World, passed_ms: u64) {
    for (fault, interval_ms) in world.scenario.faults.clone() {
        if world.random.below(interval_ms) < passed_ms {
            world.counts.faults += 1;
            happen(world, fault);
        }
    }
}

/// Nothing more goes wrong.
pub fn stop(world: &mut World) {
    world.network.heal();
    for node in &mut world.nodes {
        node.frozen_until_ms = 0;
        node.slow_until_ms = 0;
        node.up_ms = node.up_ms.min(world.now_ms);
    }
    foreign::recover(world);
    world.truth.is_up.fill(true);
}

fn happen(world: &mut World, fault: Fault) {
    if world.scenario.has_foreign && world.random.one_in(1 + world.nodes.len() as u64) {
        happen_to_foreign(world, fault);
        return;
    }
    let node = world.random.index(world.nodes.len());
    let now_ms = world.now_ms;
    match fault {
        Fault::Cut => {
            if let Some(wire) = world.network.any_wire() {
                let nodes = world.network.nodes(wire);
                world.tell(None, None, || format!("a connection between {nodes:?} breaks"));
                world.network.cut(wire, now_ms);
            }
        }
        Fault::Stall => {
            let other = world.random.index(world.nodes.len());
            let until_ms = now_ms + world.random.between(500, STALL_MS);
            world
                .tell(Some(node), None, || format!("nothing goes to node{other} until {until_ms}"));
            world.network.stall(node, other, until_ms);
            if world.random.one_in(2) {
                world.network.stall(other, node, until_ms);
            }
        }
        Fault::Crash => crash(world, node, false),
        Fault::PowerLoss => crash(world, node, true),
        Fault::WorkerCrash => crash_of_worker(world, node),
        Fault::Blackout => blackout(world),
        Fault::Freeze => {
            world.nodes[node].frozen_until_ms = now_ms + world.random.between(100, 8_000);
            world.tell(Some(node), None, || "gets no turn for a while".to_owned());
        }
        Fault::SlowReader => {
            world.nodes[node].slow_until_ms = now_ms + world.random.between(1_000, 8_000);
            world.tell(Some(node), None, || "reads little for a while".to_owned());
        }
        Fault::Reload => reload::begin(world, node),
        Fault::Server => {
            let server = world.random.index(world.truth.is_up.len());
            world.truth.is_up[server] ^= true;
            let state = world.truth.is_up[server];
            world.tell(None, None, || format!("server s{server} is up: {state}"));
        }
        Fault::Removal => {
            let key = u32::try_from(world.random.below(u64::from(world.scenario.keys))).unwrap();
            remove(world, node, key);
        }
        Fault::Clear => {
            world.tell(Some(node), None, || "all entries are removed".to_owned());
            for key in world.truth.keys() {
                remove(world, node, key);
            }
        }
    }
}

/// The HAProxy knows some of the faults.
fn happen_to_foreign(world: &mut World, fault: Fault) {
    match fault {
        Fault::Crash => foreign::crash(world, false),
        Fault::PowerLoss => foreign::crash(world, true),
        Fault::Stall => {
            let (node, own) = (world.random.index(world.nodes.len()), world.nodes.len());
            let until_ms = world.now_ms + world.random.between(500, STALL_MS);
            let way = if world.random.one_in(2) { (node, own) } else { (own, node) };
            world.tell(None, None, || format!("nothing goes the way {way:?} until {until_ms}"));
            world.network.stall(way.0, way.1, until_ms);
        }
        Fault::Cut
        | Fault::Freeze
        | Fault::SlowReader
        | Fault::Reload
        | Fault::Server
        | Fault::Removal
        | Fault::Clear
        | Fault::WorkerCrash
        | Fault::Blackout => {}
    }
}

fn remove(world: &mut World, node: usize, key: u32) {
    let client = world.truth.client(key);
    if client.waiting.is_some() || client.roams || !world.serves(node) {
        return;
    }
    let now_ms = world.now_ms;
    let process = &mut world.nodes[node].process;
    if process.as_mut().is_some_and(|process| process.remove(key, now_ms)) {
        world.truth.remove(key);
        world.tell(Some(node), Some(key), || "the entry is removed".to_owned());
    }
}

/// A node's processes end, all of them.
fn crash(world: &mut World, node: usize, with_host: bool) {
    if world.nodes[node].process.is_none() || world.serving().len() < 2 {
        return;
    }
    clients::note_crash(world, node);
    world.tell(Some(node), None, || format!("crashes; the host vanishes: {with_host}"));
    if !with_host {
        saves::save_last(world, node);
    }
    go_down(world, node, with_host);
}

/// All nodes vanish, and what each alone knew.
fn blackout(world: &mut World) {
    world.tell(None, None, || "all hosts vanish".to_owned());
    clients::note_blackout(world);
    for node in 0..world.nodes.len() {
        go_down(world, node, true);
    }
}

/// A node is down for some time.
fn go_down(world: &mut World, node: usize, with_host: bool) {
    let now_ms = world.now_ms;
    end_processes(world, node, with_host);
    let own = &mut world.nodes[node];
    own.up_ms = now_ms + world.random.between(0, 12_000);
    own.known.fill(0);
    if own.handover.is_some() && !with_host && world.random.one_in(2) {
        reload::lose_predecessor(world, node);
    }
    world.nodes[node].handover = None;
    world.truth.forgive(node);
}

/// A node's process ends. Its supervisor starts another, which has the entries at once. What older
/// processes had still to tell is lost.
fn crash_of_worker(world: &mut World, node: usize) {
    let now_ms = world.now_ms;
    let Some(process) = &world.nodes[node].process else { return };
    let kept = process.kept();
    let before: Vec<Option<Row>> = world.truth.keys().map(|key| process.row(key, now_ms)).collect();
    let (config, memory) = (process.config.clone(), process.memory);
    let generation = process.generation + 1;
    clients::note_crash(world, node);
    world.tell(Some(node), None, || "the worker crashes, and another goes on".to_owned());
    end_processes(world, node, false);
    world.nodes[node].handover = None;
    let seed = world.random.below(1 << 40);
    let mut next = Process::new(config, memory, Start::Alone, seed, now_ms);
    next.begin_updates_at(world.scenario.first_update);
    next.generation = generation;
    next.restore(kept, now_ms);
    invariants::check_restored(world, node, &before, &next);
    world.nodes[node].process = Some(next);
}

/// All processes of a node end.
fn end_processes(world: &mut World, node: usize, with_host: bool) {
    world.counts.crashes += 1;
    let own = &mut world.nodes[node];
    let draining = own.draining.drain(..).filter_map(|mut old| old.vanish());
    for mut process in own.process.take().into_iter().chain(draining) {
        process.vanish(&mut world.network, with_host, world.now_ms);
    }
    own.confirming = None;
    own.lesson = None;
    own.frozen_until_ms = 0;
}
