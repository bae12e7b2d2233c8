//! The index beside a map, from a few slots on, so that it grows all the time.

use std::collections::HashMap;

use super::Index;
use crate::net::memory::region::Storage;
use crate::table::rows::Rows;
use crate::table::tests::declaration;
use crate::table::tests::model::Random;

/// An index that begins with so few slots, its rows, and what must be in both.
struct Pair {
    index: Index,
    rows: Rows,
    model: HashMap<u32, u32>,
}

impl Pair {
    fn new(size: u32, slots: usize) -> Self {
        let rows = Rows::new(&declaration(size, None), Storage::Own).unwrap();
        Self {
            index: Index::with_slots(size, slots, Storage::Own).unwrap(),
            rows,
            model: HashMap::new(),
        }
    }

    fn find(&self, key: u32) -> Option<u32> {
        let key = key.to_be_bytes();
        self.index.find(&self.rows, self.index.hash(&key), &key)
    }

    fn insert(&mut self, key: u32) {
        assert!(self.index.make_room(self.rows.used()));
        let bytes = key.to_be_bytes();
        let row = self.rows.insert(&bytes).unwrap();
        self.index.insert(&self.rows, self.index.hash(&bytes), row);
        self.model.insert(key, row);
    }

    fn remove(&mut self, key: u32) {
        let row = self.model.remove(&key).unwrap();
        self.index.remove(&self.rows, row);
        self.rows.remove(row);
    }
}

#[test]
fn every_row_is_found_while_the_index_grows() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut pair = Pair::new(3000, 16);
        let (mut times_grown, mut was_seen_growing) = (0, false);
        let removals = 1 + random.below(3);
        for _ in 0..6000 {
            let key = random.below(4000);
            let before = pair.index.slots.len();
            match pair.model.contains_key(&key) {
                true if random.below(4) < removals => pair.remove(key),
                false if pair.model.len() < 3000 => pair.insert(key),
                true | false => {}
            }
            times_grown += u32::from(pair.index.slots.len() > before);
            was_seen_growing |= pair.index.growth.is_some();
            assert_eq!(pair.find(key), pair.model.get(&key).copied());
            if random.below(50) == 0 {
                pair.index.check(&pair.rows);
                assert!(pair.model.iter().all(|(key, row)| pair.find(*key) == Some(*row)));
            }
        }
        pair.index.check(&pair.rows);
        assert!(times_grown >= 6 && was_seen_growing, "{times_grown}");
        pair.rows.clear();
        pair.index.clear();
        assert!(pair.model.keys().all(|key| pair.find(*key).is_none()));
        assert_eq!(pair.index.allocated_bytes(), 16 * 4);
    }
}

#[test]
fn an_index_is_as_large_as_its_rows_need() {
    assert_eq!(Index::new(100_000_000, Storage::Own).unwrap().allocated_bytes(), 8 << 20);
    assert_eq!(Index::new(100, Storage::Own).unwrap().allocated_bytes(), 256 * 4);
    let mut pair = Pair::new(3000, 16);
    (0..3000).for_each(|key| pair.insert(key));
    assert!(pair.index.growth.is_none());
    assert_eq!(pair.index.allocated_bytes(), Index::capacity(3000) * 4);
}

#[test]
fn an_index_that_expects_its_rows_does_not_grow() {
    let mut pair = Pair::new(3000, 16);
    pair.index.expect(1000);
    let bytes = pair.index.allocated_bytes();
    assert_eq!(bytes, Index::capacity(1000) * 4);
    (0..1000).for_each(|key| pair.insert(key));
    assert_eq!((pair.index.allocated_bytes(), pair.index.growth.is_none()), (bytes, true));
    pair.index.check(&pair.rows);
    (1000..3000).for_each(|key| pair.insert(key));
    assert!((0..3000).all(|key| pair.find(key).is_some()));
    let mut pair = Pair::new(3000, 16);
    pair.index.expect(u32::MAX);
    assert_eq!(pair.index.allocated_bytes(), Index::capacity(3000) * 4);
}
