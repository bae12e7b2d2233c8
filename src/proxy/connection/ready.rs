//! Whose turn it is: first whoever has little to do, then those that move much, within a budget.
//! So a small request does not wait for the bulk beside it, and bulk moves in large pieces.

use super::Connection;
use crate::proxy::relay::buffers::Share;
use crate::reactor::run_queue::RunQueue;
use crate::reactor::token::Slot;

/// What those of one queue move together in one turn, about: under a millisecond for few that move
/// much.
pub(crate) const TURN_BYTES: u64 = 2 * 1024 * 1024;
/// What a connection's turn costs at least, in bytes: as much as its system calls take. So no more
/// than 1024 have their turn at once, however little they move.
const LEAST_BYTES: u64 = 2 * 1024;
/// The most clients that are accepted in one turn, at all listeners together.
const ACCEPTS_PER_TURN: u32 = 1024;

/// What is left of a turn for the connections of one queue.
#[derive(Debug)]
pub(crate) struct Allowance {
    moved: u64,
    spent: u64,
}

impl Allowance {
    /// All of it, when the process has moved so many bytes.
    pub(crate) fn new(moved: u64) -> Self {
        Self { moved, spent: 0 }
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent >= TURN_BYTES
    }

    /// Takes off what a connection has cost, now that the process has moved so many bytes.
    pub(crate) fn charge(&mut self, moved: u64) {
        self.spent += (moved - self.moved).max(LEAST_BYTES);
        self.moved = moved;
    }
}

/// How many listeners have their turn at once, each of which accepts so many clients.
pub(crate) fn listeners_per_turn(accepts_per_listener: u32) -> usize {
    (ACCEPTS_PER_TURN / accepts_per_listener.max(1)).max(1) as usize
}

/// The connections that can make progress, each in one of two queues.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Those of which nothing is known, or that they move little.
    light: RunQueue<Slot>,
    /// Those that move much.
    heavy: RunQueue<Slot>,
}

impl Ready {
    /// Nobody yet, with room for `capacity` connections.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let queue = || RunQueue::with_capacity(capacity);
        Self { light: queue(), heavy: queue() }
    }

    /// Queues a connection, unless it is queued.
    pub(crate) fn push(&mut self, connection: &mut Connection) {
        if std::mem::replace(&mut connection.queued, true) {
            return;
        }
        self.queue(connection.share()).push(connection.slot);
    }

    /// Those that move so much.
    pub(crate) fn queue(&mut self, share: Share) -> &mut RunQueue<Slot> {
        match share {
            Share::Light => &mut self.light,
            Share::Heavy => &mut self.heavy,
        }
    }

    /// Whether nobody can make progress.
    pub(crate) fn is_empty(&self) -> bool {
        self.light.is_empty() && self.heavy.is_empty()
    }
}
