//! What is read of a table that was saved.

use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::format::{BLOCK, Geometry, HEAD};
use super::{SavedTable, Stamp, Standing, Written, write_table};
use crate::config::data_type::DataType;
use crate::config::{Counts, KeyType, SavedTo, StickTable as Declaration, TableId};
use crate::table::kept::Restored;
use crate::table::kept::tests::{NOW_MS, declared, entries, kept, key, only, write};
use crate::table::tests::declaration;
use crate::table::tests::model::Random;
use crate::table::{StickTable, Tables};

/// The time of day at `NOW_MS`.
const WALL_MS: u64 = 1_700_000_000_000;
/// The clock of a machine that was started anew.
const LATER_MS: u64 = 1234;

fn stamp() -> Stamp {
    Stamp { boot: [7; 16], since_ns: 5, wall_ms: WALL_MS, tick_ms: NOW_MS }
}

/// A file that is removed when this value is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stickd-saved-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// The declaration with this file.
    fn of(&self, mut declaration: Declaration) -> Declaration {
        declaration.save = Some(SavedTo { file: self.0.clone(), every_ms: 1000 });
        declaration
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

fn file(fd: BorrowedFd<'_>) -> File {
    fd.try_clone_to_owned().unwrap().into()
}

fn save(tables: &Tables, place: &Place) -> Written {
    let (mut rows, names) = tables.files();
    let (rows, names) = (file(rows.next().unwrap().1), names.map(file));
    let out = File::create(&place.0).unwrap();
    write_table(&rows, names.as_ref(), &stamp(), &out).unwrap()
}

fn read(declaration: &Declaration, wall_ms: u64) -> (Tables, std::io::Result<Option<SavedTable>>) {
    let mut tables = Tables::new(std::slice::from_ref(declaration)).unwrap();
    let result = tables.read_saved(LATER_MS, wall_ms).pop().unwrap().2;
    only(&mut tables).check();
    (tables, result)
}

fn restored(result: std::io::Result<Option<SavedTable>>) -> (u32, u32) {
    let Restored { entries, dropped } = result.unwrap().unwrap().restored;
    (entries, dropped)
}

#[test]
fn every_entry_is_read_with_its_values_and_the_time_that_is_left_by_the_time_of_day() {
    for expire_ms in [None, Some(60_000)] {
        let place = Place::new();
        let declared = place.of(declared(20_000, expire_ms));
        let mut before = kept(&declared);
        before.names_mut().intern(b"unused").unwrap();
        for number in 1..=15_000 {
            write(&mut before, number, &format!("s{}", number % 7), NOW_MS);
        }
        let gone = only(&mut before).find(&key(77), NOW_MS).unwrap();
        only(&mut before).remove(gone);
        let written = save(&before, &place);
        assert_eq!((written.entries, written.skipped), (14_999, 0));
        assert_eq!(written.bytes, fs::metadata(&place.0).unwrap().len());
        let mut expected = entries(&before, NOW_MS + 2000);
        expected.iter_mut().for_each(|entry| entry.open = 0);
        let (after, result) = read(&declared, WALL_MS + 2000);
        assert_eq!(result.as_ref().unwrap().unwrap().age_ms, 2000);
        assert_eq!(restored(result), (14_999, 0));
        assert_eq!(entries(&after, LATER_MS), expected);
        // Nothing is a change that peers would be told of.
        assert_eq!(after.changes(), 0);
    }
}

#[test]
fn entries_end_by_the_time_of_day_however_long_the_machine_was_off() {
    let place = Place::new();
    let declared = place.of(declared(10, Some(60_000)));
    let mut before = kept(&declared);
    write(&mut before, 3, "s1", NOW_MS - 60_000); // over, and not removed yet
    write(&mut before, 1, "s1", NOW_MS - 30_000);
    write(&mut before, 2, "s1", NOW_MS);
    assert_eq!(save(&before, &place).entries, 2);
    let count = |wall_ms| restored(read(&declared, wall_ms).1);
    assert_eq!(count(WALL_MS), (2, 0));
    assert_eq!(count(WALL_MS - 1_000_000), (2, 0), "the clock was set back");
    assert_eq!(count(WALL_MS + 29_999), (2, 0));
    assert_eq!(count(WALL_MS + 30_000), (1, 0));
    // Beyond what a number of 32 bits can say.
    for days in [0, 24, 25, 49, 50, 1000] {
        assert_eq!(count(WALL_MS + 60_000 + days * 86_400_000), (0, 0), "{days}");
    }
    let (after, _) = read(&declared, WALL_MS + 2000);
    let left = entries(&after, LATER_MS).iter().map(|entry| entry.left_ms).collect::<Vec<_>>();
    assert_eq!(left, [Some(28_000), Some(58_000)]);
}

#[test]
fn another_declaration_takes_what_it_can_store() {
    let place = Place::new();
    let mut before = kept(&place.of(declared(10, Some(60_000))));
    (1..=8).for_each(|number| write(&mut before, number, "s1", NOW_MS));
    save(&before, &place);
    let (mut after, result) = read(&place.of(declaration(10, Some(1000))), WALL_MS);
    assert_eq!(restored(result), (8, 0));
    let row = only(&mut after).find(&key(3), LATER_MS).unwrap();
    assert_eq!(only(&mut after).expires_in_ms(row, LATER_MS), Some(1000));
    let fewer = Declaration { nopurge: true, ..declaration(5, None) };
    assert_eq!(restored(read(&place.of(fewer), WALL_MS).1), (5, 3));
    let other = Declaration { key_type: KeyType::Ipv6, ..declaration(5, None) };
    assert!(read(&place.of(other), WALL_MS).1.is_err());
}

/// A file with several blocks of rows.
fn large() -> (Place, Declaration, u32) {
    let place = Place::new();
    let declared = place.of(declared(20_000, Some(60_000)));
    let mut before = kept(&declared);
    (1..=20_000).for_each(|number| write(&mut before, number, "s1", NOW_MS));
    save(&before, &place);
    (place, declared, 20_000)
}

#[test]
fn a_damaged_block_costs_its_entries_and_a_damaged_head_the_file() {
    let (place, declared, all) = large();
    let tables = kept(&declared);
    let geometry = Geometry::new(tables.get(TableId(0)).rows.layout().stride, all.into());
    let blocks = geometry.row_blocks();
    assert!(blocks > 3, "{blocks} blocks");
    let file = File::options().read(true).write(true).open(&place.0).unwrap();
    let len = file.metadata().unwrap().len();
    let flip = |at: u64| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x20], at).unwrap();
    };
    for block in 0..blocks {
        let begin = geometry.rows_at(block).unwrap();
        let rows = u32::try_from(geometry.rows_in(block)).unwrap();
        let end = begin + (BLOCK + geometry.rows_in(block) * geometry.stride) as u64;
        for at in [begin, begin + 5, begin + 9, begin + 13, begin + 40, end - 1] {
            flip(at);
            let result = read(&declared, WALL_MS).1;
            assert_eq!(result.as_ref().unwrap().unwrap().damaged, 1);
            assert_eq!(restored(result), (all - rows, rows), "block {block}, byte {at}");
            flip(at);
        }
    }
    // The names: no entry can be used without the name of its server.
    flip(len - 1);
    assert_eq!(restored(read(&declared, WALL_MS).1), (0, all));
    flip(len - 1);
    for at in [0, 8, 12, 17, 25, 33, 41, 50, 300, 1024, 1040, 1060, HEAD as u64 - 1] {
        flip(at);
        assert!(read(&declared, WALL_MS).1.is_err(), "byte {at}");
        flip(at);
    }
    assert_eq!(restored(read(&declared, WALL_MS).1), (all, 0));
}

