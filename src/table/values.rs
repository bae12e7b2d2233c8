//! Reading and setting the stored values of an entry. Setting a value logs nothing: touch the entry
//! afterwards.
//!
//! A value whose kind is not that of the function reads 0 and is not written. The same holds for an
//! element beyond the last: another node's declaration may have more of them.

use super::dictionary::{Dictionary, NameId};
use super::entry::Cells;
use super::layout::{Cell, ServerPlace};
use super::rate::Rate;
use super::row_id::RowId;
use super::stick_table::StickTable;
use crate::config::data_type::Kind;

/// The sum of a value over the parts of several nodes. It ends where the kind of the value ends.
pub fn sum_of_parts<'t>(
    parts: impl Iterator<Item = (&'t StickTable, RowId)>,
    cell: Cell,
    element: u32,
    now_ms: u64,
) -> u64 {
    let numbers = parts.map(|(table, row)| table.number(row, cell, element, now_ms));
    numbers.fold(0, u64::saturating_add).min(cell.kind().most())
}

/// A value of another table's rows, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) from: Cell,
    pub(super) to: Cell,
}

impl StickTable {
    /// Sets values of a row to those of another table's row. `name` and `rate` say what a name's
    /// number and a rate of a period in milliseconds mean here.
    pub(super) fn copy_values(
        &mut self,
        row: RowId,
        other: Cells<'_>,
        copied: &[Copied],
        mut name: impl FnMut(u32) -> u32,
        rate: impl Fn(Rate, u32) -> Rate,
    ) {
        for Copied { from, to } in copied {
            for element in 0..to.elements().min(from.elements()) {
                let value = other.get_u32(*from, element);
                match from.kind() {
                    Kind::Signed | Kind::Unsigned => self.set_u32(row, *to, element, value),
                    Kind::Wide => self.set_u64(row, *to, element, other.get_u64(*from, element)),
                    Kind::Rate => {
                        let rate = rate(other.get_rate(*from, element), from.period_ms());
                        self.set_rate(row, *to, element, rate);
                    }
                    Kind::Name => self.set_u32(row, *to, element, name(value)),
                }
            }
        }
    }

    /// Where `server_id` and `server_key` are, in a table that stores both.
    pub fn server_place(&self) -> Option<ServerPlace> {
        self.rows.layout().server_place()
    }

    /// Sets `server_id`, and `server_key` unless there is no name, as [`StickTable::set_u32`] does
    /// but without looking up what kind of value each is: most of what is learned are these two.
    #[inline(always)]
    pub fn set_server(&mut self, row: RowId, place: ServerPlace, server_id: u32, key: NameId) {
        self.rows.begin_change(row.0);
        let is_other = self.server_uses.set_server(&mut self.rows, row.0, place, server_id, key);
        self.note_server(row, is_other);
    }

    /// Whether an entry has this name.
    pub(super) fn uses_name(&self, name: NameId) -> bool {
        self.server_uses.is_used(name)
    }

    /// The entries that name a server by this name or, where they have no name, by this id.
    pub fn entries_of(&self, name: NameId, id: u32) -> u32 {
        self.server_uses.of_name(name) + self.server_uses.of_id(id)
    }

    /// A number that tables of other nodes have too when they hold the same keys with the same
    /// servers. It does not depend on the order of the entries, on their counters or on their time.
    pub fn digest(&self, names: &Dictionary) -> u64 {
        self.server_uses.digest(names)
    }

    /// `server_id` and `server_key`, in a table that stores both.
    pub fn server(&self, row: RowId, place: ServerPlace) -> (u32, NameId) {
        (self.rows.get(row.0, place.id), NameId(self.rows.get(row.0, place.key)))
    }

    /// A 32-bit value: signed ones as their bits, names as their [`super::NameId`].
    pub fn get_u32(&self, row: RowId, cell: Cell, element: u32) -> u32 {
        self.cells_of(row).get_u32(cell, element)
    }

    /// Sets a 32-bit value.
    pub fn set_u32(&mut self, row: RowId, cell: Cell, element: u32, value: u32) {
        self.rows.begin_change(row.0);
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Signed, Some(offset)) if self.server_uses.is_id_at(offset) => {
                let is_other = self.server_uses.set_id(&mut self.rows, row.0, offset, value);
                self.note_server(row, is_other);
            }
            (Kind::Signed | Kind::Unsigned, Some(offset)) => self.rows.set(row.0, offset, value),
            (Kind::Name, Some(offset)) => {
                let name = NameId(value);
                let is_other = self.server_uses.set_name(&mut self.rows, row.0, offset, name);
                self.note_server(row, is_other);
            }
            _ => {}
        }
    }

    /// A 64-bit value.
    pub fn get_u64(&self, row: RowId, cell: Cell, element: u32) -> u64 {
        self.cells_of(row).get_u64(cell, element)
    }

    /// Sets a 64-bit value.
    pub fn set_u64(&mut self, row: RowId, cell: Cell, element: u32, value: u64) {
        self.rows.begin_change(row.0);
        if let (Kind::Wide, Some(offset)) = (cell.kind(), cell.element_offset(element)) {
            self.rows.set_wide(row.0, offset, value);
        }
    }

    /// A rate as it is stored.
    pub fn get_rate(&self, row: RowId, cell: Cell, element: u32) -> Rate {
        self.cells_of(row).get_rate(cell, element)
    }

    /// Sets a rate.
    pub fn set_rate(&mut self, row: RowId, cell: Cell, element: u32, rate: Rate) {
        self.rows.begin_change(row.0);
        if let (Kind::Rate, Some(offset)) = (cell.kind(), cell.element_offset(element)) {
            self.rows.set(row.0, offset, rate.start_ms);
            self.rows.set(row.0, offset + 4, rate.current);
            self.rows.set(row.0, offset + 8, rate.previous);
        }
    }

    /// Counts `by` events of a rate.
    pub fn count_rate(&mut self, row: RowId, cell: Cell, element: u32, by: u32, now_ms: u64) {
        let mut rate = self.get_rate(row, cell, element);
        rate.count(by, cell.period_ms(), now_ms);
        self.set_rate(row, cell, element, rate);
    }

    /// The estimate of a rate's events in its last period.
    pub fn rate(&self, row: RowId, cell: Cell, element: u32, now_ms: u64) -> u32 {
        self.get_rate(row, cell, element).estimate(cell.period_ms(), now_ms)
    }

    /// A value as a number, whatever its kind; a rate as its estimate.
    pub fn number(&self, row: RowId, cell: Cell, element: u32, now_ms: u64) -> u64 {
        match cell.kind() {
            Kind::Signed | Kind::Unsigned | Kind::Name => self.get_u32(row, cell, element).into(),
            Kind::Wide => self.get_u64(row, cell, element),
            Kind::Rate => self.rate(row, cell, element, now_ms).into(),
        }
    }

    fn cells_of(&self, row: RowId) -> Cells<'_> {
        Cells(self.rows.row(row.0))
    }
}
