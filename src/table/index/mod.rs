//! Open addressing from key to row number.
//!
//! A large table's index begins small and doubles as the table fills: memory and start cost what
//! the entries need, not what the declaration allows. While it doubles, rows stand in two arrays
//! (`slots.rs`). New rows go into the larger one, and each new row moves some of the smaller one's,
//! so no entry waits for all of them.
//!
//! ```text
//! old    | . . . . A B . C D E . |      moved from an empty slot on, cluster by cluster
//!                  <----- not yet moved
//! slots  | . . . . . . . F . G . . . . . . A . . B . . |
//! ```

mod hash;
mod slots;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

pub use self::hash::KeyHash;
pub(super) use self::hash::KeyHasher;
pub(super) use self::slots::SlotShape;
use self::slots::Slots;
use super::kept::invalid;
use super::lending::coding::{StateReader, StateWriter};
use super::rows::Rows;
use crate::net::memory::region::Storage;

/// The most slots at the start: 8 MiB, enough for 1.5 million entries.
const SLOTS_AT_START: usize = 1 << 21;
/// The most slots at the start where few rows are to come.
const SLOTS_OF_SPARSE: usize = 1 << 10;
/// The slots that are emptied for each new row while the index grows, so many that the memory's
/// latencies pass at the same time. The growth is over long before the larger array is full.
const MOVED_AT_ONCE: usize = 32;

/// The index of one table.
#[derive(Debug)]
pub(super) struct Index {
    hasher: KeyHasher,
    slots: Slots,
    /// The rows that `slots` takes before it has to grow.
    room: u32,
    growth: Option<Growth>,
    /// The most rows.
    size: u32,
    slots_at_start: usize,
    storage: Storage,
}

/// The rows that were there when the index began to grow.
#[derive(Debug)]
struct Growth {
    old: Slots,
    /// An empty slot of `old`. From there on rows are moved, all around.
    begin: usize,
    /// How many slots are empty from there on.
    moved: usize,
}

impl Index {
    /// The number of slots for a table of `size` rows: at most three of four are ever taken.
    pub(super) fn capacity(size: u32) -> usize {
        (size as usize * 4 / 3 + 1).next_power_of_two().max(8)
    }

