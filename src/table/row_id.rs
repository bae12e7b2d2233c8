//! The name of a row, and the steps of a walk over rows.

/// A row of one table. It names an entry until the entry is removed, evicted or expired: keep it
/// no longer than until something else may insert into or expire the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub(super) u32);

impl RowId {
    /// The row's number within its table.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// The end of one step of a walk over the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStep {
    /// The next occupied row.
    Row(RowId),
    /// Only free rows so far: go on behind this one.
    Pause(RowId),
    /// There is no further row.
    End,
}
