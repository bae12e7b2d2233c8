//! Reloads: a process hands its tables over to its successor and drains, while it still decides for
//! the clients that waited. `src/reload` does the same on sockets; the bytes and their meaning are
//! the product's own.

use stickd::config::TableId;
use stickd::peers::{Closed, Section, Session, SessionEvent, Start};
use stickd::table::UpdateId;

use crate::draining::Draining;
use crate::filter::{Filter, Plant};
use crate::network::{Pipe, Received};
use crate::process::{Process, Row, T};
use crate::random::Random;
use crate::truth::Waiting;
use crate::world::World;
use crate::{clients, draining, invariants};

/// The entries between two looks at the socket.
const UPDATES_AT_ONCE: u32 = 4096;
/// How long a handover may stand still.
const PROGRESS_MS: u64 = 5_000;
/// The receives and sends in one turn.
const CALLS_PER_TURN: usize = 4;
/// The last decision of an old process comes so long after the handover.
const DECIDES_MS: u64 = 8_000;

/// One end of the session between both processes.
#[derive(Debug)]
pub struct Half {
    pub section: Section,
    pub session: Session,
}

/// The stream between two processes of a node.
#[derive(Debug)]
pub struct Stream {
    /// To the old process, and to the new one.
    pub to: [Pipe; 2],
    filter: Option<Filter>,
}

/// A handover under way.
#[derive(Debug)]
pub struct Handover {
    old: Half,
    next: Process,
    new: Half,
    stream: Stream,
    /// When the successor has read its configuration.
    ready_ms: u64,
    /// When it ends in the middle.
    dies_ms: Option<u64>,
    progress_ms: u64,
    told: Option<Told>,
    /// The table passes with its memory.
    lends: bool,
}

/// What the successor is told beside the entries.
#[derive(Debug)]
struct Told {
    last: UpdateId,
    acked: Vec<(String, TableId, UpdateId)>,
    is_up_to_date: bool,
    search_left_ms: Option<u64>,
}

impl Handover {
    /// Whether clients and peers are held back.
    pub fn is_paused(&self) -> bool {
        self.told.is_some()
    }
}

impl Half {
    /// Receives and sends. Returns the events, and whether the other end is gone.
    pub fn advance(
        &mut self,
        side: usize,
        stream: &mut Stream,
        process: &mut Process,
        clock: &mut Clock<'_>,
    ) -> (Vec<SessionEvent>, bool) {
        let mut is_gone = false;
        for _ in 0..CALLS_PER_TURN {
            let mut len = 0;
            if !self.session.has_input() {
                match stream.to[side].receive(self.session.receive_space(), clock.now_ms) {
                    Received::Nothing => break,
                    Received::End => {
                        is_gone = true;
                        break;
                    }
                    Received::Bytes(received) => len = received,
                }
            }
            clock.has_moved |= len > 0;
            let tables = &mut process.tables;
            let result = self.session.handle_received(len, &mut self.section, tables, clock.now_ms);
            is_gone |= result.is_err();
        }
        for _ in 0..CALLS_PER_TURN {
            let (section, tables) = (&mut self.section, &mut process.tables);
            let Some(bytes) = self.session.poll_transmit(section, tables, clock.now_ms) else {
                break;
            };
            let len = stream.send(1 - side, bytes, clock);
            clock.has_moved |= len > 0;
            self.session.handle_sent(len, clock.now_ms);
            if len == 0 {
                break;
            }
        }
        (std::iter::from_fn(|| self.session.poll_event()).collect(), is_gone)
    }
}

/// The time of a turn, and what moves in it.
pub struct Clock<'a> {
    pub now_ms: u64,
    pub random: &'a mut Random,
    pub has_moved: bool,
}

impl Stream {
    pub fn send(&mut self, to: usize, bytes: &[u8], clock: &mut Clock<'_>) -> usize {
        let len = bytes.len().min(self.to[to].room());
        match &mut self.filter {
            Some(filter) if to == 1 => {
                let passed = filter.pass(&bytes[..len], clock.random);
                self.to[to].push(&passed, clock.now_ms, 0);
            }
            _ => self.to[to].push(&bytes[..len], clock.now_ms, 0),
        }
        len
    }
}

