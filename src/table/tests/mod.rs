//! Stories of a table, and the comparison with a naive model.

pub(super) mod model;

use super::{
    Author, Change, END_SOON_MS, NameId, Origin, Rate, RowId, RowStep, StickTable, TableId, Tables,
    UpdateId, sum_of_parts,
};
use crate::config;
use crate::config::data_type::{DataType, Kind, StoredData};
use crate::config::{KeyType, ServerKey};

/// A `type ip` table as stick rules make it.
pub(super) fn declaration(size: u32, expire_ms: Option<u32>) -> config::StickTable {
    let stored = |data_type| StoredData { data_type, elements: 1, period_ms: 0 };
    config::StickTable {
        name: "t".into(),
        wire_name: "t".into(),
        key_type: KeyType::Ipv4,
        key_len: 4,
        wire_key_len: 4,
        size,
        expire_ms,
        nopurge: false,
        recv_only: false,
        counts: config::Counts::Shared,
        origins: false,
        save: None,
        server_key: ServerKey::Name,
        data: vec![stored(DataType::ServerId), stored(DataType::ServerKey)],
        peers: None,
    }
}

#[test]
fn an_entry_is_found_until_its_time_is_over() {
    let mut table = StickTable::new(&declaration(10, Some(1000))).unwrap();
    let (row, new) = table.find_or_insert(&[127, 0, 0, 1], 5000).unwrap();
    assert!(new);
    let cell = table.cell(DataType::ServerId).unwrap();
    table.set_u32(row, cell, 0, 7);
    table.touch_local(row, 5000);
    assert_eq!(table.find(&[127, 0, 0, 1], 5999), Some(row));
    assert_eq!(table.get_u32(row, cell, 0), 7);
    assert_eq!(table.expires_in_ms(row, 5400), Some(600));
    assert_eq!(table.find(&[127, 0, 0, 1], 6000), None);
    assert_eq!(table.next_expiry_ms(), Some(6000));
    assert_eq!(table.expire(5999, 10), 0);
    assert_eq!(table.expire(6000, 10), 1);
    assert_eq!(table.used(), 0);
    table.check();
}

#[test]
fn entries_are_counted_by_their_server() {
    let mut table = StickTable::new(&declaration(10, Some(1000))).unwrap();
    let place = table.server_place().unwrap();
    let insert = |table: &mut StickTable, host, id, name| {
        let (row, _) = table.find_or_insert(&[127, 0, 0, host], 5000).unwrap();
        table.set_server(row, place, id, NameId(name));
        row
    };
    let first = insert(&mut table, 1, 1, 7);
    insert(&mut table, 2, 1, 7);
    insert(&mut table, 3, 2, 0);
    assert_eq!((table.entries_of(NameId(7), 1), table.entries_of(NameId(8), 2)), (2, 1));
    // An entry without a name gets one, another loses its own.
    insert(&mut table, 3, 2, 8);
    let name = table.cell(DataType::ServerKey).unwrap();
    table.set_u32(first, name, 0, 0);
    assert_eq!((table.entries_of(NameId(7), 1), table.entries_of(NameId(8), 2)), (2, 1));
    assert_eq!((table.entries_of(NameId(7), 0), table.entries_of(NameId(0), 1)), (1, 1));
    table.check();
    table.remove(first);
    assert_eq!(table.entries_of(NameId(7), 1), 1);
    table.expire(6000, 10);
    assert_eq!((table.entries_of(NameId(7), 1), table.entries_of(NameId(8), 2)), (0, 0));
}

#[test]
fn an_entry_that_is_given_up_ends_soon_and_its_origin_is_known_only_if_asked_for() {
    for origins in [false, true] {
        let declaration = config::StickTable { origins, ..declaration(10, Some(60_000)) };
        let mut table = StickTable::new(&declaration).unwrap();
        let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 5000).unwrap();
        let place = table.server_place().unwrap();
        table.set_author(Author::Rule(3));
        table.set_server(row, place, 1, NameId(7));
        let origin = Origin { since_s: 5, author: Author::Rule(3) };
        assert_eq!(table.origin(row), origins.then_some(origin));
        let before = table.last_update();
        table.end_soon(row, 6000);
        assert!(table.last_update().is_after(before), "peers are told");
        assert_eq!(table.expires_in_ms(row, 6000), Some(END_SOON_MS));
        assert_eq!(table.expire(8000, 10), 1);
        assert_eq!(table.origin(row), None);
    }
    let mut table = StickTable::new(&declaration(10, None)).unwrap();
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 5000).unwrap();
    table.end_soon(row, 5000);
    assert_eq!(table.used(), 0, "there is no time to set");
}

