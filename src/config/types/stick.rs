//! Stick tables, and the rules that use them.

use std::path::PathBuf;

use super::ids::{PeersId, TableId};
use crate::config::data_type::StoredData;
use crate::config::rules::{Condition, Expression, RulePlace};

/// One stick table.
#[derive(Clone, Debug)]
pub struct StickTable {
    /// The name in the Runtime API: that of the proxy, or `section/table` for a table of a peers
    /// section.
    pub name: String,
    /// The name for peers: that of the proxy, or `/table` for a table of a peers section.
    pub wire_name: String,
    /// The type of the keys.
    pub key_type: KeyType,
    /// The most bytes of a key: 4, 16, or the number of `len` (by default 31 for strings, 32 for
    /// binary keys).
    pub key_len: u32,
    /// The length that the table definition announces (peers protocol, section 7.1).
    pub wire_key_len: u32,
    /// The most entries.
    pub size: u32,
    /// How long an entry lives after its last use, in milliseconds. Without a time an entry lives
    /// until it is evicted.
    pub expire_ms: Option<u32>,
    /// Refuse new entries when full instead of evicting the oldest.
    pub nopurge: bool,
    /// Whether the table learns from peers and never pushes (`recv-only`). Then the table also
    /// learns `conn_cur`, which is not learned otherwise.
    pub recv_only: bool,
    /// Whether it is kept since when each entry names its server and who has said so (`origins`).
    pub origins: bool,
    /// Where the table is saved.
    pub save: Option<SavedTo>,
    /// What `server_key` holds.
    pub server_key: ServerKey,
    /// The stored data types in ascending order of their numbers. Stick rules have added
    /// `server_id` and `server_key`.
    pub data: Vec<StoredData>,
    /// The peers section it is replicated through.
    pub peers: Option<PeersId>,
    /// Whose counts it holds.
    pub counts: Counts,
}

/// Whose counts a table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// Those of all nodes: what a peer sends takes the place of what is here.
    #[default]
    Shared,
    /// Those of this node (`aggregate`). Samples tell the sum of it and of the parts of others.
    OfThisNode {
        /// The name that rules and commands know the sum by.
        sum: String,
        /// The parts of the other nodes.
        others: Vec<TableId>,
    },
    /// Those of another node, which alone changes them.
    OfAnotherNode,
}

impl StickTable {
    /// The tables that are added to this one where counts are told.
    pub fn other_parts(&self) -> &[TableId] {
        match &self.counts {
            Counts::OfThisNode { others, .. } => others,
            Counts::Shared | Counts::OfAnotherNode => &[],
        }
    }

    /// The name of the sum that this table is this node's part of.
    pub fn sum_name(&self) -> Option<&str> {
        match &self.counts {
            Counts::OfThisNode { sum, .. } => Some(sum),
            Counts::Shared | Counts::OfAnotherNode => None,
        }
    }

    /// Whether the table learns what belongs to the node that sends it: the connections that are
    /// open there.
    pub fn learns_local(&self) -> bool {
        self.recv_only || self.counts == Counts::OfAnotherNode
    }
}

/// Where a table is saved, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedTo {
    /// The file. A relative path begins in the directory in which the process was started.
    pub file: PathBuf,
    /// The time from one save to the next, in milliseconds.
    pub every_ms: u32,
}

/// The type of a table's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A signed 32-bit number.
    Integer,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A string of at most `key_len` bytes.
    String,
    /// Exactly `key_len` bytes.
    Binary,
}

impl KeyType {
    /// The word in the configuration and the Runtime API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ipv6",
            Self::String => "string",
            Self::Binary => "binary",
        }
    }
}

/// What `server_key` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerKey {
    /// The server's name.
    #[default]
    Name,
    /// The server's address and port.
    Address,
}

/// One stick rule. `stick on` is both a match and a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickRule {
    /// The table it looks at.
    pub table: TableId,
    /// The key.
    pub key: StickKey,
    /// Look the client up.
    pub matches: bool,
    /// Remember the client's server.
    pub stores: bool,
    /// Whether the key is in what the server sends, not in what the client sends. Such a rule
    /// stores.
    pub of_response: bool,
    /// The condition; without a condition the rule always applies.
    pub condition: Option<Condition>,
    /// Where it stands.
    pub place: RulePlace,
    /// Where the rule comes from.
    pub source: RuleSource,
}

/// The line of a rule, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSource {
    /// The line, with single blanks.
    pub line: String,
    /// Its place: `file:line`.
    pub at: String,
}

/// The key of a stick rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickKey {
    /// The client's address.
    Source,
    /// A sample.
    Sample(Expression),
}
