//! A process that has handed over sends its successor the entries that it still changes.

use super::{Random, change, entries, sticky_table, stored};
use crate::config::data_type::DataType;
use crate::config::{StickTable, TableId};
use crate::peers::late_updates;
use crate::peers::section::Section;
use crate::table::{Tables, UpdateId};

const T: TableId = TableId(0);
const NOW: u64 = 1_000_000;

/// Both processes behind a handover; `origins` is where their logs ended.
struct Pair {
    old: Tables,
    new: Tables,
    origins: Vec<UpdateId>,
    /// What is written and not read.
    bytes: Vec<u8>,
}

impl Pair {
    /// The same changes are known to both.
    fn new(declarations: &[StickTable], known: impl Fn(&mut Tables)) -> Self {
        let tables = || {
            let mut tables = Tables::new(declarations).unwrap();
            known(&mut tables);
            tables
        };
        let (mut old, mut new) = (tables(), tables());
        let origins: Vec<_> = new.ids().map(|id| new.get(id).last_update()).collect();
        for (id, origin) in old.ids().zip(&origins) {
            old.get_mut(id).start_handover_log();
            new.get_mut(id).adopt_last_update(*origin);
            new.get_mut(id).begin_late_updates();
        }
        Self { old, new, origins, bytes: Vec::new() }
    }

    /// What has changed is written.
    fn write(&mut self) {
        let section = Section::for_handover(&self.old, 1);
        let mut out = vec![0; late_updates::READ_MAX];
        let len = late_updates::write(&section, &mut self.old, &mut out, NOW).unwrap();
        self.bytes.extend_from_slice(&out[..len]);
    }

    /// At most `max` of the bytes are looked at, and what is whole is taken.
    fn read(&mut self, max: usize) {
        let section = Section::for_handover(&self.new, 1);
        let bytes = &self.bytes[..max.min(self.bytes.len())];
        let taken =
            late_updates::read(bytes, &section, &mut self.new, &self.origins, &mut Vec::new(), NOW)
                .unwrap();
        self.bytes.drain(..taken);
    }

    fn tell(&mut self) {
        while self.old.ids().any(|id| self.old.get(id).has_handover_changes()) {
            self.write();
        }
        self.read(usize::MAX);
        assert!(self.bytes.is_empty(), "{} bytes are left", self.bytes.len());
    }

    fn server_in_successor(&self, client: u32) -> Option<u32> {
        let all = entries(&self.new, T, NOW);
        all.iter().find(|(key, ..)| *key == client).map(|(_, server, _)| *server)
    }
}

fn remove(tables: &mut Tables, client: u32) {
    let table = tables.get_mut(T);
    if let Some(row) = table.find(&client.to_be_bytes(), NOW) {
        table.remove(row);
    }
}

#[test]
fn what_the_old_process_changes_is_known_to_the_new_one_however_it_is_cut() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let declarations = [sticky_table("web", 3000), sticky_table("other", 3000)];
        let mut pair = Pair::new(&declarations, |tables| {
            (0..500).for_each(|client| change(tables, T, client, 1, NOW));
        });
        for _ in 0..200 {
            for _ in 0..random.index(60) {
                let client = u32::try_from(random.below(2000)).unwrap();
                match random.index(4) {
                    0 => remove(&mut pair.old, client),
                    1 => change(&mut pair.old, TableId(1), client, client % 200, NOW),
                    _ => change(&mut pair.old, T, client, 2 + client % 200, NOW),
                }
            }
            match random.index(3) {
                0 => pair.write(),
                // A packet may be longer than what is looked at: then nothing is taken.
                1 => pair.read(random.index(40_000)),
                _ => {}
            }
        }
        pair.tell();
        for id in pair.old.ids() {
            assert_eq!(entries(&pair.old, id, NOW), entries(&pair.new, id, NOW), "seed {seed}");
        }
        assert!(pair.new.get(T).last_update().is_after(pair.origins[0]), "peers are told");
    }
}

