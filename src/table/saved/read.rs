//! Reads a table from a file. Nothing in it is taken for granted: it may be damaged, cut, of
//! another version, or made by somebody else.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::format::{BLOCK, BlockKind, Geometry, HEAD, Head, NAMES_PART, is_sound, read_head};
use crate::config::StickTable;
use crate::table::Tables;
use crate::table::kept::image::{Found, KeptRow, Source};
use crate::table::kept::restore::adopt_names;
use crate::table::kept::{Restored, invalid};
use crate::table::layout::{Head as RowHead, Layout, word};
use crate::table::rate::{Rate, tick};

/// A rate that began while the save was under way began after the save, but not later than this.
const SAVE_MS_MAX: u32 = 3_600_000;

/// What a file had for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedTable {
    /// What became of its entries.
    pub restored: Restored,
    /// How long ago it was saved, in milliseconds.
    pub age_ms: u64,
    /// The damaged blocks. What was in them is counted as dropped.
    pub damaged: u64,
}

/// The result for one table: its name, its file, and what the file had. Without a file it is none.
pub type SavedResult = (String, PathBuf, io::Result<Option<SavedTable>>);

impl Tables {
    /// Reads the tables that were saved to files, each with the time that its entries have left
    /// when it is `wall_ms` milliseconds since 1970. What is here already stays. No entry is a
    /// change of this process: what peers know of it may be newer.
    pub fn read_saved(&mut self, now_ms: u64, wall_ms: u64) -> Vec<SavedResult> {
        let (tables, dictionary) = self.split_mut();
        let saved = tables.iter_mut().filter_map(|table| {
            let path = table.declaration().save.as_ref()?.file.clone();
            let name = table.declaration().name.clone();
            let mut read = || {
                let Some(file) = open(&path)? else { return Ok(None) };
                let saved = SavedFile::new(file, wall_ms)?;
                check_part(&saved, table.declaration())?;
                let names = adopt_names(saved.names(), dictionary);
                let restored = table.restore(&saved, &names, now_ms)?;
                let (age_ms, damaged) = (saved.age_ms, saved.damaged.get());
                Ok(Some(SavedTable { restored, age_ms, damaged }))
            };
            let result = read();
            Some((name, path, result))
        });
        saved.collect()
    }
}

/// The counts of one node are not those of all. If all nodes took those of all for their own, their
/// sum would be many times as great.
fn check_part(saved: &SavedFile, declaration: &StickTable) -> io::Result<()> {
    match (saved.head.described.is_part, declaration.sum_name().is_some()) {
        (true, false) => Err(invalid("it was saved with 'aggregate'")),
        (false, true) => Err(invalid("it was saved without 'aggregate'")),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Opens an ordinary file. None if there is no file.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            return Err(invalid("a link is not followed"));
        }
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(invalid("no ordinary file"));
    }
    Ok(Some(file))
}

/// A table in a file.
#[derive(Debug)]
struct SavedFile {
    file: File,
    head: Head,
    geometry: Geometry,
    age_ms: u64,
    damaged: Cell<u64>,
}

impl SavedFile {
    /// The table in `file`, at `wall_ms`.
    ///
    /// # Errors
    /// What pread(2) reports; `InvalidData` if the file has no table, or the head is damaged.
    fn new(file: File, wall_ms: u64) -> io::Result<Self> {
        let mut bytes = [0; HEAD];
        file.read_exact_at(&mut bytes, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => invalid("it ends too soon"),
            _ => error,
        })?;
        let head = read_head(&bytes)?;
        let geometry = Geometry::new(head.described.layout.stride, head.entries);
        // A clock that was set back lets entries live longer, not for ever.
        let age_ms = wall_ms.saturating_sub(head.stamp.wall_ms);
        Ok(Self { file, head, geometry, age_ms, damaged: Cell::new(0) })
    }

    /// The names, with the numbers by which rows refer to them.
    fn names(&self) -> Vec<(u32, Box<[u8]>)> {
        let mut names = Vec::new();
        let Some(begin) = self.geometry.names_at() else { return names };
        let (mut at, mut left, mut number) = (begin, self.head.names_len as usize, 0);
        // A name may reach from one block into the next.
        let mut text = Vec::new();
        while left > 0 {
            let len = left.min(NAMES_PART);
            let mut block = vec![0; BLOCK + len];
            let is_read = self.file.read_exact_at(&mut block, at).is_ok();
            if is_read && is_sound(&block, BlockKind::Names, number, len) {
                text.extend_from_slice(block.get(BLOCK..).unwrap_or_default());
                take_names(&mut text, &mut names);
            } else {
                // Where the next name begins is not known either.
                self.note_damage(1);
                break;
            }
            at += block.len() as u64;
            left -= len;
            number += 1;
        }
        names
    }

    fn note_damage(&self, blocks: u64) {
        self.damaged.set(self.damaged.get().saturating_add(blocks));
    }

    /// What is left of a time that ended at `expiry` by the clock of the process that saved.
    fn left_ms(&self, expiry: u32) -> Option<u32> {
        let left = expiry.wrapping_sub(tick(self.head.stamp.tick_ms)).cast_signed();
        let left = u64::try_from(left).ok()?.checked_sub(self.age_ms)?;
        u32::try_from(left).ok().filter(|left| *left > 0)
    }
}

