//! Several nodes, the connections between them, and a clock that only tests move.
//!
//! `tests/simulation` has whole clusters, where all goes wrong that can. This one is for stories: a
//! test chooses each step of two or three nodes, looks into sections and sessions, and reads what
//! was sent. It also has what the simulation has not: several tables in a section.

use std::collections::VecDeque;

use super::{Random, section};
use crate::config::StickTable;
use crate::peers::events::{SectionEvent, SessionEvent};
use crate::peers::peer::{PeerId, PeerSession};
use crate::peers::resync::Start;
use crate::peers::section::Section;
use crate::peers::session::{Closed, Session};
use crate::table::Tables;

/// One process: node `i` is peer `i` of its section.
pub(super) struct Node {
    pub(super) section: Section,
    pub(super) tables: Tables,
    ends: Vec<End>,
    pub(super) log: Vec<(u64, PeerId, SessionEvent)>,
    pub(super) section_log: Vec<(u64, SectionEvent)>,
    pub(super) errors: Vec<String>,
    pub(super) is_down: bool,
}

/// A node's end of a connection.
struct End {
    link: usize,
    side: usize,
    session: Session,
}

/// A connection: bytes on their way to each side, and who has closed.
#[derive(Default)]
struct Wire {
    nodes: [usize; 2],
    to: [VecDeque<u8>; 2],
    closed: [bool; 2],
    /// Every byte that was sent, by sender.
    sent: [Vec<u8>; 2],
}

pub(super) struct World {
    pub(super) now_ms: u64,
    pub(super) nodes: Vec<Node>,
    wires: Vec<Wire>,
    pub(super) random: Random,
    /// Calls between these nodes fail.
    pub(super) partitioned: Vec<(usize, usize)>,
    /// The most bytes that one delivery carries.
    pub(super) chunk_max: usize,
    names: Vec<String>,
    declarations: Vec<StickTable>,
}

impl World {
    pub(super) fn new(count: usize, declarations: &[StickTable], seed: u64) -> Self {
        let names: Vec<String> = (0..count).map(|index| format!("node{index}")).collect();
        let mut world = Self {
            now_ms: 1_000_000,
            nodes: Vec::new(),
            wires: Vec::new(),
            random: Random::new(seed),
            partitioned: Vec::new(),
            chunk_max: 3000,
            names,
            declarations: declarations.to_vec(),
        };
        for index in 0..count {
            let node = world.make(index, Start::Alone);
            world.nodes.push(node);
        }
        world
    }

    fn make(&self, index: usize, start: Start) -> Node {
        let tables = Tables::new(&self.declarations).unwrap();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        Node {
            section: section(&names, index, &tables, start, self.now_ms),
            tables,
            ends: Vec::new(),
            log: Vec::new(),
            section_log: Vec::new(),
            errors: Vec::new(),
            is_down: false,
        }
    }

    /// The process ends and another takes its place, with nothing.
    pub(super) fn restart(&mut self, index: usize, start: Start) {
        self.cut_node(index);
        self.nodes[index] = self.make(index, start);
    }

    /// All connections of a node break, without a word to anyone.
    pub(super) fn cut_node(&mut self, index: usize) {
        for wire in &mut self.wires {
            if wire.nodes.contains(&index) {
                wire.closed = [true, true];
                wire.to = [VecDeque::new(), VecDeque::new()];
            }
        }
    }

    /// One connection breaks; bytes on their way are lost.
    pub(super) fn cut_one(&mut self) {
        let open: Vec<usize> = (0..self.wires.len())
            .filter(|index| self.wires[*index].closed == [false, false])
            .collect();
        if !open.is_empty() {
            let index = open[self.random.index(open.len())];
            self.wires[index].closed = [true, true];
            self.wires[index].to = [VecDeque::new(), VecDeque::new()];
        }
    }

