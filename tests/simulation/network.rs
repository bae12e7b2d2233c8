//! The network: connections whose bytes take time, stop, are cut anywhere, or are lost with a host.
//! Each connection keeps its order, as TCP does; different connections overtake each other.

use std::collections::{BTreeMap, VecDeque};

use crate::filter::{Filter, Plant};
use crate::random::Random;

/// A connection.
pub type WireId = usize;

/// Bytes on their way to one side.
#[derive(Debug, Default)]
pub struct Pipe {
    segments: VecDeque<(u64, Vec<u8>)>,
    len: usize,
    latency_ms: u64,
    /// The most bytes on the way or not read.
    window: usize,
    last_ms: u64,
    /// When the end arrives, behind all bytes.
    end_ms: Option<u64>,
}

/// What a side receives.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Nothing,
    Bytes(usize),
    End,
}

impl Pipe {
    pub fn new(latency_ms: u64, window: usize) -> Self {
        Self { latency_ms, window, ..Self::default() }
    }

    /// The bytes that it takes now.
    pub fn room(&self) -> usize {
        self.window.saturating_sub(self.len)
    }

    /// Sends bytes, even if there is no room. Those behind an end are lost.
    pub fn push(&mut self, bytes: &[u8], now_ms: u64, jitter_ms: u64) {
        if self.end_ms.is_none() && !bytes.is_empty() {
            self.last_ms = self.last_ms.max(now_ms + self.latency_ms + jitter_ms);
            self.segments.push_back((self.last_ms, bytes.to_vec()));
            self.len += bytes.len();
        }
    }

    pub fn receive(&mut self, space: &mut [u8], now_ms: u64) -> Received {
        let mut filled = 0;
        while filled < space.len()
            && let Some((at_ms, bytes)) = self.segments.front_mut()
            && *at_ms <= now_ms
        {
            let len = bytes.len().min(space.len() - filled);
            space[filled..filled + len].copy_from_slice(&bytes[..len]);
            filled += len;
            bytes.drain(..len);
            if bytes.is_empty() {
                self.segments.pop_front();
            }
        }
        self.len -= filled;
        if filled > 0 {
            return Received::Bytes(filled);
        }
        let is_over = self.segments.is_empty() && self.end_ms.is_some_and(|at| at <= now_ms);
        if is_over && !space.is_empty() { Received::End } else { Received::Nothing }
    }

    /// Nothing follows what was sent.
    pub fn end(&mut self, now_ms: u64) {
        self.last_ms = self.last_ms.max(now_ms + self.latency_ms);
        self.end_ms.get_or_insert(self.last_ms);
    }

    /// Only `len` more bytes arrive.
    pub fn cut(&mut self, len: usize, now_ms: u64) {
        let mut left = len;
        for (_, bytes) in &mut self.segments {
            bytes.truncate(left);
            left -= bytes.len();
        }
        self.segments.retain(|(_, bytes)| !bytes.is_empty());
        self.len = self.segments.iter().map(|(_, bytes)| bytes.len()).sum();
        self.end(now_ms);
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn discard(&mut self) {
        self.segments.clear();
        self.len = 0;
    }

    fn has_ended(&self, now_ms: u64) -> bool {
        self.end_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }
}

/// How the making of a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// The caller's first packet is on its way.
    Called {
        arrives_ms: u64,
    },
    /// The caller knows from then on.
    Made {
        known_ms: u64,
    },
    Refused {
        known_ms: u64,
    },
}

#[derive(Debug)]
struct Wire {
    /// The caller and the callee.
    nodes: [usize; 2],
    /// The bytes to each of them.
    to: [Pipe; 2],
    making: Making,
    /// Who has closed.
    gone: [bool; 2],
    /// A host has vanished: nothing arrives any more.
    is_dark: bool,
    filters: [Option<Filter>; 2],
}

/// All connections between nodes.
#[derive(Debug)]
pub struct Network {
    wires: Vec<Option<Wire>>,
    /// Until when nothing passes from one node to another.
    stalled: BTreeMap<(usize, usize), u64>,
    pub latency_max_ms: u64,
    pub window: usize,
    random: Random,
    /// The bug that is planted, if any.
    pub plant: Option<Plant>,
    /// The pairs of nodes that speak version 2.0.
    pub old_version: Vec<(usize, usize)>,
}

impl Network {
    pub fn new(seed: u64, latency_max_ms: u64, window: usize, plant: Option<Plant>) -> Self {
        let (wires, stalled, old_version) = (Vec::new(), BTreeMap::new(), Vec::new());
        let random = Random::new(seed);
        Self { wires, stalled, latency_max_ms, window, random, plant, old_version }
    }

    pub fn open(&mut self, from: usize, to: usize, now_ms: u64) -> WireId {
        let latencies = [(); 2].map(|()| self.random.below(self.latency_max_ms + 1));
        let window = self.window;
        let is_old = self.old_version.contains(&(from.min(to), from.max(to)));
        let filter = || (self.plant.is_some() || is_old).then(|| Filter::new(self.plant, is_old));
        let wire = Wire {
            nodes: [from, to],
            to: latencies.map(|latency| Pipe::new(latency, window)),
            making: Making::Called { arrives_ms: now_ms + latencies[1] },
            gone: [false; 2],
            is_dark: false,
            filters: [filter(), filter()],
        };
        let free = self.wires.iter().position(Option::is_none);
        let id = free.unwrap_or(self.wires.len());
        if id == self.wires.len() {
            self.wires.push(None);
        }
        self.wires[id] = Some(wire);
        id
    }

