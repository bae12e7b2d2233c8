//! Stick tables and stick rules as they were typed.

use crate::config::data_type::StoredData;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::{KeyType, ServerKey};

/// One `stick-table` line, or a `table` line of a peers section.
#[derive(Debug)]
pub(in crate::config) struct TableDraft {
    pub(in crate::config) place: Place,
    /// The name of a `table` line.
    pub(in crate::config) name: Option<String>,
    pub(in crate::config) key_type: KeyType,
    pub(in crate::config) key_len: u32,
    pub(in crate::config) wire_key_len: u32,
    pub(in crate::config) size: u32,
    pub(in crate::config) expire_ms: Option<u32>,
    pub(in crate::config) nopurge: bool,
    pub(in crate::config) recv_only: bool,
    /// Where `aggregate` stands.
    pub(in crate::config) aggregate: Option<Place>,
    pub(in crate::config) origins: bool,
    /// The file that the table is saved to, and how often, in milliseconds.
    pub(in crate::config) save: Option<(Placed<String>, u32)>,
    pub(in crate::config) server_key: ServerKey,
    pub(in crate::config) data: Vec<StoredData>,
    pub(in crate::config) peers: Option<Placed<String>>,
}

impl TableDraft {
    /// A table of which nothing was said yet.
    pub(in crate::config) fn new(place: Place) -> Self {
        Self {
            place,
            name: None,
            key_type: KeyType::Ipv4,
            key_len: 4,
            wire_key_len: 4,
            size: 0,
            expire_ms: None,
            nopurge: false,
            recv_only: false,
            aggregate: None,
            origins: false,
            save: None,
            server_key: ServerKey::Name,
            data: Vec::new(),
            peers: None,
        }
    }
}

/// One stick rule.
#[derive(Debug)]
pub(in crate::config) struct StickRuleDraft {
    pub(in crate::config) place: Place,
    /// The name of the table; without a name it is the table of the backend.
    pub(in crate::config) table: Option<Placed<String>>,
    pub(in crate::config) matches: bool,
    pub(in crate::config) stores: bool,
    /// Whether the rule is about what the server sends.
    pub(in crate::config) of_response: bool,
    /// The line as it was typed, with single blanks.
    pub(in crate::config) line: String,
}
