//! One table as it is lent: the files of its memory, and what is written beside them.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use super::coding::{StateReader, StateWriter};
use crate::config;
use crate::net::memory::file_with;
use crate::table::index::Index;
use crate::table::kept::{header, invalid};
use crate::table::rows::Rows;
use crate::table::stick_table::{Parts, StickTable};
use crate::table::update_log::UpdateLog;

/// The longest state that is read, in bytes.
const STATE_MAX: u64 = 1 << 31;

/// The memory of a table that passes to a successor, but for the rows, which the successor has
/// already.
#[derive(Debug)]
pub struct LentMemory {
    /// All that lies beside rows, index and update log.
    pub state: OwnedFd,
    /// The ring of the update log.
    pub ring: OwnedFd,
    /// The slots of the index.
    pub slots: OwnedFd,
    /// The slots that the index grows from, if it grows.
    pub old_slots: Option<OwnedFd>,
}

impl LentMemory {
    /// The most descriptors.
    pub const FILES_MAX: usize = 4;

    /// The number of descriptors of a table whose index grows, or does not grow.
    pub fn files(is_growing: bool) -> usize {
        if is_growing { Self::FILES_MAX } else { Self::FILES_MAX - 1 }
    }

    /// The files in a fixed order.
    pub fn into_files(self) -> Vec<OwnedFd> {
        [self.state, self.ring, self.slots].into_iter().chain(self.old_slots).collect()
    }

    /// The same from files in that order; none if they are too few.
    pub fn from_files(files: &mut impl Iterator<Item = OwnedFd>, is_growing: bool) -> Option<Self> {
        let (state, ring, slots) = (files.next()?, files.next()?, files.next()?);
        let old_slots = if is_growing { Some(files.next()?) } else { None };
        Some(Self { state, ring, slots, old_slots })
    }
}

impl StickTable {
    /// Whether a successor can take the memory over.
    pub(super) fn is_lendable(&self) -> bool {
        self.rows.file().is_some()
            && self.update_log.file().is_some()
            && self.index.files().is_some()
    }

    /// What a successor needs beside the rows.
    ///
    /// # Errors
    /// What memfd_create(2), write(2) or dup(2) report.
    pub(in crate::table) fn lent_memory(&self) -> io::Result<LentMemory> {
        let mut state = StateWriter::default();
        self.rows.write_state(&mut state);
        self.index.write_state(&mut state);
        self.expiry.write_state(&mut state);
        self.update_log.write_state(&mut state);
        self.server_uses.write_state(&mut state);
        let nobody = || invalid("memory of this process alone");
        let (slots, old_slots) = self.index.files().ok_or_else(nobody)?;
        Ok(LentMemory {
            state: file_with("stickd-state", &state.finish())?,
            ring: self.update_log.file().ok_or_else(nobody)?.try_clone_to_owned()?,
            slots: slots.try_clone_to_owned()?,
            old_slots: old_slots.map(|file| file.try_clone_to_owned()).transpose()?,
        })
    }

    /// Goes on with the memory of a predecessor, in place of this table's own.
    ///
    /// # Errors
    /// `InvalidData` if it is not the memory of such a table; what mmap(2) reports.
    pub(in crate::table) fn take_memory_over(
        &mut self,
        rows: OwnedFd,
        lent: LentMemory,
    ) -> io::Result<()> {
        let declaration = self.declaration();
        let LentMemory { state, ring, slots, old_slots } = lent;
        let state = read_whole(state)?;
        let mut state = StateReader::new(&state)?;
        let rows = Rows::shared(&mut state, rows, declaration)?;
        let index = Index::shared(&mut state, slots, old_slots, declaration.size)?;
        let expiry = self.expiry.shared(&mut state, rows.fresh())?;
        let update_log = UpdateLog::shared(&mut state, ring, declaration.size)?;
        let server_uses = self.server_uses.shared(&mut state)?;
        state.finish()?;
        self.replace(Parts { rows, index, expiry, update_log, server_uses });
        Ok(())
    }
}

/// Whether these are the rows of a table with this declaration.
pub(super) fn is_memory_of(rows: &OwnedFd, declaration: &config::StickTable) -> io::Result<bool> {
    let mut bytes = [0; header::HEADER];
    File::from(rows.try_clone()?).read_exact_at(&mut bytes, 0)?;
    Ok(header::is_of(bytes, declaration))
}

fn read_whole(file: OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(file);
    let len = file.metadata()?.len();
    let len = usize::try_from(len).ok().filter(|_| len <= STATE_MAX);
    let mut bytes = vec![0; len.ok_or_else(|| invalid("a state that is too long"))?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
