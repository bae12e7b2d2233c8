//! Two processes and a table that passes from one to the other.

use std::iter::repeat;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::Loan;
use crate::config::data_type::DataType;
use crate::config::{StickTable as Declaration, TableId};
use crate::table::kept::KeptTables;
use crate::table::kept::tests::{NOW_MS, declared, entries, key, only, write};
use crate::table::{LentMemory, Memory, NameId, RowId, StickTable, Tables};

const SIZE: u32 = 10_000;
const ENTRIES: u32 = 5_000;
const TABLE: TableId = TableId(0);

fn declaration() -> Declaration {
    declared(SIZE, Some(60_000))
}

fn with_memory(declarations: &[Declaration], offers: KeptTables) -> Tables {
    Tables::with_memory(declarations, offers, repeat(Memory::Lendable)).unwrap()
}

/// The process that serves, with entries.
fn predecessor() -> Tables {
    let mut tables = with_memory(&[declaration()], KeptTables::default());
    tables.names_mut().intern(b"first").unwrap(); // other numbers than in the new process
    for number in 1..=ENTRIES {
        write(&mut tables, number, &format!("s{}", number % 7), NOW_MS + u64::from(number));
    }
    let table = only(&mut tables);
    table.allow_holding();
    table.allow_provisional();
    tables
}

fn offered(tables: &Tables) -> KeptTables {
    let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().unwrap();
    let (rows, names) = tables.lendable().unwrap();
    KeptTables {
        tables: rows.map(|(name, fd)| (name.to_owned(), own(fd))).collect(),
        names: Some(own(names)),
    }
}

/// The process that starts, which has a server of its own in its configuration.
fn successor(before: &Tables, declarations: &[Declaration]) -> Tables {
    let mut tables = with_memory(declarations, offered(before));
    tables.names_mut().keep(b"s3").unwrap();
    tables.names_mut().keep(b"new").unwrap();
    tables
}

fn lend(tables: &mut Tables) -> (Loan, Vec<(TableId, LentMemory)>) {
    let (loan, lent) = tables.lend(&[TABLE]).unwrap();
    (loan, [TABLE].into_iter().zip(lent).collect())
}

fn count(tables: &Tables, row: RowId) -> u32 {
    let table = tables.get(TABLE);
    table.get_u32(row, table.cell(DataType::ConnCnt).unwrap(), 0)
}

fn open(tables: &Tables, row: RowId) -> u32 {
    let table = tables.get(TABLE);
    table.get_u32(row, table.cell(DataType::ConnCur).unwrap(), 0)
}

fn server_name(tables: &Tables, row: RowId) -> Option<String> {
    let table = tables.get(TABLE);
    let number = table.get_u32(row, table.cell(DataType::ServerKey).unwrap(), 0);
    let name = tables.names().name(NameId(number))?;
    Some(String::from_utf8(name.to_vec()).unwrap())
}

#[test]
fn a_successor_goes_on_with_every_entry_and_every_name() {
    let now_ms = NOW_MS + 6_000;
    let mut before = predecessor();
    let expected = entries(&before, now_ms);
    let update_id = before.get(TABLE).last_update();
    let digest = before.get(TABLE).digest(before.names());
    let mut after = successor(&before, &[declaration()]);
    assert_eq!(after.awaited().collect::<Vec<_>>(), [TABLE]);
    let (_, lent) = lend(&mut before);
    let own = after.names().find(b"new").unwrap();
    let (renumbered, failed) = after.take_over(lent);
    assert!(failed.is_empty(), "{failed:?}");
    assert!(after.has_taken() && after.awaited().next().is_none());
    assert_eq!(after.names().find(b"new"), Some(renumbered.number(own)));
    after.get(TABLE).check();
    assert_eq!(entries(&after, now_ms), expected);
    assert_eq!(after.get(TABLE).last_update(), update_id);
    assert_eq!(after.get(TABLE).digest(after.names()), digest);
    // It is lent on.
    write(&mut after, 1, "new", now_ms);
    let expected = entries(&after, now_ms);
    let mut third = successor(&after, &[declaration()]);
    drop(before);
    let (_, lent) = lend(&mut after);
    assert!(third.take_over(lent).1.is_empty());
    assert_eq!(entries(&third, now_ms), expected);
}

