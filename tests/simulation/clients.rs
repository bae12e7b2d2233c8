//! Clients: they go to a node, which sends them to the server of their entry, or chooses one and
//! stores it.
//!
//! The clients of some keys go to any node at any time, so that two nodes change an entry at the
//! same moment. Those of the others go to one node at a time, and to another one when all nodes
//! know the entry and the node has been told so: of them more can be said.

use stickd::peers::Peer;

use crate::process::Process;
use crate::truth::{Decision, Visit};
use crate::world::{World, peer};
use crate::{foreign, invariants};

/// How long the successor may take to know what the old process has decided.
const TOLD_MS: u64 = 15_000;
/// How long what a node has sent may be on its way after it has crashed.
pub const ON_THE_WAY_MS: u64 = 20_000;

/// A client comes.
pub fn come(world: &mut World) {
    let keys = u64::from(world.scenario.keys);
    // Some come more often than others.
    let keys = if world.random.one_in(2) { keys.div_ceil(10) } else { keys };
    let key = u32::try_from(world.random.below(keys)).unwrap();
    if world.truth.client(key).waiting.is_some() {
        return;
    }
    look_whether_settled(world, key);
    if world.truth.client(key).roams
        && world.scenario.has_foreign
        && world.random.one_in(1 + world.nodes.len() as u64)
    {
        foreign::serve(world, key);
        return;
    }
    let Some(node) = choose_node(world, key) else { return };
    invariants::check_visit(world, node, key);
    if world.broken.is_none()
        && let Some(process) = world.nodes[node].process.take()
    {
        let process = serve(world, node, key, process);
        world.nodes[node].process = Some(process);
        world.nodes[node].known[key as usize] = known(world, node, key);
    }
}

/// A process of a node serves a client.
pub fn serve(world: &mut World, node: usize, key: u32, mut process: Process) -> Process {
    let now_ms = world.now_ms;
    let up = |server: u32| world.truth.is_up.get(server as usize).copied().unwrap_or(false);
    let found = process.known_row(key, now_ms);
    let known = found.map(|row| row.name).filter(|server| up(*server));
    let servers: Vec<u32> = (0..world.scenario.servers).filter(|server| up(*server)).collect();
    if servers.is_empty() {
        return process;
    }
    let server = known.unwrap_or_else(|| world.random.pick(&servers));
    let number = world.truth.next_number();
    let count = process.store(key, server, number, now_ms);
    match count {
        Some(count) => {
            world.truth.add(Visit { key, server, count, node, at_ms: now_ms });
            world.counts.visits += 1;
        }
        None if world.scenario.nopurge => {}
        None => world.breaks(Some(key), "a table without nopurge takes no entry".to_owned()),
    }
    world.tell(Some(node), Some(key), || match (found, count) {
        (_, None) => "a client finds no room".to_owned(),
        (None, _) => format!("visit {number}: a new client goes to s{server}"),
        (Some(row), _) => format!("visit {number} goes to s{server}; {row:?} was known"),
    });
    process
}

fn choose_node(world: &mut World, key: u32) -> Option<usize> {
    let client = *world.truth.client(key);
    if client.roams {
        let serving = world.serving();
        return (!serving.is_empty()).then(|| world.random.pick(&serving));
    }
    if let Some(owner) = client.owner
        && world.nodes[owner].process.is_some()
    {
        if !world.serves(owner) {
            return None; // it waits
        }
        if world.random.one_in(15)
            && let Some(other) = Some(world.random.pick(&world.serving()))
            && is_settled(world, owner, key)
        {
            world.truth.client_mut(key).owner = Some(other);
            world.tell(Some(other), Some(key), || format!("the client comes from node{owner}"));
            return Some(other);
        }
        return Some(owner);
    }
    // Its node is down: it goes where most is known of it, and waits while that node stands still.
    let living = (0..world.nodes.len()).filter(|node| world.nodes[*node].process.is_some());
    let best = living.max_by_key(|node| known(world, *node, key))?;
    world.truth.client_mut(key).owner = Some(best);
    world.serves(best).then_some(best)
}

/// The number of the visit that a node knows; 0 if it knows none.
pub fn known(world: &World, node: usize, key: u32) -> u32 {
    if let Some(foreign) = world.foreign.as_ref().filter(|foreign| foreign.index == node) {
        return foreign.known(key, world.now_ms).map_or(0, |(stamp, _)| stamp);
    }
    let process = world.nodes[node].process.as_ref();
    process.and_then(|process| process.row(key, world.now_ms)).map_or(0, |row| row.stamp)
}

/// Whether all nodes know the last visit, and the node that has told them knows that they do.
pub fn is_settled(world: &World, owner: usize, key: u32) -> bool {
    let Some((number, _)) = world.truth.sure(key) else { return false };
    let Some(process) = &world.nodes[owner].process else { return false };
    if world.nodes[owner].handover.is_some() {
        return false;
    }
    let Some(place) = process.row(key, world.now_ms).and_then(|row| row.update_id) else {
        return false;
    };
    (0..world.nodes.len()).all(|node| {
        let acked = process.section.peer(peer(node)).acked();
        known(world, node, key) == number && (node == owner || !place.is_after(acked[0]))
    })
}

