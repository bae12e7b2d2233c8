//! What must always hold, and what must hold when the faults have stopped.

use stickd::peers::{PeerSession, Taught};
use stickd::table::{Change, UpdateId};

use crate::clients::known;
use crate::process::{Process, Row, T};
use crate::world::{Lesson, World, peer};

/// How long the nodes may take to agree on what they have acknowledged.
const SETTLED_MS: u64 = 30_000;
/// How long an entry may be on its way to a successor.
const HANDOVER_MS: u32 = 10_000;

/// What an entry says must be what a visit has written, all of it.
fn check_row(world: &mut World, node: usize, key: u32, row: Row) {
    let Some(visit) = world.truth.visit(row.stamp).copied().filter(|visit| visit.key == key) else {
        world.breaks(Some(key), format!("node{node} has an entry of nobody's making: {row:?}"));
        return;
    };
    // Of a counter that several nodes have changed at the same moment the greater value stays.
    let has_counted = (visit.count..=world.truth.client(key).visits).contains(&row.visits);
    let is_right = row.server == visit.server || !world.truth.is_calm(key, &visit);
    if !is_right || row.name != row.server || !has_counted {
        world.breaks(Some(key), format!("node{node} has {row:?}, and {visit:?} wrote it"));
        return;
    }
    if row.rate > world.truth.client(key).visits {
        world.breaks(Some(key), format!("node{node} counts too many in its rate: {row:?}"));
        return;
    }
    // A live push gives the full time anew, while the entry lives at the node that pushes it.
    if let Some((expire_ms, left_ms)) = world.truth.expire_ms.zip(row.left_ms) {
        let age_ms = world.now_ms - visit.at_ms;
        if left_ms > expire_ms || age_ms > 3 * u64::from(expire_ms) + 30_000 {
            let what = format!("node{node} keeps an entry for too long: {row:?}, {age_ms} ms old");
            world.breaks(Some(key), what);
        }
    }
}

/// Looks through the entries of a node.
pub fn check_rows(world: &mut World, node: usize) {
    let Some(process) = &world.nodes[node].process else { return };
    let table = process.table();
    if table.used() > table.size() {
        world.breaks(None, format!("node{node} has more entries than its size"));
        return;
    }
    for key in world.truth.keys() {
        let before = world.nodes[node].known[key as usize];
        let row = world.nodes[node].process.as_ref().and_then(|own| own.row(key, world.now_ms));
        if let Some(row) = row {
            check_row(world, node, key, row);
        }
        let number = row.map_or(0, |row| row.stamp);
        world.nodes[node].known[key as usize] = number;
        // An older one may come late from a third node, for a moment.
        if number == 0 && before > 0 && !may_forget(world, key, before) {
            let what = format!("node{node} knew visit {before}, and nothing now");
            world.breaks(Some(key), what);
        }
    }
}

/// Whether a node that knew this visit may know nothing, or an older one.
fn may_forget(world: &World, key: u32, number: u32) -> bool {
    let client = world.truth.client(key);
    let Some(visit) = world.truth.visit(number) else { return true };
    world.scenario.overflows()
        || client.is_removed
        || client.waiting.is_some()
        || visit.at_ms < client.unsure_until_ms
        || client.removed_number >= number
        || !world.truth.is_alive(visit, world.now_ms)
}

/// A client comes to a node that must know it.
pub fn check_visit(world: &mut World, node: usize, key: u32) {
    let Some((number, visit)) = world.truth.sure(key).map(|(number, visit)| (number, *visit))
    else {
        return;
    };
    if world.scenario.overflows()
        || !world.truth.is_alive(&visit, world.now_ms)
        || world.truth.is_excused(node, key, number)
    {
        return;
    }
    let row = world.nodes[node].process.as_ref().and_then(|own| own.row(key, world.now_ms));
    if row.is_none_or(|row| row.stamp != number) {
        let what = format!(
            "a client comes to node{node}: visit {number} went to s{} and the \
             node knows {row:?}",
            visit.server
        );
        world.breaks(Some(key), what);
    }
}

