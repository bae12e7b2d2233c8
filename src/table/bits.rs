//! A set of rows: one bit each.

/// Which rows are in the set.
#[derive(Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set, with room for `size` rows.
    pub(super) fn new(size: u32) -> Self {
        Self { words: vec![0; (size as usize).div_ceil(64)] }
    }

    /// Puts a row in. Returns whether it was not there before.
    pub(super) fn set(&mut self, row: u32) -> bool {
        let (word, bit) = place(row);
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Takes a row out. Returns whether it was there.
    pub(super) fn unset(&mut self, row: u32) -> bool {
        let was_set = self.has(row);
        let (word, bit) = place(row);
        self.words[word] &= !bit;
        was_set
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(super) fn has(&self, row: u32) -> bool {
        let (word, bit) = place(row);
        self.words[word] & bit != 0
    }

    /// The rows in the set, in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let of_word = |(first, word): (u32, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit)
        };
        let words = (0..).step_by(64).zip(&self.words);
        words.filter(|(_, word)| **word != 0).flat_map(of_word)
    }

    /// The rows that there is room for.
    #[cfg(test)]
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.words.len() * 64).unwrap_or(u32::MAX)
    }
}

fn place(row: u32) -> (usize, u64) {
    (row as usize / 64, 1 << (row % 64))
}