/// If all nodes have the same entry of a client, and none has anything of it to send, no other
/// state of the entry is anywhere.
fn look_whether_settled(world: &mut World, key: u32) {
    let client = world.truth.client(key);
    // What a node has sent of an entry that had to go for another one cannot be seen.
    let is_needed =
        (world.truth.chosen(key).len() > 1 || client.may_be_lost) && !world.scenario.overflows();
    if !is_needed || world.now_ms < world.truth.crashed_ms + ON_THE_WAY_MS {
        return;
    }
    let mut same = match &world.foreign {
        Some(foreign) => match foreign.settled(key, world.now_ms) {
            Some(settled) => Some(settled),
            None => return,
        },
        None => None,
    };
    for (node, own) in world.nodes.iter().enumerate() {
        let Some(process) = &own.process else { return };
        if own.handover.is_some() || own.confirming.is_some() || !own.draining.is_empty() {
            return;
        }
        let Some(row) = process.row(key, world.now_ms) else { return };
        if *same.get_or_insert((row.stamp, row.name)) != (row.stamp, row.name) {
            return;
        }
        let is_told = |peer: &Peer| !row.update_id.is_some_and(|id| id.is_after(peer.acked()[0]));
        if !process.section.peers().all(|(id, peer)| id.index() == node || is_told(peer)) {
            return;
        }
    }
    if let Some((_, server)) = same {
        world.truth.settle(key, server);
    }
}

/// A node crashes: what it alone knew is lost, and what it has sent may still arrive.
pub fn note_crash(world: &mut World, node: usize) {
    let now_ms = world.now_ms;
    world.truth.crashed_ms = now_ms;
    for key in world.truth.keys() {
        let client = world.truth.client(key);
        let waits = client.waiting.is_some_and(|waiting| waiting.node == node);
        let is_lost = match client.owner {
            Some(owner) => owner == node && !is_settled(world, node, key),
            None => is_known_here_alone(world, node, key),
        };
        let is_owner = client.owner == Some(node);
        let is_alone = client.roams && known(world, node, key) > 0;
        let client = world.truth.client_mut(key);
        if is_owner {
            client.owner = None;
        }
        client.may_be_lost |= waits || is_lost || is_alone;
        if waits || is_lost {
            let unsure_until_ms = now_ms + ON_THE_WAY_MS;
            client.unsure_until_ms = unsure_until_ms;
            client.waiting = None;
        }
    }
}

/// All nodes crash. Each comes back with what its file had, and that may be an older visit.
pub fn note_blackout(world: &mut World) {
    let now_ms = world.now_ms;
    world.truth.crashed_ms = now_ms;
    for client in &mut world.truth.clients {
        (client.owner, client.waiting) = (None, None);
        client.may_be_lost = true;
        client.unsure_until_ms = now_ms + ON_THE_WAY_MS;
    }
}

/// Whether the node knows a visit that no other node knows.
fn is_known_here_alone(world: &World, node: usize, key: u32) -> bool {
    let number = known(world, node, key);
    let mut others = (0..world.nodes.len()).filter(|other| *other != node);
    number > 0 && others.all(|other| known(world, other, key) < number)
}

/// Clients about whom an old process has decided may come again once the successor knows.
pub fn look_after_waiting(world: &mut World) {
    if world.nodes.iter().all(|node| node.draining.is_empty()) && !world.random.one_in(50) {
        return;
    }
    for key in world.truth.keys() {
        let Some(waiting) = world.truth.client(key).waiting else { continue };
        let known = known(world, waiting.node, key);
        let is_told = match waiting.decision {
            None => false,
            Some(Decision::Visit(number)) => known == number,
            Some(Decision::Removal) => known == 0,
        };
        if is_told {
            world.truth.client_mut(key).waiting = None;
            world.counts.late_decisions += 1;
        } else if waiting.until_ms <= world.now_ms && world.scenario.overflows() {
            world.truth.client_mut(key).waiting = None;
            world.truth.client_mut(key).unsure_until_ms = world.now_ms;
        } else if waiting.until_ms <= world.now_ms && waiting.decision.is_none() {
            // Its process had no turn for so long that its time was over then.
            world.truth.client_mut(key).waiting = None;
        } else if waiting.until_ms <= world.now_ms {
            let what = format!(
                "node{} has not been told of the decision of its older process: {waiting:?}, it \
                 knows visit {known}",
                waiting.node
            );
            world.breaks(Some(key), what);
        }
    }
}

/// How long the checks wait for a successor that is to be told by then.
pub fn told_until_ms(decides_ms: u64) -> u64 {
    decides_ms + TOLD_MS
}
