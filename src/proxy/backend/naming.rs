//! A server whose address follows from a name.

use std::net::IpAddr;

use crate::config::{AddressChoice, NamedHost, Resolution, ResolversId};
use crate::net::dns::Name;

/// How the address of a server follows from a name, and whether it has one.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Who is asked.
    pub resolvers: ResolversId,
    /// Which addresses are taken.
    pub choice: AddressChoice,
    /// What is asked for; a command may change it.
    pub host: Option<NamedHost>,
    /// The last address that came from the name. The server gets it back if it can.
    pub ip: Option<IpAddr>,
    /// The last record of the service that the server had. The server gets it back if it can.
    pub record: Option<Record>,
    /// A command has given the server its name.
    pub is_renamed: bool,
    /// The server has no address, and is in maintenance for that.
    pub is_missing: bool,
}

/// A record of a service: it names the same server as long as host and port are the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The name of the host.
    pub target: Name,
    /// The port.
    pub port: u16,
}

impl Naming {
    /// The naming as configured.
    pub fn new(config: &Resolution, is_missing: bool) -> Self {
        Self {
            resolvers: config.resolvers,
            choice: config.choice.clone(),
            host: config.host.clone(),
            ip: None,
            record: None,
            is_renamed: false,
            is_missing,
        }
    }

    /// The name of the host at whose address the server is.
    pub fn host_name(&self) -> Option<&Name> {
        match &self.host {
            Some(NamedHost::Host(name)) => Some(name),
            Some(NamedHost::Service(_)) => self.record.as_ref().map(|record| &record.target),
            None => None,
        }
    }

    /// The name of the service whose records the server takes one of.
    pub fn service_name(&self) -> Option<&Name> {
        match &self.host {
            Some(NamedHost::Service(name)) => Some(name),
            Some(NamedHost::Host(_)) | None => None,
        }
    }
}
