//! A `server` line as it was typed.

use std::net::IpAddr;

use super::tls::TlsDraft;
use crate::config::text::diagnostic::{Place, Placed};
use crate::config::{AddressChoice, NamedHost, ServerAddress, ServerSettings};

/// One `server` line of a proxy.
#[derive(Clone, Debug)]
pub(in crate::config) struct ServerDraft {
    pub(in crate::config) name: Placed<String>,
    pub(in crate::config) address: ServerAddress,
    /// The name in place of the address, if `resolvers` look it up.
    pub(in crate::config) host: Option<NamedHost>,
    pub(in crate::config) words: ServerWords,
}

/// The words of a server, also as a `default-server` line gives them.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct ServerWords {
    /// The words that the running server reads.
    pub(in crate::config) settings: ServerSettings,
    /// The words about TLS.
    pub(in crate::config) tls: TlsDraft,
    pub(in crate::config) id: Option<Placed<u32>>,
    pub(in crate::config) init_addr: Vec<InitAddr>,
    /// The section that looks its name up.
    pub(in crate::config) resolvers: Option<Placed<String>>,
    pub(in crate::config) choice: AddressChoice,
    /// The place of a word that only `resolvers` give a meaning.
    pub(in crate::config) choice_place: Option<Place>,
    /// The server that it tracks, as `[<backend>/]<server>`.
    pub(in crate::config) track: Option<Placed<String>>,
}

/// One way to come by an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum InitAddr {
    /// The address from before a restart, which stickd does not keep.
    Last,
    /// The address that the resolver of the system finds.
    Libc,
    /// No address: the server begins in maintenance.
    None,
    /// This address.
    Ip(IpAddr),
}
