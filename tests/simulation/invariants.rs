//! What must always hold, and what must hold when the faults have stopped.

use stickd::peers::{PeerSession, Taught};
use stickd::table::{Change, UpdateId};

use crate::clients::known;
use crate::process::{Process, Row, T};
use crate::truth::Visit;
use crate::world::{Lesson, World, peer};

/// How long the nodes may take to agree on what they have acknowledged.
const SETTLED_MS: u64 = 30_000;
/// So long after the one before, a visit meets no other change that is on its way.
const CALM_MS: u64 = 10_000;
/// The names that a table may keep beside those of servers.
const NAMES_MORE: usize = 10;
/// The sessions that a node may have for each peer, those included that have not said who they are.
const SESSIONS_EACH: usize = 4;
/// How long an entry may be on its way to a successor.
const HANDOVER_MS: u32 = 10_000;

/// What an entry says must be what a visit has written, all of it.
fn check_row(world: &mut World, node: usize, key: u32, row: Row) {
    let Some(visit) = world.truth.visit(row.stamp).copied().filter(|visit| visit.key == key) else {
        world.breaks(Some(key), format!("node{node} has an entry of nobody's making: {row:?}"));
        return;
    };
    // Of a counter that several nodes have changed at the same moment the greater value stays.
    let all = world.truth.client(key).visits;
    let has_counted = (visit.count..=all).contains(&row.visits);
    let is_right = row.server == visit.server
        || is_disputed(world, key, &visit)
        || is_being_taught(world, node);
    if !world.truth.chosen(key).contains(&row.server) {
        let chosen = world.truth.chosen(key);
        let what = format!("node{node} has {row:?}, long after all had agreed on {chosen:?}");
        world.breaks(Some(key), what);
        return;
    }
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
        // A lesson of version 2.0 does so, too.
        let age_max_ms =
            if world.scenario.is_plain() { 3 * u64::from(expire_ms) + 30_000 } else { u64::MAX };
        if left_ms > expire_ms || age_ms > age_max_ms {
            let what = format!("node{node} keeps an entry for too long: {row:?}, {age_ms} ms old");
            world.breaks(Some(key), what);
        }
    }
}

/// Whether nodes may have changed the entry at the same moment, so that it comes from several
/// visits.
fn is_disputed(world: &World, key: u32, visit: &Visit) -> bool {
    let client = world.truth.client(key);
    // An entry that one node has removed or evicted, and made anew, meets what others still have.
    let is_made_anew = client.is_removed || world.scenario.overflows();
    client.roams
        || is_made_anew
        || !world.scenario.is_plain()
        || visit.at_ms < client.unsure_until_ms
}

/// Whether the node may be taught, or was a moment ago. A lesson may bring a newer count of an
/// entry that a third node has sent itself, and the server comes from that node a little later.
fn is_being_taught(world: &World, node: usize) -> bool {
    let process = world.nodes[node].process.as_ref();
    process.is_some_and(|process| process.since_ms + SETTLED_MS > world.now_ms)
}

/// Looks through the entries of a node.
pub fn check_rows(world: &mut World, node: usize) {
    let Some(process) = &world.nodes[node].process else { return };
    let table = process.table();
    if table.used() > table.size() {
        world.breaks(None, format!("node{node} has more entries than its size"));
        return;
    }
    check_memory(world, node);
    for key in world.truth.keys() {
        let before = world.nodes[node].known[key as usize];
        let row = world.nodes[node].process.as_ref().and_then(|own| own.row(key, world.now_ms));
        if let Some(row) = row {
            check_row(world, node, key, row);
        }
        let number = row.map_or(0, |row| row.stamp);
        world.nodes[node].known[key as usize] = number;
        check_kept(world, node, key, before, number);
    }
}

/// What a node keeps has bounds, whatever its peers send.
fn check_memory(world: &mut World, node: usize) {
    let Some(process) = &world.nodes[node].process else { return };
    let names = process.tables.names().len();
    let bytes = process.table().allocated_bytes();
    let (ends, peers) = (process.ends.len(), process.section.peers().count());
    let most = world.scenario.servers as usize + NAMES_MORE;
    if names > most || bytes > process.bytes || ends > SESSIONS_EACH * peers {
        let what = format!("node{node} has {names} names, {bytes} bytes of rows, {ends} sessions");
        world.breaks(None, what);
    }
}

