//! Which entries are provisional: made for a client when its server was chosen, while no
//! connection of the client has reached that server yet.

use super::bits::Bits;

/// The provisional rows of a table.
#[derive(Debug, Default)]
pub(super) struct Provisional {
    /// None unless the table can have provisional entries.
    rows: Option<Bits>,
    /// How many rows are provisional. Most of the time there is none, and no row is looked at.
    count: u32,
}

impl Provisional {
    /// No provisional entry, with room for the rows of a table of this size.
    pub(super) fn with_rows(size: u32) -> Self {
        Self { rows: Some(Bits::new(size)), count: 0 }
    }

    pub(super) fn is_allowed(&self) -> bool {
        self.rows.is_some()
    }

    pub(super) fn has(&self, row: u32) -> bool {
        self.count > 0 && self.rows.as_ref().is_some_and(|rows| rows.has(row))
    }

    pub(super) fn add(&mut self, row: u32) {
        if self.rows.as_mut().is_some_and(|rows| rows.set(row)) {
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, row: u32) {
        if self.count > 0 && self.rows.as_mut().is_some_and(|rows| rows.unset(row)) {
            self.count -= 1;
        }
    }

    pub(super) fn clear(&mut self) {
        if self.count > 0 {
            self.rows.iter_mut().for_each(Bits::clear);
            self.count = 0;
        }
    }

    /// Every row that is set is occupied, and they are as many as were counted.
    #[cfg(test)]
    pub(super) fn check(&self, is_occupied: impl Fn(u32) -> bool) {
        let rows = self.rows.as_ref().map_or(0, Bits::len);
        let set: Vec<u32> = (0..rows).filter(|row| self.has(*row)).collect();
        assert_eq!(set.len(), self.count as usize);
        assert!(set.into_iter().all(is_occupied), "a free row is provisional");
    }
}