/// Takes the whole names from the beginning of `text`.
fn take_names(text: &mut Vec<u8>, names: &mut Vec<(u32, Box<[u8]>)>) {
    let mut taken = 0;
    while let Some((begin, rest)) = text.get(taken..).and_then(|text| text.split_at_checked(8)) {
        let (number, len) = (word(begin, 0), word(begin, 4) as usize);
        let Some(name) = rest.get(..len) else { break };
        names.push((number, name.into()));
        taken += 8 + len;
    }
    text.drain(..taken);
}

impl Source for SavedFile {
    fn layout(&self) -> &Layout {
        &self.head.described.layout
    }

    fn entries_max(&self) -> u32 {
        // A head may say more than the file has.
        let len = self.file.metadata().map_or(0, |found| found.len());
        let rows = len / self.geometry.stride.max(1) as u64;
        u32::try_from(rows.min(self.head.entries)).unwrap_or(u32::MAX)
    }

    fn for_each_part(&self, mut take: impl FnMut(u32, &[u8])) -> io::Result<u64> {
        let Geometry { stride, .. } = self.geometry;
        let (mut bytes, mut lost, mut row) = (Vec::new(), 0_u64, 0);
        for number in 0..self.geometry.row_blocks() {
            let rows = self.geometry.rows_in(number);
            bytes.resize(BLOCK + rows * stride, 0);
            let at = self.geometry.rows_at(number).unwrap_or(u64::MAX >> 1);
            match self.file.read_exact_at(&mut bytes, at) {
                Ok(()) if is_sound(&bytes, BlockKind::Rows, number, rows) => {
                    take(row, bytes.get(BLOCK..).unwrap_or_default());
                }
                Ok(()) => {
                    self.note_damage(1);
                    lost += rows as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    // The file was cut: nothing follows.
                    self.note_damage(self.geometry.row_blocks() - number);
                    let read = number * self.geometry.rows_per_block() as u64;
                    return Ok(lost.saturating_add(self.head.entries - read));
                }
                Err(error) => return Err(error),
            }
            row = row.saturating_add(u32::try_from(rows).unwrap_or(u32::MAX));
        }
        Ok(lost)
    }

    fn look_at<'i>(&self, _: u32, bytes: &'i [u8], _: u64) -> Found<'i> {
        let Some(key) = self.layout().key_in(bytes) else { return Found::Damaged };
        let expiry = RowHead::read(bytes).expiry;
        let left_ms = self.head.described.expires.then(|| self.left_ms(expiry));
        match left_ms {
            Some(None) => Found::Nothing,
            left_ms => {
                let left_ms = left_ms.flatten();
                Found::Entry(KeptRow { bytes, key, left_ms, is_unsent: false })
            }
        }
    }

    fn rate(&self, rate: Rate, period_ms: u32, now_ms: u64) -> Rate {
        let age_ms = rate.age_ms(self.head.stamp.tick_ms);
        let age_ms = if age_ms > u32::MAX - SAVE_MS_MAX { 0 } else { age_ms };
        let age_ms = u64::from(age_ms).saturating_add(self.age_ms);
        // An age beyond this reads as one of the future.
        let age_ms = u32::try_from(age_ms).unwrap_or(u32::MAX).min(u32::MAX >> 1);
        Rate::learned(age_ms, rate.current, rate.previous, period_ms, now_ms)
    }
}
