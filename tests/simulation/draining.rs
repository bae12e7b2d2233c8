//! A process that has handed over and drains: it decides for the clients that waited and tells its
//! successor, which hears it.

use stickd::peers::{Section, Session, SessionEvent, late_updates};
use stickd::table::UpdateId;

use crate::clients;
use crate::network::Received;
use crate::process::{Process, T, Turn};
use crate::reload::{Clock, Half, Handover, Stream};
use crate::truth::Decision;
use crate::world::World;

/// How long a process stays for a successor that does not read.
const STALL_MS: u64 = 1_000;
/// The reads of a successor in one turn.
const READS_PER_TURN: usize = 5;

/// A process that has handed over.
#[derive(Debug)]
pub struct Draining {
    /// None when it has ended.
    process: Option<Process>,
    section: Section,
    /// None once the successor's confirmation has come.
    session: Option<Session>,
    pub stream: Stream,
    unsent: Vec<u8>,
    stalled_ms: Option<u64>,
    until_ms: u64,
    /// The end of the update log at the handover.
    origins: Vec<UpdateId>,
    /// The successor hears it.
    pub is_heard: bool,
    hearing: Section,
    unread: Vec<u8>,
}

impl Draining {
    pub fn new(
        process: Process,
        end: Half,
        stream: Stream,
        origins: Vec<UpdateId>,
        until_ms: u64,
    ) -> Self {
        Self {
            hearing: Section::for_handover(&process.tables, 1),
            process: Some(process),
            section: end.section,
            session: Some(end.session),
            stream,
            unsent: Vec::new(),
            stalled_ms: None,
            until_ms,
            origins,
            is_heard: false,
            unread: Vec::new(),
        }
    }

    /// The process is gone without a word.
    pub fn vanish(&mut self) -> Option<Process> {
        self.process.take()
    }

    /// One turn of the process.
    fn run(&mut self, turn: &mut Turn<'_>) {
        let Some(process) = &mut self.process else { return };
        let clock = &mut Clock { now_ms: turn.now_ms, random: turn.random, has_moved: false };
        if let Some(session) = self.session.take() {
            let section =
                std::mem::replace(&mut self.section, Section::for_handover(&process.tables, 1));
            let mut half = Half { section, session };
            let (events, _) = half.advance(0, &mut self.stream, process, clock);
            self.section = half.section;
            if events.contains(&SessionEvent::Confirmed) {
                process.retire(turn);
                process.tables.get_mut(T).end_late_updates();
            } else {
                self.session = Some(half.session);
            }
            return;
        }
        self.tell(clock);
        let Some(process) = &self.process else { return };
        let has_unsent = !self.unsent.is_empty() || process.table().has_handover_changes();
        let is_stuck = self.stalled_ms.is_some_and(|since_ms| turn.now_ms >= since_ms + STALL_MS);
        if turn.now_ms >= self.until_ms && (!has_unsent || is_stuck) {
            self.process = None;
            self.stream.to[1].end(turn.now_ms);
        }
    }

    /// Sends what has changed since the handover.
    fn tell(&mut self, clock: &mut Clock<'_>) {
        let Some(process) = &mut self.process else { return };
        if self.unsent.is_empty() {
            let mut out = vec![0; late_updates::READ_MAX];
            let written =
                late_updates::write(&self.section, &mut process.tables, &mut out, clock.now_ms);
            out.truncate(written.expect("so few removals are never too many"));
            self.unsent = out;
        }
        let len = self.stream.send(1, &self.unsent, clock);
        self.unsent.drain(..len);
        if len > 0 || self.unsent.is_empty() {
            self.stalled_ms = None;
        } else {
            self.stalled_ms.get_or_insert(clock.now_ms);
        }
    }

    /// The process that serves hears it. False if nothing more can come.
    fn be_heard(&mut self, serving: &mut Process, now_ms: u64) -> Result<bool, String> {
        for _ in 0..READS_PER_TURN {
            let mut space = vec![0; late_updates::READ_MAX - self.unread.len()];
            match self.stream.to[1].receive(&mut space, now_ms) {
                Received::Nothing => break,
                Received::End => return Ok(false),
                Received::Bytes(len) => self.unread.extend_from_slice(&space[..len]),
            }
            let (tables, origins) = (&mut serving.tables, &self.origins);
            let mut notes = Vec::new();
            let taken = late_updates::read(
                &self.unread,
                &self.hearing,
                tables,
                origins,
                &mut notes,
                now_ms,
            )
            .map_err(|fault| fault.to_string())?;
            self.unread.drain(..taken);
        }
        Ok(true)
    }
}

