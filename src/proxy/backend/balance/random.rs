//! At random: some servers are drawn on the ring, and the one with the least to do for its weight
//! is taken (`random(<draws>)`).

use super::ring::Ring;
use crate::config::ServerIndex;
use crate::proxy::backend::server::Server;
use crate::proxy::backend::servers::Servers;

/// Draws servers.
#[derive(Clone, Debug)]
pub struct Random {
    draws: u32,
    state: u64,
}

impl Random {
    /// So many draws per choice.
    pub fn new(draws: u32, seed: u64) -> Self {
        Self { draws, state: seed }
    }

    /// The best of the servers drawn.
    pub fn choose(
        &mut self,
        ring: &Ring,
        may: impl Fn(ServerIndex) -> bool,
        servers: &Servers,
    ) -> Option<ServerIndex> {
        let drawn = (0..self.draws).filter_map(|_| {
            let server = ring.nearest(self.next(), &may)?;
            servers.get(server).map(|s| (server, s))
        });
        let best = drawn.reduce(|best, other| {
            let load = |server: &Server| u64::from(server.counters.load());
            let share = |server: &Server| u64::from(server.share());
            if load(other.1) * share(best.1) < load(best.1) * share(other.1) { other } else { best }
        });
        best.map(|(server, _)| server)
    }

    /// Sebastiano Vigna's public-domain splitmix64.
    fn next(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, ..] = (z ^ z >> 31).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}
