//! What is restored of a table whose process is gone.

use std::fs::File;
use std::iter::repeat;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use super::{KeptTables, Restored};
use crate::config::data_type::{DataType, StoredData};
use crate::config::{KeyType, StickTable as Declaration, TableId};
use crate::table::tests::declaration;
use crate::table::tests::model::Random;
use crate::table::{Memory, NameId, RowId, StickTable, Tables};

pub(in crate::table) const NOW_MS: u64 = 5_000_000_000;

/// What the tables store.
const STORED: [DataType; 6] = [
    DataType::ServerId,
    DataType::ConnCnt,
    DataType::ConnCur,
    DataType::ConnRate,
    DataType::BytesInCnt,
    DataType::ServerKey,
];

fn stored(data_type: DataType) -> StoredData {
    let period_ms = if data_type == DataType::ConnRate { 10_000 } else { 0 };
    StoredData { data_type, elements: 1, period_ms }
}

/// A table of servers and counters.
pub(in crate::table) fn declared(size: u32, expire_ms: Option<u32>) -> Declaration {
    let mut declaration = declaration(size, expire_ms);
    declaration.data = STORED.map(stored).to_vec();
    declaration
}

pub(in crate::table) fn key(number: u32) -> [u8; 4] {
    (0x0a00_0000 + number).to_be_bytes()
}

pub(in crate::table) fn kept(declaration: &Declaration) -> Tables {
    let declarations = std::slice::from_ref(declaration);
    Tables::with_memory(declarations, KeptTables::default(), repeat(Memory::Kept)).unwrap()
}

pub(in crate::table) fn only(tables: &mut Tables) -> &mut StickTable {
    &mut tables.split_mut().0[0]
}

/// An entry with this server, and its number in everything else that is stored.
pub(in crate::table) fn write(tables: &mut Tables, number: u32, server: &str, now_ms: u64) {
    let name = tables.names_mut().intern(server.as_bytes()).unwrap();
    let table = only(tables);
    let (row, _) = table.find_or_insert(&key(number), now_ms).unwrap();
    let cell = |data_type| table.cell(data_type).unwrap();
    let [id, count, open, rate, bytes, key] = STORED.map(cell);
    table.set_u32(row, id, 0, number);
    table.set_u32(row, count, 0, number);
    table.set_u32(row, open, 0, number);
    table.count_rate(row, rate, 0, number, now_ms);
    table.set_u64(row, bytes, 0, u64::from(number) << 33);
    table.set_u32(row, key, 0, name.0);
    table.touch_local(row, now_ms);
}

/// What is left of the tables when their process is gone.
fn left(tables: Tables) -> KeptTables {
    let (rows, names) = tables.files();
    let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().unwrap();
    KeptTables {
        tables: rows.map(|(n, fd)| (n.to_owned(), own(fd))).collect(),
        names: names.map(own),
    }
}

fn restore(into: &mut Tables, kept: KeptTables, now_ms: u64) -> Restored {
    into.restore(kept, now_ms).pop().unwrap().1.unwrap()
}

/// An entry with its values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::table) struct Shown {
    pub(in crate::table) key: Vec<u8>,
    pub(in crate::table) left_ms: Option<u32>,
    pub(in crate::table) server: (u32, Option<Vec<u8>>),
    pub(in crate::table) connections: (u32, u32),
    pub(in crate::table) open: u32,
    pub(in crate::table) bytes: u64,
}

fn shown(tables: &Tables, row: RowId, now_ms: u64) -> Option<Shown> {
    let table = tables.get(TableId(0));
    let entry = table.entry(row, now_ms)?;
    let number = |data_type| entry.cells.get_u32(table.cell(data_type).unwrap(), 0);
    let name = tables.names().name(NameId(number(DataType::ServerKey)));
    let rate = table.rate(row, table.cell(DataType::ConnRate).unwrap(), 0, now_ms);
    Some(Shown {
        key: entry.key.to_vec(),
        left_ms: entry.expires_in_ms,
        server: (number(DataType::ServerId), name.map(<[u8]>::to_vec)),
        connections: (number(DataType::ConnCnt), rate),
        open: number(DataType::ConnCur),
        bytes: entry.cells.get_u64(table.cell(DataType::BytesInCnt).unwrap(), 0),
    })
}

