//! What the balance algorithms know of servers.

use crate::config::ServerIndex;

/// A server that may be chosen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The server.
    pub server: ServerIndex,
    /// Its `id`.
    pub id: u32,
    /// The number of its first place on the ring. The places after it have the next numbers.
    pub first_place: u32,
    /// Its weight in sixteenths; less than its weight during `slowstart`.
    pub share: u32,
    /// The connections that it has, and those that wait for it.
    pub load: u32,
}

/// How far a server is in the round of an algorithm, for the process that follows. Only the
/// algorithm knows what the numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundPosition {
    /// How far it is from being chosen.
    pub ahead: u64,
    /// The length of the round, in the same unit.
    pub round: u64,
}
