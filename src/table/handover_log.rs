//! What changed while the table is being handed to a successor: each row at most once, oldest
//! change first.

use std::collections::VecDeque;

/// The rows that the successor has not been told of in their present state.
#[derive(Debug)]
pub(super) struct HandoverLog {
    /// One bit a row: whether it is in the queue.
    queued: Vec<u64>,
    queue: VecDeque<u32>,
}

impl HandoverLog {
    /// Reserves room for every row, so that no later push waits for an allocation.
    pub(super) fn new(size: u32) -> Self {
        let size = size as usize;
        Self { queued: vec![0; size.div_ceil(64)], queue: VecDeque::with_capacity(size) }
    }

    pub(super) fn push(&mut self, row: u32) {
        let (word, bit) = place(row);
        if self.queued[word] & bit == 0 {
            self.queued[word] |= bit;
            self.queue.push_back(row);
        }
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let row = self.queue.pop_front()?;
        let (word, bit) = place(row);
        self.queued[word] &= !bit;
        Some(row)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

fn place(row: u32) -> (usize, u64) {
    (row as usize / 64, 1 << (row % 64))
}
