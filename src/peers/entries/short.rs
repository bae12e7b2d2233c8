//! Which tables have updates in the short form of [`ShortUpdate`](crate::peers::wire::update).

use crate::config::KeyType;
use crate::config::data_type::DataType;

/// Whether keys have the four bytes that the short form has room for.
pub(super) fn has_short_keys(key_type: KeyType) -> bool {
    matches!(key_type, KeyType::Integer | KeyType::Ipv4)
}

/// Whether two data types are the ones that say which server a client has.
pub(super) fn is_server(first: DataType, second: DataType) -> bool {
    (first, second) == (DataType::ServerId, DataType::ServerKey)
}
