//! Stick tables: of fixed size, the time passed in.
//!
//! ```text
//!            key ──hash──> index/            u32 slots: tag and row number
//!                             │
//!                             v
//!   rows.rs   [ row | row | row | ... ]      one allocation, laid out by layout.rs
//!                │ links       │ update id
//!                v             v
//!            expiry.rs      update_log.rs    what ends next       what changed since
//! ```
//! `stick_table.rs` keeps these in step. `values.rs` reads and sets the stored data, `entry.rs`
//! shows a whole entry, and `rate.rs` has the event rates. `reload.rs` is a table's part in a
//! reload, with `handover_log.rs` for the changes that a successor lacks and `takeover.rs` for the
//! entries that a predecessor must not change any more. `provisional.rs` marks the entries that
//! name a server which their client has not reached yet. `key.rs` and `dictionary.rs` say what keys
//! and server names are, and `server_uses.rs` counts the entries of each server. `shown/` has what
//! is kept for people to look at. `reserve.rs` says whether there is memory for a table, and
//! `kept/` what is left of the tables when the process has crashed. `lending/` passes a table's
//! memory to a successor. `saved/` has tables in files.

mod bits;
mod dictionary;
mod entry;
mod expiry;
mod handover_log;
mod holding;
mod index;
mod kept;
pub mod key;
mod layout;
mod lending;
mod provisional;
mod rate;
mod reload;
mod reserve;
mod row_id;
mod rows;
mod saved;
mod server_uses;
mod shown;
mod stick_table;
mod takeover;
#[cfg(test)]
mod tests;
mod update_log;
mod values;

pub use dictionary::{Dictionary, NAME_LEN_MAX, NAMES_MAX, NameId, Renumbered};
pub use entry::{Cells, Entry};
pub use handover_log::Removal;
pub use index::KeyHash;
pub use kept::{KeptTables, Restored};
pub use layout::{Cell, ServerPlace};
pub use lending::{LentMemory, Loan, Memory, WalkStep};
pub use rate::Rate;
pub use reserve::TableError;
pub use row_id::{RowId, RowStep};
pub use saved::{
    HEAD, LastSave, SaveReport, SavedResult, SavedTable, Stamp, Standing, Written, write_table,
};
pub use shown::{Author, Origin};
pub use stick_table::{END_SOON_MS, StickTable};
pub use update_log::{Change, UpdateId};
pub use values::sum_of_parts;

use std::iter::repeat;
use std::os::fd::BorrowedFd;

use crate::config;
use crate::config::TableId;
use lending::{Awaited, Lender};

/// All stick tables, and the server names that their entries refer to.
#[derive(Debug)]
pub struct Tables {
    tables: Vec<StickTable>,
    names: Dictionary,
    /// What a predecessor is going to lend.
    awaited: Awaited,
    /// What this process has lent to its successor.
    lender: Option<Box<Lender>>,
    next_sweep_ms: u64,
    rules: u16,
    wants_save: bool,
}

/// The least time between two sweeps if the first gained less than [`SWEEP_GAIN`] names. Looking
/// through the names takes a while when there are many tables.
const SWEEP_AGAIN_MS: u64 = 1000;
const SWEEP_GAIN: usize = NAMES_MAX / 8;

impl Tables {
    /// Empty tables, in the order of the declarations: a table's id is its position.
    ///
    /// # Errors
    /// If there is no memory for a table.
    pub fn new(declarations: &[config::StickTable]) -> Result<Self, TableError> {
        Self::with_memory(declarations, KeptTables::default(), repeat(Memory::Own))
    }

    /// The same with memory of any kind: one for each table. A predecessor `offers` the rows of
    /// tables that it lends: those that are declared alike here are awaited, see
    /// [`Tables::take_over`].
    ///
    /// # Errors
    /// If there is no memory for a table.
    pub fn with_memory(
        declarations: &[config::StickTable],
        offers: KeptTables,
        memory: impl IntoIterator<Item = Memory>,
    ) -> Result<Self, TableError> {
        let awaited = Awaited::of(offers, declarations);
        let mut names = Dictionary::default();
        let mut tables = Vec::with_capacity(declarations.len());
        for ((id, declaration), memory) in (0..).map(TableId).zip(declarations).zip(memory) {
            let memory = if awaited.has(id) { Memory::Sparse } else { memory };
            // A predecessor that lends tables lends its names too.
            let is_kept = matches!(memory, Memory::Kept | Memory::Lendable);
            if is_kept && awaited.is_empty() && names.file().is_none() {
                names.keep_memory();
            }
            tables.push(StickTable::with_memory(declaration, memory)?);
        }
        let (next_sweep_ms, rules, wants_save) = (0, 0, false);
        Ok(Self { tables, names, awaited, lender: None, next_sweep_ms, rules, wants_save })
    }

