//! Open addressing from key to row number.
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

use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

use super::rows::Rows;
use crate::net::memory;

/// The most bits given to the distance; the rest go to the tag.
const DISTANCE_BITS_MAX: u32 = 5;

/// The hash of a key, keyed and random per process: a client cannot choose collisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(u64);

/// The index of one table.
#[derive(Debug)]
pub(super) struct Index {
    slots: Vec<u32>,
    /// The secrets of the hash. A client that chooses its key, as by a server name, must not be
    /// able to choose the key's slot. No client sees a hash or the order of the rows, so a hash is
    /// enough that resists an attacker who sees neither, at a fraction of the cost of SipHash.
    seed: u64,
    shared_seed: SharedSeed,
    /// `home` is the hash shifted right by this.
    home_shift: u32,
    row_bits: u32,
    distance_bits: u32,
}

impl Index {
    /// The number of slots for a table of `size` rows: at most three of four are ever taken.
    pub(super) fn capacity(size: u32) -> usize {
        (size as usize * 4 / 3 + 1).next_power_of_two().max(8)
    }

    pub(super) fn new(size: u32) -> Self {
        let mut slots = vec![0; Self::capacity(size)];
        memory::advise_huge_pages(&slots);
        // Keys fall anywhere, so a few hundred entries use all of it.
        memory::provide(&mut slots);
        let row_bits = u32::BITS - size.leading_zeros();
        Self {
            home_shift: u64::BITS - slots.len().trailing_zeros(),
            row_bits,
            distance_bits: DISTANCE_BITS_MAX.min(u32::BITS - row_bits),
            seed: secret(),
            shared_seed: SharedSeed::from_u64(secret()),
            slots,
        }
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared_seed);
        hasher.write(key);
        KeyHash(hasher.finish())
    }

    /// Reads the first slot that a search would look at.
    pub(super) fn touch(&self, hash: KeyHash) -> u32 {
        self.slots[self.home(hash)]
    }

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

    /// Adds a row whose key is not in the index.
    pub(super) fn insert(&mut self, hash: KeyHash, row: u32) {
        let home = self.home(hash);
        let mut distance = 0;
        while self.slots[self.after(home, distance)] != 0 {
            distance += 1;
        }
        let at = self.after(home, distance);
        self.slots[at] = self.tag(hash) | self.distance_field(distance) | (row + 1);
    }

    /// Takes an indexed row out.
    pub(super) fn remove(&mut self, rows: &Rows, row: u32) {
        let mut hole = self.home(self.hash(rows.key(row)));
        while self.slots[hole] & self.row_mask() != row + 1 {
            assert!(self.slots[hole] != 0, "BUG: a row is missing from the index");
            hole = self.after(hole, 1);
        }
        let mut at = hole;
        loop {
            at = self.after(at, 1);
            let slot = self.slots[at];
            if slot == 0 {
                break;
            }
            let distance = self.distance(rows, at, slot);
            let gap = self.gap(hole, at);
            if distance >= gap {
                let rest = slot & !self.distance_mask();
                self.slots[hole] = rest | self.distance_field(distance - gap);
                hole = at;
            }
        }
        self.slots[hole] = 0;
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// Asserts that each occupied row, and nothing else, can be found.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows) {
        let mut count = 0;
        for (at, &slot) in self.slots.iter().enumerate() {
            if slot != 0 {
                count += 1;
                let row = self.row(slot);
                assert!(rows.is_occupied(row), "BUG: the index names a free row");
                let hash = self.hash(rows.key(row));
                assert_eq!(self.find(rows, hash, rows.key(row)), Some(row));
                assert_eq!(self.distance(rows, at, slot), self.gap(self.home(hash), at));
            }
        }
        assert_eq!(count, rows.used());
    }

    /// How far the slot at `at` is from where its key belongs.
    fn distance(&self, rows: &Rows, at: usize, slot: u32) -> usize {
        let field = (slot & self.distance_mask()).unbounded_shr(self.row_bits) as usize;
        if field < self.distance_max() {
            field
        } else {
            self.gap(self.home(self.hash(rows.key(self.row(slot)))), at)
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

/// A number that nobody outside can know: the standard library's hash has the system's randomness.
fn secret() -> u64 {
    RandomState::new().build_hasher().finish()
}
