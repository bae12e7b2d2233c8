//! Writes a table to a file, from memory that its owner changes meanwhile.
//!
//! The reader is another process. It takes no lock, as the owner must never wait for it. Instead it
//! reads a part of the rows twice, and the header before, between and after. A row is taken if
//!
//! - both readings are the same (but for the links to its neighbours in the list, which have no
//!   meaning here), and
//! - none of the headers names the row as the one that is being changed, and
//! - it lies below `FRESH` of the last header.
//!
//! Why such a row is whole: the owner names a row (`CHANGING`) before the first write of a change,
//! and takes the name back after the last one; each of these comes to other processors in its
//! order. Say that the first reading shows some write of a change, and the second one lacks
//! another write of it. Then the change has begun before the header in the middle was read, and
//! ends after, so this header names the row. Otherwise each change shows whole in the second
//! reading or not at all, or the readings differ. What is left is a row that is changed to and fro
//! between two reads, with each single value one that it had in that moment: such a row is an
//! entry, too. A row that was removed and is used again has another key in one of the readings, or
//! is named.
//!
//! So each entry in the file is whole, and is what it was at some moment of the save. Entries that
//! come while the save is under way may be in the file or not.
//!
//! A row that is not taken is read again by itself, a few times. What cannot be read even then is
//! counted, and comes with the next save.
//!
//! A name gets its number before a row has it. The names are read before the rows and after, and a
//! number that changes its name meanwhile has none in the file.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::format::{BLOCK, BlockKind, Geometry, HEAD, NAMES_PART, Stamp, seal, write_head};
use crate::config::data_type::Kind;
use crate::table::entry::Cells;
use crate::table::kept::header;
use crate::table::kept::header::{CHANGING, FRESH};
use crate::table::kept::names;
use crate::table::layout::{Cell, KEY, Layout, NEXT, PREV, UPDATE_ID, word};
use crate::table::rate::tick;
use crate::table::rows::FREE;

/// How often a row is read again that is being changed.
const TRIES: u32 = 16;

/// What a save has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The entries.
    pub entries: u64,
    /// The entries that were changed whenever they were read.
    pub skipped: u64,
    /// The bytes of the file.
    pub bytes: u64,
}

/// Writes the table whose rows lie in `rows`, and whose names lie in `names`, to `out`, an empty
/// file.
///
/// # Errors
/// What pread(2) and pwrite(2) report; `InvalidData` if the memory is no table.
pub fn write_table(
    rows: &File,
    names: Option<&File>,
    stamp: &Stamp,
    out: &File,
) -> io::Result<Written> {
    let read_names = || names.map_or_else(|| Ok(Vec::new()), names::read);
    let before: HashMap<u32, Box<[u8]>> = read_names()?.into_iter().collect();
    let mut memory = Memory::open(rows, stamp)?;
    let mut writer = Writer::new(out, memory.layout.stride);
    let mut used = UsedNames::new(&memory.layout);
    while memory.read_part()? {
        let Memory { once, layout, is_taken, .. } = &mut memory;
        let stride = layout.stride;
        let taken = once.chunks_exact(stride).zip(is_taken.iter()).filter(|(_, taken)| **taken);
        for (row, _) in taken {
            used.note(row);
            writer.add(row)?;
        }
    }
    writer.end_rows()?;
    let is_same = |number: &u32, name: &[u8]| before.get(number).is_none_or(|n| **n == *name);
    let mut text = Vec::new();
    for (number, name) in read_names()? {
        if used.has(number) && is_same(&number, &name) {
            let len = u32::try_from(name.len()).unwrap_or(0);
            text.extend([number.to_ne_bytes(), len.to_ne_bytes()].as_flattened());
            text.extend_from_slice(&name);
        }
    }
    let names_len = u32::try_from(text.len()).unwrap_or(0);
    writer.write_names(&text)?;
    let head = write_head(stamp, writer.entries, names_len, &memory.header);
    out.write_all_at(&head, 0)?;
    Ok(Written { entries: writer.entries, skipped: memory.skipped, bytes: writer.at })
}

