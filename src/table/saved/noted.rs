//! What a table knows of its saves.

use super::last_save::{LastSave, SaveReport};
use crate::table::StickTable;

impl StickTable {
    /// How the saves of this process went; none if the table is not to be saved.
    pub fn last_save(&self) -> Option<&LastSave> {
        self.declaration().save.as_ref().map(|_| &self.last_save)
    }

    /// Notes a save that has ended at `wall_ms`, in milliseconds since 1970.
    pub fn note_save(&mut self, report: SaveReport, wall_ms: u64) {
        self.last_save.note(report, wall_ms);
    }
}