    /// The connections whose first packet arrives now, with the callee.
    pub fn callers(&self, now_ms: u64) -> Vec<(WireId, usize)> {
        let due = self.wires.iter().enumerate().filter_map(|(id, wire)| {
            let wire = wire.as_ref()?;
            let Making::Called { arrives_ms } = wire.making else { return None };
            let is_due = arrives_ms <= now_ms && !self.is_stalled(wire, 1, now_ms);
            is_due.then_some((id, wire.nodes[1]))
        });
        due.collect()
    }

    pub fn answer_call(&mut self, id: WireId, is_accepted: bool, now_ms: u64) {
        let known_ms = now_ms + self.wire(id).to[0].latency_ms;
        let wire = self.wire_mut(id);
        if is_accepted {
            wire.making = Making::Made { known_ms };
        } else {
            wire.making = Making::Refused { known_ms };
            self.leave(id, 1);
        }
    }

    /// None while the caller has no answer; else whether the connection was made.
    pub fn is_made(&self, id: WireId, now_ms: u64) -> Option<bool> {
        let wire = self.wire(id);
        if self.is_stalled(wire, 0, now_ms) {
            return None;
        }
        match wire.making {
            Making::Made { known_ms } if known_ms <= now_ms => Some(true),
            Making::Refused { known_ms } if known_ms <= now_ms => Some(false),
            Making::Called { .. } | Making::Made { .. } | Making::Refused { .. } => None,
        }
    }

    /// Sends the bytes that the connection takes. Returns their number.
    pub fn send(&mut self, id: WireId, side: usize, bytes: &[u8], now_ms: u64) -> usize {
        let jitter_ms = self.random.below(self.latency_max_ms / 4 + 1);
        let wire = self.wires[id].as_mut().expect("the connection is there");
        let pipe = &mut wire.to[1 - side];
        let len = bytes.len().min(pipe.room());
        let Some(filter) = &mut wire.filters[side] else {
            pipe.push(&bytes[..len], now_ms, jitter_ms);
            return len;
        };
        // What a filter holds back has left the sender.
        pipe.push(&filter.pass(&bytes[..len], &mut self.random), now_ms, jitter_ms);
        if filter.take_refusal() {
            pipe.discard();
            pipe.end(now_ms);
            let back = &mut wire.to[side];
            back.push(b"502\n", now_ms, 0);
            back.end(now_ms);
        }
        len
    }

    pub fn receive(&mut self, id: WireId, side: usize, space: &mut [u8], now_ms: u64) -> Received {
        if self.is_stalled(self.wire(id), side, now_ms) {
            return Received::Nothing;
        }
        self.wire_mut(id).to[side].receive(space, now_ms)
    }

    /// Whether the end has come, perhaps behind bytes.
    pub fn is_closed_by_peer(&self, id: WireId, side: usize, now_ms: u64) -> bool {
        !self.is_stalled(self.wire(id), side, now_ms) && self.wire(id).to[side].has_ended(now_ms)
    }

    /// One side closes.
    pub fn close(&mut self, id: WireId, side: usize, now_ms: u64) {
        let wire = self.wire_mut(id);
        wire.to[1 - side].end(now_ms);
        self.leave(id, side);
    }

    fn leave(&mut self, id: WireId, side: usize) {
        let wire = self.wire_mut(id);
        wire.gone[side] = true;
        wire.to[side].discard();
        if wire.gone == [true; 2] {
            self.wires[id] = None;
        }
    }

    /// A connection breaks: some of the bytes on their way arrive.
    pub fn cut(&mut self, id: WireId, now_ms: u64) {
        for side in 0..2 {
            let len = self.random.index(self.wire(id).to[side].len() + 1);
            self.wire_mut(id).to[side].cut(len, now_ms);
        }
    }

    /// One of the connections that are made.
    pub fn any_wire(&mut self) -> Option<WireId> {
        let made = |wire: &Wire| matches!(wire.making, Making::Made { .. });
        let all: Vec<WireId> =
            (0..self.wires.len()).filter(|id| self.wires[*id].as_ref().is_some_and(made)).collect();
        (!all.is_empty()).then(|| self.random.pick(&all))
    }

    pub fn nodes(&self, id: WireId) -> [usize; 2] {
        self.wire(id).nodes
    }

    /// The process at this end is gone. With its host, nobody is told.
    pub fn vanish(&mut self, id: WireId, side: usize, with_host: bool, now_ms: u64) {
        let wire = self.wire_mut(id);
        wire.is_dark |= with_host;
        self.close(id, side, now_ms);
    }

    /// Nothing passes from one node to the other until then.
    pub fn stall(&mut self, from: usize, to: usize, until_ms: u64) {
        self.stalled.insert((from, to), until_ms);
    }

    pub fn heal(&mut self) {
        self.stalled.clear();
    }

    fn is_stalled(&self, wire: &Wire, side: usize, now_ms: u64) -> bool {
        let way = (wire.nodes[1 - side], wire.nodes[side]);
        wire.is_dark || self.stalled.get(&way).is_some_and(|until_ms| now_ms < *until_ms)
    }

    fn wire(&self, id: WireId) -> &Wire {
        self.wires[id].as_ref().expect("the connection is there")
    }

    fn wire_mut(&mut self, id: WireId) -> &mut Wire {
        self.wires[id].as_mut().expect("the connection is there")
    }
}
