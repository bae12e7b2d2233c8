//! One array of the index.
//!
//! Linear probing over `u32` slots; deletion shifts the followers back, so nothing is left behind.
//!
//! ```text
//!  31                                             0
//!  | tag: bits of the hash | distance | row + 1    |     0: empty
//! ```
//! `row + 1` takes as many bits as the table's size needs. The distance from the slot where the
//! key belongs saves the rehash when followers are shifted, and tells most foreign keys apart
//! without touching their rows; the tag tells the rest. The distance's largest value means "at
//! least this far": then the row's key is hashed again.

use std::hint::black_box;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::hash::{KeyHash, KeyHasher};
use crate::net::memory::region::Storage;
use crate::net::memory::words::Words;
use crate::table::rows::Rows;

/// The most bits given to the distance; the rest go to the tag.
const DISTANCE_BITS_MAX: u32 = 5;

/// How slots are numbered, and what is in one.
#[derive(Clone, Copy, Debug)]
pub(in crate::table) struct SlotShape {
    count: usize,
    /// `home` is the hash shifted right by this.
    home_shift: u32,
    row_bits: u32,
    distance_bits: u32,
}

/// The slots, whose number is a power of two. At least one is always empty.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Words,
    shape: SlotShape,
}

impl Slots {
    /// `count` empty slots, a power of two, for the rows of a table of `size`.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub(super) fn new(count: usize, size: u32, storage: Storage) -> io::Result<Self> {
        Words::new(count, storage).map(|slots| Self::of(slots, size))
    }

    /// The slots of another process, which has prepared the first `provided` of them.
    ///
    /// # Errors
    /// Those of [`Words::shared`].
    pub(super) fn shared(
        file: OwnedFd,
        count: usize,
        provided: usize,
        size: u32,
    ) -> io::Result<Self> {
        Words::shared(file, count, provided).map(|slots| Self::of(slots, size))
    }

    fn of(slots: Words, size: u32) -> Self {
        let shape = SlotShape::new(slots.len(), size);
        Self { slots, shape }
    }

    /// How the slots are numbered.
    pub(super) fn shape(&self) -> SlotShape {
        self.shape
    }

    /// The file of the memory, if another process can have it.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.slots.file()
    }

    /// Fills the memory with pages.
    pub(super) fn provide_all(&mut self) {
        self.slots.provide_all();
    }

    /// Prepares the first `count` slots, which are about to be used.
    pub(super) fn provide(&mut self, count: usize) {
        self.slots.provide(count);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Begins to fetch the first slot that a search would look at.
    #[inline]
    pub(super) fn touch(&self, hash: KeyHash) {
        black_box(self.slots[self.shape.home(hash)]);
    }

    #[inline]
    pub(super) fn find(&self, rows: &Rows, hash: KeyHash, key: &[u8]) -> Option<u32> {
        let (slots, shape) = (&*self.slots, self.shape);
        let home = shape.home(hash);
        let tag = shape.tag(hash);
        let mut distance = 0;
        loop {
            let slot = slots[shape.after(home, distance)];
            if slot == 0 {
                return None;
            }
            if slot & !shape.row_mask() == tag | shape.distance_field(distance) {
                let row = shape.row(slot);
                if rows.has_key(row, key) {
                    return Some(row);
                }
            }
            distance += 1;
        }
    }

    /// Adds a row whose key is not there.
    #[inline]
    pub(super) fn insert(&mut self, hash: KeyHash, row: u32) {
        let (slots, shape) = (&mut *self.slots, self.shape);
        let home = shape.home(hash);
        let mut distance = 0;
        while slots[shape.after(home, distance)] != 0 {
            distance += 1;
        }
        let at = shape.after(home, distance);
        slots[at] = shape.tag(hash) | shape.distance_field(distance) | (row + 1);
    }

    /// Takes a row out. False if it is not there.
    pub(super) fn remove(&mut self, rows: &Rows, hasher: &KeyHasher, row: u32) -> bool {
        let mut hole = self.shape.home(hasher.hash(rows.key(row)));
        while self.slots[hole] & self.shape.row_mask() != row + 1 {
            if self.slots[hole] == 0 {
                return false;
            }
            hole = self.shape.after(hole, 1);
        }
        let mut at = hole;
        loop {
            at = self.shape.after(at, 1);
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            let distance = self.distance(rows, hasher, at, slot);
            let gap = self.shape.gap(hole, at);
            if distance >= gap {
                let rest = slot & !self.shape.distance_mask();
                self.slots[hole] = rest | self.shape.distance_field(distance - gap);
                hole = at;
            }
        }
        self.slots[hole] = 0;
        true
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// An empty slot.
    pub(super) fn first_empty(&self) -> usize {
        self.slots.iter().position(|slot| *slot == 0).expect("BUG: an index is full")
    }

    /// Empties the slot `steps` behind `from`, and returns its row. Only for rows from an empty
    /// slot on, one after the other, as the followers are not shifted.
    pub(super) fn take(&mut self, from: usize, steps: usize) -> Option<u32> {
        let at = self.shape.after(from, steps);
        let slot = std::mem::take(&mut self.slots[at]);
        (slot != 0).then(|| self.shape.row(slot))
    }

    /// Asserts that each row here can be found here, and that its distance is right. Returns how
    /// many there are.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows, hasher: &KeyHasher) -> u32 {
        let mut count = 0;
        for (at, &slot) in self.slots.iter().enumerate().filter(|(_, slot)| **slot != 0) {
            count += 1;
            let row = self.shape.row(slot);
            assert!(rows.is_occupied(row), "BUG: the index names a free row");
            let hash = hasher.hash(rows.key(row));
            assert_eq!(self.find(rows, hash, rows.key(row)), Some(row));
            assert_eq!(
                self.distance(rows, hasher, at, slot),
                self.shape.gap(self.shape.home(hash), at)
            );
        }
        count
    }

    /// How far the slot at `at` is from where its key belongs.
    fn distance(&self, rows: &Rows, hasher: &KeyHasher, at: usize, slot: u32) -> usize {
        let field = (slot & self.shape.distance_mask()).unbounded_shr(self.shape.row_bits) as usize;
        if field < self.shape.distance_max() {
            field
        } else {
            self.shape.gap(self.shape.home(hasher.hash(rows.key(self.shape.row(slot)))), at)
        }
    }
}

