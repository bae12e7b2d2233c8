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
pub(in crate::table) struct KeyHasher {
    secrets: [u64; 2],
    shared_seed: SharedSeed,
}

impl KeyHasher {
    pub(super) fn new() -> Self {
        Self::with_secrets([secret(), secret()])
    }

    /// The hash of a process with these secrets.
    pub(super) fn with_secrets(secrets: [u64; 2]) -> Self {
        Self { secrets, shared_seed: SharedSeed::from_u64(secrets[1]) }
    }

    /// What makes another process hash alike.
    pub(super) fn secrets(&self) -> [u64; 2] {
        self.secrets
    }

    #[inline]
    pub(in crate::table) fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = FoldHasher::with_seed(self.secrets[0], &self.shared_seed);
        hasher.write(key);
        KeyHash(hasher.finish())
    }
}

/// A number that nobody outside can know: the standard library's hash has the system's randomness.
fn secret() -> u64 {
    RandomState::new().build_hasher().finish()
}
