//! The server with the fewest connections for its weight; among equals the one that has waited
//! longest for its turn.

use std::collections::BTreeSet;

use super::candidate::{Candidate, RoundPosition};
use crate::config::ServerIndex;

/// The share of a server of the greatest weight.
const SHARE_MAX: u64 = 4096;

/// A server's place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    load: u64,
    /// When it came to this load, counted.
    since: u64,
    server: ServerIndex,
}

/// The servers in the order of their load.
#[derive(Clone, Debug, Default)]
pub struct LeastConn {
    order: BTreeSet<Place>,
    /// The place and the share of each server that is in the order.
    of_server: Vec<Option<(Place, u32)>>,
    moves: u64,
}

impl LeastConn {
    /// No servers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over who may be chosen.
    pub fn update(&mut self, candidates: &[Candidate]) {
        let places = candidates.iter().map(|candidate| candidate.server.index() + 1).max();
        let none = vec![None; places.unwrap_or(0)];
        let old = std::mem::replace(&mut self.of_server, none);
        self.order.clear();
        for Candidate { server, share, load, .. } in candidates {
            let load = weighted(*load, *share);
            let since = match old.get(server.index()) {
                Some(Some((place, _))) if (place.load, place.server) == (load, *server) => {
                    place.since
                }
                _ => self.moment(),
            };
            let place = Place { load, since, server: *server };
            self.order.insert(place);
            self.of_server[server.index()] = Some((place, *share));
        }
    }

    /// Moves a server to the place that its connections give it.
    pub fn note_load(&mut self, server: ServerIndex, load: u32) {
        let since = self.moment();
        let known = self.of_server.get_mut(server.index()).and_then(Option::as_mut);
        let Some((place, share)) = known.filter(|(place, _)| place.server == server) else {
            return;
        };
        let load = weighted(load, *share);
        if load != place.load {
            self.order.remove(place);
            *place = Place { load, since, server };
            self.order.insert(*place);
        }
    }

    /// The order of the servers.
    pub fn turns(&self) -> Vec<(ServerIndex, RoundPosition)> {
        let places = (0..).zip(&self.order);
        let round = self.order.len() as u64;
        places.map(|(ahead, place)| (place.server, RoundPosition { ahead, round })).collect()
    }

    /// Takes over the order for servers that have the same load here.
    pub fn adopt_turns(&mut self, told: &[(ServerIndex, RoundPosition)]) {
        let mut told = told.to_vec();
        told.sort_by_key(|(_, turn)| turn.ahead);
        for (server, _) in told {
            let since = self.moment();
            let known = self.of_server.get_mut(server.index()).and_then(Option::as_mut);
            if let Some((place, _)) = known.filter(|(place, _)| place.server == server) {
                self.order.remove(place);
                place.since = since;
                self.order.insert(*place);
            }
        }
    }

    /// The least loaded server that may be chosen.
    pub fn choose(&self, may: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        self.order.iter().map(|place| place.server).find(|server| may(*server))
    }

    fn moment(&mut self) -> u64 {
        self.moves += 1;
        self.moves
    }
}

/// An idle server comes first whatever its weight; else what counts is the load with one more.
fn weighted(load: u32, share: u32) -> u64 {
    if load == 0 { 0 } else { (u64::from(load) + 1) * SHARE_MAX / u64::from(share.max(1)) }
}
