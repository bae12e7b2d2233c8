//! Keys in an order that no cache can guess, and the table that they are for.

use stickd::config::data_type::{DataType, StoredData};
use stickd::config::{KeyType, PeersId, ServerKey, StickTable};

/// Tables that fit the cache, and ones that do not.
pub const SIZES: [u32; 3] = [1_000, 100_000, 4_000_000];
/// Operations in one sample: enough that a sample of a large table meets all of it.
pub const SAMPLE: u32 = 2_000;
pub const EXPIRE_MS: u32 = 600_000;

pub type Key = [u8; 4];

/// Distinct keys that look random: multiplication by an odd number is a bijection.
pub fn key(number: u32) -> Key {
    number.wrapping_mul(2_654_435_761).to_be_bytes()
}

/// All keys below `count` again and again, in an order that is not the one of insertion.
pub fn in_other_order(count: u32) -> impl Iterator<Item = Key> {
    // A step that has no factor in common with any of the sizes.
    const STEP: u32 = 1_299_709;
    let mut number = 0;
    std::iter::repeat_with(move || {
        number = (number + STEP) % count;
        key(number)
    })
}

/// A table of type ip with server_id and server_key.
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
        server_key: ServerKey::Name,
        data: vec![stored(DataType::ServerId), stored(DataType::ServerKey)],
        peers: Some(PeersId(0)),
    }
}
