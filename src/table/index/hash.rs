//! The hash of keys.

use std::hash::{BuildHasher, Hasher, RandomState};

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// The hash of a key, keyed and random per process: a client cannot choose collisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub(super) u64);

/// The secrets of the hash. A client that chooses its key, as by a server name, must not be able to
/// choose the key's slot. No client sees a hash or the order of the rows, so a hash is enough that
/// resists an attacker who sees neither, at a fraction of the cost of SipHash.
#[derive(Clone, Debug)]
pub(super) struct KeyHasher {
    seed: u64,
    shared_seed: SharedSeed,
}

impl KeyHasher {
    pub(super) fn new() -> Self {
        Self { seed: secret(), shared_seed: SharedSeed::from_u64(secret()) }
    }

    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared_seed);
        hasher.write(key);
        KeyHash(hasher.finish())
    }
}

/// A number that nobody outside can know: the standard library's hash has the system's randomness.
fn secret() -> u64 {
    RandomState::new().build_hasher().finish()
}
