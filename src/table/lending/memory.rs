//! Who has the memory of a table.

use std::cmp::Reverse;

use crate::config::StickTable;
use crate::net::memory::region::Storage;
use crate::table::layout::Layout;

/// Who has the memory of a table beside this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nobody.
    Own,
    /// Nobody, and only a few entries are to come.
    Sparse,
    /// Other processes have the rows: who follows a crash, and who saves the table.
    Kept,
    /// Other processes have the rows, and a successor takes all of it over.
    Lendable,
}

/// The rows of a table take at least so many bytes if it is lent to a successor. A smaller table is
/// taught in a moment, and it takes no descriptors.
const LENT_MIN: usize = 2 << 20;
/// The most tables that are lent: each takes three descriptors all the time, and four that are sent
/// in one message.
pub(super) const TABLES_MAX: usize = 16;

/// The bytes of a table's rows.
fn bytes(table: &StickTable) -> usize {
    Layout::new(table).stride * table.size as usize
}

impl Memory {
    /// The memory of the tables of a process that serves. `is_kept` says whether the rows have to
    /// be there after a crash. The largest tables are lent.
    pub fn of_process(declarations: &[StickTable], is_kept: bool) -> Vec<Self> {
        // Since when entries name their servers is told by teaching only.
        let is_lent =
            |(_, table): &(usize, &StickTable)| !table.origins && bytes(table) >= LENT_MIN;
        let mut lent: Vec<_> = declarations.iter().enumerate().filter(is_lent).collect();
        lent.sort_by_key(|(_, table)| Reverse(bytes(table)));
        lent.truncate(TABLES_MAX);
        let memory = |(index, table): (usize, &StickTable)| {
            if lent.iter().any(|(lent, _)| *lent == index) {
                Self::Lendable
            } else if is_kept || table.save.is_some() {
                Self::Kept
            } else {
                Self::Own
            }
        };
        declarations.iter().enumerate().map(memory).collect()
    }

    /// The memory of the rows.
    pub(in crate::table) fn rows(self) -> Storage {
        match self {
            Self::Own => Storage::Own,
            Self::Sparse => Storage::Sparse,
            Self::Kept | Self::Lendable => Storage::Kept,
        }
    }

    /// The memory of index and update log.
    pub(in crate::table) fn rest(self) -> Storage {
        match self {
            Self::Own | Self::Kept => Storage::Own,
            Self::Sparse => Storage::Sparse,
            Self::Lendable => Storage::Kept,
        }
    }
}
