//! Which rows others have told us of while a lesson is under way. A lesson is a copy of what its
//! teacher knew when it came by a row: it must not undo what arrived from a third node meanwhile.

use crate::table::{RowId, StickTable};

/// One bit a row, for each of a section's tables.
#[derive(Debug)]
pub(super) struct FreshRows {
    tables: Vec<Vec<u64>>,
}

impl FreshRows {
    pub(super) fn new(tables: usize) -> Self {
        Self { tables: vec![Vec::new(); tables] }
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            *table = Vec::new();
        }
    }

    pub(super) fn set(&mut self, index: usize, table: &StickTable, row: RowId, fresh: bool) {
        let Some(words) = self.tables.get_mut(index) else { return };
        if words.is_empty() {
            if !fresh {
                return;
            }
            words.resize((table.size() as usize).div_ceil(64), 0);
        }
        if let Some(word) = words.get_mut(row.number() as usize / 64) {
            let bit = 1_u64 << (row.number() % 64);
            *word = if fresh { *word | bit } else { *word & !bit };
        }
    }

    pub(super) fn is_fresh(&self, index: usize, row: RowId) -> bool {
        let word = self.tables.get(index).and_then(|words| words.get(row.number() as usize / 64));
        word.is_some_and(|word| word >> (row.number() % 64) & 1 != 0)
    }
}