    /// Lets `ms` pass, a few milliseconds at a time.
    pub(super) fn run(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            self.step();
            self.now_ms += 1 + self.random.below(20);
        }
        self.step();
    }

    /// Runs until a condition holds, at most a minute.
    pub(super) fn run_until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end_ms = self.now_ms + 60_000;
        while !condition(self) {
            assert!(self.now_ms < end_ms, "in vain: {what}");
            self.step();
            self.now_ms += 1 + self.random.below(10);
        }
    }

    pub(super) fn is_up(&self, from: usize, to: usize) -> bool {
        let peer = PeerId(u16::try_from(to).unwrap());
        matches!(self.nodes[from].section.peer(peer).session(), PeerSession::Up { .. })
    }

    /// What a node has sent in its latest connection.
    pub(super) fn sent_by(&self, node: usize) -> &[u8] {
        let wire = self.wires.iter().rfind(|wire| wire.nodes.contains(&node)).unwrap();
        let side = usize::from(wire.nodes[1] == node);
        &wire.sent[side]
    }

    pub(super) fn step(&mut self) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].is_down {
                continue;
            }
            let now_ms = self.now_ms;
            self.nodes[index].section.handle_timeout(now_ms);
            while let Some(peer) = self.nodes[index].section.poll_call(now_ms) {
                self.call(index, peer);
            }
            let mut at = 0;
            while at < self.nodes[index].ends.len() {
                if self.drive(index, at) {
                    at += 1;
                }
            }
            let node = &mut self.nodes[index];
            while let Some(event) = node.section.poll_event() {
                node.section_log.push((now_ms, event));
            }
        }
    }

    fn call(&mut self, index: usize, peer: PeerId) {
        let target = peer.index();
        let pair = (index.min(target), index.max(target));
        if self.nodes[target].is_down || self.partitioned.contains(&pair) {
            self.nodes[index].section.handle_call_failed(peer, self.now_ms);
            return;
        }
        let link = self.wires.len();
        self.wires.push(Wire { nodes: [index, target], ..Wire::default() });
        let session = Session::connect(&mut self.nodes[index].section, peer, self.now_ms);
        self.nodes[index].ends.push(End { link, side: 0, session });
        let session = Session::accept(self.now_ms);
        self.nodes[target].ends.push(End { link, side: 1, session });
    }

    /// One turn for one end. False if it is gone.
    fn drive(&mut self, index: usize, at: usize) -> bool {
        let now_ms = self.now_ms;
        let node = &mut self.nodes[index];
        let end = &mut node.ends[at];
        let wire = &mut self.wires[end.link];
        let (section, tables) = (&mut node.section, &mut node.tables);
        let mut closed = None;
        let inbox = &mut wire.to[end.side];
        let is_lost = wire.closed == [true, true];
        if is_lost || (wire.closed[1 - end.side] && inbox.is_empty()) {
            closed = Some(Closed::ByPeer);
        } else {
            let len = inbox.len().min(1 + self.random.index(self.chunk_max));
            let space = end.session.receive_space();
            let len = len.min(space.len());
            for (place, byte) in space.iter_mut().zip(inbox.drain(..len)) {
                *place = byte;
            }
            let mut result = end.session.handle_received(len, section, tables, now_ms);
            while result.is_ok() && end.session.has_input() {
                result = end.session.handle_received(0, section, tables, now_ms);
            }
            let result = result.and_then(|()| end.session.handle_timeout(section, now_ms));
            if let Err(error) = result {
                node.errors.push(error.to_string());
                closed = Some(Closed::ByError);
            }
        }
        let mut dropped = None;
        while let Some(event) = end.session.poll_event() {
            if let SessionEvent::HelloAccepted { peer } = event {
                dropped = Some(peer);
            }
            let peer = end.session.peer().unwrap();
            node.log.push((now_ms, peer, event));
        }
        let turns = if closed == Some(Closed::ByPeer) { 0 } else { 1 + self.random.below(3) };
        for _ in 0..turns {
            let chunk_max = self.chunk_max;
            let Some(bytes) = end.session.poll_transmit(section, tables, now_ms) else { break };
            let len = bytes.len().min(1 + self.random.index(chunk_max));
            wire.to[1 - end.side].extend(&bytes[..len]);
            wire.sent[end.side].extend(&bytes[..len]);
            end.session.handle_sent(len, now_ms);
        }
        if let Some(peer) = dropped {
            self.drop_others(index, at, peer);
        }
        if let Some(closed) = closed {
            self.close(index, at, closed);
        }
        closed.is_none()
    }

    fn drop_others(&mut self, index: usize, kept: usize, peer: PeerId) {
        let kept = self.nodes[index].ends[kept].link;
        let other = |end: &End| end.link != kept && end.session.peer() == Some(peer);
        while let Some(at) = self.nodes[index].ends.iter().position(other) {
            self.close(index, at, Closed::ByUs);
        }
    }

    fn close(&mut self, index: usize, at: usize, closed: Closed) {
        let node = &mut self.nodes[index];
        let mut end = node.ends.remove(at);
        end.session.handle_closed(closed, &mut node.section, &mut node.tables, self.now_ms);
        self.wires[end.link].closed[end.side] = true;
    }
}
