//! A ring on which every server has places in proportion to its weight: a hash goes to the nearest
//! one (`hash-type consistent`), so that a server's coming and going moves few clients. `random`
//! draws on the same ring.

use super::candidate::Candidate;
use super::hash::avalanche;
use crate::config::ServerIndex;

/// How many places the ids of two servers are apart: 256 weights of 16 places.
const PLACES_PER_ID: u32 = 4096;

/// The number of the first place of the server with this id.
pub fn first_place(id: u32) -> u32 {
    id.wrapping_mul(PLACES_PER_ID)
}

/// One place of a server.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    server: ServerIndex,
    /// Counted from 0; a server occupies as many as its share.
    number: u32,
}

/// The ring.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// In the order of the ring, those not in use included: sorting is dear, leaving out is not.
    known: Vec<Place>,
    /// How many places of each server are known.
    counts: Vec<u32>,
    /// Those in use, in the order of the ring.
    places: Vec<(u32, ServerIndex)>,
    next: usize,
}

impl Ring {
    /// An empty ring.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the candidates, and nobody else, as many places as their shares say.
    pub fn update(&mut self, candidates: &[Candidate]) {
        self.learn(candidates);
        let mut shares = vec![0; self.counts.len()];
        for candidate in candidates {
            shares[candidate.server.index()] = candidate.share;
        }
        let in_use = self.known.iter().filter(|place| place.number < shares[place.server.index()]);
        self.places.clear();
        self.places.extend(in_use.map(|place| (place.hash, place.server)));
    }

    /// Forgets the places of a server that was deleted: another may come to its index.
    pub fn forget(&mut self, server: ServerIndex) {
        self.known.retain(|place| place.server != server);
        self.places.retain(|(_, other)| *other != server);
        if let Some(count) = self.counts.get_mut(server.index()) {
            *count = 0;
        }
        self.next = 0;
    }

    fn learn(&mut self, candidates: &[Candidate]) {
        let before = self.known.len();
        for Candidate { server, first_place, share, .. } in candidates {
            if self.counts.len() <= server.index() {
                self.counts.resize(server.index() + 1, 0);
            }
            let count = &mut self.counts[server.index()];
            self.known.extend((*count..*share).map(|number| Place {
                hash: avalanche(first_place.wrapping_add(number)),
                server: *server,
                number,
            }));
            *count = (*count).max(*share);
        }
        if self.known.len() != before {
            self.known.sort_by_key(|place| place.hash);
        }
    }

    /// The server whose place is nearest to `hash` in either direction, or the next one on the
    /// ring that may be chosen.
    pub fn nearest(&self, hash: u32, may: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let len = self.places.len();
        let after = self.places.partition_point(|(place, _)| *place < hash);
        let at = |index: usize| self.places.get(index % len.max(1)).copied();
        let (next, previous) = (at(after)?, at(after + len - 1)?);
        let exact = next.0 == hash;
        let is_nearer = hash.wrapping_sub(previous.0) <= next.0.wrapping_sub(hash) && !exact;
        let start = if is_nearer { after + len - 1 } else { after };
        (start..start + len).filter_map(at).map(|(_, server)| server).find(|server| may(*server))
    }

    /// The next server around the ring that may be chosen.
    pub fn next(&mut self, may: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let len = self.places.len();
        for _ in 0..len {
            self.next = (self.next + 1) % len;
            let (_, server) = self.places[self.next];
            if may(server) {
                return Some(server);
            }
        }
        None
    }
}