/// All entries, in the order of their keys.
pub(in crate::table) fn entries(tables: &Tables, now_ms: u64) -> Vec<Shown> {
    let table = tables.get(TableId(0));
    let rows = std::iter::successors(table.next_row(None), |row| table.next_row(Some(*row)));
    let mut entries: Vec<Shown> = rows.filter_map(|row| shown(tables, row, now_ms)).collect();
    entries.sort();
    entries
}

#[test]
fn every_entry_is_there_again_with_its_time_and_its_values_but_open_connections() {
    for expire_ms in [None, Some(60_000)] {
        let declared = declared(1000, expire_ms);
        let mut before = kept(&declared);
        before.names_mut().intern(b"first").unwrap(); // other numbers than in the new process
        for number in 1..=500 {
            write(&mut before, number, &format!("s{}", number % 7), NOW_MS + u64::from(number));
        }
        let gone = only(&mut before).find(&key(77), NOW_MS).unwrap();
        only(&mut before).remove(gone);
        let later_ms = NOW_MS + 2000;
        let mut expected = entries(&before, later_ms);
        expected.iter_mut().for_each(|entry| entry.open = 0);
        let mut after = Tables::new(&[declared]).unwrap();
        let restored = restore(&mut after, left(before), later_ms);
        assert_eq!(restored, Restored { entries: 499, dropped: 0 });
        only(&mut after).check();
        assert_eq!(entries(&after, later_ms), expected);
    }
}

#[test]
fn an_entry_whose_time_has_passed_meanwhile_is_not_restored() {
    let declared = declared(10, Some(1000));
    let mut before = kept(&declared);
    write(&mut before, 1, "s1", NOW_MS);
    write(&mut before, 2, "s1", NOW_MS + 900);
    let mut after = Tables::new(&[declared]).unwrap();
    let restored = restore(&mut after, left(before), NOW_MS + 1000);
    assert_eq!(restored, Restored { entries: 1, dropped: 0 });
    assert!(only(&mut after).find(&key(2), NOW_MS + 1000).is_some());
}

#[test]
fn the_entry_that_was_being_written_is_dropped_and_no_other() {
    let declared = declared(10, None);
    let mut before = kept(&declared);
    (1..=3).for_each(|number| write(&mut before, number, "s1", NOW_MS));
    let table = only(&mut before);
    let row = table.find(&key(2), NOW_MS).unwrap();
    let id = table.cell(DataType::ServerId).unwrap();
    table.set_u32(row, id, 0, 9); // and the process ends
    let mut after = Tables::new(&[declared]).unwrap();
    assert_eq!(restore(&mut after, left(before), NOW_MS), Restored { entries: 2, dropped: 1 });
    assert_eq!(only(&mut after).find(&key(2), NOW_MS), None);
}

#[test]
fn the_entry_that_was_learned_last_is_complete() {
    let declared = declared(10, None);
    let mut before = kept(&declared);
    let table = only(&mut before);
    let (row, _) = table.find_or_insert(&key(1), NOW_MS).unwrap();
    let id = table.cell(DataType::ServerId).unwrap();
    table.set_u32(row, id, 0, 9);
    table.note_changed(row);
    let mut after = Tables::new(&[declared]).unwrap();
    assert_eq!(restore(&mut after, left(before), NOW_MS), Restored { entries: 1, dropped: 0 });
}

#[test]
fn what_is_known_here_already_stays() {
    let declared = declared(10, None);
    let mut before = kept(&declared);
    write(&mut before, 1, "old", NOW_MS);
    let mut after = Tables::new(&[declared]).unwrap();
    write(&mut after, 1, "new", NOW_MS);
    assert_eq!(restore(&mut after, left(before), NOW_MS), Restored::default());
    assert_eq!(entries(&after, NOW_MS)[0].server.1.as_deref(), Some(&b"new"[..]));
}