    /// An empty index.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub(super) fn new(size: u32, storage: Storage) -> io::Result<Self> {
        let slots = if storage == Storage::Sparse { SLOTS_OF_SPARSE } else { SLOTS_AT_START };
        Self::with_slots(size, slots, storage)
    }

    /// An index that begins with so many slots, a power of two, if the table needs as many.
    pub(super) fn with_slots(
        size: u32,
        slots_at_start: usize,
        storage: Storage,
    ) -> io::Result<Self> {
        let count = Self::capacity(size).min(slots_at_start);
        let mut slots = Slots::new(count, size, storage)?;
        // Keys fall anywhere, so a few hundred entries use all of it.
        slots.provide_all();
        let (hasher, room) = (KeyHasher::new(), room(count, size));
        Ok(Self { hasher, slots, room, growth: None, size, slots_at_start, storage })
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        let old = self.growth.as_ref().map_or(0, |growth| growth.old.len());
        (self.slots.len() + old) * size_of::<u32>()
    }

    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }

    /// Begins to fetch the first slot that a search would look at.
    pub(super) fn touch(&self, hash: KeyHash) {
        self.slots.touch(hash);
    }

    #[inline]
    pub(super) fn find(&self, rows: &Rows, hash: KeyHash, key: &[u8]) -> Option<u32> {
        let found = self.slots.find(rows, hash, key);
        match &self.growth {
            Some(growth) if found.is_none() => growth.old.find(rows, hash, key),
            Some(_) | None => found,
        }
    }

    /// Prepares for so many rows, which are about to be added to an empty index. Without memory for
    /// that, the index grows as it can.
    pub(super) fn expect(&mut self, rows: u32) {
        let count = Self::capacity(rows.min(self.size));
        let is_wanted = count > self.slots.len() && self.growth.is_none();
        if is_wanted && self.renew_slots(count).is_some() {
            self.slots.provide_all();
        }
    }

    /// Makes room for one more row than the `used` ones. False if there is no memory for it.
    #[inline]
    pub(super) fn make_room(&mut self, used: u32) -> bool {
        used < self.room || self.growth.is_some() || self.grow()
    }

    /// Adds a row whose key is not in the index. There must be room for it.
    #[inline]
    pub(super) fn insert(&mut self, rows: &Rows, hash: KeyHash, row: u32) {
        self.slots.insert(hash, row);
        if self.growth.is_some() {
            self.move_some(rows);
        }
    }

    /// Takes an indexed row out.
    pub(super) fn remove(&mut self, rows: &Rows, row: u32) {
        let Self { slots, growth, hasher, .. } = self;
        let is_out = slots.remove(rows, hasher, row)
            || growth.as_mut().is_some_and(|growth| growth.old.remove(rows, hasher, row));
        assert!(is_out, "BUG: a row is missing from the index");
    }

    pub(super) fn clear(&mut self) {
        self.growth = None;
        let is_large = self.slots.len() > self.slots_at_start;
        if !is_large || self.renew_slots(self.slots_at_start).is_none() {
            self.slots.clear();
        }
    }

    /// Goes on with so many empty slots. Returns those that were there; none, and they stay, if
    /// there is no memory for it.
    fn renew_slots(&mut self, count: usize) -> Option<Slots> {
        let slots =
            Slots::new(count, self.size, self.storage).ok().filter(|_| has_memory(count))?;
        self.room = room(count, self.size);
        Some(std::mem::replace(&mut self.slots, slots))
    }

    /// Begins to double the slots. False if there is no memory for that.
    #[cold]
    fn grow(&mut self) -> bool {
        let Some(old) = self.renew_slots(self.slots.len() * 2) else { return false };
        let begin = old.first_empty();
        self.growth = Some(Growth { old, begin, moved: 0 });
        true
    }

    /// Moves the rows of some slots, up to the end of a cluster, so that all others are found.
    #[cold]
    fn move_some(&mut self, rows: &Rows) {
        let Self { slots, growth: Some(growth), hasher, .. } = self else { return };
        let enough = (growth.moved + MOVED_AT_ONCE).min(growth.old.len());
        // Two new slots follow each old one, in the same order.
        slots.provide(2 * (growth.begin + enough));
        let mut is_whole = false;
        while !is_whole {
            let mut batch = [None; MOVED_AT_ONCE];
            is_whole = growth.take(&mut batch, enough);
            let taken = || batch.iter().flatten().copied();
            // Each loop is so short that the processor has many misses under way at once.
            taken().for_each(|row| rows.touch(row));
            let hashed = batch.map(|row| row.map(|row| (hasher.hash(rows.key(row)), row)));
            hashed.iter().flatten().for_each(|(hash, _)| slots.touch(*hash));
            hashed.iter().flatten().for_each(|(hash, row)| slots.insert(*hash, *row));
        }
        if growth.moved >= growth.old.len() {
            self.growth = None;
        }
    }

    // Lending.

    /// The files of the slots, and of those that the index grows from; none if this process alone
    /// has them.
    pub(super) fn files(&self) -> Option<(BorrowedFd<'_>, Option<BorrowedFd<'_>>)> {
        let slots = self.slots.file()?;
        match &self.growth {
            Some(growth) => Some((slots, Some(growth.old.file()?))),
            None => Some((slots, None)),
        }
    }

    /// The hash, and how the arrays of [`Index::files`] are numbered.
    pub(super) fn numbering(&self) -> (KeyHasher, SlotShape, Option<SlotShape>) {
        let old = self.growth.as_ref().map(|growth| growth.old.shape());
        (self.hasher.clone(), self.slots.shape(), old)
    }

    /// Writes all but the slots.
    pub(super) fn write_state(&self, out: &mut StateWriter) {
        self.hasher.secrets().into_iter().for_each(|secret| out.wide(secret));
        out.count(self.slots.len());
        let Some(Growth { old, begin, moved }) = &self.growth else { return out.word(0) };
        out.word(1);
        [old.len(), *begin, *moved].into_iter().for_each(|count| out.count(count));
    }

    /// The index of another process: what [`Index::write_state`] has written, and the files.
    ///
    /// # Errors
    /// `InvalidData` if they do not fit; what mmap(2) reports.
    pub(super) fn shared(
        state: &mut StateReader<'_>,
        slots: OwnedFd,
        old: Option<OwnedFd>,
        size: u32,
    ) -> io::Result<Self> {
        let hasher = KeyHasher::with_secrets([state.wide()?, state.wide()?]);
        let most = Self::capacity(size);
        let count = |count: usize| {
            let is_possible = count.is_power_of_two() && count >= 8;
            if is_possible { Ok(count) } else { Err(invalid("an index of another size")) }
        };
        let len = count(state.count(most)?)?;
        let (growth, provided) = match (state.word()?, old) {
            (0, None) => (None, len),
            (1, Some(file)) => {
                let old_len = count(state.count(len / 2)?)?;
                let (begin, moved) = (state.count(old_len - 1)?, state.count(old_len)?);
                let old = Slots::shared(file, old_len, old_len, size)?;
                (Some(Growth { old, begin, moved }), 2 * (begin + moved))
            }
            _ => return Err(invalid("an index without all of its files")),
        };
        let slots = Slots::shared(slots, len, provided, size)?;
        let (room, slots_at_start) = (room(len, size), SLOTS_AT_START);
        let storage = Storage::Kept;
        Ok(Self { hasher, slots, room, growth, size, slots_at_start, storage })
    }

    /// Asserts that each occupied row, and nothing else, can be found.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows) {
        let old = self.growth.as_ref().map_or(0, |growth| growth.old.check(rows, &self.hasher));
        assert_eq!(self.slots.check(rows, &self.hasher) + old, rows.used());
    }
}

impl Growth {
    /// Takes rows out of the old slots, one for each place of `batch`. Stops behind `enough` slots
    /// at the end of a cluster, and returns true then.
    fn take(&mut self, batch: &mut [Option<u32>], enough: usize) -> bool {
        for place in batch {
            *place = self.old.take(self.begin, self.moved);
            self.moved += 1;
            if place.is_none() && self.moved >= enough {
                return true;
            }
        }
        false
    }
}

/// Whether there is memory for so many slots. An allocation that fails would end the process.
fn has_memory(slots: usize) -> bool {
    Vec::<u32>::new().try_reserve_exact(slots).is_ok()
}

/// The rows that so many slots take: three quarters, or all rows if that is enough for them.
fn room(slots: usize, size: u32) -> u32 {
    if slots >= Index::capacity(size) {
        return u32::MAX;
    }
    u32::try_from(slots / 4 * 3).unwrap_or(u32::MAX)
}
