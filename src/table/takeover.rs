//! Where the latest change of each row came from since this process took over. This is kept as long
//! as a predecessor sends late updates, which must not undo a newer change.

use super::bits::Bits;
use super::update_log::UpdateId;

/// The rows that have changed since this process took over.
#[derive(Debug)]
pub(super) struct Takeover {
    /// The latest change was a late update of a predecessor.
    late: Bits,
    /// The latest change came from a peer.
    learned: Bits,
}

impl Takeover {
    pub(super) fn new(size: u32) -> Self {
        Self { late: Bits::new(size), learned: Bits::new(size) }
    }

    pub(super) fn note_own(&mut self, row: u32) {
        self.late.unset(row);
        self.learned.unset(row);
    }

    pub(super) fn note_learned(&mut self, row: u32) {
        self.late.unset(row);
        self.learned.set(row);
    }

    pub(super) fn note_late(&mut self, row: u32) {
        self.late.set(row);
        self.learned.unset(row);
    }

    /// Whether the row has changed since a predecessor handed over, and not by a late update.
    /// `origin` is the end of the predecessor's update log then, and `place` is the row's place in
    /// our log.
    pub(super) fn is_newer(&self, row: u32, place: Option<UpdateId>, origin: UpdateId) -> bool {
        let has_changed = place.is_some_and(|place| place.is_after(origin));
        self.learned.has(row) || (has_changed && !self.late.has(row))
    }
}