/// Begins to reload a node.
pub fn begin(world: &mut World, node: usize) {
    let now_ms = world.now_ms;
    let own = &world.nodes[node];
    if own.handover.is_some() || own.confirming.is_some() || own.draining.len() > 3 {
        return;
    }
    let is_taught = |process: &Process| {
        process.section.resync().resync_until_ms().is_some_and(|until_ms| now_ms < until_ms)
    };
    let Some(process) = &mut world.nodes[node].process else { return };
    if is_taught(process) {
        return;
    }
    let mut section = Section::for_handover(&process.tables, UPDATES_AT_ONCE);
    let mut session = Session::handover_teacher(&mut section, &mut process.tables, now_ms);
    let seed = world.random.below(1 << 40);
    let (config, memory, offers) = (process.config.clone(), process.memory, process.offers());
    let mut next = Process::after(offers, config, memory, Start::AfterHandover, seed, now_ms);
    let wanted: Vec<TableId> = next.tables.awaited().collect();
    let lends = !wanted.is_empty();
    if lends {
        process.tables.get_mut(T).stop_handover_log();
        session.teach_all_but(&wanted, &section);
    }
    let old = Half { section, session };
    next.since_ms = process.since_ms;
    next.generation = process.generation + 1;
    let mut section = Section::for_handover(&next.tables, UPDATES_AT_ONCE);
    let session = Session::handover_learner(&mut section, now_ms);
    let new = Half { section, session };
    let window = world.random.pick(&[2_000, 200_000]);
    let stream = Stream {
        to: [Pipe::new(0, window), Pipe::new(0, window)],
        filter: world.scenario.plant.map(Filter::of_handover),
    };
    let ready_ms = now_ms + world.random.between(10, 3_000);
    let dies = world.scenario.successors_die && world.random.one_in(4);
    let dies_ms = dies.then(|| now_ms + world.random.below(6_000));
    world.counts.reloads += 1;
    world.tell(Some(node), None, || "a reload begins".to_owned());
    let (progress_ms, told) = (now_ms, None);
    world.nodes[node].handover =
        Some(Handover { old, next, new, stream, ready_ms, dies_ms, progress_ms, told, lends });
}

/// One turn of what concerns the other processes of a node.
pub fn turn(world: &mut World, node: usize) {
    hand_over(world, node);
    draining::run(world, node);
    confirm(world, node);
}

/// The process that hands over crashes. The successor serves with what has arrived.
pub fn lose_predecessor(world: &mut World, node: usize) {
    let Some(handover) = world.nodes[node].handover.take() else { return };
    let now_ms = world.now_ms;
    let mut next = handover.next;
    for (_, restored) in next.tables.restore_awaited(now_ms) {
        assert_eq!(restored.unwrap().dropped, 0);
    }
    next.bytes = next.table().allocated_bytes();
    next.section.handle_handover_failed(now_ms);
    next.since_ms = now_ms;
    world.tell(Some(node), None, || "the successor serves without the rest".to_owned());
    world.nodes[node].process = Some(next);
}

fn hand_over(world: &mut World, node: usize) {
    let now_ms = world.now_ms;
    let own = &mut world.nodes[node];
    let Some(mut handover) = own.handover.take() else { return };
    let Some(mut process) = own.process.take() else { return };
    if handover.dies_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        abandon(world, node, process, handover, "the successor crashes");
        return;
    }
    let clock = &mut Clock { now_ms, random: &mut world.random, has_moved: false };
    let Handover { old, next, new, stream, ready_ms, .. } = &mut handover;
    old.advance(0, stream, &mut process, clock);
    let mut has_learned = false;
    let is_ready = *ready_ms <= now_ms;
    if is_ready {
        let (events, _) = new.advance(1, stream, next, clock);
        has_learned =
            events.iter().any(|event| matches!(event, SessionEvent::LearningFinished { .. }));
    }
    if clock.has_moved || !is_ready {
        handover.progress_ms = now_ms;
    }
    if has_learned {
        take_over(world, node, process, handover);
        return;
    }
    if now_ms >= handover.progress_ms + PROGRESS_MS {
        abandon(world, node, process, handover, "the handover stands still");
        return;
    }
    let is_due = handover.told.is_none() && is_ready;
    let is_pausing =
        is_due && handover.old.session.is_caught_up(&handover.old.section, &process.tables);
    if is_pausing {
        handover.told = Some(Told {
            last: process.table().last_update(),
            acked: process.section.positions().map(|(p, t, id)| (p.to_owned(), t, id)).collect(),
            is_up_to_date: process.section.resync().is_up_to_date(),
            search_left_ms: process.section.resync().search_left_ms(now_ms),
        });
        handover.old.session.finish_handover();
        if handover.lends && world.random.one_in(3) {
            // As if the successor had not come to serve.
            let (loan, _) = process.lend();
            process.tables.reclaim(loan, now_ms);
        }
        world.tell(Some(node), None, || "the old process pauses".to_owned());
    }
    world.nodes[node].handover = Some(handover);
    world.nodes[node].process = Some(process);
    if is_pausing {
        choose_waiting(world, node);
    }
}