#[test]
fn a_change_that_no_peer_was_sent_is_a_change_of_the_new_process() {
    let declared = declared(10, None);
    let mut before = kept(&declared);
    write(&mut before, 1, "s1", NOW_MS);
    let sent = only(&mut before).last_update();
    only(&mut before).note_pushed(sent);
    write(&mut before, 2, "s2", NOW_MS);
    let mut after = Tables::new(&[declared]).unwrap();
    restore(&mut after, left(before), NOW_MS);
    let table = only(&mut after);
    let place = |number| table.update_id(table.find(&key(number), NOW_MS).unwrap());
    assert_eq!((place(1), place(2).is_some()), (None, true));
}

#[test]
fn another_declaration_takes_what_it_can_store() {
    let mut before = kept(&declared(10, Some(60_000)));
    (1..=8).for_each(|number| write(&mut before, number, "s1", NOW_MS));
    let left = left(before);
    let again = |left: &KeptTables| KeptTables {
        tables: left.tables.iter().map(|(n, fd)| (n.clone(), fd.try_clone().unwrap())).collect(),
        names: left.names.as_ref().map(|fd| fd.try_clone().unwrap()),
    };
    // Fewer values and a shorter time.
    let mut after = Tables::new(&[declaration(10, Some(1000))]).unwrap();
    assert_eq!(restore(&mut after, again(&left), NOW_MS).entries, 8);
    let row = only(&mut after).find(&key(3), NOW_MS).unwrap();
    assert_eq!(only(&mut after).expires_in_ms(row, NOW_MS), Some(1000));
    // Fewer rows: the entries that do not fit are counted.
    let mut after = Tables::new(&[Declaration { nopurge: true, ..declaration(5, None) }]).unwrap();
    let restored = restore(&mut after, again(&left), NOW_MS);
    assert_eq!(restored, Restored { entries: 5, dropped: 3 });
    // Other keys, and no table of this name.
    let other = Declaration { key_type: KeyType::Ipv6, ..declaration(5, None) };
    let mut after = Tables::new(&[other]).unwrap();
    assert!(after.restore(again(&left), NOW_MS)[0].1.is_err());
    let other = Declaration { name: "u".into(), ..declaration(5, None) };
    assert!(Tables::new(&[other]).unwrap().restore(left, NOW_MS).is_empty());
}

#[test]
fn a_file_with_other_bytes_harms_nothing() {
    let mut random = Random(7);
    for round in 0..300 {
        let mut declared = declared(50, Some(60_000));
        if random.below(2) == 0 {
            (declared.key_type, declared.key_len) = (KeyType::String, 12);
        }
        let mut before = kept(&declared);
        (0..20).for_each(|number| write(&mut before, number, "s1", NOW_MS));
        let left = left(before);
        for fd in left.tables.iter().map(|(_, fd)| fd).chain(&left.names) {
            let file = File::from(fd.try_clone().unwrap());
            for _ in 0..random.below(40) {
                let place = random.below(3);
                let at = [random.below(100), 4096 + random.below(1200), random.below(900)];
                let byte = u8::try_from(random.below(256)).unwrap();
                file.write_at(&[byte], u64::from(at[place as usize])).unwrap();
            }
        }
        let mut after = Tables::new(&[declared]).unwrap();
        for (_, result) in after.restore(left, NOW_MS) {
            assert!(result.is_err() || only(&mut after).used() <= 50, "round {round}");
        }
        only(&mut after).check();
    }
}

#[test]
fn a_file_that_is_no_table_is_refused() {
    let declared = declared(10, None);
    let empty: OwnedFd = File::open("/dev/null").unwrap().into();
    let kept = KeptTables { tables: vec![("t".to_owned(), empty)], names: None };
    assert!(Tables::new(&[declared]).unwrap().restore(kept, NOW_MS)[0].1.is_err());
}