#[test]
fn a_file_that_was_cut_gives_what_is_left() {
    let (place, declared, all) = large();
    let file = File::options().write(true).open(&place.0).unwrap();
    let mut len = file.metadata().unwrap().len();
    file.set_len(len - 1).unwrap();
    assert_eq!(restored(read(&declared, WALL_MS).1), (0, all), "names are missing");
    while len > 100_000 {
        len -= 77_777;
        file.set_len(len).unwrap();
        let (entries, dropped) = restored(read(&declared, WALL_MS).1);
        assert_eq!(entries + dropped, all);
    }
    for len in [HEAD as u64 - 1, 8, 0] {
        file.set_len(len).unwrap();
        assert!(read(&declared, WALL_MS).1.is_err());
    }
}

#[test]
fn what_is_no_table_is_an_error_and_a_missing_file_is_none() {
    let place = Place::new();
    let declared = place.of(declared(10, None));
    assert_eq!(read(&declared, WALL_MS).1.unwrap(), None);
    fs::write(&place.0, "global\n    daemon\n".repeat(1000)).unwrap();
    assert!(read(&declared, WALL_MS).1.is_err());
    fs::remove_file(&place.0).unwrap();
    symlink("/etc/passwd", &place.0).unwrap();
    assert!(read(&declared, WALL_MS).1.is_err());
    fs::remove_file(&place.0).unwrap();
    fs::create_dir(&place.0).unwrap();
    assert!(read(&declared, WALL_MS).1.is_err());
    fs::remove_dir(&place.0).unwrap();
}

