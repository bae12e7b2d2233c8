//! The table against the dumbest possible model: the same seeded random operations on both, and
//! after each one the same answers. Two simulated peers and a successor read the logs meanwhile.

use std::collections::HashMap;

use super::declaration;
use crate::config::KeyType;
use crate::config::data_type::DataType;
use crate::net::memory::region::Storage;
use crate::table::dictionary::Dictionary;
use crate::table::index::Index;
use crate::table::lending::Memory;
use crate::table::{Cell, Change, NameId, Removal, RowId, StickTable, UpdateId};

const OPERATIONS: u32 = 100_000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// splitmix64.
pub(in crate::table) struct Random(pub(in crate::table) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(in crate::table) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit)).unwrap()
    }
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    key_type: KeyType,
    size: u32,
    keys: u32,
    expire_ms: Option<u32>,
    nopurge: bool,
    /// Whether entries are learned with times of their own.
    learns: bool,
    start_ms: u64,
    start_id: u32,
    /// How far the clock moves at most between two operations.
    step_ms: u32,
}

const PLAIN: Shape = Shape {
    key_type: KeyType::Ipv4,
    size: 40,
    keys: 70,
    expire_ms: Some(5000),
    nopurge: false,
    learns: false,
    start_ms: 1000,
    start_id: 0,
    step_ms: 100,
};

#[derive(Clone, Debug)]
struct Entry {
    row: RowId,
    value: u32,
    expiry_ms: u64,
    /// When it was last moved to the end of its list, as a count of operations.
    used: u64,
    /// Whether the last change was made here, so that peers must have it.
    local: bool,
    /// Whether it was marked as provisional since a peer last told of it.
    provisional: bool,
}

#[derive(Default)]
struct Reader {
    position: UpdateId,
    seen: HashMap<Vec<u8>, u32>,
}

impl Reader {
    /// Reads up to `budget` changes; teaches itself in full when lapped. Returns whether it is
    /// up to date.
    fn read(&mut self, table: &mut StickTable, value: Cell, budget: usize) -> bool {
        let mut rows = vec![false; table.size() as usize];
        for _ in 0..budget {
            match table.next_change(self.position) {
                Change::Row { row, id } => {
                    assert!(id.is_after(self.position) && !id.is_after(table.last_update()));
                    assert_eq!(table.update_id(row), Some(id));
                    let seen = std::mem::replace(&mut rows[row.0 as usize], true);
                    assert!(!seen, "a row came twice");
                    self.seen.insert(table.key(row).to_vec(), table.get_u32(row, value, 0));
                    self.position = id;
                }
                Change::Skipped { upto } => {
                    assert!(upto.is_after(self.position));
                    self.position = upto;
                }
                Change::UpToDate => return true,
                Change::Lapped => {
                    self.position = table.last_update();
                    table.note_pushed(self.position);
                    let mut cursor = None;
                    while let Some(row) = table.next_row(cursor) {
                        self.seen.insert(table.key(row).to_vec(), table.get_u32(row, value, 0));
                        cursor = Some(row);
                    }
                }
            }
            table.note_pushed(self.position);
        }
        false
    }
}

struct Run {
    shape: Shape,
    random: Random,
    now_ms: u64,
    count: u64,
    table: StickTable,
    value: Cell,
    model: HashMap<Vec<u8>, Entry>,
    peers: [Reader; 2],
    successor: Option<HashMap<Vec<u8>, u32>>,
}

