//! A HAProxy among the nodes, as it was recorded: a model of what HAProxy says and when, small
//! enough to be read beside the captures in `tests/data/peers`.
//!
//! - It takes every update, whatever it knew, and stores what a lesson says like anything else.
//! - What it has learned it never pushes. In lessons it sends that behind its own changes, with ids
//!   half the circle away.
//! - In its first session with a peer it pushes all its own entries unasked. After a lesson it
//!   pushes once more what was not acknowledged before, untimed.
//! - It puts an id only into the first update of a run, and defines the table in each session once.
//! - It acknowledges the last update of all that it has read, those of lessons too, and takes any
//!   acknowledgement.
//! - A peer that refuses it is not called again before that peer has called. The last caller wins.
//! - It closes when it has heard nothing for 5 s, and a session that began in a collision when
//!   nothing comes before the time that it had chosen for its next call.
//! - It skips messages that it does not know.

use std::collections::{BTreeMap, BTreeSet};

use crate::foreign_talk::{State, Talk};
use crate::network::{Network, WireId};
use crate::random::Random;
use crate::truth::Visit;
use crate::world::World;
use crate::{foreign_talk, invariants};

const SEARCH_MS: u64 = 5_000;
const RECONNECT_MS: u64 = 5_000;
/// An id is far from any place of a change: the place of what was learned.
pub const HALF: u32 = 1 << 31;

/// An entry.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub server: u32,
    pub name: String,
    pub stamp: u32,
    pub visits: u32,
    /// Where it is in the log: of a change, or half the circle away of what was learned.
    pub place: Option<u32>,
    pub ends_ms: Option<u64>,
}

/// What it knows of a peer beside sessions.
#[derive(Debug, Default)]
pub struct Known {
    pub acked: u32,
    next_call_ms: u64,
    /// The peer has refused, and has not called since.
    pub is_given_up: bool,
    /// It cannot teach all.
    pub is_partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    Seeking { until_ms: u64 },
    Learning { from: usize },
    Finished,
}

/// The model.
#[derive(Debug)]
pub struct Foreign {
    /// Its place among the peers: behind all nodes.
    pub index: usize,
    pub rows: BTreeMap<u32, Entry>,
    /// The keys by their place in the log.
    pub log: BTreeMap<u32, u32>,
    pub last: u32,
    pub last_own: u32,
    pub peers: Vec<Known>,
    pub talks: Vec<Talk>,
    pub search: Search,
    /// A lesson has ended: nobody could teach what is unknown.
    has_finished: bool,
    pub expire_ms: Option<u32>,
    /// When it starts, if it is down.
    down_until_ms: Option<u64>,
    /// What no other side may send.
    pub wrong: Option<String>,
}

impl Foreign {
    pub fn new(nodes: usize, expire_ms: Option<u32>, now_ms: u64) -> Self {
        Self {
            index: nodes,
            rows: BTreeMap::new(),
            log: BTreeMap::new(),
            last: 0,
            last_own: 0,
            peers: (0..nodes).map(|_| Known::default()).collect(),
            talks: Vec::new(),
            search: Search::Seeking { until_ms: now_ms + SEARCH_MS },
            has_finished: false,
            expire_ms,
            down_until_ms: None,
            wrong: None,
        }
    }

    pub fn is_up(&self) -> bool {
        self.down_until_ms.is_none()
    }

    /// The live entry of a key.
    pub fn row(&self, key: u32, now_ms: u64) -> Option<&Entry> {
        self.rows.get(&key).filter(|row| row.ends_ms.is_none_or(|ends_ms| ends_ms > now_ms))
    }

    /// The number of the visit that it knows, and the server.
    pub fn known(&self, key: u32, now_ms: u64) -> Option<(u32, u32)> {
        let row = self.row(key, now_ms)?;
        Some((row.stamp, row.name.strip_prefix('s')?.parse().ok()?))
    }

    /// What it knows of a client, unless a peer lacks a change of it.
    pub fn settled(&self, key: u32, now_ms: u64) -> Option<(u32, u32)> {
        let place = self.row(key, now_ms)?.place?;
        let is_learned = place.wrapping_sub(self.last_own).cast_signed() > 0;
        let is_told = |known: &Known| place.wrapping_sub(known.acked).cast_signed() <= 0;
        let is_settled = is_learned || self.peers.iter().all(is_told);
        self.known(key, now_ms).filter(|_| is_settled)
    }

    /// Stores a change: made here, or learned.
    pub fn store(&mut self, key: u32, mut entry: Entry, is_own: bool) {
        let before = self.rows.get(&key).and_then(|row| row.place);
        if is_own || before.is_none() {
            self.last = self.last.wrapping_add(1);
            let place = if is_own { self.last } else { self.last.wrapping_add(HALF) };
            if let Some(before) = before {
                self.log.remove(&before);
            }
            if is_own {
                self.last_own = self.last;
            }
            self.log.insert(place, key);
            entry.place = Some(place);
        } else {
            entry.place = before;
        }
        self.rows.insert(key, entry);
    }

    fn expire(&mut self, now_ms: u64) {
        let is_over = |row: &Entry| row.ends_ms.is_some_and(|ends_ms| ends_ms <= now_ms);
        let over: BTreeSet<u32> =
            self.rows.iter().filter(|(_, row)| is_over(row)).map(|(key, _)| *key).collect();
        self.rows.retain(|key, _| !over.contains(key));
        self.log.retain(|_, key| !over.contains(key));
    }

    /// Accepts a caller.
    pub fn accept(&mut self, wire: WireId, now_ms: u64) {
        self.talks.push(Talk::new(wire, 1, None, State::AwaitHello, now_ms));
    }

