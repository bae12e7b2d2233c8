//! Update ids and the ring: what changed here since a given id.
//!
//! A local change gives the row the next id and writes the row into the ring at that id. A
//! position of the ring counts only while its row still has that id: a row that changed again has
//! moved to a later position, so it is sent once, in its latest state.
//!
//! ```text
//!  id      last - capacity                      pushed            last
//!  ring         | row | stale | row | stale | ... | row | row | row |
//! ```

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::bits::Bits;
use super::layout::UPDATE_ID;
use super::lending::coding::{StateReader, StateWriter};
use super::row_id::RowId;
use super::rows::Rows;
use crate::net::memory::region::Storage;
use crate::net::memory::words::Words;

/// The most stale positions that one call looks at.
const STALE_MAX: u32 = 256;

/// The fewest positions of a ring.
const RING_MIN: usize = 256;

/// How old a change is at least, in milliseconds, that is not recent.
const RECENT_MS: u64 = 5000;

/// A position in a table's update log, the update id of the peers protocol. Circular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UpdateId(pub u32);

impl UpdateId {
    /// Whether this id is later than `other`: a signed 32-bit difference, as the protocol says.
    pub fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }
}

/// The next change in the update log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This row changed. The reader's position is now `id`.
    Row {
        /// The row.
        row: RowId,
        /// Its place in the log.
        id: UpdateId,
    },
    /// The positions up to `upto` were out of date. The reader's position is now `upto`; ask again.
    /// One call passes a bounded number of positions.
    Skipped {
        /// The last position passed.
        upto: UpdateId,
    },
    /// Nothing changed since.
    UpToDate,
    /// The log does not reach back to this position, or the position was never given out: push the
    /// table in full.
    Lapped,
}

/// The update log of one table.
#[derive(Debug)]
pub(super) struct UpdateLog {
    /// Links to rows; a position's slot is its low bits.
    ring: Words,
    last: UpdateId,
    pushed: UpdateId,
    recent: Recent,
    /// The rows whose place is that of a repetition. Most of the time there never was one, and no
    /// row is looked at.
    repeated: Option<Bits>,
}

/// Where the changes of the last few seconds begin.
#[derive(Debug, Default)]
struct Recent {
    /// Changes up to here are older than [`RECENT_MS`].
    before: UpdateId,
    /// The last change before the time `since_ms`.
    mark: UpdateId,
    since_ms: u64,
}

impl UpdateLog {
    /// The number of positions for a table of `size` rows. A tiny table whose rows change hands
    /// all the time should not lap its readers between two turns.
    pub(super) fn capacity(size: u32) -> usize {
        (size as usize).next_power_of_two().max(RING_MIN)
    }

