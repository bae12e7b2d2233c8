//! The stored values of an entry. Setting one logs nothing: touch the entry afterwards.
//!
//! A value of another kind than the function's name says reads 0 and is not written, as do
//! elements beyond the last: another node's declaration may have more of them.

use super::layout::Cell;
use super::{Rate, RowId, StickTable};
use crate::config::data_type::Kind;

impl StickTable {
    /// A 32-bit value: signed ones as their bits, names as their [`super::NameId`].
    pub fn get_u32(&self, row: RowId, cell: Cell, element: u32) -> u32 {
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Signed | Kind::Unsigned | Kind::Name, Some(offset)) => {
                self.rows.get(row.0, offset)
            }
            _ => 0,
        }
    }

    /// Sets a 32-bit value.
    pub fn set_u32(&mut self, row: RowId, cell: Cell, element: u32, value: u32) {
        if let (Kind::Signed | Kind::Unsigned | Kind::Name, Some(offset)) =
            (cell.kind(), cell.element_offset(element))
        {
            self.rows.set(row.0, offset, value);
        }
    }

    /// A 64-bit value.
    pub fn get_u64(&self, row: RowId, cell: Cell, element: u32) -> u64 {
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Wide, Some(offset)) => self.rows.get_wide(row.0, offset),
            _ => 0,
        }
    }

    /// Sets a 64-bit value.
    pub fn set_u64(&mut self, row: RowId, cell: Cell, element: u32, value: u64) {
        if let (Kind::Wide, Some(offset)) = (cell.kind(), cell.element_offset(element)) {
            self.rows.set_wide(row.0, offset, value);
        }
    }

    /// A rate as it is stored.
    pub fn get_rate(&self, row: RowId, cell: Cell, element: u32) -> Rate {
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Rate, Some(offset)) => Rate {
                start_ms: self.rows.get(row.0, offset),
                current: self.rows.get(row.0, offset + 4),
                previous: self.rows.get(row.0, offset + 8),
            },
            _ => Rate::default(),
        }
    }

    /// Sets a rate.
    pub fn set_rate(&mut self, row: RowId, cell: Cell, element: u32, rate: Rate) {
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
}
