//! The `peers` sections.

use super::bind::Bind;
use super::ids::TableId;
use super::log::LogTarget;
use crate::net::address::Address;

/// One `peers` section.
#[derive(Clone, Debug)]
pub struct PeersSection {
    /// Its name.
    pub name: String,
    /// Configured but not started.
    pub disabled: bool,
    /// Every peer, the local one included, in the order of the file.
    pub peers: Vec<Peer>,
    /// The position of the local peer in `peers`.
    pub local: Option<usize>,
    /// Where the local peer listens; empty when there is no local peer.
    pub binds: Vec<Bind>,
    /// The tables that are replicated through the section, in the order they were declared.
    pub tables: Vec<TableId>,
    /// Where its messages go.
    pub log: Vec<LogTarget>,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: PeerAddress,
}

/// Where a peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// A known address.
    Known(Address),
    /// A host name that did not resolve at the start. Each call tries to resolve it again.
    Unresolved {
        /// The host name.
        host: String,
        /// The port.
        port: u16,
    },
    /// The address of the descriptor of the section's `bind` line (for the local peer).
    Descriptor,
}

impl PeerAddress {
    /// Whether the port is missing, without which the peer cannot be called.
    pub(in crate::config) fn has_no_port(&self) -> bool {
        match self {
            Self::Known(Address::Ip(address)) => address.port() == 0,
            Self::Unresolved { port, .. } => *port == 0,
            Self::Known(Address::Unix(_) | Address::Abstract(_)) | Self::Descriptor => false,
        }
    }
}