#[test]
fn a_full_table_gives_up_its_oldest_entry() {
    for expire_ms in [None, Some(1000)] {
        let mut table = StickTable::new(&declaration(3, expire_ms)).unwrap();
        for host in 1..=3 {
            let (row, _) = table.find_or_insert(&[127, 0, 0, host], 5000).unwrap();
            table.touch_local(row, 5000);
        }
        let first = table.find(&[127, 0, 0, 1], 5000).unwrap();
        table.touch_local(first, 5001);
        table.find_or_insert(&[127, 0, 0, 4], 5001).unwrap();
        assert_eq!(table.find(&[127, 0, 0, 2], 5001), None);
        assert!(table.find(&[127, 0, 0, 1], 5001).is_some());
        assert_eq!((table.used(), table.evictions()), (3, 1));
        table.check();
    }
}

#[test]
fn the_log_gives_each_changed_row_once_in_order() {
    let mut table = StickTable::new(&declaration(8, None)).unwrap();
    let rows: Vec<_> =
        (1..=3).map(|host| table.find_or_insert(&[127, 0, 0, host], 0).unwrap().0).collect();
    rows.iter().for_each(|row| table.touch_local(*row, 0));
    assert_eq!(table.next_change(UpdateId(0)), Change::Row { row: rows[0], id: UpdateId(1) });
    table.note_pushed(UpdateId(1));
    table.touch_local(rows[0], 0);
    table.touch_local(rows[1], 0);
    assert_eq!(table.last_update(), UpdateId(4));
    assert_eq!(table.next_change(UpdateId(3)), Change::Row { row: rows[0], id: UpdateId(4) });
    assert_eq!(table.next_change(UpdateId(4)), Change::UpToDate);
    assert_eq!(table.next_change(UpdateId(5)), Change::Lapped);
    table.check();
}

#[test]
fn a_million_entries_take_at_most_48_bytes_each() {
    let size = 1_000_000;
    for expire_ms in [None, Some(60_000)] {
        let table = StickTable::new(&declaration(size, expire_ms)).unwrap();
        assert!(table.allocated_bytes() <= 48 * size as usize);
    }
}

#[test]
fn a_table_without_memory_is_named() {
    let mut declaration = declaration(1 << 30, None);
    declaration.name = "web".into();
    declaration.key_type = KeyType::String;
    declaration.key_len = u32::MAX;
    let error = Tables::new(&[declaration]).unwrap_err().to_string();
    assert!(error.starts_with("reserve stick table 'web': no memory for 1073741824 entries"));
}

#[test]
fn tables_are_found_by_their_name() {
    let mut second = declaration(10, None);
    second.name = "other".into();
    let mut tables = Tables::new(&[declaration(10, None), second]).unwrap();
    let id = tables.by_name("other").unwrap();
    assert_eq!(tables.get(id).declaration().name, "other");
    assert_eq!(tables.by_name("none"), None);
    assert_eq!(tables.ids().count(), 2);
    let (list, names) = tables.split_mut();
    names.intern(b"s1").unwrap();
    assert_eq!(list[id.index()].used(), 0);
}

#[test]
fn a_table_that_nobody_called_for_months_has_no_live_entry() {
    let day_ms = 24 * 3600 * 1000;
    for idle_days in [20, 26, 30, 49, 50, 51, 75, 100, 400] {
        for expire_ms in [1000, 3_600_000, i32::MAX as u32] {
            let mut table = StickTable::new(&declaration(10, Some(expire_ms))).unwrap();
            let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 777).unwrap();
            table.touch_local(row, 777);
            let now_ms = 777 + idle_days * day_ms;
            let live = now_ms < 777 + u64::from(expire_ms);
            assert_eq!(table.is_live(row, now_ms), live);
            assert_eq!(table.find(&[127, 0, 0, 1], now_ms).is_some(), live);
            assert_eq!(table.find_or_insert(&[127, 0, 0, 1], now_ms).unwrap().1, !live);
            table.find_or_insert(&[127, 0, 0, 2], now_ms).unwrap();
            table.check();
            table.expire(now_ms + u64::from(expire_ms), 10);
            assert_eq!(table.used(), 0);
        }
    }
}

