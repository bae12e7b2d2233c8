//! A list in which every server stands as often as its weight says: walked for `static-rr`,
//! looked into by a hash for `hash-type map-based`. Weights cannot change while it is in use.

use super::candidate::{Candidate, RoundPosition};
use crate::config::ServerIndex;

/// The list.
#[derive(Clone, Debug)]
pub struct Map {
    places: Vec<ServerIndex>,
    next: usize,
    /// What the weights are divided by, to keep the list short.
    divisor: u32,
}

impl Map {
    /// An empty list for servers of which all have these weights.
    pub fn new(weights: impl Iterator<Item = u32>) -> Self {
        let divisor = weights.fold(0, greatest_common_divisor).max(1);
        Self { places: Vec::new(), next: 0, divisor }
    }

    /// Makes the list anew. The servers take turns as smoothly as the weights allow: each is owed
    /// its weight at every place, and the first in order that is owed most pays for the place.
    pub fn update(&mut self, candidates: &[Candidate]) {
        self.places.clear();
        let weight =
            |candidate: &Candidate| i64::from((candidate.share / 16 / self.divisor).max(1));
        let total: i64 = candidates.iter().map(weight).sum();
        let mut owed = vec![0; candidates.len()];
        for _ in 0..total {
            let mut best = None;
            for (index, (owed, candidate)) in owed.iter_mut().zip(candidates).enumerate() {
                *owed += weight(candidate);
                // Nothing finer than whole rounds counts, so that the order of the file decides.
                let rounds = (*owed + total) / total;
                if best.is_none_or(|(_, most)| rounds > most) {
                    best = Some((index, rounds));
                }
            }
            let Some((index, _)) = best else { break };
            owed[index] -= total;
            self.places.push(candidates[index].server);
        }
        self.next = if self.places.is_empty() { 0 } else { self.next % self.places.len() };
    }

    /// The server at the place that a hash falls on.
    pub fn at(&self, hash: u32) -> Option<ServerIndex> {
        let len = self.places.len();
        if len == 0 { None } else { self.places.get(hash as usize % len).copied() }
    }

    /// Where the walk is, told of the first server: it is the same for all.
    pub fn turns(&self) -> Vec<(ServerIndex, RoundPosition)> {
        let turn = RoundPosition { ahead: self.next as u64, round: self.places.len() as u64 };
        self.places.first().map(|server| (*server, turn)).into_iter().collect()
    }

    /// Goes on from there, if the list has the same length.
    pub fn adopt_turns(&mut self, told: &[(ServerIndex, RoundPosition)]) {
        if let [(_, turn), ..] = told
            && turn.round == self.places.len() as u64
            && turn.ahead < turn.round
        {
            self.next = usize::try_from(turn.ahead).unwrap_or(0);
        }
    }

    /// The next server in turn that may be chosen.
    pub fn next(&mut self, may: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        for _ in 0..self.places.len() {
            let server = *self.places.get(self.next)?;
            self.next = (self.next + 1) % self.places.len();
            if may(server) {
                return Some(server);
            }
        }
        None
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
