//! The fuzz targets as a test: each runs its seeds, the inputs in `found` that once showed a bug,
//! and changed seeds. `scripts/fuzz` looks for new inputs.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop, and says where")]

mod input;
mod targets;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::panic;
use std::path::Path;

use targets::Target;

/// How many changed seeds a target runs.
const CHANGED: usize = 300;

/// The inputs that once showed a bug, which are kept in the tree.
fn found(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(target.name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// Runs an input, and says which it was if it fails.
fn run(target: &Target, input: &[u8]) {
    if let Err(cause) = panic::catch_unwind(|| (target.run)(input)) {
        let escaped = input.escape_ascii();
        eprintln!("the target '{}' has failed with b\"{escaped}\"", target.name);
        panic::resume_unwind(cause);
    }
}

#[test]
fn no_seed_and_nothing_that_was_found_does_harm() {
    for target in targets::TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for input in seeds.iter().chain(&found(target)) {
            run(target, input);
        }
    }
}

#[test]
fn no_change_of_a_seed_does_harm() {
    let seed = std::env::var("SEED").map_or_else(|_| fresh(), |text| text.parse().unwrap());
    eprintln!("SEED={seed}");
    let mut random = Random(seed | 1);
    for target in targets::TARGETS {
        let seeds = (target.seeds)();
        for _ in 0..CHANGED {
            let mut input = seeds[random.below(seeds.len())].clone();
            for _ in 0..=random.below(4) {
                random.change(&mut input, &seeds);
            }
            run(target, &input);
        }
    }
}

#[test]
fn every_kept_input_belongs_to_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found");
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let name = entry.unwrap().file_name();
        let name = name.to_str().unwrap();
        assert!(targets::TARGETS.iter().any(|target| target.name == name), "{name}");
    }
}

fn fresh() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// xorshift64*: a seed gives the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        usize::try_from(number % (end as u64).max(1)).unwrap()
    }

    /// One change: a byte, some bytes fewer or more, or the end of another seed.
    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len());
        let len = self.below(input.len() - at);
        match self.below(5) {
            0 if !input.is_empty() => input[at] = u8::try_from(self.below(256)).unwrap(),
            1 => input.insert(at, u8::try_from(self.below(256)).unwrap()),
            2 => drop(input.drain(at..at + len)),
            3 => input.extend_from_within(at..at + len),
            _ => {
                let other = &seeds[self.below(seeds.len())];
                input.truncate(at);
                input.extend_from_slice(&other[self.below(other.len())..]);
            }
        }
    }
}