/// A node that knew a visit still knows the client. It may know an older visit for a moment, which
/// has come late from a third node.
fn check_kept(world: &mut World, node: usize, key: u32, before: u32, number: u32) {
    if number == 0 && before > 0 && !may_be_gone(world, key, before) {
        let what = format!("node{node} knew visit {before}, and nothing now");
        world.breaks(Some(key), what);
    }
}

/// Whether a node that knew this visit may know nothing.
fn may_be_gone(world: &World, key: u32, number: u32) -> bool {
    let client = world.truth.client(key);
    let Some(visit) = world.truth.visit(number) else { return true };
    world.scenario.overflows()
        || client.is_removed
        || client.waiting.is_some()
        || client.removed_number >= number
        || !world.truth.is_alive(visit, world.now_ms)
}

/// Whether a node that knew this visit may know nothing, or an older one.
fn may_forget(world: &World, key: u32, number: u32) -> bool {
    let is_unsure = |visit: &Visit| visit.at_ms < world.truth.client(key).unsure_until_ms;
    may_be_gone(world, key, number) || world.truth.visit(number).is_some_and(is_unsure)
}

/// A client comes to a node that must know it.
pub fn check_visit(world: &mut World, node: usize, key: u32) {
    let before = world.nodes[node].known[key as usize];
    let row = world.nodes[node].process.as_ref().and_then(|own| own.row(key, world.now_ms));
    check_kept(world, node, key, before, row.map_or(0, |row| row.stamp));
    if let Some(row) = row {
        check_row(world, node, key, row);
    }
    let Some((number, visit)) = world.truth.sure(key).map(|(number, visit)| (number, *visit))
    else {
        return;
    };
    if world.scenario.overflows()
        || !world.truth.is_alive(&visit, world.now_ms)
        || world.truth.is_excused(node, key, number)
        || is_taught_by_foreign(world, node)
    {
        return;
    }
    let is_right = |row: Row| (row.stamp, row.name) == (number, visit.server);
    if row.is_none_or(|row| world.scenario.is_plain() && !is_right(row)) {
        let what = format!(
            "a client comes to node{node}: visit {number} went to s{} and the \
             node knows {row:?}",
            visit.server
        );
        world.breaks(Some(key), what);
    }
}