#[test]
fn a_process_that_has_lent_goes_on_with_the_entries_that_it_needs() {
    let now_ms = NOW_MS + 6_000;
    let mut before = predecessor();
    let find = |tables: &Tables, number| tables.get(TABLE).find(&key(number), now_ms);
    let held = find(&before, 7).unwrap();
    let table = only(&mut before);
    table.hold(held);
    table.set_provisional(table.find(&key(8), now_ms).unwrap());
    let mut after = successor(&before, &[declaration()]);
    let (mut loan, lent) = lend(&mut before);
    assert_eq!(before.get(TABLE).used(), 0);
    let held = loan.take_along(TABLE, held, &mut before, now_ms).unwrap();
    assert_eq!((count(&before, held), before.get(TABLE).holders(held)), (7, 1));
    assert_eq!(open(&before, held), 7);
    after.take_over(lent);
    drop(loan);
    // The connection counts where it is.
    assert_eq!(open(&after, find(&after, 7).unwrap()), 6);
    // The successor changes one entry, adds one, and gives another the place of a third.
    write(&mut after, 9, "new", now_ms);
    write(&mut after, ENTRIES + 1, "newer", now_ms);
    let gone = find(&after, 10).unwrap();
    only(&mut after).remove(gone);
    write(&mut after, ENTRIES + 2, "s1", now_ms);
    let seen = |tables: &mut Tables, number| {
        let row = tables.at_key(TABLE, &key(number), now_ms).find(&key(number), now_ms)?;
        Some((count(tables, row), server_name(tables, row).unwrap()))
    };
    assert_eq!(seen(&mut before, 9), Some((9, "new".to_owned())));
    assert_eq!(seen(&mut before, ENTRIES + 1), Some((ENTRIES + 1, "newer".to_owned())));
    assert_eq!(seen(&mut before, 10), None);
    assert_eq!(seen(&mut before, 8), Some((8, "s1".to_owned())));
    let provisional = find(&before, 8).unwrap();
    assert!(before.get(TABLE).is_provisional(provisional));
    assert_eq!(seen(&mut before, ENTRIES + 3), None);
    // What it changes is noted for the successor, and changes nothing there.
    only(&mut before).touch_local(held, now_ms);
    assert_eq!(before.get_mut(TABLE).next_handover_change(), Some(held));
    before.get(TABLE).check();
    after.get(TABLE).check();
}

#[test]
fn a_process_whose_successor_fails_goes_on_as_if_nothing_had_happened() {
    let now_ms = NOW_MS + 6_000;
    let mut before = predecessor();
    let held = before.get(TABLE).find(&key(7), now_ms).unwrap();
    let released = before.get(TABLE).find(&key(6), now_ms).unwrap();
    [held, released].into_iter().for_each(|row| only(&mut before).hold(row));
    let (mut loan, _) = lend(&mut before);
    let held = loan.take_along(TABLE, held, &mut before, now_ms).unwrap();
    let ended = loan.take_along(TABLE, released, &mut before, now_ms).unwrap();
    only(&mut before).release(ended);
    write(&mut before, 11, "late", now_ms);
    write(&mut before, ENTRIES + 1, "later", now_ms);
    let gone = before.at_key(TABLE, &key(12), now_ms).find(&key(12), now_ms).unwrap();
    only(&mut before).remove(gone);
    let provisional = before.at_key(TABLE, &key(13), now_ms).find(&key(13), now_ms).unwrap();
    only(&mut before).set_provisional(provisional);
    only(&mut before).touch_local(provisional, now_ms);
    let returned = before.reclaim(loan, now_ms);
    let held = returned.take_back(TABLE, held, &mut before, now_ms).unwrap();
    let table = before.get(TABLE);
    table.check();
    let find = |number| table.find(&key(number), now_ms);
    assert_eq!(find(7), Some(held));
    assert_eq!((table.holders(held), table.holders(released)), (1, 0));
    assert_eq!(open(&before, held), 7);
    assert_eq!((find(12), table.used()), (None, ENTRIES));
    assert!(table.is_provisional(find(13).unwrap()));
    let names = [11, ENTRIES + 1].map(|number| server_name(&before, find(number).unwrap()));
    assert_eq!(names, [Some("late".to_owned()), Some("later".to_owned())]);
    // The names can be lent again, with those that have come meanwhile.
    let expected = entries(&before, now_ms);
    let mut after = successor(&before, &[declaration()]);
    let (_, lent) = lend(&mut before);
    assert!(after.take_over(lent).1.is_empty());
    assert_eq!(entries(&after, now_ms), expected);
}

#[test]
fn what_cannot_be_taken_over_is_read_from_the_rows() {
    let now_ms = NOW_MS + 6_000;
    let mut before = predecessor();
    let mut expected = entries(&before, now_ms);
    expected.iter_mut().for_each(|entry| entry.open = 0);
    for is_lent in [true, false] {
        let mut after = successor(&before, &[declaration()]);
        if is_lent {
            let (loan, mut lent) = lend(&mut before);
            let (_, memory) = &mut lent[0];
            std::mem::swap(&mut memory.ring, &mut memory.state);
            let (renumbered, failed) = after.take_over(lent);
            assert_eq!(failed.len(), 1);
            assert_ne!(renumbered.number(NameId(1)), NameId(1));
            before.reclaim(loan, now_ms);
        }
        let restored = after.restore_awaited(now_ms).pop().unwrap().1.unwrap();
        assert_eq!((restored.entries, restored.dropped), (ENTRIES, 0));
        assert_eq!(entries(&after, now_ms), expected);
        after.get(TABLE).check();
        assert!(after.lendable().unwrap().0.count() == 1, "it can be lent on");
    }
}

