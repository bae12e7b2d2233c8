//! Rings: memory for log lines, and the TCP log servers that are fed from it.

use super::log::LogFormat;
use crate::net::address::Address;

/// A `ring` section, or the ring that a `log tcp@…` line makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Its name: `ring#1` and so on for a ring without a section.
    pub name: String,
    /// Its description; none where the name says enough.
    pub description: Option<String>,
    /// How its lines are framed, whatever a `log ring@…` line says.
    pub format: LogFormat,
    /// The longest message, in bytes.
    pub maxlen: u32,
    /// How much memory the messages may take, in bytes.
    pub size: u32,
    /// The TCP log servers.
    pub servers: Vec<RingServer>,
    /// How long connecting to a server may take, in milliseconds.
    pub connect_timeout_ms: Option<u32>,
    /// How long a server may take nothing, in milliseconds.
    pub server_timeout_ms: Option<u32>,
}

impl Ring {
    /// The memory of a ring without `size`, in bytes, as in HAProxy.
    pub const SIZE: u32 = 16_384;
    /// The most memory of a ring, in bytes.
    pub const SIZE_MAX: u32 = 1 << 30;

    /// A ring without servers.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            format: LogFormat::Raw,
            maxlen: Self::SIZE,
            size: Self::SIZE,
            servers: Vec::new(),
            connect_timeout_ms: None,
            server_timeout_ms: None,
        }
    }
}

/// A TCP log server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingServer {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// How messages are told apart.
    pub framing: Framing,
}

/// How the messages for a TCP log server are told apart (RFC 6587).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Each ends with a line feed.
    #[default]
    Legacy,
    /// Each begins with its length and a blank.
    OctetCount,
}