    /// An empty log.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub(super) fn new(size: u32, storage: Storage) -> io::Result<Self> {
        let mut ring = Words::new(Self::capacity(size), storage)?;
        ring.provide_beginning();
        Ok(Self {
            ring,
            last: UpdateId(0),
            pushed: UpdateId(0),
            recent: Recent::default(),
            repeated: None,
        })
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.ring.len() * size_of::<u32>()
    }

    pub(super) fn last(&self) -> UpdateId {
        self.last
    }

    /// Gives the row a place that every reader has yet to come to, for a change that was made here.
    pub(super) fn append(&mut self, rows: &mut Rows, row: u32, now_ms: u64) {
        self.place(rows, row, now_ms);
        self.forget_repeated(row);
    }

    /// Gives the row a place that every reader has yet to come to, to send it as it is once more.
    /// If a change that was made here waits to be read, that is enough.
    pub(super) fn repeat(&mut self, rows: &mut Rows, row: u32, now_ms: u64) {
        if self.place(rows, row, now_ms) {
            self.repeated.get_or_insert_with(|| Bits::new(rows.size())).set(row);
        }
    }

    /// Whether the place of the row is that of a repetition.
    pub(super) fn is_repeated(&self, row: u32) -> bool {
        self.repeated.as_ref().is_some_and(|rows| rows.has(row))
    }

    /// The row has a change that was made here, or is free.
    pub(super) fn forget_repeated(&mut self, row: u32) {
        if let Some(rows) = &mut self.repeated {
            rows.unset(row);
        }
    }

    /// All rows are free.
    pub(super) fn clear(&mut self) {
        self.repeated = None;
    }

    /// Returns whether the row got a new place.
    fn place(&mut self, rows: &mut Rows, row: u32, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.recent.since_ms) >= RECENT_MS {
            let mark = std::mem::replace(&mut self.recent.mark, self.last);
            self.recent = Recent { before: mark, mark: self.last, since_ms: now_ms };
        }
        let place = UpdateId(rows.get(row, UPDATE_ID));
        if place.0 != 0 && place.is_after(self.pushed) && self.ring[self.slot(place)] == row + 1 {
            return false;
        }
        let place = self.take();
        rows.set(row, UPDATE_ID, place.0);
        let slot = self.slot(place);
        self.ring.provide(slot + 1);
        self.ring[slot] = row + 1;
        true
    }

    /// Whether the change with this place was made in the last seconds: between one and two times
    /// [`RECENT_MS`].
    pub(super) fn is_recent(&self, place: UpdateId) -> bool {
        place.is_after(self.recent.before)
    }

    /// Takes the next id. As long as no row has it, its position is out of date to all readers.
    pub(super) fn take(&mut self) -> UpdateId {
        // 0 says "no place" in a row.
        self.last = UpdateId(if self.last.0 == u32::MAX { 1 } else { self.last.0 + 1 });
        self.last
    }

    pub(super) fn note_pushed(&mut self, upto: UpdateId) {
        if upto.is_after(self.pushed) && !upto.is_after(self.last) {
            self.pushed = upto;
        }
    }

    pub(super) fn next(&self, rows: &Rows, after: UpdateId) -> Change {
        let behind = self.last.0.wrapping_sub(after.0);
        if behind == 0 {
            return Change::UpToDate;
        }
        if behind as usize > self.ring.len() {
            return Change::Lapped;
        }
        for step in 1..=behind.min(STALE_MAX) {
            let id = UpdateId(after.0.wrapping_add(step));
            let link = self.ring[self.slot(id)];
            if id.0 == 0 || link == 0 {
                continue;
            }
            let row = link - 1;
            if rows.is_occupied(row) && rows.get(row, UPDATE_ID) == id.0 {
                return Change::Row { row: RowId(row), id };
            }
        }
        Change::Skipped { upto: UpdateId(after.0.wrapping_add(behind.min(STALE_MAX))) }
    }

    /// Gives the row the place that it had in the predecessor's log.
    pub(super) fn adopt(&mut self, rows: &mut Rows, row: u32, id: UpdateId) {
        rows.set(row, UPDATE_ID, id.0);
        if id.0 == 0 {
            return;
        }
        // If the predecessor does not come to the end, ours begins behind all that it has told.
        if id.is_after(self.last) {
            self.adopt_last(id);
        }
        let slot = self.slot(id);
        let link = self.ring[slot];
        if link != 0 && link != row + 1 && rows.is_occupied(link - 1) {
            let rival = UpdateId(rows.get(link - 1, UPDATE_ID));
            if rival.0 != 0 && self.slot(rival) == slot && rival.is_after(id) {
                return;
            }
        }
        self.ring[slot] = row + 1;
    }

    pub(super) fn adopt_last(&mut self, id: UpdateId) {
        self.last = id;
        self.pushed = id;
    }

    /// The file of the ring; none if this process alone has it.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.ring.file()
    }

    /// Writes all but the ring.
    pub(super) fn write_state(&self, out: &mut StateWriter) {
        let Recent { before, mark, since_ms } = self.recent;
        [self.last, self.pushed, before, mark].into_iter().for_each(|id| out.word(id.0));
        out.wide(since_ms);
        let rows = || self.repeated.iter().flat_map(Bits::iter);
        out.count(rows().count());
        rows().for_each(|row| out.word(row));
    }

    /// The log of another process, whose table has `size` rows: what [`UpdateLog::write_state`] has
    /// written, and the file.
    ///
    /// # Errors
    /// `InvalidData` if they do not fit; what mmap(2) reports.
    pub(super) fn shared(
        state: &mut StateReader<'_>,
        ring: OwnedFd,
        size: u32,
    ) -> io::Result<Self> {
        let mut id = || state.word().map(UpdateId);
        let (last, pushed, before, mark) = (id()?, id()?, id()?, id()?);
        let recent = Recent { before, mark, since_ms: state.wide()? };
        let mut repeated = None;
        for _ in 0..state.count(size as usize)? {
            let row = state.word_up_to(size.saturating_sub(1))?;
            repeated.get_or_insert_with(|| Bits::new(size)).set(row);
        }
        // What was prepared behind this place is prepared once more, which changes nothing.
        let count = Self::capacity(size);
        let ring = Words::shared(ring, count, (last.0 as usize & (count - 1)) + 1)?;
        Ok(Self { ring, last, pushed, recent, repeated })
    }

    /// Asserts that every place within the ring's reach is in the ring.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows) {
        for row in (0..rows.fresh()).filter(|row| rows.is_occupied(*row)) {
            let place = UpdateId(rows.get(row, UPDATE_ID));
            let behind = self.last.0.wrapping_sub(place.0) as usize;
            if place.0 != 0 && behind < self.ring.len() {
                assert_eq!(self.ring[self.slot(place)], row + 1, "BUG: place {place:?} is lost");
            }
        }
    }

    fn slot(&self, id: UpdateId) -> usize {
        id.0 as usize & (self.ring.len() - 1)
    }
}
