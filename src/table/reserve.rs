//! Whether there is memory for a table.

use std::fmt;

use super::index::Index;
use super::shown::Origins;
use super::update_log::UpdateLog;
use crate::config;

/// The most entries of a table. No row number and no ring position is a sentinel then.
const SIZE_MAX: u32 = 1 << 30;

/// Checks that there is memory for a table: the zeroed allocations that follow would end the
/// process if there is none. The memory is given back at once, as filling it here would touch every
/// page. `stride` is the length of a row in bytes. Returns the bytes that the table takes.
///
/// # Errors
/// If there is no memory, or the table is too large.
pub(super) fn reserve(declaration: &config::StickTable, stride: usize) -> Result<u64, TableError> {
    let size = declaration.size;
    let rows = u64::from(size) * stride as u64;
    let slots = (Index::capacity(size) as u64 + UpdateLog::capacity(size) as u64) * 4;
    let bytes = rows + slots + origin_bytes(declaration) as u64;
    let error = || TableError::new(declaration, bytes);
    let len = usize::try_from(bytes).map_err(|_| error())?;
    if size > SIZE_MAX {
        return Err(error());
    }
    Vec::<u8>::new().try_reserve_exact(len).map_err(|_| error())?;
    Ok(bytes)
}

/// The bytes that a table with `origins` takes besides.
pub(super) fn origin_bytes(declaration: &config::StickTable) -> usize {
    let bytes = if declaration.origins { Origins::bytes(declaration.size) } else { 0 };
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Why a table could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The table's name.
    pub table: String,
    /// The entries asked for.
    pub size: u32,
    /// The bytes that they would take.
    pub bytes: u64,
}

impl TableError {
    /// There is no memory for this table, which takes so many bytes.
    pub(super) fn new(declaration: &config::StickTable, bytes: u64) -> Self {
        Self { table: declaration.name.clone(), size: declaration.size, bytes }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, size, bytes } = self;
        write!(f, "reserve stick table '{table}': no memory for {size} entries ({bytes} bytes)")
    }
}

impl std::error::Error for TableError {}
