//! One `resolvers` section at run time.

use std::io;
use std::net::SocketAddr;

use crate::config::Resolvers;
use crate::net::dns::{Counters, Hold, QuestionId, Resolver, Settings, Transport};

/// What a section and its nameservers are called, and what was counted.
#[derive(Debug)]
pub struct SectionView<'a> {
    /// The name of the section.
    pub name: &'a str,
    /// The names of its nameservers, and their counters.
    pub nameservers: Vec<(&'a str, Counters)>,
}

/// A section, its nameservers and what it asks.
#[derive(Debug)]
pub(super) struct Section {
    name: String,
    /// The names and addresses of the nameservers.
    nameservers: Vec<(String, SocketAddr)>,
    pub(super) resolver: Resolver,
}

impl Section {
    pub(super) fn new(config: &Resolvers) -> Self {
        let transport = |by_tcp| if by_tcp { Transport::Tcp } else { Transport::Udp };
        let hold = &config.hold;
        let settings = Settings {
            nameservers: config.nameservers.iter().map(|n| transport(n.by_tcp)).collect(),
            hold: Hold {
                nx_ms: hold.nx_ms.into(),
                refused_ms: hold.refused_ms.into(),
                timeout_ms: hold.timeout_ms.into(),
                other_ms: hold.other_ms.into(),
                obsolete_ms: hold.obsolete_ms.into(),
            },
            resolve_ms: config.resolve_ms.into(),
            retry_ms: config.retry_ms.into(),
            tries: config.tries,
            payload_size: config.payload_size,
        };
        let nameservers = config.nameservers.iter().map(|n| (n.name.clone(), n.address));
        Self {
            name: config.name.clone(),
            nameservers: nameservers.collect(),
            resolver: Resolver::new(settings),
        }
    }

    pub(super) fn address_of(&self, nameserver: usize) -> io::Result<SocketAddr> {
        let found = self.nameservers.get(nameserver);
        found.map(|(_, address)| *address).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// `<section>/<nameserver>`.
    pub(super) fn source_of(&self, question: QuestionId) -> String {
        let nameserver = self.resolver.nameserver_of(question);
        let name =
            nameserver.and_then(|at| self.nameservers.get(at)).map(|(name, _)| name.as_str());
        format!("{}/{}", self.name, name.unwrap_or_default())
    }

    pub(super) fn clear_counters(&mut self) {
        self.resolver.clear_counters();
    }

    pub(super) fn view(&self) -> SectionView<'_> {
        let names = self.nameservers.iter().map(|(name, _)| name.as_str());
        let counters = self.resolver.counters().iter().copied();
        SectionView { name: &self.name, nameservers: names.zip(counters).collect() }
    }
}
