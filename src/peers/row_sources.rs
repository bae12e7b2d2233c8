//! Who has told us of which row while the first lesson is not over. What a teacher knows from
//! others may be out of date: it must not undo what the node concerned told us itself.

use super::peer::PeerId;
use crate::table::{RowId, StickTable};

/// One byte a row, for each of a section's tables: who told of it last, 0 for nobody.
#[derive(Debug)]
pub(super) struct Tellers {
    tables: Vec<Vec<u8>>,
}

impl Tellers {
    pub(super) fn new(tables: usize) -> Self {
        Self { tables: vec![Vec::new(); tables] }
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            *table = Vec::new();
        }
    }

    pub(super) fn set(
        &mut self,
        index: usize,
        table: &StickTable,
        row: RowId,
        teller: Option<PeerId>,
    ) {
        let Some(rows) = self.tables.get_mut(index) else { return };
        if rows.is_empty() {
            if teller.is_none() {
                return;
            }
            rows.resize(table.size() as usize, 0);
        }
        if let Some(place) = rows.get_mut(row.number() as usize) {
            *place = teller.map_or(0, mark);
        }
    }

    /// Whether someone other than `teacher` has told of the row.
    pub(super) fn is_from_another(&self, index: usize, row: RowId, teacher: PeerId) -> bool {
        let told = self.tables.get(index).and_then(|rows| rows.get(row.number() as usize));
        told.is_some_and(|told| *told != 0 && *told != mark(teacher))
    }
}

/// Peers beyond the 254th are not told apart from nobody.
fn mark(peer: PeerId) -> u8 {
    u8::try_from(peer.0).ok().and_then(|number| number.checked_add(1)).unwrap_or(0)
}
