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

use super::hash::{KeyHash, KeyHasher};
use crate::net::memory;
use crate::table::rows::Rows;

/// The most bits given to the distance; the rest go to the tag.
const DISTANCE_BITS_MAX: u32 = 5;

/// The slots, whose number is a power of two. At least one is always empty.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<u32>,
    /// `home` is the hash shifted right by this.
    home_shift: u32,
    row_bits: u32,
    distance_bits: u32,
}

impl Slots {
    /// `count` empty slots, a power of two, for the rows of a table of `size`.
    pub(super) fn new(count: usize, size: u32) -> Self {
        let slots = vec![0; count];
        memory::advise_huge_pages(&slots);
        let row_bits = u32::BITS - size.leading_zeros();
        Self {
            home_shift: u64::BITS - slots.len().trailing_zeros(),
            row_bits,
            distance_bits: DISTANCE_BITS_MAX.min(u32::BITS - row_bits),
            slots,
        }
    }

    /// Fills the memory with pages.
    pub(super) fn provide(&mut self) {
        memory::provide(&mut self.slots);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Begins to fetch the first slot that a search would look at.
    #[inline]
    pub(super) fn touch(&self, hash: KeyHash) {
        black_box(self.slots[self.home(hash)]);
    }

    #[inline]
    pub(super) fn find(&self, rows: &Rows, hash: KeyHash, key: &[u8]) -> Option<u32> {
        let home = self.home(hash);
        let tag = self.tag(hash);
        let mut distance = 0;
        loop {
            let slot = self.slots[self.after(home, distance)];
            if slot == 0 {
                return None;
            }
            if slot & !self.row_mask() == tag | self.distance_field(distance) {
                let row = self.row(slot);
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
        let home = self.home(hash);
        let mut distance = 0;
        while self.slots[self.after(home, distance)] != 0 {
            distance += 1;
        }
        let at = self.after(home, distance);
        self.slots[at] = self.tag(hash) | self.distance_field(distance) | (row + 1);
    }

    /// Takes a row out. False if it is not there.
    pub(super) fn remove(&mut self, rows: &Rows, hasher: &KeyHasher, row: u32) -> bool {
        let mut hole = self.home(hasher.hash(rows.key(row)));
        while self.slots[hole] & self.row_mask() != row + 1 {
            if self.slots[hole] == 0 {
                return false;
            }
            hole = self.after(hole, 1);
        }
        let mut at = hole;
        loop {
            at = self.after(at, 1);
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            let distance = self.distance(rows, hasher, at, slot);
            let gap = self.gap(hole, at);
            if distance >= gap {
                let rest = slot & !self.distance_mask();
                self.slots[hole] = rest | self.distance_field(distance - gap);
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
        let at = self.after(from, steps);
        let slot = std::mem::take(&mut self.slots[at]);
        (slot != 0).then(|| self.row(slot))
    }

    /// Asserts that each row here can be found here, and that its distance is right. Returns how
    /// many there are.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows, hasher: &KeyHasher) -> u32 {
        let mut count = 0;
        for (at, &slot) in self.slots.iter().enumerate().filter(|(_, slot)| **slot != 0) {
            count += 1;
            let row = self.row(slot);
            assert!(rows.is_occupied(row), "BUG: the index names a free row");
            let hash = hasher.hash(rows.key(row));
            assert_eq!(self.find(rows, hash, rows.key(row)), Some(row));
            assert_eq!(self.distance(rows, hasher, at, slot), self.gap(self.home(hash), at));
        }
        count
    }

    /// How far the slot at `at` is from where its key belongs.
    fn distance(&self, rows: &Rows, hasher: &KeyHasher, at: usize, slot: u32) -> usize {
        let field = (slot & self.distance_mask()).unbounded_shr(self.row_bits) as usize;
        if field < self.distance_max() {
            field
        } else {
            self.gap(self.home(hasher.hash(rows.key(self.row(slot)))), at)
        }
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

    fn row(&self, slot: u32) -> u32 {
        (slot & self.row_mask()) - 1
    }

    fn row_mask(&self) -> u32 {
        1_u32.unbounded_shl(self.row_bits).wrapping_sub(1)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the shift leaves the index's bits")]
    fn home(&self, hash: KeyHash) -> usize {
        (hash.0 >> self.home_shift) as usize
    }

    fn after(&self, at: usize, steps: usize) -> usize {
        (at + steps) & (self.slots.len() - 1)
    }

    fn gap(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.slots.len() - 1)
    }
}
