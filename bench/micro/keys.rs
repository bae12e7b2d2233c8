//! Keys in an order that defeats the processor's cache, and the table for these keys.

use stickd::config::data_type::{DataType, StoredData};
use stickd::config::{KeyType, PeersId, ServerKey, StickTable};

/// The sizes of the tables: some fit into the cache, and some do not.
pub const SIZES: [u32; 3] = [1_000, 100_000, 4_000_000];
/// The number of operations in a sample. A sample then touches all entries of a large table.
pub const SAMPLE: u32 = 2_000;
pub const EXPIRE_MS: u32 = 600_000;

pub type Key = [u8; 4];

/// Returns different keys for different numbers. The keys look random: multiplication by an odd
/// number is a bijection.
pub fn key(number: u32) -> Key {
    number.wrapping_mul(2_654_435_761).to_be_bytes()
}

/// All keys below `count`, again and again, not in the order of insertion.
pub fn in_other_order(count: u32) -> impl Iterator<Item = Key> {
    // The step has no common factor with any of the sizes.
    const STEP: u32 = 1_299_709;
    let mut number = 0;
    std::iter::repeat_with(move || {
        number = (number + STEP) % count;
        key(number)
    })
}

/// A table with type ip, server_id and server_key.
pub fn declaration(size: u32) -> StickTable {
    let stored = |data_type| StoredData { data_type, elements: 1, period_ms: 0 };
    StickTable {
        name: "web".to_owned(),
        wire_name: "web".to_owned(),
        key_type: KeyType::Ipv4,
        key_len: 4,
        wire_key_len: 4,
        size,
        expire_ms: Some(EXPIRE_MS),
        nopurge: false,
        recv_only: false,
        counts: stickd::config::Counts::Shared,
        origins: false,
        save: None,
        server_key: ServerKey::Name,
        data: vec![stored(DataType::ServerId), stored(DataType::ServerKey)],
        peers: Some(PeersId(0)),
    }
}
