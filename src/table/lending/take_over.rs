//! The side that takes over.

use std::fs::File;
use std::io;

use super::awaited::Awaited;
use super::lent::LentMemory;
use super::memory::Memory;
use crate::config::TableId;
use crate::config::data_type::Kind;
use crate::table::Tables;
use crate::table::dictionary::{NameId, Renumbered};
use crate::table::kept::names::KeptNames;
use crate::table::kept::{KeptTables, Restored, invalid, names};
use crate::table::layout::Cell;
use crate::table::stick_table::StickTable;

impl Tables {
    /// The tables that the predecessor is to lend.
    pub fn awaited(&self) -> impl Iterator<Item = TableId> {
        self.awaited.tables.iter().map(|(id, _)| *id)
    }

    /// Goes on with the memory of these tables, in place of their own. Nothing is written to it
    /// before the predecessor knows, but to the file of the names. What cannot be taken over stays
    /// awaited. Returns the new numbers of the names, and what has failed.
    pub fn take_over(
        &mut self,
        lent: Vec<(TableId, LentMemory)>,
    ) -> (Renumbered, Vec<(TableId, io::Error)>) {
        if lent.is_empty() {
            return (Renumbered::default(), Vec::new());
        }
        let renumbered = match self.take_names_over() {
            Ok(renumbered) => renumbered,
            Err(error) => {
                let failed = |(id, _)| (id, io::Error::other(format!("the names: {error}")));
                return (Renumbered::default(), lent.into_iter().map(failed).collect());
            }
        };
        let mut failed = Vec::new();
        for (id, memory) in lent {
            if let Err(error) = self.take_table_over(id, memory) {
                failed.push((id, error));
            }
        }
        let taken = |id: &TableId| self.awaited.taken.iter().any(|(taken, _)| taken == id);
        let others: Vec<TableId> = self.ids().filter(|id| !taken(id)).collect();
        for id in others {
            self.get_mut(id).renumber(&renumbered);
        }
        (renumbered, failed)
    }

    fn take_names_over(&mut self) -> io::Result<Renumbered> {
        let nothing = || invalid("the predecessor has told no names");
        let file = self.awaited.names.as_ref().ok_or_else(nothing)?;
        let known = names::read(&File::from(file.try_clone()?))?;
        let kept = KeptNames::shared(file.try_clone()?)?;
        Ok(self.names.succeed(known, kept))
    }

    fn take_table_over(&mut self, id: TableId, memory: LentMemory) -> io::Result<()> {
        let at = self.awaited.tables.iter().position(|(own, _)| *own == id);
        let Some(at) = at else { return Err(invalid("a table that was not wanted")) };
        let rows = self.awaited.tables.get(at).map(|(_, rows)| rows.try_clone());
        let rows = rows.ok_or_else(|| invalid("no rows"))??;
        self.get_mut(id).take_memory_over(rows, memory)?;
        let taken = self.awaited.tables.swap_remove(at);
        self.awaited.taken.push(taken);
        Ok(())
    }

    /// Whether tables were taken over, and the predecessor may not know it yet.
    pub fn has_taken(&self) -> bool {
        !self.awaited.taken.is_empty()
    }

    /// The predecessor knows that this process has taken its tables over. Nothing is lent any more.
    pub fn keep_taken(&mut self) {
        self.awaited = Awaited::default();
    }

    /// The predecessor does not know that this process has taken its tables over: they are awaited
    /// again.
    pub fn leave_taken(&mut self) {
        let taken = std::mem::take(&mut self.awaited.taken);
        self.awaited.tables.extend(taken);
    }

    /// Reads the rows of the tables that are still awaited, and makes entries of them in memory of
    /// this process, as after a crash. Returns what became of each.
    pub fn restore_awaited(&mut self, now_ms: u64) -> Vec<(String, io::Result<Restored>)> {
        let tables = std::mem::take(&mut self.awaited.tables);
        let names = self.awaited.names.as_ref().and_then(|names| names.try_clone().ok());
        let mut kept = KeptTables { names, tables: Vec::new() };
        let mut results = Vec::new();
        for (id, rows) in tables {
            let table = self.get_mut(id);
            let name = table.declaration().name.clone();
            match StickTable::with_memory(table.declaration(), Memory::Lendable) {
                Ok(own) => {
                    table.replace(own.into_parts());
                    kept.tables.push((name, rows));
                }
                Err(error) => results.push((name, Err(io::Error::other(error)))),
            }
        }
        if !kept.tables.is_empty() {
            if self.names.file().is_none() {
                self.names.keep_memory();
            }
            results.extend(self.restore(kept, now_ms));
        }
        results
    }
}

impl StickTable {
    /// Names have other numbers from now on.
    fn renumber(&mut self, renumbered: &Renumbered) {
        let names = self.cells().iter().filter(|cell| cell.kind() == Kind::Name);
        let names: Vec<Cell> = names.copied().collect();
        let mut row = self.next_row(None);
        while let Some(at) = row.filter(|_| !names.is_empty()) {
            for cell in &names {
                for element in 0..cell.elements() {
                    let before = NameId(self.get_u32(at, *cell, element));
                    let NameId(number) = renumbered.number(before);
                    self.set_u32(at, *cell, element, number);
                }
            }
            self.rows.end_change();
            row = self.next_row(Some(at));
        }
    }
}
