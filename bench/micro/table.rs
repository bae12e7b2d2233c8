//! Single operations on a stick table.

use divan::{Bencher, black_box};
use stickd::table::StickTable;

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