#[test]
fn what_has_changed_in_the_new_process_stands() {
    let mut pair = Pair::new(&[sticky_table("web", 100)], |tables| {
        (1..=4).for_each(|client| change(tables, T, client, 1, NOW));
    });
    // Its own decision about 1 and 5; a peer's word about 2; nothing about 3.
    change(&mut pair.new, T, 1, 7, NOW);
    change(&mut pair.new, T, 5, 7, NOW);
    let table = pair.new.get_mut(T);
    let row = table.find(&2_u32.to_be_bytes(), NOW).unwrap();
    let cell = table.cell(DataType::ServerId).unwrap();
    table.set_u32(row, cell, 0, 8);
    table.touch_learned(row, None, NOW);
    (1..=6).filter(|n| *n != 4).for_each(|client| change(&mut pair.old, T, client, 9, NOW));
    pair.tell();
    let servers: Vec<_> = (1..=6).map(|client| pair.server_in_successor(client)).collect();
    assert_eq!(servers, [Some(7), Some(8), Some(9), Some(1), Some(7), Some(9)]);
    // What the old process has told itself it may change again, or remove.
    change(&mut pair.old, T, 3, 10, NOW);
    remove(&mut pair.old, 6);
    remove(&mut pair.old, 1);
    remove(&mut pair.old, 2);
    pair.tell();
    let servers: Vec<_> = (1..=6).map(|client| pair.server_in_successor(client)).collect();
    assert_eq!(servers, [Some(7), Some(8), Some(10), Some(1), Some(7), None]);
    // Until the new process changes it.
    change(&mut pair.new, T, 3, 11, NOW);
    change(&mut pair.old, T, 3, 12, NOW);
    pair.tell();
    assert_eq!(pair.server_in_successor(3), Some(11));
}

#[test]
fn of_an_entry_that_both_have_changed_the_counters_take_the_greater_value() {
    let mut declaration = sticky_table("web", 100);
    let counted = [DataType::ConnCnt, DataType::BytesInCnt, DataType::Gpc0];
    declaration.data = counted.into_iter().map(stored).collect();
    declaration.data.sort_by_key(|data| data.data_type.number());
    let mut pair = Pair::new(&[declaration], |_| {});
    let set = |tables: &mut Tables, connections, bytes, other| {
        let table = tables.get_mut(T);
        let (row, _) = table.find_or_insert(&[1, 2, 3, 4], NOW).unwrap();
        let [conn_cnt, bytes_in, gpc0] = counted.map(|data_type| table.cell(data_type).unwrap());
        table.set_u32(row, conn_cnt, 0, connections);
        table.set_u64(row, bytes_in, 0, bytes);
        table.set_u32(row, gpc0, 0, other);
        table.touch_local(row, NOW);
    };
    set(&mut pair.new, 5, 100, 1);
    set(&mut pair.old, 3, 1 << 40, 9);
    pair.tell();
    let table = pair.new.get(T);
    let row = table.find(&[1, 2, 3, 4], NOW).unwrap();
    let [conn_cnt, bytes_in, gpc0] = counted.map(|data_type| table.cell(data_type).unwrap());
    assert_eq!(table.get_u32(row, conn_cnt, 0), 5);
    assert_eq!(table.get_u64(row, bytes_in, 0), 1 << 40);
    assert_eq!(table.get_u32(row, gpc0, 0), 1);
}

#[test]
fn whoever_removes_more_than_the_new_process_reads_is_not_heard_any_more() {
    let mut pair = Pair::new(&[sticky_table("web", 10)], |_| {});
    for client in 0..2000 {
        change(&mut pair.old, T, client, 1, NOW);
        remove(&mut pair.old, client);
    }
    let section = Section::for_handover(&pair.old, 1);
    let mut out = vec![0; late_updates::READ_MAX];
    assert_eq!(
        late_updates::write(&section, &mut pair.old, &mut out, NOW),
        Err(late_updates::RemovalsLost)
    );
}

#[test]
fn bytes_that_are_no_packets_change_nothing() {
    let mut random = Random::new(3);
    let mut pair = Pair::new(&[sticky_table("web", 100)], |_| {});
    change(&mut pair.old, T, 1, 5, NOW);
    pair.write();
    let packet = pair.bytes.clone();
    for _ in 0..2000 {
        let mut bytes = packet.clone();
        let at = random.index(bytes.len());
        bytes[at] = u8::try_from(random.below(256)).unwrap();
        let section = Section::for_handover(&pair.new, 1);
        let _ = late_updates::read(
            &bytes,
            &section,
            &mut pair.new,
            &pair.origins,
            &mut Vec::new(),
            NOW,
        );
    }
    assert!(pair.new.get(T).used() <= 100);
}