/// The rows in the memory of another process, some at a time.
struct Memory<'f> {
    file: &'f File,
    layout: Layout,
    /// The header as it was last read.
    header: [u8; HEAD],
    /// Whether entries end by time, and the time now.
    now: Option<u32>,
    /// The rows of the part, read for the first and the second time.
    once: Vec<u8>,
    again: Vec<u8>,
    /// Which of them are entries.
    is_taken: Vec<bool>,
    /// The first row behind the part.
    next: u32,
    skipped: u64,
}

/// What a row is, by two readings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Entry,
    Nothing,
    /// It is being changed.
    Uncertain,
}

impl<'f> Memory<'f> {
    fn open(file: &'f File, stamp: &Stamp) -> io::Result<Self> {
        let mut header = [0; HEAD];
        file.read_exact_at(&mut header, 0)?;
        let described = header::read(&header)?;
        let now = described.expires.then(|| tick(stamp.tick_ms));
        Ok(Self {
            file,
            layout: described.layout,
            header,
            now,
            once: Vec::new(),
            again: Vec::new(),
            is_taken: Vec::new(),
            next: 0,
            skipped: 0,
        })
    }

    /// Reads the next rows. Returns false if there are none.
    fn read_part(&mut self) -> io::Result<bool> {
        let stride = self.layout.stride;
        let first = self.next;
        let before = self.read_header()?;
        let fresh = word(&self.header, FRESH);
        let left = fresh.saturating_sub(first) as usize;
        let count = left.min(Geometry::new(stride, 0).rows_per_block());
        if count == 0 {
            return Ok(false);
        }
        self.once.resize(count * stride, 0);
        self.again.resize(count * stride, 0);
        let at = self.at(first);
        self.file.read_exact_at(&mut self.once, at)?;
        let between = self.read_header()?;
        self.file.read_exact_at(&mut self.again, at)?;
        let after = self.read_header()?;
        let named = [before, between, after];
        let fresh = word(&self.header, FRESH);
        let (now, once, again) = (self.now, &self.once, &self.again);
        let pairs = once.chunks_exact(stride).zip(again.chunks_exact(stride));
        let readings = (first..).zip(pairs);
        let readings: Vec<Reading> = readings
            .map(|(row, (once, again))| judge(row, once, again, &named, fresh, now))
            .collect();
        self.is_taken.clear();
        self.is_taken.resize(count, false);
        for (index, reading) in readings.into_iter().enumerate() {
            let is_entry = match reading {
                Reading::Entry => true,
                Reading::Nothing => false,
                Reading::Uncertain => self.read_row(first, index)?,
            };
            if let Some(taken) = self.is_taken.get_mut(index) {
                *taken = is_entry;
            }
        }
        self.next = first + u32::try_from(count).unwrap_or(u32::MAX);
        Ok(true)
    }

    /// Reads one row again that was being changed. Returns whether it is an entry.
    fn read_row(&mut self, first: u32, index: usize) -> io::Result<bool> {
        let stride = self.layout.stride;
        let row = first + u32::try_from(index).unwrap_or(0);
        let (at, begin) = (self.at(row), index * stride);
        for _ in 0..TRIES {
            let before = self.read_header()?;
            let part = begin..begin + stride;
            if let Some(once) = self.once.get_mut(part.clone()) {
                self.file.read_exact_at(once, at)?;
            }
            let between = self.read_header()?;
            if let Some(again) = self.again.get_mut(part.clone()) {
                self.file.read_exact_at(again, at)?;
            }
            let named = [before, between, self.read_header()?];
            let fresh = word(&self.header, FRESH);
            let once = self.once.get(part.clone()).unwrap_or_default();
            let again = self.again.get(part).unwrap_or_default();
            match judge(row, once, again, &named, fresh, self.now) {
                Reading::Entry => return Ok(true),
                Reading::Nothing => return Ok(false),
                Reading::Uncertain => {}
            }
        }
        self.skipped += 1;
        Ok(false)
    }

    /// Reads the header. Returns which row is being changed, as its number plus one.
    fn read_header(&mut self) -> io::Result<u32> {
        // What follows in the header never changes.
        let changing = self.header.get_mut(..CHANGING + 4).unwrap_or_default();
        self.file.read_exact_at(changing, 0)?;
        Ok(word(&self.header, CHANGING))
    }

