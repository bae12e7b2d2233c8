//! The `peers` sections.

use std::ops::Range;

use ipnet::IpNet;

use super::bind::Bind;
use super::ids::{ResolversId, TableId};
use super::log::LogTarget;
use crate::net::address::Address;
use crate::net::dns::name::Name;
use crate::net::tls::connector::Connector;

/// One `peers` section.
#[derive(Clone, Debug)]
pub struct PeersSection {
    /// Its name.
    pub name: String,
    /// Configured but not started.
    pub disabled: bool,
    /// Every peer, the local one included, in the order of the file.
    pub peers: Vec<Peer>,
    /// The places among `peers` for the nodes of services.
    pub templates: Vec<PeerTemplate>,
    /// The networks that callers may come from; any if there is none.
    pub allowed: Vec<IpNet>,
    /// The position of the local peer in `peers`.
    pub local: Option<usize>,
    /// Where the local peer listens; empty when there is no local peer.
    pub binds: Vec<Bind>,
    /// The tables that are replicated through the section, in the order they were declared.
    pub tables: Vec<TableId>,
    /// Where its messages go.
    pub log: Vec<LogTarget>,
}

/// Places for the nodes that a service has (`peer-template`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTemplate {
    /// Who is asked.
    pub resolvers: ResolversId,
    /// The name of the service.
    pub service: Name,
    /// IPv4 addresses are asked for first.
    pub prefers_ipv4: bool,
    /// The positions of the places.
    pub places: Range<u16>,
}

/// A peer whose address nameservers know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPeer {
    /// Who is asked.
    pub resolvers: ResolversId,
    /// The name of its host.
    pub host: Name,
    /// Its port.
    pub port: u16,
    /// IPv4 addresses are asked for first.
    pub prefers_ipv4: bool,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name; empty for a place of a template.
    pub name: String,
    /// Where it is.
    pub address: PeerAddress,
    /// TLS of the calls to it (`ssl`).
    pub tls: Option<PeerTls>,
    /// The name that its certificate has to have instead of the peer's own (`verifyhost`).
    pub verify_host: Option<String>,
}

impl Peer {
    /// A peer that is called in plain text.
    pub fn new(name: String, address: PeerAddress) -> Self {
        Self { name, address, tls: None, verify_host: None }
    }
}

/// TLS of the calls to a peer.
#[derive(Clone, Debug)]
pub struct PeerTls {
    /// What the connections are made with.
    pub connector: Connector,
    /// Whether its certificate is verified, and so has to name the peer.
    pub verifies: bool,
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
    /// Nameservers are asked for it, again and again.
    Named(Box<NamedPeer>),
    /// A place of a template, whose node is where its record says.
    OfTemplate,
    /// The address of the descriptor of the section's `bind` line (for the local peer).
    Descriptor,
}

impl PeerAddress {
    /// Whether the port is missing, without which the peer cannot be called.
    pub(in crate::config) fn has_no_port(&self) -> bool {
        match self {
            Self::Known(Address::Ip(address)) => address.port() == 0,
            Self::Unresolved { port, .. } => *port == 0,
            Self::Known(Address::Unix(_) | Address::Abstract(_))
            | Self::Named(_)
            | Self::OfTemplate
            | Self::Descriptor => false,
        }
    }
}
