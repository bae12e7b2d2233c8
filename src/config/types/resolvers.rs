//! Sets of DNS servers, and how the address of a server follows from a name.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::ids::ResolversId;
use crate::net::dns::name::Name;

/// A `resolvers` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolvers {
    /// Its name.
    pub name: String,
    /// The DNS servers. All are asked at a time.
    pub nameservers: Vec<Nameserver>,
    /// How long answers count.
    pub hold: Hold,
    /// The time between two questions for a name, in milliseconds.
    pub resolve_ms: u32,
    /// How long a try lasts, in milliseconds.
    pub retry_ms: u32,
    /// How often a question is tried.
    pub tries: u32,
    /// The longest datagram that is accepted, in bytes.
    pub payload_size: u16,
}

impl Resolvers {
    /// The name of the section that need not be written.
    pub const DEFAULT: &str = "default";
    /// The bounds of `accepted_payload_size`.
    pub const PAYLOAD_SIZE_MIN: u16 = 512;

    /// A section without nameservers.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            nameservers: Vec::new(),
            hold: Hold::default(),
            resolve_ms: 1000,
            retry_ms: 1000,
            tries: 3,
            payload_size: Self::PAYLOAD_SIZE_MIN,
        }
    }
}

/// How long the addresses of a name count after the last good answer, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// While answers are good: it has no effect, because names are asked for again anyway.
    pub valid_ms: u32,
    /// After answers that there is no such name.
    pub nx_ms: u32,
    /// After answers that refuse the question.
    pub refused_ms: u32,
    /// While no answer comes.
    pub timeout_ms: u32,
    /// After other errors.
    pub other_ms: u32,
    /// For one address that is missing in good answers.
    pub obsolete_ms: u32,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            valid_ms: 10_000,
            nx_ms: 30_000,
            refused_ms: 30_000,
            timeout_ms: 30_000,
            other_ms: 30_000,
            obsolete_ms: 0,
        }
    }
}

/// A DNS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameserver {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// It is asked over TCP, not in datagrams.
    pub by_tcp: bool,
}

/// How the address of a server follows from a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Who is asked.
    pub resolvers: ResolversId,
    /// What is asked for. None if the line has an address: then a command may give the server a
    /// name.
    pub host: Option<NamedHost>,
    /// Which answers are taken.
    pub choice: AddressChoice,
}

/// What the name of a server stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NamedHost {
    /// The name of a host.
    Host(Name),
    /// The name of a service (`_http._tcp.example.com`), whose records have hosts and ports.
    Service(Name),
}

impl NamedHost {
    /// The name.
    pub fn name(&self) -> &Name {
        match self {
            Self::Host(name) | Self::Service(name) => name,
        }
    }

    /// What a name stands for. As in HAProxy, the names of services begin with `_`.
    pub fn new(name: Name) -> Self {
        if name.as_str().starts_with('_') { Self::Service(name) } else { Self::Host(name) }
    }
}

/// Which of the addresses of a name a server takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressChoice {
    /// IPv4 addresses are asked for first.
    pub prefers_ipv4: bool,
    /// The networks whose addresses are taken first, the first one before the others.
    pub networks: Vec<IpNet>,
    /// Another server of the backend may have the same address.
    pub allows_same_ip: bool,
    /// The weight of a record does not count.
    pub ignores_weight: bool,
}

impl AddressChoice {
    /// The rank of an address: the lowest is taken.
    pub fn rank(&self, ip: IpAddr) -> usize {
        let network = self.networks.iter().position(|network| network.contains(&ip));
        let is_other_family = usize::from(ip.is_ipv4() != self.prefers_ipv4);
        2 * network.unwrap_or(self.networks.len()) + is_other_family
    }
}
