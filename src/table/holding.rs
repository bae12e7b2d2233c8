//! What connections do to entries: they hold them, and mark them as provisional.

use super::provisional::Provisional;
use super::row_id::RowId;
use super::stick_table::StickTable;

impl StickTable {
    /// Makes it possible to hold entries of this table.
    pub fn allow_holding(&mut self) {
        if self.holders.is_empty() {
            self.holders = vec![0; self.size() as usize];
        }
    }

    /// Keeps an entry from expiring and from being evicted until [`StickTable::release`].
    pub fn hold(&mut self, row: RowId) {
        if let Some(holders) = self.holders.get_mut(row.0 as usize) {
            *holders += 1;
        }
    }

    /// Takes back one [`StickTable::hold`].
    pub fn release(&mut self, row: RowId) {
        if let Some(holders) = self.holders.get_mut(row.0 as usize) {
            *holders = holders.saturating_sub(1);
        }
    }

    /// How often the entry is held.
    pub fn holders(&self, row: RowId) -> u32 {
        self.holders.get(row.0 as usize).copied().unwrap_or(0)
    }

    /// Makes it possible for entries of this table to be provisional.
    pub fn allow_provisional(&mut self) {
        if !self.provisional.is_allowed() {
            self.provisional = Provisional::with_rows(self.size());
        }
    }

    /// Marks an entry as provisional: it names a server that its client has not reached yet.
    pub fn set_provisional(&mut self, row: RowId) {
        if self.rows.is_occupied(row.0) {
            self.provisional.add(row.0);
        }
    }

    /// Whether the entry names a server that its client has not reached yet.
    pub fn is_provisional(&self, row: RowId) -> bool {
        self.provisional.has(row.0)
    }

    /// The entry stays, whatever becomes of the connection that made it.
    pub fn settle(&mut self, row: RowId) {
        self.provisional.remove(row.0);
    }

    /// Allows what another table allows: to hold entries, and provisional entries.
    pub(super) fn allow_as(&mut self, other: &Self) {
        if !other.holders.is_empty() {
            self.allow_holding();
        }
        if other.provisional.is_allowed() {
            self.allow_provisional();
        }
    }

    /// Nobody holds any entry.
    pub(super) fn release_all(&mut self) {
        if !std::mem::take(&mut self.holders).is_empty() {
            self.allow_holding();
        }
    }
}