    /// The files of the rows, with the names of their tables, and the file of the names, if other
    /// processes can keep them.
    pub fn files(&self) -> (impl Iterator<Item = (&str, BorrowedFd<'_>)>, Option<BorrowedFd<'_>>) {
        let tables = self.tables.iter();
        let rows = tables.filter_map(|t| Some((t.declaration().name.as_str(), t.file()?)));
        (rows, self.names.file())
    }

    /// The table with this id.
    pub fn get(&self, id: TableId) -> &StickTable {
        &self.tables[id.index()]
    }

    /// The table with this id.
    pub fn get_mut(&mut self, id: TableId) -> &mut StickTable {
        &mut self.tables[id.index()]
    }

    /// Every id, in the order of the declarations.
    pub fn ids(&self) -> impl Iterator<Item = TableId> + use<> {
        let count = u16::try_from(self.tables.len()).unwrap_or(u16::MAX);
        (0..count).map(TableId)
    }

    /// The table that the Runtime API knows under this name.
    pub fn by_name(&self, name: &str) -> Option<TableId> {
        self.ids().find(|id| self.get(*id).declaration().name == name)
    }

    /// The part of this node in the sum that rules and commands know under this name.
    pub fn sum_by_name(&self, name: &str) -> Option<TableId> {
        self.ids().find(|id| self.get(*id).declaration().sum_name() == Some(name))
    }

    /// A table, and the parts of other nodes that are added to it where counts are told.
    pub fn parts(&self, id: TableId) -> impl Iterator<Item = TableId> {
        let others = self.get(id).declaration().other_parts();
        std::iter::once(id).chain(others.iter().copied())
    }

    /// The entries with this key in a table and in the parts of other nodes.
    pub fn entries_of_parts(
        &self,
        id: TableId,
        key: &[u8],
        now_ms: u64,
    ) -> impl Iterator<Item = (&StickTable, RowId)> {
        let tables = self.parts(id).map(|id| self.get(id));
        tables.filter_map(move |table| Some((table, table.find(key, now_ms)?)))
    }

    /// The entries of all tables.
    pub fn used(&self) -> u64 {
        self.tables.iter().map(|table| u64::from(table.used())).sum()
    }

    /// A number that differs whenever a local change was given a place in some update log.
    pub fn changes(&self) -> u64 {
        self.tables.iter().map(|table| u64::from(table.last_update().0)).sum()
    }

    /// A number for another rule that stores servers in tables.
    pub fn new_rule(&mut self) -> u16 {
        self.rules = self.rules.saturating_add(1);
        self.rules
    }

    /// Asks the process to save the tables now that have a file.
    pub fn request_save(&mut self) {
        self.wants_save = true;
    }

    /// Whether that was asked. The question is answered once.
    pub fn take_wanted_save(&mut self) -> bool {
        std::mem::take(&mut self.wants_save)
    }

    /// The server names.
    pub fn names(&self) -> &Dictionary {
        &self.names
    }

    /// The server names.
    pub fn names_mut(&mut self) -> &mut Dictionary {
        &mut self.names
    }

    /// Makes room in a full dictionary: names that no entry has are removed. The numbers of names
    /// that are held outside of tables mean nothing afterwards, see [`Dictionary::generation`].
    pub fn sweep_names(&mut self, now_ms: u64) {
        if self.wants_sweep(now_ms) {
            let (before, tables) = (self.names.len(), &self.tables);
            self.names.sweep(|name| tables.iter().any(|table| table.uses_name(name)));
            if before - self.names.len() < SWEEP_GAIN {
                self.next_sweep_ms = now_ms + SWEEP_AGAIN_MS;
            }
        }
    }

    /// Whether [`Tables::sweep_names`] would look for names to remove.
    pub fn wants_sweep(&self, now_ms: u64) -> bool {
        self.names.is_full() && self.next_sweep_ms <= now_ms
    }

    /// The tables, to be indexed by [`TableId::index`], and the server names at the same time.
    pub fn split_mut(&mut self) -> (&mut [StickTable], &mut Dictionary) {
        (&mut self.tables, &mut self.names)
    }
}