#[test]
fn a_predecessor_that_does_not_hear_of_it_keeps_its_tables() {
    let now_ms = NOW_MS + 6_000;
    let mut before = predecessor();
    let mut after = successor(&before, &[declaration()]);
    let (loan, lent) = lend(&mut before);
    after.take_over(lent);
    after.leave_taken();
    assert_eq!(after.restore_awaited(now_ms).len(), 1);
    write(&mut after, 1, "other", now_ms);
    before.reclaim(loan, now_ms);
    let row = before.get(TABLE).find(&key(1), now_ms).unwrap();
    assert_eq!(server_name(&before, row), Some("s1".to_owned()));
}

#[test]
fn only_tables_that_are_declared_alike_are_awaited() {
    let before = predecessor();
    let awaited = |declaration: Declaration| {
        let after = successor(&before, &[declared(1, None), declaration]);
        after.awaited().collect::<Vec<_>>()
    };
    let named = |declaration: Declaration| Declaration { name: "u".into(), ..declaration };
    let alike = Declaration { name: "t".into(), nopurge: true, ..declaration() };
    assert_eq!(awaited(named(declaration())), []);
    // The first of this name has another size.
    assert_eq!(awaited(alike.clone()), []);
    let after = successor(&before, &[named(declared(1, None)), alike]);
    assert_eq!(after.awaited().collect::<Vec<_>>(), [TableId(1)]);
    let others = [
        declared(SIZE + 1, Some(60_000)),
        declared(SIZE, Some(60_001)),
        declared(SIZE, None),
        Declaration { data: declaration().data[1..].to_vec(), ..declaration() },
        Declaration { origins: true, ..declaration() },
    ];
    for other in others {
        assert!(successor(&before, &[other]).awaited().next().is_none());
    }
}

#[test]
fn entries_of_tables_that_are_taught_have_the_names_of_the_predecessor() {
    let now_ms = NOW_MS + 6_000;
    let mut before = predecessor();
    let taught = Declaration { name: "taught".into(), ..declared(10, None) };
    let mut after = successor(&before, &[declaration(), taught]);
    let number = after.names_mut().intern(b"of a peer").unwrap();
    let (tables, _) = after.split_mut();
    let (row, _) = tables[1].find_or_insert(&key(1), now_ms).unwrap();
    let cell = tables[1].cell(DataType::ServerKey).unwrap();
    tables[1].set_u32(row, cell, 0, number.0);
    let (_, lent) = lend(&mut before);
    after.take_over(lent);
    let table: &StickTable = after.get(TableId(1));
    let name = after.names().name(NameId(table.get_u32(row, cell, 0)));
    assert_eq!(name, Some(&b"of a peer"[..]));
    table.check();
    assert!(after.names().len() > 8 && after.names().find(b"first").is_some());
}

#[test]
fn the_largest_tables_are_lent_and_no_more_than_descriptors_pass() {
    let sizes = (0..20).map(|number| 100_000 + number);
    let mut declared: Vec<Declaration> = sizes.map(|size| declared(size, None)).collect();
    let memory = Memory::of_process(&declared, false);
    assert_eq!(memory[..4], [Memory::Own; 4]);
    assert_eq!(memory[4..], [Memory::Lendable; 16]);
    declared[19].origins = true;
    declared[18].size = 1000;
    let memory = Memory::of_process(&declared, true);
    assert_eq!(memory[..2], [Memory::Kept; 2]);
    assert_eq!(memory[2..], [[Memory::Lendable; 16].as_slice(), &[Memory::Kept; 2]].concat());
}

#[test]
fn files_pass_in_an_order_that_both_sides_know() {
    let mut before = predecessor();
    let (_, mut lent) = lend(&mut before);
    let (_, memory) = lent.remove(0);
    let old_slots = Some(memory.slots.try_clone().unwrap());
    for memory in
        [LentMemory { old_slots: None, ..clone(&memory) }, LentMemory { old_slots, ..memory }]
    {
        let is_growing = memory.old_slots.is_some();
        let numbers = |memory: &LentMemory| {
            let files = [&memory.state, &memory.ring, &memory.slots];
            files.into_iter().chain(&memory.old_slots).map(AsRawFd::as_raw_fd).collect::<Vec<_>>()
        };
        let expected = numbers(&memory);
        assert_eq!(expected.len(), LentMemory::files(is_growing));
        let mut files = memory.into_files().into_iter();
        let found = LentMemory::from_files(&mut files, is_growing).unwrap();
        assert_eq!((numbers(&found), files.next().is_none()), (expected, true));
        assert!(LentMemory::from_files(&mut files, is_growing).is_none());
    }
}

fn clone(memory: &LentMemory) -> LentMemory {
    let LentMemory { state, ring, slots, .. } = memory;
    let [state, ring, slots] = [state, ring, slots].map(|file| file.try_clone().unwrap());
    LentMemory { state, ring, slots, old_slots: None }
}