impl SlotShape {
    /// `count` slots, a power of two, for the rows of a table of `size`.
    pub(in crate::table) fn new(count: usize, size: u32) -> Self {
        let row_bits = u32::BITS - size.leading_zeros();
        Self {
            count,
            home_shift: u64::BITS - count.trailing_zeros(),
            row_bits,
            distance_bits: DISTANCE_BITS_MAX.min(u32::BITS - row_bits),
        }
    }

    /// The number of slots.
    pub(in crate::table) fn count(&self) -> usize {
        self.count
    }

    /// Whether a slot that is not empty may have the row with this hash, as far as the tag says.
    pub(in crate::table) fn may_have(&self, slot: u32, hash: KeyHash) -> bool {
        let others = self.distance_mask() | self.row_mask();
        slot & !others == self.tag(hash)
    }

    fn distance_field(&self, distance: usize) -> u32 {
        let field = u32::try_from(distance.min(self.distance_max())).unwrap_or(u32::MAX);
        field.unbounded_shl(self.row_bits)
    }

    fn distance_max(&self) -> usize {
        (1 << self.distance_bits) - 1
    }

    fn distance_mask(&self) -> u32 {
        self.distance_field(usize::MAX)
    }

    /// The low bits of the hash, in the place of the tag. The home is made of the high ones.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    fn tag(&self, hash: KeyHash) -> u32 {
        (hash.0 as u32).unbounded_shl(self.row_bits + self.distance_bits)
    }

    pub(in crate::table) fn row(&self, slot: u32) -> u32 {
        (slot & self.row_mask()) - 1
    }

    fn row_mask(&self) -> u32 {
        1_u32.unbounded_shl(self.row_bits).wrapping_sub(1)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the shift leaves the index's bits")]
    pub(in crate::table) fn home(&self, hash: KeyHash) -> usize {
        (hash.0 >> self.home_shift) as usize
    }

    pub(in crate::table) fn after(&self, at: usize, steps: usize) -> usize {
        (at + steps) & (self.count - 1)
    }

    fn gap(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.count - 1)
    }
}
