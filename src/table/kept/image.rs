//! The rows that another process has left: what all kinds of them have in common, and those in
//! memory that was kept.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use super::header;
use super::header::{Description, HEADER};
use crate::table::layout::{Head, Layout};
use crate::table::rate::Rate;
use crate::table::rows::FREE;
use crate::table::update_log::UpdateId;

/// About how many bytes are read at once.
const PART: usize = 1 << 18;

/// A table of another process.
pub(in crate::table) trait Source {
    /// How the rows are laid out.
    fn layout(&self) -> &Layout;

    /// How many entries there are at most.
    fn entries_max(&self) -> u32;

    /// Gives the bytes of all rows to `take`, some rows at a time, with the number of the first.
    /// Returns how many rows cannot be read.
    ///
    /// # Errors
    /// What pread(2) reports.
    fn for_each_part(&self, take: impl FnMut(u32, &[u8])) -> io::Result<u64>;

    /// What stands in a row with this number and these bytes, at `now_ms`.
    fn look_at<'i>(&self, number: u32, bytes: &'i [u8], now_ms: u64) -> Found<'i>;

    /// A rate of such a row, with its age at `now_ms`.
    fn rate(&self, rate: Rate, period_ms: u32, now_ms: u64) -> Rate;
}

/// A table of another process, in memory that was kept.
#[derive(Debug)]
pub(super) struct Image {
    file: File,
    described: Description,
}

/// One row with an entry.
#[derive(Clone, Copy, Debug)]
pub(in crate::table) struct KeptRow<'i> {
    /// All bytes of the row.
    pub(in crate::table) bytes: &'i [u8],
    /// The entry's key.
    pub(in crate::table) key: &'i [u8],
    /// Its time to live in milliseconds; none in a table without `expire`.
    pub(in crate::table) left_ms: Option<u32>,
    /// The entry was changed by its owner, and no peer has been sent the change.
    pub(in crate::table) is_unsent: bool,
}

/// What a row is.
#[derive(Clone, Copy, Debug)]
pub(in crate::table) enum Found<'i> {
    /// An entry.
    Entry(KeptRow<'i>),
    /// No entry, or an entry whose time is over.
    Nothing,
    /// An entry that was being written, or that cannot be one.
    Damaged,
}

impl Image {
    /// # Errors
    /// What pread(2) reports; `InvalidData` if the file is no table.
    pub(super) fn open(file: OwnedFd) -> io::Result<Self> {
        let file = File::from(file);
        let mut bytes = [0; HEADER];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self { described: header::read(&bytes)?, file })
    }
}

impl Source for Image {
    fn layout(&self) -> &Layout {
        &self.described.layout
    }

    fn entries_max(&self) -> u32 {
        self.described.fresh
    }

    fn for_each_part(&self, mut take: impl FnMut(u32, &[u8])) -> io::Result<u64> {
        let stride = self.described.layout.stride;
        let rows = u32::try_from((PART / stride).max(1)).unwrap_or(1);
        let mut bytes = vec![0; rows as usize * stride];
        let mut first = 0;
        while first < self.described.fresh {
            let count = rows.min(self.described.fresh - first);
            let part = bytes.get_mut(..count as usize * stride).unwrap_or_default();
            let at = HEADER as u64 + u64::from(first) * stride as u64;
            self.file.read_exact_at(part, at)?;
            take(first, part);
            first += count;
        }
        Ok(0)
    }

    fn look_at<'i>(&self, number: u32, bytes: &'i [u8], now_ms: u64) -> Found<'i> {
        let Description { layout, expires, changing, pushed, .. } = &self.described;
        let head = Head::read(bytes);
        if head.prev == FREE {
            return Found::Nothing;
        }
        let Some(key) = layout.key_in(bytes) else { return Found::Damaged };
        if number + 1 == *changing {
            return Found::Damaged;
        }
        let left_ms = match u32::try_from(head.left_ms(now_ms)) {
            _ if !expires => None,
            Ok(left_ms) if left_ms > 0 => Some(left_ms),
            _ => return Found::Nothing,
        };
        let id = UpdateId(head.update_id);
        let is_unsent = id.0 != 0 && id.is_after(UpdateId(*pushed));
        Found::Entry(KeptRow { bytes, key, left_ms, is_unsent })
    }

    fn rate(&self, rate: Rate, _: u32, _: u64) -> Rate {
        rate // by the clock of this machine, which is the same
    }
}
