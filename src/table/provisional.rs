//! Which entries are provisional: made for a client when its server was chosen, while no
//! connection of the client has reached that server yet.

/// One bit for each row of a table.
#[derive(Debug, Default)]
pub(super) struct Provisional {
    /// Empty unless the table can have provisional entries.
    words: Vec<u64>,
    /// How many bits are set. Most of the time none is, and nothing has to be looked at.
    count: u32,
}

impl Provisional {
    /// No provisional entry, with room for the rows of a table of this size.
    pub(super) fn with_rows(size: u32) -> Self {
        Self { words: vec![0; size.div_ceil(u64::BITS) as usize], count: 0 }
    }

    pub(super) fn is_allowed(&self) -> bool {
        !self.words.is_empty()
    }

    pub(super) fn has(&self, row: u32) -> bool {
        let (word, bit) = place(row);
        self.count > 0 && self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn add(&mut self, row: u32) {
        let (word, bit) = place(row);
        if let Some(word) = self.words.get_mut(word).filter(|word| **word & bit == 0) {
            *word |= bit;
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, row: u32) {
        if self.has(row) {
            let (word, bit) = place(row);
            self.words[word] &= !bit;
            self.count -= 1;
        }
    }

    pub(super) fn clear(&mut self) {
        if self.count > 0 {
            self.words.fill(0);
            self.count = 0;
        }
    }

    /// Every row that is set is occupied, and they are as many as were counted.
    #[cfg(test)]
    pub(super) fn check(&self, is_occupied: impl Fn(u32) -> bool) {
        let rows = u32::try_from(self.words.len() * 64).unwrap();
        let set: Vec<u32> = (0..rows).filter(|row| self.has(*row)).collect();
        assert_eq!(set.len(), self.count as usize);
        assert!(set.into_iter().all(is_occupied), "a free row is provisional");
    }
}

fn place(row: u32) -> (usize, u64) {
    ((row / u64::BITS) as usize, 1 << (row % u64::BITS))
}
