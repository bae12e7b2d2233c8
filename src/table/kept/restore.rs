//! Makes entries of the rows that another process has left.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::image::{Found, Image, KeptRow, Source};
use super::{KeptTables, invalid, names};
use crate::config::data_type::Kind;
use crate::table::dictionary::{Dictionary, NameId};
use crate::table::entry::Cells;
use crate::table::stick_table::StickTable;
use crate::table::values::Copied;
use crate::table::{KeyHash, Tables};

/// The rows whose memory is fetched at the same time.
const BATCH: usize = 32;

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The entries that the table has now and had not before.
    pub entries: u32,
    /// The rows that were being written, that cannot be entries, or that have no room.
    pub dropped: u32,
}

/// A number of the other process, and the number of the same name here.
pub(in crate::table) type Names = HashMap<u32, NameId>;

impl Tables {
    /// Adds the entries that another process has left, each with the time that it has left, to the
    /// tables of the same name. What is here already stays. A change that the other process had not
    /// sent to any peer is a change of this process. Returns what became of each table.
    pub fn restore(
        &mut self,
        kept: KeptTables,
        now_ms: u64,
    ) -> Vec<(String, io::Result<Restored>)> {
        let (tables, dictionary) = self.split_mut();
        let names = match kept.names.map(|file| read_names(file, dictionary)) {
            Some(Ok(names)) => names,
            Some(Err(error)) => {
                log::error!("read the names of a process that has crashed: {error}");
                Names::default()
            }
            None => Names::default(),
        };
        let mut restored = Vec::new();
        for (name, file) in kept.tables {
            let mut tables = tables.iter_mut();
            if let Some(table) = tables.find(|table| table.declaration().name == name) {
                let result =
                    Image::open(file).and_then(|image| table.restore(&image, &names, now_ms));
                restored.push((name, result));
            }
        }
        restored
    }
}

fn read_names(file: OwnedFd, dictionary: &mut Dictionary) -> io::Result<Names> {
    Ok(adopt_names(names::read(&File::from(file))?, dictionary))
}

/// Gives names their numbers in this process.
pub(in crate::table) fn adopt_names(
    known: Vec<(u32, Box<[u8]>)>,
    dictionary: &mut Dictionary,
) -> Names {
    let known = known.into_iter();
    known.filter_map(|(number, name)| Some((number, dictionary.intern(&name)?))).collect()
}

impl StickTable {
    /// The file of the rows, if other processes can keep their memory.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.rows.file()
    }

    /// Adds the entries of another process, see [`Tables::restore`].
    ///
    /// # Errors
    /// What reading reports; `InvalidData` if the keys are of another type.
    pub(in crate::table) fn restore(
        &mut self,
        image: &impl Source,
        names: &Names,
        now_ms: u64,
    ) -> io::Result<Restored> {
        if image.layout().key_type != self.declaration().key_type {
            return Err(invalid("its keys are of another type"));
        }
        self.expect(image.entries_max());
        let copied = self.copied(image);
        let mut done = Restored::default();
        let lost = image.for_each_part(|first, part| {
            let rows = (first..).zip(part.chunks_exact(image.layout().stride));
            let found = rows.map(|(number, bytes)| image.look_at(number, bytes, now_ms));
            let mut batch = Vec::with_capacity(BATCH);
            for found in found {
                match found {
                    Found::Entry(row) => match self.hash(row.key) {
                        Some(hash) => batch.push((hash, row)),
                        None => done.dropped += 1,
                    },
                    Found::Nothing => {}
                    Found::Damaged => done.dropped += 1,
                }
                if batch.len() == BATCH {
                    self.restore_batch(image, &mut batch, &copied, names, now_ms, &mut done);
                }
            }
            self.restore_batch(image, &mut batch, &copied, names, now_ms, &mut done);
        })?;
        done.dropped = done.dropped.saturating_add(u32::try_from(lost).unwrap_or(u32::MAX));
        Ok(done)
    }

    /// So many entries are about to come. A table that has some already stays as it is.
    fn expect(&mut self, entries: u32) {
        if self.used() == 0 {
            self.index.expect(entries);
        }
    }

    fn restore_batch(
        &mut self,
        image: &impl Source,
        batch: &mut Vec<(KeyHash, KeptRow<'_>)>,
        copied: &[Copied],
        names: &Names,
        now_ms: u64,
        done: &mut Restored,
    ) {
        batch.iter().for_each(|(hash, _)| self.touch_slot(*hash));
        for (hash, row) in batch.drain(..) {
            match self.restore_row(image, hash, row, copied, names, now_ms) {
                Some(true) => done.entries += 1,
                Some(false) => {}
                None => done.dropped += 1,
            }
        }
    }

    /// Adds one entry. Returns whether it was not here before; none if it cannot be added: there is
    /// no room, or its server is not known any more.
    fn restore_row(
        &mut self,
        image: &impl Source,
        hash: KeyHash,
        kept: KeptRow<'_>,
        copied: &[Copied],
        names: &Names,
        now_ms: u64,
    ) -> Option<bool> {
        let cells = Cells(kept.bytes);
        let is_name = |copied: &&Copied| copied.from.kind() == Kind::Name;
        let mut numbers = copied.iter().filter(is_name).map(|name| cells.get_u32(name.from, 0));
        if numbers.any(|number| number != 0 && !names.contains_key(&number)) {
            return None;
        }
        let (row, is_new) = self.find_or_insert_hashed(hash, kept.key, kept.left_ms, now_ms)?;
        if !is_new {
            return Some(false);
        }
        let name = |number| names.get(&number).map_or(0, |name| name.0);
        let rate = |rate, period_ms| image.rate(rate, period_ms, now_ms);
        self.copy_values(row, cells, copied, name, rate);
        if kept.is_unsent {
            self.touch_late(row, kept.left_ms, now_ms);
        } else {
            self.touch_learned(row, kept.left_ms, now_ms);
        }
        Some(true)
    }

    /// The values that rows of the image and of this table have in common. A count of connections
    /// that are open is not among them: they have gone with the process. Neither is a rate of
    /// another period.
    fn copied(&self, image: &impl Source) -> Vec<Copied> {
        let pairs = self.cells().iter().filter_map(|to| {
            let from = image.layout().cell(to.data_type())?;
            let is_same = from.period_ms() == to.period_ms() && !to.data_type().is_local();
            is_same.then_some(Copied { from, to: *to })
        });
        pairs.collect()
    }
}