/// One turn of the processes of a node that have handed over.
pub fn run(world: &mut World, node: usize) {
    let mut draining = std::mem::take(&mut world.nodes[node].draining);
    let mut turn = Turn {
        node,
        now_ms: world.now_ms,
        network: &mut world.network,
        random: &mut world.random,
        story: &mut world.story,
        read_max: 1,
        updates_max: 1,
        asked: &mut Vec::new(),
        events: &mut Vec::new(),
        wrong: &mut None,
    };
    draining.iter_mut().for_each(|old| old.run(&mut turn));
    world.nodes[node].draining = draining;
    decide(world, node);
    hear(world, node);
}

/// The clients who wait get their servers from the process that has let them in.
fn decide(world: &mut World, node: usize) {
    if world.nodes[node].draining.is_empty() && world.nodes[node].handover.is_none() {
        return;
    }
    for key in world.truth.keys() {
        let Some(waiting) = world.truth.client(key).waiting else { continue };
        if waiting.node != node || waiting.decision.is_some() || world.now_ms < waiting.decides_ms {
            continue;
        }
        let Some(place) = Place::of(world, node, waiting.generation) else { continue };
        let Some(process) = place.process(world, node).take() else { continue };
        let (process, decision) = decide_for(world, node, key, process);
        *place.process(world, node) = Some(process);
        if let Some(waiting) = &mut world.truth.client_mut(key).waiting {
            waiting.decision = decision;
        }
        if decision.is_none() {
            world.truth.client_mut(key).waiting = None;
        }
    }
}

fn decide_for(
    world: &mut World,
    node: usize,
    key: u32,
    mut process: Process,
) -> (Process, Option<Decision>) {
    if world.scenario.removes && world.random.one_in(3) {
        process.remove(key, world.now_ms);
        world.truth.remove(key);
        world.tell(Some(node), Some(key), || "the old process removes the entry".to_owned());
        return (process, Some(Decision::Removal));
    }
    world.tell(Some(node), Some(key), || "the old process decides:".to_owned());
    let before = world.truth.client(key).latest;
    let process = clients::serve(world, node, key, process);
    let latest =
        world.truth.client(key).latest.filter(|_| before != world.truth.client(key).latest);
    (process, latest.map(Decision::Visit))
}

/// Where a process of a node is.
#[derive(Clone, Copy)]
enum Place {
    /// It has paused and hands over.
    Paused,
    /// It drains, and is the one at this position.
    Draining(usize),
}

impl Place {
    /// Where the process of this generation is, if it may still decide.
    fn of(world: &World, node: usize, generation: u32) -> Option<Self> {
        let own = &world.nodes[node];
        let is_it = |process: &Option<Process>| {
            process.as_ref().is_some_and(|process| process.generation == generation)
        };
        if own.handover.as_ref().is_some_and(Handover::is_paused) && is_it(&own.process) {
            return Some(Self::Paused);
        }
        own.draining.iter().position(|old| is_it(&old.process)).map(Self::Draining)
    }

    fn process(self, world: &mut World, node: usize) -> &mut Option<Process> {
        let own = &mut world.nodes[node];
        match self {
            Self::Paused => &mut own.process,
            Self::Draining(at) => &mut own.draining[at].process,
        }
    }
}

/// The process that serves takes what its predecessors have decided.
fn hear(world: &mut World, node: usize) {
    let now_ms = world.now_ms;
    let own = &mut world.nodes[node];
    let is_paused = own.handover.as_ref().is_some_and(Handover::is_paused);
    let Some(process) = own.process.as_mut().filter(|_| !is_paused) else { return };
    if own.draining.is_empty() {
        return;
    }
    let mut wrong = None;
    own.draining.retain_mut(|old| {
        !old.is_heard
            || old.be_heard(process, now_ms).unwrap_or_else(|fault| {
                wrong = Some(fault);
                false
            })
    });
    if own.draining.iter().all(|old| !old.is_heard) {
        process.tables.get_mut(T).end_late_updates();
    }
    if let Some(fault) = wrong {
        world.breaks(None, format!("node{node} cannot read late updates: {fault}"));
    }
}
