//! Whose news a row has had since this process took over: kept as long as a predecessor still
//! decides for clients of its own, whose word must not undo what is newer.

use super::bits::Bits;
use super::update_log::UpdateId;

/// What the rows have had since.
#[derive(Debug)]
pub(super) struct Takeover {
    /// The latest change came from a predecessor.
    told: Bits,
    /// The latest change came from a peer.
    learned: Bits,
}

impl Takeover {
    pub(super) fn new(size: u32) -> Self {
        Self { told: Bits::new(size), learned: Bits::new(size) }
    }

    pub(super) fn note_own(&mut self, row: u32) {
        self.told.unset(row);
        self.learned.unset(row);
    }

    pub(super) fn note_learned(&mut self, row: u32) {
        self.told.unset(row);
        self.learned.set(row);
    }

    pub(super) fn note_late(&mut self, row: u32) {
        self.told.set(row);
        self.learned.unset(row);
    }

    /// Whether somebody else has changed the row since a predecessor handed over, whose update log
    /// ended at `origin` then; `place` is the row's place in the log.
    pub(super) fn is_newer(&self, row: u32, place: Option<UpdateId>, origin: UpdateId) -> bool {
        let has_changed = place.is_some_and(|place| place.is_after(origin));
        self.learned.has(row) || (has_changed && !self.told.has(row))
    }
}