impl Run {
    fn new(shape: Shape, seed: u64) -> Self {
        let mut declaration = declaration(shape.size, shape.expire_ms);
        declaration.key_type = shape.key_type;
        declaration.key_len = 9;
        declaration.nopurge = shape.nopurge;
        let mut table = StickTable::with_memory(&declaration, Memory::Lendable).unwrap();
        // It grows all the time.
        table.index = Index::with_slots(shape.size, 8, Storage::Kept).unwrap();
        table.adopt_last_update(UpdateId(shape.start_id));
        table.allow_provisional();
        let reader = || Reader { position: UpdateId(shape.start_id), ..Reader::default() };
        Self {
            shape,
            random: Random(seed),
            now_ms: shape.start_ms,
            count: 0,
            value: table.cell(DataType::ServerId).unwrap(),
            table,
            model: HashMap::new(),
            peers: [reader(), reader()],
            successor: None,
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let number = self.random.below(self.shape.keys);
        match self.shape.key_type {
            KeyType::Integer | KeyType::Ipv4 => number.to_be_bytes().to_vec(),
            KeyType::Ipv6 => u128::from(number).to_be_bytes().to_vec(),
            KeyType::String => format!("k{number}").into_bytes(),
            KeyType::Binary => format!("k{number:08}").into_bytes(),
        }
    }

    fn is_live(&self, entry: &Entry) -> bool {
        self.shape.expire_ms.is_none() || entry.expiry_ms > self.now_ms
    }

    fn width(&self) -> u64 {
        u64::from(self.shape.expire_ms.unwrap_or(0).div_ceil(256).next_power_of_two())
    }

    fn step(&mut self) {
        self.count += 1;
        self.now_ms += u64::from(self.random.below(self.shape.step_ms + 1));
        match self.random.below(100) {
            0..45 => self.insert(),
            45..60 => self.find(),
            60..70 => self.remove(),
            70..78 => self.expire(),
            78..84 => self.refresh(),
            84..92 => {
                let budget = self.random.below(10) as usize;
                let peer = self.random.below(2) as usize;
                self.peers[peer].read(&mut self.table, self.value, budget);
            }
            92..98 => self.hand_over(),
            98 if self.random.below(2) == 0 => self.change_hands(),
            98 => self.idle(),
            _ => {
                if self.random.below(100) == 0 {
                    self.table.clear();
                    self.model.clear();
                }
            }
        }
        if self.count.is_multiple_of(256) {
            let live = self.model.values().filter(|entry| self.is_live(entry)).count();
            let used = self.table.used() as usize;
            assert!(live <= used && used <= self.model.len());
            self.table.check();
        }
    }

    fn insert(&mut self) {
        let key = self.key();
        let old = self.model.remove(&key).filter(|entry| self.is_live(entry));
        let found = self.table.find_or_insert(&key, self.now_ms);
        let Some((row, new)) = found else {
            assert!(self.shape.nopurge && old.is_none(), "an entry was refused");
            assert_eq!(self.table.used(), self.shape.size);
            assert!(self.shape.learns || self.model.values().all(|entry| self.is_live(entry)));
            return;
        };
        assert_eq!(new, old.is_none());
        assert_eq!(self.table.key(row), key);
        let held = self.table.get_u32(row, self.value, 0);
        assert_eq!(held, old.as_ref().map_or(0, |entry| entry.value));
        self.note_victim(row);
        let value = u32::try_from(self.count).unwrap();
        if self.random.below(2) == 0 {
            self.table.set_u32(row, self.value, 0, value);
            let name = self.table.cell(DataType::ServerKey).unwrap();
            self.table.set_u32(row, name, 0, value % 9);
        } else {
            let place = self.table.server_place().unwrap();
            self.table.set_server(row, place, value, NameId(value % 9));
        }
        let learned = self.random.below(3) == 0;
        let was_provisional = old.is_some_and(|entry| entry.provisional);
        assert_eq!(self.table.is_provisional(row), was_provisional);
        let marked = self.random.below(4) == 0;
        if marked {
            self.table.set_provisional(row);
        }
        let provisional = !learned && (marked || was_provisional);
        let expire_ms = self.shape.expire_ms.unwrap_or(0);
        let mut ttl_ms = None;
        if learned {
            if self.shape.learns && expire_ms > 0 {
                ttl_ms = Some(self.random.below(expire_ms + expire_ms / 4));
            }
            self.table.touch_learned(row, ttl_ms, self.now_ms);
        } else {
            self.table.touch_local(row, self.now_ms);
        }
        let ttl_ms = ttl_ms.map_or(expire_ms, |ttl| ttl.min(expire_ms));
        let expiry_ms = self.now_ms + u64::from(ttl_ms);
        let entry = Entry { row, value, expiry_ms, used: self.count, local: !learned, provisional };
        self.model.insert(key, entry);
    }

    /// An entry of the model that had this row has been evicted; it must have been the oldest.
    fn note_victim(&mut self, row: RowId) {
        let victim = self.model.iter().find(|(_, entry)| entry.row == row);
        let Some((key, entry)) = victim.map(|(key, entry)| (key.clone(), entry.clone())) else {
            return;
        };
        if self.is_live(&entry) {
            assert!(!self.shape.nopurge, "an entry was purged");
            assert_eq!(self.model.len() + 1, self.shape.size as usize + 1);
            if self.shape.learns && self.shape.expire_ms.is_some() {
                let first = self.model.values().map(|entry| entry.expiry_ms).min().unwrap();
                assert!(entry.expiry_ms <= first + self.width());
            } else {
                let first = self.model.values().map(|entry| entry.used).min().unwrap();
                assert_eq!(entry.used, first, "not the oldest was evicted");
            }
        }
        self.model.remove(&key);
    }

    fn find(&mut self) {
        let key = self.key();
        let found = self.table.find(&key, self.now_ms);
        let entry = self.model.get(&key).filter(|entry| self.is_live(entry));
        assert_eq!(found, entry.map(|entry| entry.row));
        if let (Some(row), Some(entry)) = (found, entry) {
            assert_eq!(self.table.is_provisional(row), entry.provisional);
            assert_eq!(self.table.get_u32(row, self.value, 0), entry.value);
            let left = self.table.expires_in_ms(row, self.now_ms).map(u64::from);
            assert_eq!(left, self.shape.expire_ms.map(|_| entry.expiry_ms - self.now_ms));
        }
    }

    fn remove(&mut self) {
        let key = self.key();
        if let Some(row) = self.table.find(&key, self.now_ms) {
            self.table.remove(row);
            self.model.remove(&key).unwrap();
        }
    }

    fn refresh(&mut self) {
        let key = self.key();
        if let Some(row) = self.table.find(&key, self.now_ms) {
            self.table.refresh(row, self.now_ms);
            let entry = self.model.get_mut(&key).unwrap();
            entry.expiry_ms = self.now_ms + u64::from(self.shape.expire_ms.unwrap_or(0));
            entry.used = self.count;
            if self.random.below(4) == 0 {
                self.table.settle(row);
                entry.provisional = false;
            }
        }
    }

    fn expire(&mut self) {
        let budget = self.random.below(20) as usize;
        let before = self.table.used();
        let done = self.table.expire(self.now_ms, budget);
        assert!(done <= budget);
        assert!(before - self.table.used() >= u32::try_from(done).unwrap());
        if done < budget {
            // What is over stays at most for the width of a bucket.
            let kept = if self.shape.learns { self.width() } else { 0 };
            let now_ms = self.now_ms;
            let table = &self.table;
            let mut kept_rows = 0;
            let mut occupied = vec![false; table.size() as usize];
            for row in walk(table) {
                occupied[row.0 as usize] = true;
                kept_rows += 1;
            }
            self.model.retain(|key, entry| {
                let present = occupied[entry.row.0 as usize] && table.key(entry.row) == key;
                let over = table.expires_in_ms(entry.row, now_ms).is_some_and(|left| left == 0);
                assert!(!present || !over || entry.expiry_ms + kept > now_ms);
                present
            });
            assert_eq!(kept_rows, self.model.len());
            assert!(self.table.next_expiry_ms().is_none_or(|next| next > now_ms));
        }
    }

    fn hand_over(&mut self) {
        match &mut self.successor {
            None if self.random.below(20) == 0 => {
                self.table.start_handover_log();
                let held =
                    |row| (self.table.key(row).to_vec(), self.table.get_u32(row, self.value, 0));
                self.successor = Some(walk(&self.table).map(held).collect());
            }
            None => {}
            Some(seen) => {
                let last = self.random.below(50) == 0;
                while let Some(removal) = self.table.next_handover_removal() {
                    match removal {
                        Removal::Entry(key) => drop(seen.remove(&*key)),
                        Removal::All => seen.clear(),
                    }
                }
                for _ in 0..if last { usize::MAX } else { 3 } {
                    let Some(row) = self.table.next_handover_change() else { break };
                    let value = self.table.get_u32(row, self.value, 0);
                    seen.insert(self.table.key(row).to_vec(), value);
                }
                if last {
                    assert!(!self.table.has_handover_changes());
                    for row in walk(&self.table) {
                        let value = self.table.get_u32(row, self.value, 0);
                        assert_eq!(seen.get(self.table.key(row)), Some(&value));
                    }
                    self.table.stop_handover_log();
                    self.successor = None;
                }
            }
        }
    }

    /// Another process goes on with the memory. It does not know which entries are provisional.
    fn change_hands(&mut self) {
        if self.successor.is_some() {
            return;
        }
        let declaration = self.table.declaration();
        let mut next = StickTable::with_memory(declaration, Memory::Sparse).unwrap();
        let rows = self.table.file().unwrap().try_clone_to_owned().unwrap();
        next.take_memory_over(rows, self.table.lent_memory().unwrap()).unwrap();
        next.allow_provisional();
        next.check();
        assert_eq!(next.digest(&Dictionary::default()), self.table.digest(&Dictionary::default()));
        self.table = next;
        self.model.values_mut().for_each(|entry| entry.provisional = false);
    }

    /// Now and then nobody calls for long.
    fn idle(&mut self) {
        if self.random.below(10) == 0 {
            let expire_ms = u64::from(self.shape.expire_ms.unwrap_or(1));
            self.now_ms += match self.random.below(4) {
                0 => expire_ms,
                1 => expire_ms / 3,
                2 => 30 * DAY_MS,
                _ => 55 * DAY_MS + expire_ms / 2,
            };
        }
    }

    /// Each peer has every entry whose last change was made here, as it is now.
    fn finish(&mut self) {
        for peer in &mut self.peers {
            while !peer.read(&mut self.table, self.value, 1000) {}
            for (key, entry) in &self.model {
                let is_there = self.table.find(key, self.now_ms).is_some();
                if entry.local && is_there {
                    assert_eq!(peer.seen.get(key), Some(&entry.value));
                }
            }
        }
        self.table.check();
    }
}

fn walk(table: &StickTable) -> impl Iterator<Item = RowId> {
    std::iter::successors(table.next_row(None), |row| table.next_row(Some(*row)))
}

fn run(shape: Shape) {
    let seed = std::env::var("STICKD_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("STICKD_TEST_SEED={seed}, {shape:?}");
    let mut run = Run::new(shape, seed);
    for _ in 0..OPERATIONS / 100 {
        for _ in 0..100 {
            run.step();
        }
        if run.random.below(20) == 0 {
            run.finish();
        }
    }
    run.finish();
}

#[test]
fn entries_that_expire_match_the_model() {
    run(PLAIN);
    run(Shape { size: 500, keys: 800, ..PLAIN });
}

#[test]
fn entries_that_do_not_expire_match_the_model() {
    run(Shape { expire_ms: None, learns: true, ..PLAIN });
    run(Shape { expire_ms: None, size: 1, keys: 3, ..PLAIN });
}

#[test]
fn entries_learned_with_their_own_time_match_the_model() {
    run(Shape { learns: true, ..PLAIN });
    run(Shape { learns: true, expire_ms: Some(100), step_ms: 10, ..PLAIN });
    run(Shape { learns: true, expire_ms: Some(i32::MAX as u32), step_ms: 1 << 26, ..PLAIN });
    run(Shape { learns: true, expire_ms: Some(1), step_ms: 1, ..PLAIN });
}

#[test]
fn tables_that_do_not_purge_match_the_model() {
    run(Shape { nopurge: true, ..PLAIN });
    run(Shape { nopurge: true, learns: true, step_ms: 300, ..PLAIN });
    run(Shape { nopurge: true, expire_ms: None, ..PLAIN });
}

#[test]
fn tiny_tables_match_the_model() {
    for size in 1..=7 {
        run(Shape { size, keys: size + 3, learns: size % 2 == 0, ..PLAIN });
    }
}

#[test]
fn every_type_of_key_matches_the_model() {
    use KeyType::{Binary, Integer, Ipv6, String};
    for key_type in [Integer, Ipv6, String, Binary] {
        run(Shape { key_type, ..PLAIN });
    }
}

#[test]
fn the_tick_and_the_update_id_wrap_around() {
    for start_id in [u32::MAX - 5, u32::MAX - 50_000, i32::MAX as u32 - 1000] {
        let start_ms = u64::from(u32::MAX) - 200_000;
        run(Shape { start_id, start_ms, step_ms: 20, learns: true, ..PLAIN });
        run(Shape { start_id, start_ms, step_ms: 20, expire_ms: None, ..PLAIN });
    }
}