#[test]
fn a_file_with_other_bytes_harms_nothing() {
    let mut random = Random(9);
    for round in 0..400 {
        let place = Place::new();
        let mut declared = place.of(declared(50, Some(60_000)));
        if random.below(2) == 0 {
            (declared.key_type, declared.key_len) = (KeyType::String, 12);
        }
        let mut before = kept(&declared);
        (0..20).for_each(|number| write(&mut before, number, "s1", NOW_MS));
        save(&before, &place);
        let mut bytes = fs::read(&place.0).unwrap();
        for _ in 0..=random.below(20) {
            let wide = [u32::try_from(bytes.len()).unwrap(), 100, 1200, 64];
            let part = random.below(4) as usize;
            let at = random.below(wide[part]) as usize;
            let at = if random.below(3) == 0 { at + 1024 } else { at } % bytes.len();
            bytes[at] = u8::try_from(random.below(256)).unwrap();
        }
        // Somebody who makes such a file makes the sums fit, too.
        super::format::repair_sums(&mut bytes);
        fs::write(&place.0, &bytes).unwrap();
        let (mut after, result) = read(&declared, WALL_MS);
        assert!(result.is_err() || only(&mut after).used() <= 50, "round {round}");
    }
}

#[test]
fn a_newer_table_and_what_is_no_table_are_not_replaced() {
    let place = Place::new();
    let mut tables = kept(&place.of(declared(10, None)));
    write(&mut tables, 1, "s1", NOW_MS);
    save(&tables, &place);
    let bytes = fs::read(&place.0).unwrap();
    let later = Stamp { since_ns: 6, ..stamp() };
    let earlier = Stamp { since_ns: 4, ..stamp() };
    assert_eq!(later.standing(&bytes), Standing::Older);
    assert_eq!(stamp().standing(&bytes), Standing::Older);
    assert_eq!(earlier.standing(&bytes), Standing::Newer);
    let restarted = Stamp { boot: [8; 16], ..earlier };
    assert_eq!(restarted.standing(&bytes), Standing::Older);
    assert_eq!(earlier.standing(&bytes[..100]), Standing::Older, "it is damaged");
    assert_eq!(stamp().standing(b""), Standing::Older);
    assert_eq!(stamp().standing(b"root:x:0:0:root:/root:/bin/bash\n"), Standing::Foreign);
}

/// Changes entries until `is_over`. Both values of an entry are always the same.
fn change_all(table: &mut StickTable, is_over: impl Fn() -> bool) {
    let cell = |data_type| table.cell(data_type).unwrap();
    let (count, bytes) = (cell(DataType::ConnCnt), cell(DataType::BytesInCnt));
    let mut random = Random(3);
    let mut value = 0;
    while !is_over() {
        value += 1;
        let (row, _) = table.find_or_insert(&key(random.below(4000)), NOW_MS).unwrap();
        if random.below(10) == 0 {
            table.remove(row);
            continue;
        }
        table.set_u32(row, count, 0, value);
        table.set_u64(row, bytes, 0, u64::from(value));
        table.touch_local(row, NOW_MS);
    }
}

#[test]
fn every_entry_is_whole_although_its_owner_changes_it_meanwhile() {
    let place = Place::new();
    let declared = place.of(declared(5000, Some(60_000)));
    let mut before = kept(&declared);
    let (rows, names) = {
        let (mut rows, names) = before.files();
        (file(rows.next().unwrap().1), names.map(file))
    };
    std::thread::scope(|scope| {
        let saver = scope.spawn(move || {
            let most = (0..30).map(|round| {
                let out = File::create(&place.0).unwrap();
                let written = write_table(&rows, names.as_ref(), &stamp(), &out).unwrap();
                assert!(written.skipped < 10, "{written:?}");
                let (after, result) = read(&declared, WALL_MS);
                assert_eq!(restored(result).1, 0);
                for entry in entries(&after, LATER_MS) {
                    let value = u64::from(entry.connections.0);
                    assert_eq!(value, entry.bytes, "round {round}: half of an entry");
                }
                written.entries
            });
            most.max().unwrap()
        });
        change_all(only(&mut before), || saver.is_finished());
        let most = saver.join().unwrap();
        assert!(most > 1000, "{most} entries");
    });
}

#[test]
fn the_counts_of_one_node_are_not_taken_for_those_of_all() {
    let place = Place::new();
    let shared = place.of(declared(10, Some(60_000)));
    let counts = Counts::OfThisNode { sum: shared.name.clone(), others: Vec::new() };
    let part = Declaration { counts, ..shared.clone() };
    for (saved, other, word) in [(&shared, &part, "without"), (&part, &shared, "with")] {
        let mut before = kept(saved);
        write(&mut before, 1, "s1", NOW_MS);
        save(&before, &place);
        assert_eq!(restored(read(saved, WALL_MS).1), (1, 0));
        let (after, result) = read(other, WALL_MS);
        assert_eq!(result.unwrap_err().to_string(), format!("it was saved {word} 'aggregate'"));
        assert_eq!(after.used(), 0);
    }
}