/// Some clients wait for the old process to decide.
fn choose_waiting(world: &mut World, node: usize) {
    let Some(process) = &world.nodes[node].process else { return };
    let generation = process.generation;
    // What a peer teaches the successor counts as newer than what the old process decides.
    if !process.section.resync().is_up_to_date() {
        return;
    }
    for _ in 0..world.random.below(8) {
        let key = u32::try_from(world.random.below(u64::from(world.scenario.keys))).unwrap();
        let client = world.truth.client(key);
        // What another node has said of it before could be said again, and would count as newer.
        let is_alone = world.truth.sure(key).is_some() && client.nodes == 1 << (node % 64);
        if client.owner == Some(node) && is_alone && world.nodes.len() <= 64 {
            let decides_ms = world.now_ms + world.random.below(DECIDES_MS);
            let until_ms = clients::told_until_ms(decides_ms);
            let waiting = Waiting { node, generation, decides_ms, until_ms, decision: None };
            world.truth.client_mut(key).waiting = Some(waiting);
        }
    }
}

/// The successor serves.
fn take_over(world: &mut World, node: usize, mut old: Process, handover: Handover) {
    let now_ms = world.now_ms;
    let Handover { old: teacher, mut next, mut new, stream, told, lends, .. } = handover;
    let Some(told) = told else {
        world.breaks(None, format!("node{node}: a handover has ended too early"));
        return;
    };
    let has_more = !lends && old.table().has_handover_changes();
    let before: Vec<Option<Row>> = world.truth.keys().map(|key| old.row(key, now_ms)).collect();
    if lends {
        let (_, failed) = next.tables.take_over(old.lend().1);
        assert!(failed.is_empty(), "{failed:?}");
        next.tables.keep_taken();
        if world.scenario.plant == Some(Plant::LostLent) {
            world.truth.keys().find(|key| next.remove(*key, now_ms));
        }
        next.bytes = next.table().allocated_bytes();
    }
    if told.is_up_to_date {
        next.section.handle_handover_finished();
    } else {
        next.section.handle_handover_incomplete(false, now_ms);
        if let Some(left_ms) = told.search_left_ms {
            next.section.shorten_search(left_ms, now_ms);
        }
    }
    next.tables.get_mut(T).adopt_last_update(told.last);
    for (peer, table, acked) in &told.acked {
        next.section.adopt_position(peer, *table, *acked);
    }
    next.acked.clone_from(&old.acked);
    let origins: Vec<UpdateId> =
        next.tables.ids().map(|id| next.tables.get(id).last_update()).collect();
    new.session.confirm();
    world.tell(Some(node), None, || "the successor serves".to_owned());
    if !has_more && !world.scenario.overflows() {
        invariants::check_handover(world, node, &before, &next);
    }
    let is_first = world.nodes[node].draining.is_empty();
    if !is_first {
        next.tables.get_mut(T).begin_late_updates();
    }
    let until_ms = now_ms + DECIDES_MS + 1_000;
    let draining = Draining::new(old, teacher, stream, origins, until_ms);
    world.nodes[node].process = Some(next);
    world.nodes[node].confirming = Some(new);
    world.nodes[node].draining.push(draining);
    confirm(world, node);
}

/// The successor tells its predecessor that it serves, and hears what that still decides.
fn confirm(world: &mut World, node: usize) {
    let now_ms = world.now_ms;
    let own = &mut world.nodes[node];
    let (Some(process), Some(old)) = (&mut own.process, own.draining.last_mut()) else { return };
    let Some(confirming) = &mut own.confirming else { return };
    let Half { section, session } = confirming;
    while let Some(bytes) = session.poll_transmit(section, &mut process.tables, now_ms) {
        let len = bytes.len().min(old.stream.to[0].room());
        old.stream.to[0].push(&bytes[..len], now_ms, 0);
        session.handle_sent(len, now_ms);
        if len == 0 {
            break;
        }
    }
    if session.is_flushed() {
        own.confirming = None;
        if own.draining.iter().all(|old| !old.is_heard) {
            process.tables.get_mut(T).begin_late_updates();
        }
        own.draining.iter_mut().for_each(|old| old.is_heard = true);
    }
}

/// The process goes on as if nothing had happened.
fn abandon(world: &mut World, node: usize, mut process: Process, handover: Handover, why: &str) {
    let Half { mut section, mut session } = handover.old;
    session.handle_closed(Closed::ByUs, &mut section, &mut process.tables, world.now_ms);
    world.nodes[node].process = Some(process);
    for key in world.truth.keys() {
        let client = world.truth.client_mut(key);
        client.waiting = client.waiting.filter(|waiting| waiting.node != node);
    }
    world.tell(Some(node), None, || format!("the reload is given up: {why}"));
}
