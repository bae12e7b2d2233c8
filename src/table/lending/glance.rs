//! Looks into the rows of a successor. The successor changes them at the same time, so nothing is
//! taken for granted: an entry counts if its row has the same bytes twice, and the right key.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::lent::LentMemory;
use crate::table::index::{KeyHasher, SlotShape};
use crate::table::kept::header::{FRESH, HEADER};
use crate::table::layout::{Head, Layout, word};
use crate::table::provisional::Provisional;
use crate::table::rows::FREE;
use crate::table::stick_table::StickTable;

/// The rows that are read at once where one follows the other.
const ROWS_AT_ONCE: u32 = 16;
/// The slots that are read at once.
const SLOTS_AT_ONCE: usize = 64;
/// The most slots that a search looks at.
const SLOTS_MAX: usize = 4096;
/// How often a search is repeated that finds nothing: the entry may have been moved meanwhile.
const SEARCHES: usize = 2;
/// How often a row is read until it has the same bytes twice.
const READS_MAX: usize = 8;

/// The memory of a table that this process has lent.
#[derive(Debug)]
pub(in crate::table) struct Glance {
    rows: File,
    /// The arrays of the index, and how they are numbered.
    slots: Vec<(File, SlotShape)>,
    hasher: KeyHasher,
    layout: Layout,
    size: u32,
    /// The occupied rows when the table was lent.
    pub(super) used: u32,
    /// The rows whose clients have not reached their servers, when the table was lent.
    pub(super) provisional: Provisional,
}

/// A row of the successor.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) row: u32,
    pub(super) bytes: Vec<u8>,
}

impl Glance {
    /// Looks into the memory of `table`, which is about to be lent.
    ///
    /// # Errors
    /// What dup(2) reports.
    pub(super) fn new(table: &StickTable, lent: &LentMemory) -> io::Result<Self> {
        let rows = table.rows.file().ok_or(io::ErrorKind::Unsupported)?.try_clone_to_owned()?;
        let (hasher, shape, old_shape) = table.index.numbering();
        let mut slots = vec![(File::from(lent.slots.try_clone()?), shape)];
        if let (Some(file), Some(shape)) = (&lent.old_slots, old_shape) {
            slots.push((File::from(file.try_clone()?), shape));
        }
        let (layout, size, used) = (table.rows.layout().clone(), table.size(), table.used());
        let rows = File::from(rows);
        let provisional = Provisional::default();
        Ok(Self { rows, slots, hasher, layout, size, used, provisional })
    }

    /// The row with this key, as rows hold keys.
    pub(super) fn find(&self, key: &[u8]) -> Option<Seen> {
        let searches = (0..SEARCHES).flat_map(|_| &self.slots);
        searches.filter_map(|(file, shape)| self.find_in(file, *shape, key).ok().flatten()).next()
    }

    fn find_in(&self, file: &File, shape: SlotShape, key: &[u8]) -> io::Result<Option<Seen>> {
        let hash = self.hasher.hash(key);
        let mut at = shape.home(hash);
        for _ in 0..SLOTS_MAX / SLOTS_AT_ONCE {
            let mut bytes = [0; 4 * SLOTS_AT_ONCE];
            let count = SLOTS_AT_ONCE.min(shape.count() - at);
            let part = bytes.get_mut(..4 * count).unwrap_or_default();
            file.read_exact_at(part, 4 * at as u64)?;
            for slot in part.chunks_exact(4).map(|slot| word(slot, 0)) {
                if slot == 0 {
                    return Ok(None);
                }
                let row = shape.row(slot);
                if row < self.size
                    && shape.may_have(slot, hash)
                    && let Some(bytes) = self.row(row)?
                    && self.layout.key_in(&bytes) == Some(key)
                {
                    return Ok(Some(Seen { row, bytes }));
                }
            }
            at = shape.after(at, count);
        }
        Ok(None)
    }

    /// The first occupied row behind `from`, among the `rows_max` rows that follow. Otherwise says
    /// whether there are more.
    pub(super) fn next(&self, from: Option<u32>, rows_max: u32) -> io::Result<Result<Seen, bool>> {
        let mut fresh = [0; 4];
        self.rows.read_exact_at(&mut fresh, FRESH as u64)?;
        let fresh = u32::from_ne_bytes(fresh).min(self.size);
        let first = from.map_or(0, |row| row + 1);
        let end = fresh.min(first.saturating_add(rows_max.max(1)));
        let stride = self.layout.stride;
        let mut part = vec![0; ROWS_AT_ONCE as usize * stride];
        for begin in (first..end).step_by(ROWS_AT_ONCE as usize) {
            let count = ROWS_AT_ONCE.min(end - begin) as usize;
            let part = part.get_mut(..count * stride).unwrap_or_default();
            self.rows.read_exact_at(part, self.place(begin))?;
            for (row, bytes) in (begin..).zip(part.chunks_exact(stride)) {
                if Head::read(bytes).prev != FREE
                    && let Some(bytes) = self.row(row)?
                {
                    return Ok(Ok(Seen { row, bytes }));
                }
            }
        }
        Ok(Err(end < fresh))
    }

    fn place(&self, row: u32) -> u64 {
        HEADER as u64 + u64::from(row) * self.layout.stride as u64
    }

    /// The bytes of an occupied row.
    fn row(&self, row: u32) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; self.layout.stride];
        let mut before = Vec::new();
        for _ in 0..READS_MAX {
            self.rows.read_exact_at(&mut bytes, self.place(row))?;
            if bytes == before {
                return Ok((Head::read(&bytes).prev != FREE).then_some(bytes));
            }
            before.clone_from(&bytes);
        }
        Ok(None)
    }
}