/// What a peer has acknowledged since the last look, it must have.
pub fn check_acked(world: &mut World, node: usize) {
    for other in 0..world.nodes.len() {
        let Some(process) = &mut world.nodes[node].process else { return };
        let acked = process.section.peer(peer(other)).acked()[0];
        let before = std::mem::replace(&mut process.acked[other], acked);
        if acked == before || !acked.is_after(before) || other == node {
            continue;
        }
        let Some(since_ms) = session_since_ms(process.section.peer(peer(other)).session()) else {
            continue;
        };
        let learner = world.nodes[other].process.as_ref();
        if learner.is_none_or(|learner| learner.since_ms > since_ms) {
            continue; // another process has acknowledged
        }
        for (key, number) in changed(world, node, before, acked) {
            check_applied(world, (node, other), key, number);
        }
    }
}

fn session_since_ms(session: PeerSession) -> Option<u64> {
    match session {
        PeerSession::Up { since_ms, .. } => Some(since_ms),
        PeerSession::None | PeerSession::Calling { .. } => None,
    }
}

/// The clients whose entries were changed at the node between these places of its log.
fn changed(world: &World, node: usize, from: UpdateId, upto: UpdateId) -> Vec<(u32, u32)> {
    let Some(process) = &world.nodes[node].process else { return Vec::new() };
    let (mut found, mut at) = (Vec::new(), from);
    loop {
        match process.table().next_change(at) {
            Change::Row { row, id } if !id.is_after(upto) => {
                at = id;
                let key = u32::from_be_bytes(process.table().key(row).try_into().unwrap());
                found.push((key, process.read(row, world.now_ms).stamp));
            }
            Change::Skipped { upto: passed } if upto.is_after(passed) => at = passed,
            _ => return found,
        }
    }
}

fn check_applied(world: &mut World, (node, other): (usize, usize), key: u32, number: u32) {
    let Some(visit) = world.truth.visit(number).copied() else { return };
    // A row that the node has learned since says what was not sent.
    if visit.node != node || may_forget(world, key, number) {
        return;
    }
    let known = known(world, other, key);
    if known == 0 {
        let what = format!(
            "node{other} has acknowledged visit {number} to node{node}, and knows \
             nothing"
        );
        world.breaks(Some(key), what);
    } else if known < number {
        world.owed.push(Owed { node: other, key, number, until_ms: world.now_ms + SETTLED_MS });
    }
}

/// What a node has acknowledged and does not know: an older state may have come late from a third
/// node, which corrects it soon.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    node: usize,
    key: u32,
    number: u32,
    until_ms: u64,
}

/// Whether what was acknowledged is known by now.
pub fn check_owed(world: &mut World) {
    for owed in std::mem::take(&mut world.owed) {
        let Owed { node, key, number, until_ms } = owed;
        let since_ms = world.nodes[node].process.as_ref().map_or(u64::MAX, |own| own.since_ms);
        let known = known(world, node, key);
        if known >= number || may_forget(world, key, number) || since_ms + SETTLED_MS > until_ms {
            continue;
        }
        if world.now_ms < until_ms {
            world.owed.push(owed);
        } else {
            let what = format!("node{node} has acknowledged visit {number}, and knows {known}");
            world.breaks(Some(key), what);
        }
    }
}

/// A node asks another to teach it everything.
pub fn note_lesson(world: &mut World, node: usize, teacher: usize) {
    let taught = world.truth.keys().map(|key| known(world, teacher, key)).collect();
    world.nodes[node].lesson = Some(Lesson { teacher, taught });
}

/// A node says that it is up to date.
pub fn check_lesson(world: &mut World, node: usize) {
    let Some(lesson) = world.nodes[node].lesson.take() else { return };
    let Some(process) = &world.nodes[node].process else { return };
    let last = process.section.lessons().last();
    let is_whole = last.is_some_and(|last| {
        last.taught == Taught::ThisNode
            && !last.is_partial
            && last.peer == format!("node{}", lesson.teacher)
    });
    if !is_whole || world.scenario.overflows() {
        excuse_unknown(world, node);
        return;
    }
    world.counts.lessons += 1;
    for key in world.truth.keys() {
        let Some((number, visit)) = world.truth.sure(key).map(|(n, visit)| (n, *visit)) else {
            continue;
        };
        let known = known(world, node, key);
        if lesson.taught[key as usize] == number
            && known == 0
            && world.truth.is_alive(&visit, world.now_ms)
        {
            // What another node has said itself counts more than what the teacher has from it.
            let what =
                format!("node{} has taught node{node} all, but not visit {number}", lesson.teacher);
            world.breaks(Some(key), what);
            return;
        }
        if known == number && visit.node == lesson.teacher {
            check_taught_time(world, node, lesson.teacher, key);
        }
    }
    excuse_unknown(world, node);
}

