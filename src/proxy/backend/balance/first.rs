//! The first server, by number, that has room: few servers are used as long as they suffice.

use super::candidate::Candidate;
use crate::config::ServerIndex;

/// The servers in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct First {
    order: Vec<ServerIndex>,
}

impl First {
    /// No servers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over who may be chosen.
    pub fn update(&mut self, candidates: &[Candidate]) {
        let mut candidates = candidates.to_vec();
        candidates.sort_by_key(|candidate| candidate.id);
        self.order.clear();
        self.order.extend(candidates.iter().map(|candidate| candidate.server));
    }

    /// The first that may be chosen.
    pub fn choose(&self, may: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        self.order.iter().copied().find(|server| may(*server))
    }
}
