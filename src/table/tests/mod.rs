//! Stories of a table, and the comparison with a naive model.

mod model;

use super::{Change, StickTable, UpdateId};
use crate::config;
use crate::config::data_type::{DataType, StoredData};
use crate::config::{KeyType, ServerKey};

/// A `type ip` table as stick rules make it.
fn declaration(size: u32, expire_ms: Option<u32>) -> config::StickTable {
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
