//! In turns, in proportion to the weights, spread as evenly as the weights allow.
//!
//! Each server has a place in time; the earliest is chosen and moves on by the inverse of its
//! weight. Weights may change and servers come and go at any moment.

use std::collections::VecDeque;

use super::candidate::{Candidate, RoundPosition};
use crate::config::ServerIndex;

/// How far a server with a share of 1 moves on.
const ROUND: u64 = 1 << 32;

/// When all places are moved back towards 0.
const TIME_MAX: u64 = 1 << 60;

/// One server's place in the rotation.
#[derive(Clone, Copy, Debug)]
struct Turn {
    server: ServerIndex,
    at: u64,
    /// How far it moves on at each choice.
    stride: u64,
}

/// The rotation over a backend's servers.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    /// By time. Who has been chosen goes far back, which moves few of the others.
    order: VecDeque<(u64, ServerIndex)>,
    /// By the index of the server; none for one that is not in the rotation.
    turns: Vec<Option<Turn>>,
    now: u64,
}

impl RoundRobin {
    /// No servers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over who may be chosen and how often. Who stays keeps its place, scaled to its new
    /// share; who comes joins in the middle of its round.
    pub fn update(&mut self, candidates: &[Candidate]) {
        let places = candidates.iter().map(|candidate| candidate.server.index() + 1).max();
        let none = vec![None; places.unwrap_or(0)];
        let old = std::mem::replace(&mut self.turns, none);
        self.order.clear();
        for Candidate { server, share, .. } in candidates {
            let stride = ROUND / u64::from((*share).max(1));
            let known = old.get(server.index()).copied().flatten();
            let ahead = match known.filter(|turn| turn.server == *server) {
                Some(turn) if turn.stride == stride => turn.at.saturating_sub(self.now),
                Some(turn) => scaled(turn.at.saturating_sub(self.now), turn.stride, stride),
                None => stride / 2,
            };
            let at = self.now + ahead;
            self.turns[server.index()] = Some(Turn { server: *server, at, stride });
            self.order.push_back((at, *server));
        }
        self.sort();
    }

    /// The next server that may be chosen. Those that are passed over keep their places and are
    /// first when they may be chosen again, but do not catch up on what they missed.
    pub fn choose(&mut self, may: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let place = self.order.iter().position(|(_, server)| may(*server))?;
        let (at, server) = self.order.remove(place)?;
        let turn = self.turns.get_mut(server.index())?.as_mut()?;
        self.now = self.now.max(at);
        turn.at = self.now + turn.stride;
        let turn = (turn.at, server);
        self.order.insert(self.order.partition_point(|other| *other < turn), turn);
        if self.now > TIME_MAX {
            self.start_over();
        }
        Some(server)
    }

    /// How far each server is from its turn.
    pub fn turns(&self) -> Vec<(ServerIndex, RoundPosition)> {
        let turns = self.turns.iter().flatten().map(|turn| {
            let ahead = turn.at.saturating_sub(self.now);
            (turn.server, RoundPosition { ahead, round: turn.stride })
        });
        turns.collect()
    }

    /// Goes on from there, with whoever is in the rotation here.
    pub fn adopt_turns(&mut self, told: &[(ServerIndex, RoundPosition)]) {
        for (server, told) in told.iter().filter(|(_, told)| told.round > 0) {
            let known = self.turns.get_mut(server.index()).and_then(Option::as_mut);
            if let Some(turn) = known.filter(|turn| turn.server == *server) {
                let ahead = scaled(told.ahead, told.round, turn.stride);
                turn.at = self.now + ahead.min(turn.stride);
            }
        }
        self.start_over();
    }

    /// For tests: as if it had turned for years.
    #[cfg(test)]
    pub(super) fn skip_to_the_end_of_time(&mut self) {
        let skipped = TIME_MAX - ROUND;
        self.turns.iter_mut().flatten().for_each(|turn| turn.at += skipped);
        self.order = self.order.iter().map(|(at, server)| (at + skipped, *server)).collect();
        self.now += skipped;
    }

    fn sort(&mut self) {
        self.order.make_contiguous().sort_unstable();
    }

    fn start_over(&mut self) {
        let now = std::mem::take(&mut self.now);
        self.order.clear();
        for turn in self.turns.iter_mut().flatten() {
            turn.at = turn.at.saturating_sub(now);
            self.order.push_back((turn.at, turn.server));
        }
        self.sort();
    }
}

/// The same part of another round.
fn scaled(ahead: u64, before: u64, now: u64) -> u64 {
    let rest = u128::from(ahead) * u128::from(now) / u128::from(before.max(1));
    u64::try_from(rest).unwrap_or(now)
}
