//! A live entry and its stored values, to be read.

use super::layout::{Cell, word};
use super::rate::Rate;
use super::update_log::UpdateId;
use crate::config::data_type::Kind;

/// A live entry, to be read as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// Its key, as [`StickTable::key`](super::StickTable::key) gives it.
    pub key: &'t [u8],
    /// Its stored values.
    pub cells: Cells<'t>,
    /// Its place in the update log, none if it never changed here.
    pub update_id: Option<UpdateId>,
    /// Its time to live; `None` in a table without `expire`.
    pub expires_in_ms: Option<u32>,
}

/// The stored values of one row, to be read.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'t>(pub(super) &'t [u8]);

impl Cells<'_> {
    /// A 32-bit value: signed ones as their bits, names as their [`super::NameId`].
    #[inline]
    pub fn get_u32(self, cell: Cell, element: u32) -> u32 {
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Signed | Kind::Unsigned | Kind::Name, Some(offset)) => word(self.0, offset),
            _ => 0,
        }
    }

    /// A 64-bit value.
    #[inline]
    pub fn get_u64(self, cell: Cell, element: u32) -> u64 {
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Wide, Some(offset)) => {
                let bytes = self.0[offset..offset + 8].try_into().expect("eight bytes");
                u64::from_ne_bytes(bytes)
            }
            _ => 0,
        }
    }

    /// A rate as it is stored.
    #[inline]
    pub fn get_rate(self, cell: Cell, element: u32) -> Rate {
        match (cell.kind(), cell.element_offset(element)) {
            (Kind::Rate, Some(offset)) => Rate {
                start_ms: word(self.0, offset),
                current: word(self.0, offset + 4),
                previous: word(self.0, offset + 8),
            },
            _ => Rate::default(),
        }
    }
}
