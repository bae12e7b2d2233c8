//! The same operations with well-known crates: a map that forgets nothing, and a cache that forgets
//! the oldest entry. Both have the key and the values of a stick table's entry, but no expiry and
//! no update log.

use std::num::NonZeroUsize;

use divan::{Bencher, black_box};
use hashbrown::HashMap;
use lru::LruCache;

use crate::keys::{Key, SAMPLE, SIZES, in_other_order, key};

#[derive(Clone, Copy, Default)]
struct Entry {
    _server_id: u32,
    _server_key: u32,
    _expires_ms: u64,
}

fn map(used: u32) -> HashMap<Key, Entry> {
    (0..used).map(|number| (key(number), Entry::default())).collect()
}

fn cache(size: u32) -> LruCache<Key, Entry> {
    let mut cache = LruCache::new(NonZeroUsize::new(size as usize).unwrap());
    for number in 0..size {
        cache.put(key(number), Entry::default());
    }
    cache
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn hashbrown_hit(bencher: Bencher<'_, '_>, size: u32) {
    let map = map(size);
    let mut keys = in_other_order(size);
    bencher.bench_local(|| black_box(map.get(&keys.next().unwrap())).is_some());
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn hashbrown_miss(bencher: Bencher<'_, '_>, size: u32) {
    let map = map(size);
    let mut absent = (size..).map(key);
    bencher.bench_local(|| black_box(map.get(&absent.next().unwrap())).is_some());
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn hashbrown_insert_and_remove(bencher: Bencher<'_, '_>, size: u32) {
    let mut map = map(size / 2);
    let mut keys = (size..).map(key);
    bencher.bench_local(|| {
        let key = keys.next().unwrap();
        map.insert(key, black_box(Entry::default()));
        black_box(map.remove(&key)).is_some()
    });
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn lru_hit(bencher: Bencher<'_, '_>, size: u32) {
    let mut cache = cache(size);
    let mut keys = in_other_order(size);
    bencher.bench_local(|| black_box(cache.get(&keys.next().unwrap())).is_some());
}

#[divan::bench(args = SIZES, sample_size = SAMPLE)]
fn lru_insert_when_full(bencher: Bencher<'_, '_>, size: u32) {
    let mut cache = cache(size);
    let mut keys = (size..).map(key);
    bencher.bench_local(|| black_box(cache.push(keys.next().unwrap(), Entry::default())).is_some());
}
