//! Whose turn it is: first whoever has little to do, then those that move much, within a budget.
//! So a small request does not wait for the bulk beside it, and bulk moves in large pieces.

use super::buffers::Share;
use super::connection::Connection;
use crate::reactor::run_queue::RunQueue;
use crate::reactor::token::Slot;

/// What those that move much move together in one turn, about: under a millisecond.
pub(super) const TURN_BYTES: u64 = 2 * 1024 * 1024;

/// The connections that can make progress, each in one of two queues.
#[derive(Debug)]
pub(super) struct Ready {
    /// Those of which nothing is known, or that they move little.
    pub(super) light: RunQueue<Slot>,
    /// Those that move much.
    pub(super) heavy: RunQueue<Slot>,
}

impl Ready {
    /// Nobody yet, with room for `capacity` connections.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let queue = || RunQueue::with_capacity(capacity);
        Self { light: queue(), heavy: queue() }
    }

    /// Queues a connection, unless it is queued.
    pub(super) fn push(&mut self, connection: &mut Connection) {
        if std::mem::replace(&mut connection.queued, true) {
            return;
        }
        match connection.share() {
            Share::Light => self.light.push(connection.slot),
            Share::Heavy => self.heavy.push(connection.slot),
        }
    }

    /// Whether nobody can make progress.
    pub(super) fn is_empty(&self) -> bool {
        self.light.is_empty() && self.heavy.is_empty()
    }
}
