//! The side that lends: a process that hands over goes on with small tables of its own, which get
//! the entries that its last connections need.

use std::io;
use std::os::fd::BorrowedFd;

use super::glance::{Glance, Seen};
use super::lender::Lender;
use super::lent::LentMemory;
use super::memory::{Memory, TABLES_MAX};
use super::names::LentNames;
use crate::config::TableId;
use crate::config::data_type::DataType;
use crate::table::Tables;
use crate::table::entry::Cells;
use crate::table::handover_log::Removal;
use crate::table::kept::names::KeptNames;
use crate::table::layout::Head;
use crate::table::row_id::{RowId, RowStep};
use crate::table::stick_table::StickTable;
use crate::table::values::Copied;

/// The tables that a process has lent and may get back, as long as its successor does not serve.
#[derive(Debug)]
pub struct Loan {
    tables: Vec<(TableId, StickTable)>,
    names: Option<KeptNames>,
}

impl Loan {
    /// The entries of all tables, those of the lent ones as they were lent.
    pub fn entries(&self, tables: &Tables) -> u64 {
        tables.ids().map(|id| u64::from(tables.used_of(id))).sum()
    }

    /// A connection of this process tracks an entry of a lent table, and takes it along. Returns
    /// where the entry goes on, held once more. Another table's entry stays where it is. None if
    /// there is no memory for it. The successor does not count the connection: `conn_cur` is what
    /// one process has.
    pub fn take_along(
        &mut self,
        id: TableId,
        row: RowId,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<RowId> {
        let Some((_, before)) = self.tables.iter_mut().find(|(lent, _)| *lent == id) else {
            return Some(row);
        };
        let taken = tables.get_mut(id).take_held(before, row, now_ms);
        if let Some(cell) = before.cell(DataType::ConnCur) {
            let count = before.get_u32(row, cell, 0);
            before.set_u32(row, cell, 0, count.saturating_sub(1));
            before.rows.end_change();
        }
        taken
    }

    /// The way back, after [`Tables::reclaim`].
    pub fn take_back(
        &self,
        id: TableId,
        row: RowId,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<RowId> {
        let small = self.tables.iter().find(|(lent, _)| *lent == id).map(|(_, small)| small);
        small.map_or(Some(row), |small| tables.get_mut(id).take_held(small, row, now_ms))
    }
}

impl Tables {
    /// The rows of the tables that can be lent, with the names of the tables, and the names that
    /// the rows refer to. None if the numbers of names are too high for the file.
    pub fn lendable(
        &self,
    ) -> Option<(impl Iterator<Item = (&str, BorrowedFd<'_>)>, BorrowedFd<'_>)> {
        let names = self.names.file().filter(|_| self.names.fits_file())?;
        let tables = self.tables.iter().filter(|table| table.is_lendable()).take(TABLES_MAX);
        let rows = tables.filter_map(|t| Some((t.declaration().name.as_str(), t.file()?)));
        Some((rows, names))
    }

    /// Lends these tables. From now on this process does not write to their memory. In their place
    /// are tables that have no entries at first; [`Tables::at_key`] fetches those that are wanted.
    ///
    /// # Errors
    /// What the system reports if there is no memory or no descriptor. Nothing is lent then.
    pub fn lend(&mut self, ids: &[TableId]) -> io::Result<(Loan, Vec<LentMemory>)> {
        let names = self.names.file().ok_or(io::ErrorKind::Unsupported)?.try_clone_to_owned()?;
        let (mut lent, mut glances, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            let table = self.get_mut(*id);
            let memory = table.lent_memory()?;
            glances.push((*id, Glance::new(table, &memory)?));
            let own = StickTable::with_memory(table.declaration(), Memory::Sparse);
            let mut own = own.map_err(|_| io::ErrorKind::OutOfMemory)?;
            own.allow_as(table);
            own.start_handover_log();
            tables.push((*id, own));
            lent.push(memory);
        }
        for ((id, table), (_, glance)) in tables.iter_mut().zip(&mut glances) {
            std::mem::swap(table, self.get_mut(*id));
            glance.provisional = std::mem::take(&mut table.provisional);
        }
        self.lender = Some(Box::new(Lender { tables: glances, names: LentNames::new(names) }));
        Ok((Loan { tables, names: self.names.stop_keeping() }, lent))
    }

    /// Goes on with the lent tables: the successor does not come to serve. What has changed here
    /// meanwhile is a change in them. Returns what [`Loan::take_back`] needs to find the entries
    /// there that were held here.
    pub fn reclaim(&mut self, loan: Loan, now_ms: u64) -> Loan {
        let Loan { mut tables, names } = loan;
        let mut glances = self.lender.take().into_iter().flat_map(|lender| lender.tables);
        for (id, table) in &mut tables {
            std::mem::swap(table, self.get_mut(*id));
            let whole = self.get_mut(*id);
            if let Some((_, glance)) = glances.next() {
                whole.provisional = glance.provisional;
            }
            whole.release_all();
            whole.take_changes(table, now_ms);
            whole.take_open_connections(table, now_ms);
        }
        if let Some(names) = names {
            self.names.keep_in(names);
        }
        Loan { tables, names: None }
    }

    /// The table, with the entry of this key in it if a successor has the entry.
    #[inline]
    pub fn at_key(&mut self, id: TableId, key: &[u8], now_ms: u64) -> &mut StickTable {
        if self.lender.is_some() {
            self.fetch(id, key, now_ms);
        }
        self.get_mut(id)
    }

    /// The same for the parts of other nodes, too, that are added to the table.
    pub fn at_key_of_parts(&mut self, id: TableId, key: &[u8], now_ms: u64) {
        if self.lender.is_some() {
            let parts: Vec<TableId> = self.parts(id).collect();
            parts.into_iter().for_each(|part| self.fetch(part, key, now_ms));
        }
    }

    /// The occupied rows of a table; of a lent one, those when it was lent.
    pub fn used_of(&self, id: TableId) -> u32 {
        self.glance(id).map_or_else(|| self.get(id).used(), |glance| glance.used)
    }

    /// [`StickTable::next_row_within`], for a walk that goes on when the table is lent: then the
    /// entries of the successor are fetched one by one.
    pub fn next_row_of(
        &mut self,
        id: TableId,
        from: Option<RowId>,
        rows_max: u32,
        now_ms: u64,
    ) -> WalkStep {
        let Some(glance) = self.glance(id) else {
            return match self.get(id).next_row_within(from, rows_max) {
                RowStep::Row(row) => WalkStep::Row { row, next: row },
                RowStep::Pause(next) => WalkStep::Pause { next },
                RowStep::End => WalkStep::End,
            };
        };
        match glance.next(from.map(|row| row.0), rows_max) {
            Ok(Ok(seen)) => {
                let next = RowId(seen.row);
                let row = self.take_seen(id, &seen, now_ms);
                row.map_or(WalkStep::Pause { next }, |row| WalkStep::Row { row, next })
            }
            Ok(Err(true)) => {
                let first = from.map_or(0, |row| row.0 + 1);
                WalkStep::Pause { next: RowId(first.saturating_add(rows_max.max(1)) - 1) }
            }
            Ok(Err(false)) | Err(_) => WalkStep::End,
        }
    }

    fn glance(&self, id: TableId) -> Option<&Glance> {
        self.lender.as_ref()?.glance(id)
    }

    /// Fetches an entry from the memory of a lent table, unless there is one here already.
    #[cold]
    fn fetch(&mut self, id: TableId, key: &[u8], now_ms: u64) {
        let Some(glance) = self.glance(id) else { return };
        let table = self.get(id);
        if table.find(key, now_ms).is_none()
            && let Some(key) = table.rows.layout().stored_key(key)
            && let Some(seen) = glance.find(&key)
        {
            self.take_seen(id, &seen, now_ms);
        }
    }

    /// Makes an entry of a row of the successor, unless there is one here already.
    fn take_seen(&mut self, id: TableId, seen: &Seen, now_ms: u64) -> Option<RowId> {
        let Self { tables, names, lender: Some(lender), .. } = self else { return None };
        let table = tables.get_mut(id.index())?;
        let name = |number| lender.names.number_here(number, names).0;
        let before = table.used();
        let row = table.take_row(&seen.bytes, name, now_ms)?;
        let glance = lender.glance(id);
        let is_provisional = glance.is_some_and(|glance| glance.provisional.has(seen.row));
        if is_provisional && table.used() > before {
            table.set_provisional(row);
        }
        Some(row)
    }
}

/// One step of a walk over the entries of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkStep {
    /// The next entry is in `row`. The walk goes on behind `next`.
    Row {
        /// The entry.
        row: RowId,
        /// Where to go on.
        next: RowId,
    },
    /// No entry so far: go on behind `next`.
    Pause {
        /// Where to go on.
        next: RowId,
    },
    /// There is no further entry.
    End,
}

impl StickTable {
    /// Takes over an entry of a table with the same declaration, from the bytes of its row, unless
    /// there is one with the key. `name` says which number a name has here. None without memory.
    fn take_row(
        &mut self,
        bytes: &[u8],
        name: impl FnMut(u32) -> u32,
        now_ms: u64,
    ) -> Option<RowId> {
        let key = self.rows.layout().key_in(bytes)?;
        let left_ms = u32::try_from(Head::read(bytes).left_ms(now_ms)).unwrap_or(0);
        let left_ms = self.declaration().expire_ms.map(|_| left_ms);
        let hash = self.hash(key)?;
        let (row, is_new) = self.find_or_insert_hashed(hash, key, left_ms, now_ms)?;
        if is_new {
            self.copy_row(row, bytes, name);
            self.rows.end_change();
        }
        Some(row)
    }

    /// The entry of another table's row, held once more.
    fn take_held(&mut self, other: &Self, row: RowId, now_ms: u64) -> Option<RowId> {
        let row = self.take_row(other.rows.row(row.0), |number| number, now_ms)?;
        self.hold(row);
        Some(row)
    }

    /// Counts the connections that `other` counts in its entries.
    fn take_open_connections(&mut self, other: &Self, now_ms: u64) {
        let Some(cell) = self.cell(DataType::ConnCur) else { return };
        let rows = std::iter::successors(other.next_row(None), |row| other.next_row(Some(*row)));
        for theirs in rows {
            if let Some(row) = self.find(other.key(theirs), now_ms) {
                self.set_u32(row, cell, 0, other.get_u32(theirs, cell, 0));
                self.rows.end_change();
            }
        }
    }

    fn copy_row(&mut self, row: RowId, bytes: &[u8], name: impl FnMut(u32) -> u32) {
        let same = |cell: &_| Copied { from: *cell, to: *cell };
        let copied: Vec<Copied> = self.cells().iter().map(same).collect();
        self.copy_values(row, Cells(bytes), &copied, name, |rate, _| rate);
    }

    /// Makes the changes that `other` has noted for a successor.
    fn take_changes(&mut self, other: &mut Self, now_ms: u64) {
        while let Some(removal) = other.next_handover_removal() {
            // With too many removals `other` means all of its entries, which are few of these.
            if let Removal::Entry(_) = removal {
                self.adopt_removal(&removal, now_ms);
            }
        }
        while let Some(changed) = other.next_handover_change() {
            let Some((row, _)) = self.find_or_insert(other.key(changed), now_ms) else { continue };
            self.copy_row(row, other.rows.row(changed.0), |number| number);
            if other.is_provisional(changed) {
                self.set_provisional(row);
            } else {
                self.settle(row);
            }
            let left_ms = other.expires_in_ms(changed, now_ms);
            if other.update_id(changed).is_some() {
                self.touch_late(row, left_ms, now_ms);
            } else {
                self.touch_learned(row, left_ms, now_ms);
            }
        }
    }
}
