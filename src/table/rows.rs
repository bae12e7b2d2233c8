//! The memory of the rows, and their free list. In front of the rows stands a header, see
//! [`header`](super::kept::header).
//!
//! A *link* is a row number plus one, so that the zeroed memory the system hands out means "none"
//! and a row that was never used costs no page.

use std::hint::black_box;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

use super::kept::header;
use super::kept::header::{CHANGING, FRESH, HEADER, PUSHED};
use super::layout::{EXPIRY, Head, KEY, Layout, NEXT, PREV};
use super::lending::coding::{StateReader, StateWriter};
use crate::config;
use crate::config::KeyType;
use crate::net::memory::region::{Region, Storage};

/// What `PREV` holds in a free row; no link can have this value.
pub(super) const FREE: u32 = u32::MAX;

/// All rows of one table.
#[derive(Debug)]
pub(super) struct Rows {
    /// The header, and the rows behind it.
    memory: Region,
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
    /// The empty rows of a table.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub(super) fn new(declaration: &config::StickTable, storage: Storage) -> io::Result<Self> {
        let (layout, size) = (Layout::new(declaration), declaration.size);
        let mut memory = Region::new(HEADER + size as usize * layout.stride, storage)?;
        memory.provide_beginning();
        header::write(&mut memory, declaration, &layout);
        Ok(Self { memory, layout, size, fresh: 0, zeroed: 0, free: 0, used: 0 })
    }

    /// Writes all but the memory.
    pub(super) fn write_state(&self, out: &mut StateWriter) {
        let Self { fresh, zeroed, free, used, .. } = *self;
        [fresh, zeroed, free, used].into_iter().for_each(|word| out.word(word));
    }

    /// The rows of another process: what [`Rows::write_state`] has written, and the file, whose
    /// header is that of such a table ([`header::fits`]).
    ///
    /// # Errors
    /// `InvalidData` if they do not fit; what mmap(2) reports.
    pub(super) fn shared(
        state: &mut StateReader<'_>,
        file: OwnedFd,
        declaration: &config::StickTable,
    ) -> io::Result<Self> {
        let (layout, size) = (Layout::new(declaration), declaration.size);
        let (fresh, zeroed) = (state.word_up_to(size)?, state.word_up_to(size)?);
        let (free, used) = (state.word_up_to(fresh)?, state.word_up_to(fresh)?);
        let len_of = |rows: u32| HEADER + rows as usize * layout.stride;
        let memory = Region::shared(file, len_of(size), len_of(zeroed))?;
        let zeroed = zeroed.max(fresh);
        Ok(Self { memory, layout, size, fresh, zeroed, free, used })
    }

    /// The file of the memory, if another process can keep it.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.memory.file()
    }

    /// Some reader of the update log has been sent the changes up to `upto`.
    pub(super) fn note_pushed(&mut self, upto: u32) {
        self.set_header(PUSHED, upto);
    }

    /// The row is about to be changed. If this process ends before [`Rows::end_change`], nobody
    /// takes the row for an entry.
    #[inline]
    pub(super) fn begin_change(&mut self, row: u32) {
        self.set_header(CHANGING, row + 1);
    }

    /// The row that was being changed is complete.
    #[inline]
    pub(super) fn end_change(&mut self) {
        self.set_header(CHANGING, 0);
    }

    /// Sets a field of the header. The field has its value before what follows is written, and
    /// after what was written before, also for a process on another processor that reads the
    /// memory.
    #[inline]
    fn set_header(&mut self, offset: usize, value: u32) {
        fence(Ordering::Release); // no instruction on x86-64
        set_array(&mut self.memory, offset, value.to_ne_bytes());
        fence(Ordering::Release);
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
        self.memory.len()
    }

    /// Takes a free row, all zero but for the key.
    pub(super) fn insert(&mut self, key: &[u8]) -> Option<u32> {
        let row = if self.free != 0 {
            let row = self.free - 1;
            self.free = self.get(row, NEXT);
            row
        } else if self.fresh < self.size {
            self.fresh
        } else {
            return None;
        };
        let (start, end) = (self.start(row), self.start(row) + self.layout.stride);
        self.begin_change(row);
        if row < self.zeroed {
            self.memory[start..end].fill(0);
        } else {
            self.memory.provide(end);
            self.zeroed = row + 1;
        }
        if row == self.fresh {
            self.set_fresh(row + 1);
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
        self.set_fresh(0);
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
        &self.memory[start..start + self.layout.stride]
    }

    /// Begins to fetch a row.
    pub(super) fn touch(&self, row: u32) {
        black_box(self.memory[self.start(row)]);
    }

    pub(super) fn key(&self, row: u32) -> &[u8] {
        self.key_in(self.row(row))
    }

    /// The key in the bytes of a row.
    #[inline]
    pub(super) fn key_in<'r>(&self, row: &'r [u8]) -> &'r [u8] {
        self.layout.key_in(row).unwrap_or_default()
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
        let place = &mut self.memory[start..start + NEXT + 4];
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
        self.memory[start..start + key.len()].copy_from_slice(key);
    }

    fn array<const N: usize>(&self, row: u32, offset: usize) -> [u8; N] {
        let at = self.start(row) + offset;
        self.memory[at..at + N].try_into().expect("the slice has N bytes")
    }

    fn set_array<const N: usize>(&mut self, row: u32, offset: usize, value: [u8; N]) {
        let at = self.start(row) + offset;
        set_array(&mut self.memory, at, value);
    }

    fn start(&self, row: u32) -> usize {
        HEADER + row as usize * self.layout.stride
    }

    fn set_fresh(&mut self, fresh: u32) {
        self.fresh = fresh;
        self.set_header(FRESH, fresh);
    }
}

/// Stores a few bytes. The compiler may call `copy_from_slice` instead of storing a number.
#[inline]
fn set_array<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    *bytes[at..].first_chunk_mut().expect("the place has N bytes") = value;
}