    /// The session with a peer is over.
    pub fn lose(&mut self, at: usize, network: &mut Network, random: &mut Random, now_ms: u64) {
        let talk = self.talks.remove(at);
        network.close(talk.wire, talk.side, now_ms);
        let Some(peer) = talk.peer else { return };
        let delay_ms = if talk.is_silent { random.between(50, 2_050) } else { RECONNECT_MS };
        self.peers[peer].next_call_ms = now_ms + delay_ms;
        self.peers[peer].is_partial = false;
        if self.search == (Search::Learning { from: peer }) {
            self.search = Search::Seeking { until_ms: now_ms + SEARCH_MS };
        }
    }

    /// A lesson is over.
    pub fn finish_lesson(&mut self, peer: usize, is_partial: bool, now_ms: u64) {
        if self.search != (Search::Learning { from: peer }) {
            return;
        }
        self.peers[peer].is_partial = is_partial;
        let until_ms = now_ms + SEARCH_MS;
        self.search = if is_partial { Search::Seeking { until_ms } } else { Search::Finished };
        self.has_finished |= !is_partial;
    }

    fn turn(&mut self, network: &mut Network, random: &mut Random, now_ms: u64) {
        self.expire(now_ms);
        for peer in 0..self.peers.len() {
            let known = &self.peers[peer];
            let has_talk = self.talks.iter().any(|talk| talk.peer == Some(peer));
            if !has_talk && !known.is_given_up && known.next_call_ms <= now_ms {
                let wire = network.open(self.index, peer, now_ms);
                self.talks.push(Talk::new(wire, 0, Some(peer), State::Calling, now_ms));
            }
        }
        let wires: Vec<WireId> = self.talks.iter().map(|talk| talk.wire).collect();
        for wire in wires {
            if let Some(at) = self.talks.iter().position(|talk| talk.wire == wire)
                && foreign_talk::advance(self, at, network, random, now_ms).is_err()
                && let Some(at) = self.talks.iter().position(|talk| talk.wire == wire)
            {
                self.lose(at, network, random, now_ms);
            }
        }
    }
}

/// One turn of the HAProxy, if there is one.
pub fn turn(world: &mut World) {
    let now_ms = world.now_ms;
    let Some(foreign) = &mut world.foreign else { return };
    match foreign.down_until_ms {
        Some(until_ms) if until_ms > now_ms => return,
        Some(_) => {
            *foreign = Foreign::new(foreign.index, foreign.expire_ms, now_ms);
            let index = foreign.index;
            world.truth.forgive(index);
        }
        None => {}
    }
    let Some(foreign) = &mut world.foreign else { return };
    foreign.turn(&mut world.network, &mut world.random, now_ms);
    let has_finished = std::mem::take(&mut foreign.has_finished);
    let is_over = matches!(foreign.search, Search::Seeking { until_ms } if until_ms <= now_ms);
    if is_over {
        foreign.search = Search::Finished;
    }
    if is_over || has_finished {
        invariants::excuse_foreign(world);
    }
    if let Some(what) = world.foreign.as_mut().and_then(|foreign| foreign.wrong.take()) {
        world.breaks(None, format!("the HAProxy is sent {what}"));
    }
}

/// It ends without a word, and comes back empty.
pub fn crash(world: &mut World, with_host: bool) {
    let now_ms = world.now_ms;
    let Some(foreign) = world.foreign.as_mut().filter(|foreign| foreign.is_up()) else { return };
    world.counts.crashes += 1;
    for talk in foreign.talks.drain(..) {
        world.network.vanish(talk.wire, talk.side, with_host, now_ms);
    }
    foreign.down_until_ms = Some(now_ms + world.random.between(0, 12_000));
    foreign.rows.clear();
    world.truth.crashed_ms = now_ms;
    for client in world.truth.clients.iter_mut().filter(|client| client.roams) {
        client.may_be_lost = true;
    }
    world.tell(None, None, || format!("the HAProxy crashes; the host vanishes: {with_host}"));
}

/// It is there again soon.
pub fn recover(world: &mut World) {
    if let Some(foreign) = &mut world.foreign {
        foreign.down_until_ms = foreign.down_until_ms.map(|until_ms| until_ms.min(world.now_ms));
    }
}

/// A client comes to the HAProxy.
pub fn serve(world: &mut World, key: u32) {
    let now_ms = world.now_ms;
    let Some(foreign) = world.foreign.as_mut().filter(|foreign| foreign.is_up()) else { return };
    let is_up = |server: u32| world.truth.is_up.get(server as usize).copied().unwrap_or(false);
    let servers: Vec<u32> = (0..world.scenario.servers).filter(|server| is_up(*server)).collect();
    if servers.is_empty() {
        return;
    }
    let found = foreign.row(key, now_ms).cloned();
    let named = |row: &Entry| row.name.strip_prefix('s').and_then(|number| number.parse().ok());
    let known = found.as_ref().and_then(named).filter(|server: &u32| is_up(*server));
    let server = known.unwrap_or_else(|| world.random.pick(&servers));
    let number = world.truth.next_number();
    let visits = found.as_ref().map_or(0, |row| row.visits) + 1;
    let ends_ms = foreign.expire_ms.map(|expire_ms| now_ms + u64::from(expire_ms));
    let entry =
        Entry { server, name: format!("s{server}"), stamp: number, visits, place: None, ends_ms };
    // A client that comes back changes its entry up to two times.
    for _ in 0..world.random.between(1, 2) {
        foreign.store(key, entry.clone(), true);
    }
    let node = foreign.index;
    world.truth.add(Visit { key, server, count: visits, node, at_ms: now_ms });
    world.counts.visits += 1;
    world.tell(None, Some(key), || {
        format!("the HAProxy: visit {number} goes to s{server}; {found:?} was known")
    });
}