#[test]
fn rows_that_nobody_expires_for_months_do_not_come_to_life_again() {
    let day_ms = 24 * 3600 * 1000;
    let mut table = StickTable::new(&declaration(10, Some(1000))).unwrap();
    table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    for day in 1..100 {
        table.find_or_insert(&[127, 0, 0, 2], day * day_ms).unwrap();
        assert_eq!(table.find(&[127, 0, 0, 1], day * day_ms), None);
    }
    assert_eq!(table.used(), 1);
    table.check();
}

#[test]
fn an_entry_learned_with_a_short_time_ends_early() {
    let mut table = StickTable::new(&declaration(10, Some(60_000))).unwrap();
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 1000).unwrap();
    table.touch_learned(row, Some(500), 1000);
    assert_eq!(table.expires_in_ms(row, 1000), Some(500));
    assert_eq!(table.next_expiry_ms(), Some(1500));
    table.touch_learned(row, Some(90_000), 1000);
    assert_eq!(table.expires_in_ms(row, 1000), Some(60_000));
    table.touch_learned(row, None, 2000);
    assert_eq!(table.expires_in_ms(row, 2000), Some(60_000));
    assert_eq!((table.update_id(row), table.last_update()), (None, UpdateId(0)));
}

#[test]
fn a_learned_change_leaves_the_place_in_the_log() {
    let mut table = StickTable::new(&declaration(10, None)).unwrap();
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    table.touch_local(row, 0);
    table.touch_learned(row, None, 0);
    assert_eq!(table.update_id(row), Some(UpdateId(1)));
    assert_eq!(table.next_change(UpdateId(0)), Change::Row { row, id: UpdateId(1) });
}

#[test]
fn a_row_waiting_to_be_sent_is_not_logged_again() {
    let mut table = StickTable::new(&declaration(10, None)).unwrap();
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    (0..100).for_each(|_| table.touch_local(row, 0));
    assert_eq!(table.last_update(), UpdateId(1));
    table.note_pushed(UpdateId(1));
    table.touch_local(row, 0);
    assert_eq!(table.last_update(), UpdateId(2));
}

