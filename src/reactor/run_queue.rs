//! The queue of owners (connections, peers, …) that have work left for this turn or the next.

use std::collections::VecDeque;

/// A queue of owners that can make progress. An owner must remember that it is queued, so that it
/// is in the queue at most once and the queue is bounded by the number of owners.
#[derive(Debug)]
pub struct RunQueue<T> {
    owners: VecDeque<T>,
}

impl<T> RunQueue<T> {
    /// A queue with room for `capacity` owners.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { owners: VecDeque::with_capacity(capacity) }
    }

    /// Puts an owner at the end.
    pub fn push(&mut self, owner: T) {
        self.owners.push_back(owner);
    }

    /// Takes the owner at the front.
    pub fn pop(&mut self) -> Option<T> {
        self.owners.pop_front()
    }

    /// How many owners are queued. A turn takes that many, so owners that are queued during the
    /// turn wait for the next turn.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether no owner is queued.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}
