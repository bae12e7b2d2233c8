//! The one allocation of rows, and its free list.
//!
//! A *link* is a row number plus one, so that the zeroed memory the system hands out means "none"
//! and a row that was never used costs no page.

use super::layout::{EXPIRY, Head, KEY, Layout, NEXT, PREV, word};
use crate::config::KeyType;
use crate::net::memory;

/// What `PREV` holds in a free row; no link can have this value.
const FREE: u32 = u32::MAX;

/// All rows of one table.
#[derive(Debug)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    layout: Layout,
    size: u32,
    /// No row from here on is occupied.
    fresh: u32,
    /// Rows from here on were never written to.
    zeroed: u32,
    /// Link to the first free row below `fresh`.
    free: u32,
    used: u32,
}

impl Rows {
    /// `size` empty rows. The caller has made sure that the memory can be had.
    pub(super) fn new(layout: Layout, size: u32) -> Self {
        let mut bytes = vec![0; size as usize * layout.stride];
        memory::advise_huge_pages(&bytes);
        memory::provide(memory::beginning(&mut bytes));
        Self { bytes, layout, size, fresh: 0, zeroed: 0, free: 0, used: 0 }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Every occupied row is below this number.
    pub(super) fn fresh(&self) -> u32 {
        self.fresh
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes a free row, all zero but for the key.
    pub(super) fn insert(&mut self, key: &[u8]) -> Option<u32> {
        let row = if self.free != 0 {
            let row = self.free - 1;
            self.free = self.get(row, NEXT);
            row
        } else if self.fresh < self.size {
            self.fresh += 1;
            self.fresh - 1
        } else {
            return None;
        };
        if row < self.zeroed {
            let start = self.start(row);
            self.bytes[start..start + self.layout.stride].fill(0);
        } else {
            self.zeroed = row + 1;
        }
        self.used += 1;
        self.set_key(row, key);
        Some(row)
    }

    /// Gives an occupied row back.
    pub(super) fn remove(&mut self, row: u32) {
        debug_assert!(self.is_occupied(row), "BUG: a free row is freed again");
        self.used -= 1;
        if self.used == 0 {
            self.clear();
            return;
        }
        self.set(row, PREV, FREE);
        self.set(row, NEXT, self.free);
        self.free = row + 1;
    }

    /// Gives all rows back.
    pub(super) fn clear(&mut self) {
        self.fresh = 0;
        self.free = 0;
        self.used = 0;
    }

    pub(super) fn is_occupied(&self, row: u32) -> bool {
        row < self.fresh && self.get(row, PREV) != FREE
    }

    /// All bytes of a row, and what it begins with, if it is occupied.
    #[inline]
    pub(super) fn occupied(&self, row: u32) -> Option<(&[u8], Head)> {
        if row >= self.fresh {
            return None;
        }
        let bytes = self.row(row);
        let head = Head::read(bytes);
        (head.prev != FREE).then_some((bytes, head))
    }

    /// All bytes of a row.
    #[inline]
    pub(super) fn row(&self, row: u32) -> &[u8] {
        let start = self.start(row);
        &self.bytes[start..start + self.layout.stride]
    }

    pub(super) fn key(&self, row: u32) -> &[u8] {
        self.key_in(self.row(row))
    }

    /// The key in the bytes of a row.
    #[inline]
    pub(super) fn key_in<'r>(&self, row: &'r [u8]) -> &'r [u8] {
        if self.layout.key_type == KeyType::String {
            let len = word(row, KEY) as usize;
            &row[KEY + 4..KEY + 4 + len]
        } else {
            &row[KEY..KEY + self.layout.key_len]
        }
    }

    /// The key, if keys have four bytes: the most frequent kind.
    #[inline]
    pub(super) fn four_byte_key(&self, row: u32) -> Option<[u8; 4]> {
        let is_short = self.layout.key_len == 4 && self.layout.key_type != KeyType::String;
        is_short.then(|| self.array(row, KEY))
    }

    /// Says when a row is over and who its neighbours are.
    #[inline]
    pub(super) fn set_place(&mut self, row: u32, expiry: u32, prev: u32, next: u32) {
        let start = self.start(row);
        let place = &mut self.bytes[start..start + NEXT + 4];
        set_array(place, EXPIRY, expiry.to_ne_bytes());
        set_array(place, PREV, prev.to_ne_bytes());
        set_array(place, NEXT, next.to_ne_bytes());
    }

    /// Whether the row has this key.
    pub(super) fn has_key(&self, row: u32, key: &[u8]) -> bool {
        match self.short_key(key) {
            Some(short) => self.array(row, KEY) == short,
            None => self.key(row) == key,
        }
    }

    pub(super) fn get(&self, row: u32, offset: usize) -> u32 {
        u32::from_ne_bytes(self.array(row, offset))
    }

    pub(super) fn set(&mut self, row: u32, offset: usize, value: u32) {
        self.set_array(row, offset, value.to_ne_bytes());
    }

    pub(super) fn set_wide(&mut self, row: u32, offset: usize, value: u64) {
        self.set_array(row, offset, value.to_ne_bytes());
    }

    /// A key that is handled in a register: the most frequent kind.
    fn short_key(&self, key: &[u8]) -> Option<[u8; 4]> {
        let short = key.try_into().ok()?;
        (self.layout.key_type != KeyType::String).then_some(short)
    }

    fn set_key(&mut self, row: u32, key: &[u8]) {
        if let Some(short) = self.short_key(key) {
            return self.set_array(row, KEY, short);
        }
        let mut start = self.start(row) + KEY;
        if self.layout.key_type == KeyType::String {
            let len = u32::try_from(key.len()).expect("a key was cut to its limit");
            self.set(row, KEY, len);
            start += 4;
        }
        self.bytes[start..start + key.len()].copy_from_slice(key);
    }

    fn array<const N: usize>(&self, row: u32, offset: usize) -> [u8; N] {
        let at = self.start(row) + offset;
        self.bytes[at..at + N].try_into().expect("the slice has N bytes")
    }

    fn set_array<const N: usize>(&mut self, row: u32, offset: usize, value: [u8; N]) {
        let at = self.start(row) + offset;
        set_array(&mut self.bytes, at, value);
    }

    fn start(&self, row: u32) -> usize {
        row as usize * self.layout.stride
    }
}

/// Stores a few bytes. The compiler may call `copy_from_slice` instead of storing a number.
#[inline]
fn set_array<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    *bytes[at..].first_chunk_mut().expect("the place has N bytes") = value;
}