#[test]
fn a_row_whose_place_fell_out_of_the_ring_is_logged_again() {
    let mut table = StickTable::new(&declaration(4, None)).unwrap();
    let (waiting, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    table.touch_local(waiting, 0);
    for host in 0..300_u32 {
        let (row, _) = table.find_or_insert(&host.to_be_bytes(), 0).unwrap();
        table.touch_local(row, 0);
        table.refresh(waiting, 0);
    }
    assert_eq!(table.next_change(UpdateId(0)), Change::Lapped);
    table.touch_local(waiting, 0);
    assert_eq!(table.update_id(waiting), Some(UpdateId(302)));
    table.check();
}

#[test]
fn no_row_has_the_place_that_says_none() {
    let mut table = StickTable::new(&declaration(10, None)).unwrap();
    table.adopt_last_update(UpdateId(u32::MAX));
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    table.touch_local(row, 0);
    assert_eq!(table.update_id(row), Some(UpdateId(1)));
    assert_eq!(table.next_change(UpdateId(u32::MAX)), Change::Row { row, id: UpdateId(1) });
}

#[test]
fn stale_positions_are_passed_in_bounded_steps() {
    let mut table = StickTable::new(&declaration(4096, None)).unwrap();
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    for _ in 0..1000 {
        table.touch_local(row, 0);
        table.note_pushed(table.last_update());
    }
    let (mut position, mut calls) = (UpdateId(0), 0);
    while let Change::Skipped { upto } = table.next_change(position) {
        position = upto;
        calls += 1;
    }
    assert!((2..100).contains(&calls));
    assert_eq!(table.next_change(position), Change::Row { row, id: UpdateId(1000) });
    table.remove(row);
    assert_eq!(table.next_change(UpdateId(999)), Change::Skipped { upto: UpdateId(1000) });
    assert_eq!(table.next_change(UpdateId(1000)), Change::UpToDate);
}

#[test]
fn a_successor_continues_the_log_of_its_predecessor() {
    let mut old = StickTable::new(&declaration(16, None)).unwrap();
    for host in 1..=8 {
        let (row, _) = old.find_or_insert(&[127, 0, 0, host], 0).unwrap();
        old.touch_local(row, 0);
    }
    old.note_pushed(UpdateId(8));
    let again = old.find(&[127, 0, 0, 3], 0).unwrap();
    old.touch_local(again, 0);
    // In another order than they were made, as a walk over the rows gives them.
    let mut new = StickTable::new(&declaration(16, None)).unwrap();
    for host in (1..=8).rev() {
        let row = old.find(&[127, 0, 0, host], 0).unwrap();
        let (adopted, _) = new.find_or_insert(old.key(row), 0).unwrap();
        new.touch_learned(adopted, None, 0);
        new.adopt(adopted, old.update_id(row).unwrap());
    }
    new.adopt_last_update(old.last_update());
    let read = |table: &StickTable, mut position| {
        let mut keys = Vec::new();
        loop {
            match table.next_change(position) {
                Change::Row { row, id } => {
                    keys.push((table.key(row).to_vec(), id));
                    position = id;
                }
                Change::Skipped { upto } => position = upto,
                Change::UpToDate | Change::Lapped => return keys,
            }
        }
    };
    for position in (0..=9).map(UpdateId) {
        assert_eq!(read(&new, position), read(&old, position));
    }
    new.check();
}

#[test]
fn the_successor_is_told_of_every_change_once() {
    let mut table = StickTable::new(&declaration(16, None)).unwrap();
    let row = |table: &mut StickTable, host| table.find_or_insert(&[127, 0, 0, host], 0).unwrap().0;
    let rows: Vec<RowId> = (1..=6).map(|host| row(&mut table, host)).collect();
    table.touch_local(rows[0], 0);
    table.start_handover_log();
    assert!(!table.has_handover_changes());
    table.touch_local(rows[1], 0);
    table.touch_learned(rows[2], None, 0);
    table.touch_local(rows[1], 0);
    table.adopt(rows[3], UpdateId(7));
    table.note_changed(rows[4]);
    table.note_changed(rows[5]);
    table.remove(rows[5]);
    for expected in &rows[1..=4] {
        assert_eq!(table.next_handover_change(), Some(*expected));
    }
    assert_eq!(table.next_handover_change(), None);
    table.touch_local(rows[1], 0);
    assert_eq!(table.next_handover_change(), Some(rows[1]));
    table.stop_handover_log();
    table.touch_local(rows[1], 0);
    assert_eq!(table.next_handover_change(), None);
}

#[test]
fn a_walk_goes_on_after_rows_came_and_went() {
    let mut table = StickTable::new(&declaration(100, None)).unwrap();
    for host in 0..100 {
        table.find_or_insert(&[127, 0, 0, host], 0).unwrap();
    }
    let third = table.next_row(Some(RowId(1))).unwrap();
    (2..90).for_each(|row| assert!(table.remove(RowId(row))));
    assert_eq!(table.next_row(Some(third)), Some(RowId(90)));
    assert_eq!(table.next_row_within(Some(third), 10), RowStep::Pause(RowId(12)));
    assert_eq!(table.next_row_within(Some(RowId(82)), 10), RowStep::Row(RowId(90)));
    assert_eq!(table.next_row_within(Some(RowId(99)), 10), RowStep::End);
    table.clear();
    assert_eq!(table.next_row_within(Some(third), 10), RowStep::End);
    assert_eq!(table.next_row(None), None);
}

#[test]
fn keys_of_another_length_fit_or_are_refused() {
    let mut table = StickTable::new(&declaration(10, None)).unwrap();
    assert_eq!(table.find_or_insert(&[1, 2, 3], 0), None);
    assert_eq!(table.find(&[1, 2, 3, 4, 5], 0), None);
    let mut shape = declaration(10, None);
    (shape.key_type, shape.key_len) = (KeyType::String, 4);
    let mut table = StickTable::new(&shape).unwrap();
    let (row, _) = table.find_or_insert(b"abcdef", 0).unwrap();
    assert_eq!(table.key(row), b"abcd");
    assert_eq!(table.find(b"abcdxyz", 0), Some(row));
    let (empty, _) = table.find_or_insert(b"", 0).unwrap();
    assert_eq!(table.key(empty), b"");
    shape.key_type = KeyType::Binary;
    let mut table = StickTable::new(&shape).unwrap();
    let (row, _) = table.find_or_insert(&[1, 2], 0).unwrap();
    assert_eq!(table.key(row), [1, 2, 0, 0]);
    assert_eq!(table.find(&[1, 2, 0, 0, 9], 0), Some(row));
}

#[test]
fn values_are_kept_apart() {
    let stored = |data_type, elements| StoredData { data_type, elements, period_ms: 1000 };
    let mut shape = declaration(10, None);
    shape.data = DataType::ALL
        .iter()
        .map(|data_type| stored(*data_type, if data_type.is_array() { 3 } else { 1 }))
        .collect();
    let mut table = StickTable::new(&shape).unwrap();
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    let places: Vec<_> = table
        .cells()
        .iter()
        .flat_map(|cell| (0..cell.elements()).map(|element| (*cell, element)))
        .collect();
    let rate = |number| Rate { start_ms: number, current: number + 1, previous: number + 2 };
    for (number, (cell, element)) in (1000..).zip(&places) {
        table.set_u32(row, *cell, *element, number);
        table.set_u64(row, *cell, *element, u64::from(number) << 32);
        table.set_rate(row, *cell, *element, rate(number));
    }
    for (number, (cell, element)) in (1000..).zip(&places) {
        let held = (
            table.get_u32(row, *cell, *element),
            table.get_u64(row, *cell, *element),
            table.get_rate(row, *cell, *element),
        );
        let expected = match cell.kind() {
            Kind::Wide => (0, u64::from(number) << 32, Rate::default()),
            Kind::Rate => (0, 0, rate(number)),
            Kind::Signed | Kind::Unsigned | Kind::Name => (number, 0, Rate::default()),
        };
        assert_eq!(held, expected);
    }
    let cell = table.cell(DataType::Gpc).unwrap();
    table.set_u32(row, cell, 3, 5);
    assert_eq!(table.get_u32(row, cell, 3), 0);
    let cell = table.cell(DataType::ConnRate).unwrap();
    table.set_rate(row, cell, 0, Rate::default());
    table.count_rate(row, cell, 0, 4, 50_000);
    assert_eq!(table.rate(row, cell, 0, 50_500), 4);
    assert_eq!(table.rate(row, cell, 0, 51_500), 2);
}

#[test]
fn a_server_is_set_as_its_two_values_are() {
    let mut tables = Tables::new(&[declaration(4, None)]).unwrap();
    let names = ["s1", "s2"].map(|name| tables.names_mut().intern(name.as_bytes()).unwrap());
    let table = &mut tables.split_mut().0[0];
    let place = table.server_place().unwrap();
    let [id, key] = [DataType::ServerId, DataType::ServerKey].map(|of| table.cell(of).unwrap());
    let (row, _) = table.find_or_insert(&[127, 0, 0, 1], 0).unwrap();
    for (server_id, name, kept) in
        [(1, names[0], names[0]), (2, names[1], names[1]), (3, NameId::NONE, names[1])]
    {
        table.set_server(row, place, server_id, name);
        assert_eq!((table.get_u32(row, id, 0), table.get_u32(row, key, 0)), (server_id, kept.0));
        assert_eq!(names.map(|name| table.uses_name(name)), names.map(|name| name == kept));
        table.check();
    }
    let mut other = declaration(4, None);
    other.data.pop();
    assert!(StickTable::new(&other).unwrap().server_place().is_none());
}

#[test]
fn a_sum_over_the_parts_of_nodes_ends_where_its_kind_ends() {
    let stored = |data_type| StoredData { data_type, elements: 1, period_ms: 10_000 };
    let data = [DataType::Gpc0, DataType::ConnRate, DataType::BytesInCnt].map(stored).to_vec();
    let part = config::StickTable { data, ..declaration(10, None) };
    let others = vec![TableId(1), TableId(2)];
    let counts = config::Counts::OfThisNode { sum: "T".to_owned(), others };
    let own = config::StickTable { counts, ..part.clone() };
    let mut tables = Tables::new(&[own, part.clone(), part]).unwrap();
    let [gpc0, bytes, rate] = [DataType::Gpc0, DataType::BytesInCnt, DataType::ConnRate]
        .map(|data_type| tables.get(TableId(0)).cell(data_type).unwrap());
    let mut set = |table: u16, gpc: u32, events: u32, count: u64| {
        let table = tables.get_mut(TableId(table));
        let (row, _) = table.find_or_insert(&[1, 0, 0, 1], 0).unwrap();
        table.set_u32(row, gpc0, 0, gpc);
        table.set_u64(row, bytes, 0, count);
        table.count_rate(row, rate, 0, events, 0);
    };
    set(0, 3, 5, 1 << 40);
    set(2, 4, 6, 1);
    let sums = |tables: &Tables| {
        let parts = || tables.entries_of_parts(TableId(0), &[1, 0, 0, 1], 0);
        [gpc0, rate, bytes].map(|cell| sum_of_parts(parts(), cell, 0, 0))
    };
    assert_eq!(tables.sum_by_name("T"), Some(TableId(0)));
    assert_eq!(sums(&tables), [7, 11, (1 << 40) + 1]);
    let table = tables.get_mut(TableId(1));
    let (row, _) = table.find_or_insert(&[1, 0, 0, 1], 0).unwrap();
    table.set_u32(row, gpc0, 0, u32::MAX);
    table.set_u64(row, bytes, 0, u64::MAX);
    table.count_rate(row, rate, 0, u32::MAX, 0);
    assert_eq!(sums(&tables), [u64::from(u32::MAX), u64::from(u32::MAX), u64::MAX]);
}

#[test]
fn tables_with_the_same_entries_have_the_same_digest() {
    let other = config::StickTable {
        data: vec![StoredData { data_type: DataType::ConnCnt, elements: 1, period_ms: 0 }],
        ..declaration(100, None)
    };
    for declaration in [declaration(100, Some(1000)), other] {
        let mut pair = [0, 1].map(|_| Tables::new(std::slice::from_ref(&declaration)).unwrap());
        let id = TableId(0);
        let set = |tables: &mut Tables, key: u8, name: &str, server: u32| {
            let name = match name {
                "" => NameId::NONE,
                name => tables.names_mut().intern(name.as_bytes()).unwrap(),
            };
            let table = tables.get_mut(id);
            let (row, _) = table.find_or_insert(&[10, 0, 0, key], 0).unwrap();
            if let Some(place) = table.server_place() {
                table.set_server(row, place, server, name);
            }
            table.touch_local(row, 0);
        };
        let digest = |tables: &Tables| tables.get(id).digest(tables.names());
        let empty = digest(&pair[0]);
        // Names and entries come in another order.
        for key in 0..50 {
            set(&mut pair[0], key, ["a", "b", ""][usize::from(key % 3)], u32::from(key % 3));
            let key = 49 - key;
            set(&mut pair[1], key, ["a", "b", ""][usize::from(key % 3)], u32::from(key % 3));
        }
        assert_eq!(digest(&pair[0]), digest(&pair[1]));
        assert_ne!(digest(&pair[0]), empty);
        if pair[0].get(id).server_place().is_some() {
            for (key, name, server) in [(4, "a", 1), (5, "", 1)] {
                set(&mut pair[0], key, name, server);
                assert_ne!(digest(&pair[0]), digest(&pair[1]), "another server");
                set(&mut pair[1], key, name, server);
                assert_eq!(digest(&pair[0]), digest(&pair[1]));
            }
        }
        let row = pair[0].get(id).find(&[10, 0, 0, 7], 0).unwrap();
        assert!(pair[0].get_mut(id).remove(row));
        assert_ne!(digest(&pair[0]), digest(&pair[1]), "a removed entry");
        pair[0].get_mut(id).clear();
        assert_eq!(digest(&pair[0]), empty);
        pair[1].get_mut(id).expire(2000, 100);
        if declaration.expire_ms.is_some() {
            assert_eq!(digest(&pair[1]), empty);
        }
    }
}
