//! The time of single operations: the stick table compared with a plain map and a plain LRU cache,
//! the peers protocol, the dictionary, the timing wheel, the configuration.
//!
//! `cargo bench --bench micro [part...]` runs all parts or the named parts: `table`, `resync`,
//! `wire` and so on.

#![expect(unreachable_pub, clippy::unwrap_used, reason = "a bench may end at once")]

mod config;
mod dictionary;
mod keys;
mod resync;
mod table;
mod wheel;
mod wire;
mod yardstick;

fn main() {
    divan::main();
}
