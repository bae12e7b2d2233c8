//! The changes of a table that a successor lacks: the rows that changed, each at most once, oldest
//! change first, and the keys of entries that were removed. The reader takes the removals first: an
//! entry that was removed and made again has its row in the queue, so it is sent again.

use std::collections::VecDeque;

use super::bits::Bits;

/// The number of removals that may wait, even if the table is smaller.
const REMOVALS_MIN: usize = 1024;

/// The changes that the successor lacks.
#[derive(Debug)]
pub(super) struct HandoverLog {
    /// Whether a row is in the queue.
    queued: Bits,
    queue: VecDeque<u32>,
    removals: VecDeque<Removal>,
    removals_max: usize,
}

/// A removal for the successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The entry with this key.
    Entry(Box<[u8]>),
    /// Every entry. All entries of the table are sent again after it.
    All,
}

impl HandoverLog {
    /// Reserves room for every row, so that no later push waits for an allocation.
    pub(super) fn new(size: u32) -> Self {
        let rows = size as usize;
        Self {
            queued: Bits::new(size),
            queue: VecDeque::with_capacity(rows),
            removals: VecDeque::new(),
            removals_max: rows.max(REMOVALS_MIN),
        }
    }

    pub(super) fn push(&mut self, row: u32) {
        if self.queued.set(row) {
            self.queue.push_back(row);
        }
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let row = self.queue.pop_front()?;
        self.queued.unset(row);
        Some(row)
    }

    /// Notes that an entry was removed. False if too many removals wait: then all entries are to be
    /// sent again, which takes no more room than the rows do.
    #[must_use]
    pub(super) fn push_removal(&mut self, key: &[u8]) -> bool {
        let has_room = self.removals.len() < self.removals_max;
        if has_room {
            self.removals.push_back(Removal::Entry(key.into()));
        } else {
            self.removals.clear();
            self.removals.push_back(Removal::All);
        }
        has_room
    }

    /// Puts back what [`HandoverLog::pop_removal`] gave last.
    pub(super) fn put_back_removal(&mut self, removal: Removal) {
        self.removals.push_front(removal);
    }

    pub(super) fn pop_removal(&mut self) -> Option<Removal> {
        self.removals.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.removals.is_empty()
    }
}
