//! Stick tables and stick rules as they were typed.

use crate::config::data_type::StoredData;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::{KeyType, ServerKey};

/// One `stick-table` line, or a `table` line of a peers section.
#[derive(Debug)]
pub(crate) struct TableDraft {
    pub(crate) place: Place,
    /// The name of a `table` line.
    pub(crate) name: Option<String>,
    pub(crate) key_type: KeyType,
    pub(crate) key_len: u32,
    pub(crate) wire_key_len: u32,
    pub(crate) size: u32,
    pub(crate) expire_ms: Option<u32>,
    pub(crate) nopurge: bool,
    pub(crate) recv_only: bool,
    pub(crate) server_key: ServerKey,
    pub(crate) data: Vec<StoredData>,
    pub(crate) peers: Option<Placed<String>>,
}

/// One stick rule.
#[derive(Debug)]
pub(crate) struct StickRuleDraft {
    pub(crate) place: Place,
    /// The name of the table; without a name it is the table of the backend.
    pub(crate) table: Option<Placed<String>>,
    pub(crate) matches: bool,
    pub(crate) stores: bool,
}
