//! Single operations on a stick table.

use divan::{Bencher, black_box};
use stickd::config::data_type::{DataType, StoredData};
use stickd::config::{Counts, TableId};
use stickd::table::{StickTable, Tables, sum_of_parts};

use crate::keys::{EXPIRE_MS, SAMPLE, SIZES, declaration, in_other_order, key};

/// A table with room for `size` entries that holds `used` entries.
fn table(size: u32, used: u32) -> StickTable {
    let mut table = StickTable::new(&declaration(size)).unwrap();
    for number in 0..used {
        let (row, _) = table.find_or_insert(&key(number), 0).unwrap();
        table.touch_local(row, 0);
    }
    table
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn hit(bencher: Bencher<'_, '_>, size: u32) {
    let table = table(size, size);
    let mut keys = in_other_order(size);
    bencher.bench_local(|| table.find(&keys.next().unwrap(), 1));
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn miss(bencher: Bencher<'_, '_>, size: u32) {
    let table = table(size, size);
    let mut absent = (size..).map(key);
    bencher.bench_local(|| table.find(&absent.next().unwrap(), 1));
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn hit_and_refresh(bencher: Bencher<'_, '_>, size: u32) {
    let mut table = table(size, size);
    let mut keys = in_other_order(size);
    let mut now_ms = 0;
    bencher.bench_local(|| {
        now_ms += 1;
        let row = table.find(&keys.next().unwrap(), now_ms % 1000).unwrap();
        table.touch_local(row, now_ms % 1000);
    });
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn insert_and_remove(bencher: Bencher<'_, '_>, size: u32) {
    let mut table = table(size, size / 2);
    let mut keys = (size..).map(key);
    bencher.bench_local(|| {
        let (row, _) = table.find_or_insert(&keys.next().unwrap(), 1).unwrap();
        table.touch_local(row, 1);
        table.remove(row);
    });
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn insert_into_a_full_table(bencher: Bencher<'_, '_>, size: u32) {
    let mut table = table(size, size);
    let mut keys = (size..).map(key);
    bencher.bench_local(|| black_box(table.find_or_insert(&keys.next().unwrap(), 1)));
}

/// New entries come as fast as old entries expire, in a table that is half full.
#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn insert_and_expire(bencher: Bencher<'_, '_>, size: u32) {
    let mut table = StickTable::new(&declaration(size)).unwrap();
    let mut number = 0;
    let mut insert_one = || {
        number += 1;
        let now_ms = u64::from(number) * u64::from(EXPIRE_MS) / u64::from(size / 2);
        table.find_or_insert(&key(number), now_ms);
        table.expire(now_ms, 16)
    };
    for _ in 0..size {
        insert_one();
    }
    bencher.bench_local(insert_one);
}

/// The sum of a rate over the parts of this many nodes (`aggregate`), each with an entry of the key
/// among 100,000.
#[divan::bench(args = [1, 3, 16], sample_size = SAMPLE)]
fn sum_of_rates(bencher: Bencher<'_, '_>, nodes: u16) {
    const SIZE: u32 = 100_000;
    let rate = StoredData { data_type: DataType::ConnRate, elements: 1, period_ms: 10_000 };
    let mut parts = vec![declaration(SIZE); usize::from(nodes)];
    parts.iter_mut().for_each(|part| part.data = vec![rate]);
    let others = (1..nodes).map(TableId).collect();
    parts[0].counts = Counts::OfThisNode { sum: "web".to_owned(), others };
    let mut tables = Tables::new(&parts).unwrap();
    let cell = tables.get(TableId(0)).cell(DataType::ConnRate).unwrap();
    for id in (0..nodes).map(TableId) {
        let table = tables.get_mut(id);
        for number in 0..SIZE {
            let (row, _) = table.find_or_insert(&key(number), 0).unwrap();
            table.count_rate(row, cell, 0, 1, 0);
        }
    }
    let mut keys = in_other_order(SIZE);
    bencher.bench_local(|| {
        let key = keys.next().unwrap();
        sum_of_parts(tables.entries_of_parts(TableId(0), &key, 1), cell, 0, 1)
    });
}