/// Whether a HAProxy may teach the node. It teaches what came last there, although it has
/// acknowledged a newer change of the node.
fn is_taught_by_foreign(world: &World, node: usize) -> bool {
    let process = world.nodes[node].process.as_ref();
    world.foreign.is_some()
        && process.is_some_and(|process| !process.section.resync().is_up_to_date())
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
    if visit.node != node || may_be_gone(world, key, number) {
        return;
    }
    let known = known(world, other, key);
    if known == 0 {
        let what = format!(
            "node{other} has acknowledged visit {number} to node{node}, and knows \
             nothing"
        );
        world.breaks(Some(key), what);
    } else if known < number && !world.truth.client(key).roams {
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
    let [taught, own] =
        [teacher, node].map(|node| world.truth.keys().map(|key| known(world, node, key)).collect());
    world.nodes[node].lesson = Some(Lesson { teacher, taught, own });
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
    // Without times a lesson cannot be told from what is newer.
    let says_times = world.scenario.is_plain()
        && world.scenario.expire_ms.is_some()
        && lesson.teacher < world.nodes.len();
    for key in world.truth.keys() {
        let Some((number, visit)) = world.truth.sure(key).map(|(n, visit)| (n, *visit)) else {
            continue;
        };
        let known = known(world, node, key);
        if lesson.taught[key as usize] == number
            && known == 0
            && world.truth.is_alive(&visit, world.now_ms)
        {
            let what =
                format!("node{} has taught node{node} all, but not visit {number}", lesson.teacher);
            world.breaks(Some(key), what);
            return;
        }
        // What another node has said itself counts more than what the teacher has from it, but that
        // is put right.
        let was_known = lesson.taught[key as usize] == number
            || (says_times && lesson.own[key as usize] == number);
        if was_known && known < number {
            world.owed.push(Owed { node, key, number, until_ms: world.now_ms + SETTLED_MS });
        }
        if known == number && visit.node == lesson.teacher && !world.truth.client(key).roams {
            check_taught_time(world, node, lesson.teacher, key);
        }
    }
    excuse_unknown(world, node);
}

/// The learner's entry must not live longer than that of the teacher who made it.
fn check_taught_time(world: &mut World, node: usize, teacher: usize, key: u32) {
    if !world.scenario.is_plain() {
        return; // version 2.0 says no times, and the learner may have heard of the entry in it
    }
    let left_ms = |node: usize| {
        let process = world.nodes.get(node)?.process.as_ref()?;
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
        if let Some((number, _)) = world.truth.last(key)
            && known(world, node, key) < number
        {
            world.truth.excuse(node, key, number);
        }
    }
}

/// Nobody could teach the HAProxy what it does not know now.
pub fn excuse_foreign(world: &mut World) {
    let Some(foreign) = &world.foreign else { return };
    for key in world.truth.keys() {
        if let Some((number, _)) = world.truth.last(key)
            && foreign.known(key, world.now_ms).is_none_or(|(known, _)| known < number)
        {
            world.truth.excuse(foreign.index, key, number);
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
        check_agreement(world, key);
        if world.broken.is_some() {
            return;
        }
    }
}

/// All nodes have the same entry of a client, in the end: that of the last visit, if all were to
/// know it, or else that of one of the last visits.
fn check_agreement(world: &mut World, key: u32) {
    let Some((last, visit)) = world.truth.last(key).map(|(last, visit)| (last, *visit)) else {
        return;
    };
    let client = *world.truth.client(key);
    // A removal concerns one node.
    let is_over = client.is_removed || !world.truth.is_alive(&visit, world.now_ms);
    if is_over || !world.scenario.is_plain() {
        world.counts.unsure += 1;
        return;
    }
    let is_alone = client.before_ms + CALM_MS < visit.at_ms && visit.at_ms > world.calm_ms();
    let is_sure = world.truth.sure(key).is_some() || (is_alone && !client.may_be_lost);
    // Until the client comes once more, nodes may keep different entries of a conflict that a
    // HAProxy is part of, which takes what comes last, and of what a node has told only some before
    // it crashed.
    if !is_sure && (world.foreign.is_some() || client.may_be_lost) {
        world.counts.unsure += 1;
        return;
    }
    // Nodes do not tell each other once more of an older count alone. A HAProxy sends the count
    // that came last.
    let compares_counts = is_sure && !(client.roams && world.foreign.is_some());
    let mut same = is_sure.then_some((last, visit.server));
    for node in 0..world.nodes.len() + usize::from(world.foreign.is_some()) {
        let known = known_row(world, node, key);
        if world.truth.is_excused(node, key, last) {
            world.counts.excused += 1;
            continue;
        }
        world.counts.compared += 1;
        let first = *same.get_or_insert_with(|| known.unwrap_or_default());
        let is_same =
            known.is_some_and(|known| known.1 == first.1 && (!compares_counts || known == first));
        if !is_same {
            let what = format!(
                "long after the faults node{node} knows {known:?}, others {first:?}, and the last \
                 visit is {last}: {visit:?}"
            );
            world.breaks(Some(key), what);
            return;
        }
    }
}

/// The number of the visit that a node knows, and the server.
fn known_row(world: &World, node: usize, key: u32) -> Option<(u32, u32)> {
    match (world.nodes.get(node), &world.foreign) {
        (Some(node), _) => {
            let row = node.process.as_ref()?.row(key, world.now_ms)?;
            Some((row.stamp, row.name))
        }
        (None, Some(foreign)) => foreign.known(key, world.now_ms),
        (None, None) => None,
    }
}

/// Every pair has a session, and nothing waits to be sent or acknowledged.
fn check_sessions(world: &mut World, node: usize) {
    let count = world.nodes.len() + usize::from(world.foreign.is_some());
    for other in (0..count).filter(|other| *other != node) {
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
pub fn check_handover(world: &mut World, node: usize, old: &[Option<Row>], next: &Process) {
    for (key, before) in world.truth.keys().zip(old.iter().copied()) {
        let after = next.row(key, world.now_ms);
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

/// A process has crashed, and the next one has all that it had.
pub fn check_restored(world: &mut World, node: usize, before: &[Option<Row>], next: &Process) {
    for (key, before) in world.truth.keys().zip(before) {
        let after = next.row(key, world.now_ms);
        let plain = |row: &Row| Row { update_id: None, rate: 0, ..*row };
        if before.as_ref().map(plain) != after.as_ref().map(plain) {
            let what = format!("node{node} had {before:?}, and after a crash {after:?}");
            world.breaks(Some(key), what);
            return;
        }
    }
}
