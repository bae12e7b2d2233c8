//! How many connections a server may have before a hash leads past it (`hash-balance-factor`).

use super::candidate::Candidate;
use crate::config::ServerIndex;
use crate::proxy::backend::servers::Servers;

/// The percentage of the average that a server may have, and the shares that make the average.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    percent: u64,
    /// For each server, the sum of the shares before its own, and its own.
    shares: Vec<(u64, u64)>,
    /// The sum of all shares.
    total: u64,
}

/// The bounds at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundsNow<'a> {
    bounds: &'a Bounds,
    /// The connections that all servers together may have.
    connections: u64,
}

impl Bounds {
    pub(super) fn new(percent: u32) -> Self {
        Self { percent: percent.into(), shares: Vec::new(), total: 0 }
    }

    /// Takes over the shares of the candidates.
    pub(super) fn update(&mut self, candidates: &[Candidate]) {
        self.shares.clear();
        self.total = 0;
        for Candidate { server, share, .. } in candidates {
            if self.shares.len() <= server.index() {
                self.shares.resize(server.index() + 1, (0, 0));
            }
            self.shares[server.index()] = (self.total, (*share).into());
            self.total += u64::from(*share);
        }
    }

    /// The bounds for one connection more.
    pub(super) fn now(&self, servers: &Servers) -> BoundsNow<'_> {
        let current: u64 = servers.iter().map(|server| u64::from(server.counters.load())).sum();
        BoundsNow { bounds: self, connections: ((current + 1) * self.percent).div_ceil(100) }
    }
}

impl BoundsNow<'_> {
    /// Whether a server may have one connection more. The bounds of all servers are whole numbers
    /// whose sum is exact; each server may have one connection at least.
    pub(super) fn admit(self, server: ServerIndex, servers: &Servers) -> bool {
        let Bounds { shares, total, .. } = self.bounds;
        let (before, own) = shares.get(server.index()).copied().unwrap_or_default();
        let up_to = |share: u64| share * self.connections / (*total).max(1);
        let most = (up_to(before + own) - up_to(before)).max(1);
        servers.get(server).is_none_or(|s| u64::from(s.counters.load()) < most)
    }
}