    fn at(&self, row: u32) -> u64 {
        HEAD as u64 + u64::from(row) * self.layout.stride as u64
    }
}

/// What a row is that was read twice, while the rows of `named` were being changed. `now` is the
/// time, if entries end by time.
fn judge(
    row: u32,
    once: &[u8],
    again: &[u8],
    named: &[u32; 3],
    fresh: u32,
    now: Option<u32>,
) -> Reading {
    if row >= fresh {
        return Reading::Nothing;
    }
    let is_free = |bytes: &[u8]| word(bytes, PREV) == FREE;
    let is_same = once.get(..PREV) == again.get(..PREV)
        && is_free(once) == is_free(again)
        && once.get(UPDATE_ID..) == again.get(UPDATE_ID..);
    if !is_same || named.contains(&(row + 1)) {
        return Reading::Uncertain;
    }
    let is_over = now.is_some_and(|now| word(once, 0).wrapping_sub(now).cast_signed() <= 0);
    if is_free(once) || is_over { Reading::Nothing } else { Reading::Entry }
}

/// The numbers of names that rows refer to.
struct UsedNames {
    cells: Vec<Cell>,
    bits: Vec<u64>,
}

impl UsedNames {
    fn new(layout: &Layout) -> Self {
        let cells = layout.cells.iter().copied().filter(|cell| cell.kind() == Kind::Name);
        Self { cells: cells.collect(), bits: vec![0; names::NUMBERS / 64] }
    }

    fn note(&mut self, row: &[u8]) {
        for cell in &self.cells {
            let number = Cells(row).get_u32(*cell, 0);
            if let Some(bits) = self.bits.get_mut(number as usize / 64) {
                *bits |= 1 << (number % 64);
            }
        }
    }

    fn has(&self, number: u32) -> bool {
        self.bits.get(number as usize / 64).is_some_and(|bits| bits & (1 << (number % 64)) != 0)
    }
}

/// The file that is being written.
struct Writer<'f> {
    out: &'f File,
    stride: usize,
    /// The block of rows that is not full yet.
    block: Vec<u8>,
    blocks: u64,
    entries: u64,
    /// Where the next block goes.
    at: u64,
}

impl<'f> Writer<'f> {
    fn new(out: &'f File, stride: usize) -> Self {
        Self { out, stride, block: vec![0; BLOCK], blocks: 0, entries: 0, at: HEAD as u64 }
    }

    fn add(&mut self, row: &[u8]) -> io::Result<()> {
        let begin = self.block.len();
        self.block.extend_from_slice(row);
        // Neighbours and the place in the update log mean nothing in another process.
        if let Some(links) = self.block.get_mut(begin + PREV..begin + KEY) {
            links.fill(0);
        }
        self.entries += 1;
        let rows = (self.block.len() - BLOCK) / self.stride;
        if rows == Geometry::new(self.stride, 0).rows_per_block() {
            self.end_rows()
        } else {
            Ok(())
        }
    }

    /// Writes the rows that were added and not written yet.
    fn end_rows(&mut self) -> io::Result<()> {
        let rows = (self.block.len() - BLOCK) / self.stride;
        if rows > 0 {
            seal(&mut self.block, BlockKind::Rows, self.blocks, rows);
            self.out.write_all_at(&self.block, self.at)?;
            self.at += self.block.len() as u64;
            self.blocks += 1;
            self.block.truncate(BLOCK);
        }
        Ok(())
    }

    fn write_names(&mut self, text: &[u8]) -> io::Result<()> {
        for (number, part) in (0..).zip(text.chunks(NAMES_PART)) {
            let mut block = vec![0; BLOCK];
            block.extend_from_slice(part);
            seal(&mut block, BlockKind::Names, number, part.len());
            self.out.write_all_at(&block, self.at)?;
            self.at += block.len() as u64;
        }
        Ok(())
    }
}

const _: () = assert!(PREV + 4 == NEXT && NEXT + 4 == UPDATE_ID && UPDATE_ID + 4 == KEY);
