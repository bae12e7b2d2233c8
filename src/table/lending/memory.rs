//! Who has the memory of a table.

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

impl Memory {
    /// The memory of a table of the process that serves. `is_kept` says whether the rows have to be
    /// there after a crash.
    pub fn of(declaration: &StickTable, is_kept: bool) -> Self {
        let bytes = Layout::new(declaration).stride * declaration.size as usize;
        // Since when entries name their servers is told by teaching only.
        if bytes >= LENT_MIN && !declaration.origins {
            Self::Lendable
        } else if is_kept || declaration.save.is_some() {
            Self::Kept
        } else {
            Self::Own
        }
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
