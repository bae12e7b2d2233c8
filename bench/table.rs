//! What one operation on a stick table costs, from tables that fit the cache to ones that do not.
//!
//! `cargo bench --bench table [entries...]` prints one line a table size: nanoseconds an operation,
//! with the keys in random order, and the bytes reserved for an entry. Each figure is the best of
//! several rounds, so that what else the machine does matters little.

#![expect(clippy::print_stdout, reason = "figures are printed")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use stickd::config::data_type::{DataType, StoredData};
use stickd::config::{KeyType, ServerKey, StickTable as Declaration};
use stickd::table::{StickTable, TableError};

/// Rounds are repeated until there were about this many operations of each kind.
const OPERATIONS: u32 = 3_000_000;
/// Keys hashed ahead of their insertion.
const BATCH: usize = 32;
const EXPIRE_MS: u32 = 3_600_000;

fn main() -> Result<(), TableError> {
    let asked: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes =
        if asked.is_empty() { vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000] } else { asked };
    println!(
        "{:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "entries", "cold", "batch", "insert", "lookup", "miss", "touch", "evict", "expire", "bytes"
    );
    for size in sizes {
        let rounds = (OPERATIONS / size).max(1);
        let mut best = [f64::INFINITY; 8];
        let mut bytes = 0;
        for _ in 0..rounds {
            let (figures, allocated) = measure(size)?;
            for (best, figure) in best.iter_mut().zip(figures) {
                *best = best.min(figure);
            }
            bytes = allocated;
        }
        print!("{size:>9}");
        for figure in best {
            print!(" {figure:>7.1}");
        }
        println!(" {:>7.1}", bytes as f64 / f64::from(size));
    }
    Ok(())
}

/// Nanoseconds an operation, in the order of the heading, and the bytes of one table.
fn measure(size: u32) -> Result<([f64; 8], usize), TableError> {
    let keys: Vec<[u8; 4]> = (0..size).map(key).collect();
    let others: Vec<[u8; 4]> = (size..size.saturating_mul(2)).map(key).collect();
    let mut order = keys.clone();
    shuffle(&mut order);

    let mut table = StickTable::new(&declaration(size))?;
    let cold = time(size, || {
        for key in &keys {
            learn(&mut table, key, 1);
        }
    });
    table.clear();
    let warm = time(size, || {
        for key in &keys {
            learn(&mut table, key, 1);
        }
    });
    let mut found = 0;
    let lookup = time(size, || {
        found += order.iter().filter(|key| table.find(*key, 2).is_some()).count();
    });
    let miss = time(size, || {
        found += others.iter().filter(|key| table.find(*key, 2).is_some()).count();
    });
    assert_eq!(found, size as usize);
    let touch = time(size, || {
        for key in &order {
            if let Some(row) = table.find(key, 2) {
                table.touch_local(row, 2);
            }
        }
    });
    let evict = time(size, || {
        for key in &others {
            table.find_or_insert(key, 3);
        }
    });
    assert_eq!(table.evictions(), u64::from(size));
    let expire = time(size, || {
        assert_eq!(table.expire(4 + u64::from(EXPIRE_MS), usize::MAX), size as usize);
    });

    let mut table = StickTable::new(&declaration(size))?;
    let batch = time(size, || learn_batched(&mut table, &keys));
    assert_eq!(table.used(), size);
    let figures = [cold, batch, warm, lookup, miss, touch, evict, expire];
    Ok((figures, table.allocated_bytes()))
}

/// What an update from a peer does.
fn learn(table: &mut StickTable, key: &[u8], now_ms: u64) {
    if let Some((row, _)) = table.find_or_insert(key, now_ms) {
        table.touch_learned(row, None, now_ms);
    }
}

fn learn_batched(table: &mut StickTable, keys: &[[u8; 4]]) {
    for batch in keys.chunks(BATCH) {
        let mut hashes = [None; BATCH];
        for (hash, key) in hashes.iter_mut().zip(batch) {
            *hash = table.hash(key);
        }
        // In a loop of its own, so that the loads overlap.
        hashes.iter().flatten().for_each(|hash| table.touch_slot(*hash));
        for (hash, key) in hashes.iter().zip(batch) {
            let found = hash.and_then(|hash| table.find_or_insert_hashed(hash, key, None, 1));
            if let Some((row, _)) = found {
                table.touch_learned(row, None, 1);
            }
        }
    }
}

fn time(operations: u32, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(operations)
}

/// Distinct keys that look random: multiplication by an odd number is a bijection.
fn key(number: u32) -> [u8; 4] {
    number.wrapping_mul(2_654_435_761).to_be_bytes()
}

fn shuffle(keys: &mut [[u8; 4]]) {
    let mut state = 88_172_645_463_325_252_u64;
    for last in (1..keys.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state % (last as u64 + 1)).unwrap_or(0);
        keys.swap(last, other);
    }
}

fn declaration(size: u32) -> Declaration {
    let stored = |data_type| StoredData { data_type, elements: 1, period_ms: 0 };
    Declaration {
        name: "bench".into(),
        wire_name: "bench".into(),
        key_type: KeyType::Ipv4,
        key_len: 4,
        wire_key_len: 4,
        size,
        expire_ms: Some(EXPIRE_MS),
        nopurge: false,
        recv_only: false,
        server_key: ServerKey::Name,
        data: vec![stored(DataType::ServerId), stored(DataType::ServerKey)],
        peers: None,
    }
}