/// The learner's entry must not live longer than that of the teacher who made it.
fn check_taught_time(world: &mut World, node: usize, teacher: usize, key: u32) {
    let pair = (node.min(teacher), node.max(teacher));
    if world.network.old_version.contains(&pair) {
        return; // version 2.0 says no times
    }
    let left_ms = |node: usize| {
        let process = world.nodes[node].process.as_ref()?;
        process.row(key, world.now_ms)?.left_ms
    };
    if let (Some(own), Some(theirs)) = (left_ms(node), left_ms(teacher))
        && u64::from(own) > u64::from(theirs) + 20_000
    {
        let what = format!("node{node} keeps the entry for {own} ms, its teacher for {theirs} ms");
        world.breaks(Some(key), what);
    }
}

/// Nobody could teach the node what it does not know now.
pub fn excuse_unknown(world: &mut World, node: usize) {
    for key in world.truth.keys() {
        if let Some((number, _)) = world.truth.sure(key)
            && known(world, node, key) < number
        {
            world.truth.excuse(node, key, number);
        }
    }
}

/// The faults have stopped for long enough: all nodes hold the same.
pub fn check_end(world: &mut World) {
    for node in 0..world.nodes.len() {
        check_rows(world, node);
        check_sessions(world, node);
        if world.broken.is_some() {
            return;
        }
    }
    if world.scenario.overflows() {
        return;
    }
    for key in world.truth.keys() {
        let Some((number, visit)) = world.truth.sure(key).map(|(n, visit)| (n, *visit)) else {
            world.counts.unsure += 1;
            continue;
        };
        if !world.truth.is_alive(&visit, world.now_ms) {
            continue;
        }
        for node in 0..world.nodes.len() {
            if world.truth.is_excused(node, key, number) {
                world.counts.excused += 1;
                continue;
            }
            world.counts.compared += 1;
            let row = world.nodes[node].process.as_ref().and_then(|own| own.row(key, world.now_ms));
            let known = row.map_or(0, |row| row.stamp);
            let goes_right = row.is_some_and(|row| row.name == visit.server);
            let is_calm = world.truth.is_calm(key, &visit);
            let is_same = goes_right && (known == number || !is_calm);
            if !is_same && !world.truth.is_restless(key) {
                let what = format!(
                    "long after the faults node{node} knows visit {known}, and the last one is \
                     {number}: {visit:?}"
                );
                world.breaks(Some(key), what);
                return;
            }
        }
    }
}

/// Every pair has a session, and nothing waits to be sent or acknowledged.
fn check_sessions(world: &mut World, node: usize) {
    for other in (0..world.nodes.len()).filter(|other| *other != node) {
        let Some(process) = &world.nodes[node].process else {
            world.breaks(None, format!("node{node} is not there in the end"));
            return;
        };
        let known = process.section.peer(peer(other));
        let Some(since_ms) = session_since_ms(known.session()) else {
            let what = format!("node{node} has no session with node{other}: {known:?}");
            world.breaks(None, what);
            return;
        };
        if since_ms + 12_000 > world.now_ms {
            let what = format!("node{node} and node{other} have lost their session again");
            world.breaks(None, what);
            return;
        }
        let acked = known.acked()[0];
        if let Some((key, number)) =
            changed(world, node, acked, process.tables.get(T).last_update()).first().copied()
        {
            let what = format!("node{other} never acknowledges visit {number} to node{node}");
            world.breaks(Some(key), what);
            return;
        }
    }
}

/// A handover is over and nothing has changed since: both processes have the same.
pub fn check_handover(world: &mut World, node: usize, old: &Process, next: &Process) {
    for key in world.truth.keys() {
        let [before, after] = [old, next].map(|process| process.row(key, world.now_ms));
        let same = match (before, after) {
            (Some(before), Some(after)) => {
                let left_ms = before.left_ms.unwrap_or(0).abs_diff(after.left_ms.unwrap_or(0));
                let names = |row: Row| (row.stamp, row.server, row.name, row.visits, row.update_id);
                names(before) == names(after) && left_ms < HANDOVER_MS
            }
            (None, None) => true,
            // It may end in the time that it takes to be told.
            (Some(row), None) | (None, Some(row)) => {
                row.left_ms.is_some_and(|left_ms| left_ms < HANDOVER_MS)
            }
        };
        if !same {
            let what = format!("node{node} has handed over {before:?} as {after:?}");
            world.breaks(Some(key), what);
            return;
        }
    }
}
