//! How many entries of one table have each name, so that names which nobody has can go.

use super::dictionary::NameId;
use super::layout::Cell;
use super::rows::Rows;

/// The uses of names in one table.
#[derive(Debug)]
pub(super) struct NameUses {
    /// Where rows have their name, in a table that stores names.
    cell: Option<usize>,
    /// By the name's number.
    counts: Vec<u32>,
}

impl NameUses {
    /// Nothing is used yet. There is one data type that is a name, and `cell` is where it is.
    pub(super) fn new(cell: Option<Cell>) -> Self {
        let offset = cell.and_then(|cell| cell.element_offset(0));
        Self { cell: offset, counts: Vec::new() }
    }

    pub(super) fn is_used(&self, name: NameId) -> bool {
        let count = usize::try_from(name.0).ok().and_then(|number| self.counts.get(number));
        count.is_some_and(|count| *count > 0)
    }

    /// A row gets this name for the one that it has.
    #[inline]
    pub(super) fn replace(&mut self, old: u32, new: u32) {
        if old == new {
            return;
        }
        self.release(old);
        if new != NameId::NONE.0 {
            let number = new as usize;
            if self.counts.len() <= number {
                self.counts.resize((number + 1).next_power_of_two(), 0);
            }
            if let Some(count) = self.counts.get_mut(number) {
                *count += 1;
            }
        }
    }

    /// A row is about to be freed.
    #[inline]
    pub(super) fn release_row(&mut self, rows: &Rows, row: u32) {
        if let Some(offset) = self.cell {
            self.release(rows.get(row, offset));
        }
    }

    /// All rows are freed.
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    fn release(&mut self, name: u32) {
        if name != NameId::NONE.0
            && let Some(count) = self.counts.get_mut(name as usize)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Asserts that the counts are what the rows say.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows) {
        let mut counts = vec![0; self.counts.len()];
        let Some(offset) = self.cell else { return };
        for row in (0..rows.fresh()).filter(|row| rows.is_occupied(*row)) {
            match rows.get(row, offset) {
                0 => {}
                name => counts[name as usize] += 1,
            }
        }
        assert_eq!(counts, self.counts);
    }
}
