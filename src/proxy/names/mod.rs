//! Servers whose addresses follow from names: asks for the names, and moves the servers.
//!
//! ```text
//!   mod.rs        which servers wait for which name; what is done when there is news of a name
//!   hosts.rs      gives the addresses of a host to the servers of that name
//!   services.rs   gives the records of a service to the servers of that name
//!   changes.rs    what becomes of a server
//!   lines.rs      the log lines
//! ```
//!
//! The servers of a backend with the same name share its addresses (or records): each takes one
//! that no other has, and keeps it as long as answers have it, so a client with a stick entry comes
//! back to the same place. A server for which nothing is left is in maintenance, and gets its old
//! place back if it can.

mod changes;
mod hosts;
mod lines;
mod services;

use std::collections::{BTreeMap, HashMap};

use super::backend::naming::Naming;
use super::shared::Shared;
use crate::config::{BackendId, NamedHost, ServerIndex};
use crate::net::dns::{Known, Name, Subject};
use crate::resolve::{Asked, Nameservers};

/// The servers that wait for names.
#[derive(Debug, Default)]
pub struct ServerNames {
    /// The servers of each name, by backend, in the order of the file.
    groups: BTreeMap<(Asked, BackendId), Vec<ServerIndex>>,
    /// What each server waits for.
    waits: HashMap<(BackendId, ServerIndex), Waits>,
}

/// What a server waits for.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    /// Its name.
    own: Option<Asked>,
    /// The host of its record, if its name is that of a service and the record came without an
    /// address.
    target: Option<Asked>,
}

/// A server of a backend.
type At = (BackendId, ServerIndex);

impl ServerNames {
    /// Asks for the names of all servers. An address that a server has already counts on as if
    /// it had just been found.
    pub fn start(&mut self, shared: &Shared, nameservers: &mut Nameservers, now_ms: u64) {
        for (backend, section) in (0..).map(BackendId).zip(&shared.backends) {
            for (index, server) in section.servers.indexed() {
                if let Some(naming) = &server.naming {
                    self.wait_for_name((backend, index), naming, nameservers, now_ms);
                }
            }
        }
    }

    /// Does what follows from the news of a name.
    pub fn follow(
        &mut self,
        asked: Asked,
        shared: &mut Shared,
        nameservers: &mut Nameservers,
        now_ms: u64,
    ) {
        let groups = self.groups.range((asked, BackendId(0))..=(asked, BackendId(u16::MAX)));
        let groups: Vec<_> = groups.map(|((_, id), servers)| (*id, servers.clone())).collect();
        for (backend, servers) in groups {
            self.follow_in(asked, backend, &servers, shared, nameservers, now_ms);
        }
    }

    /// Gives a server another name, as an operator does.
    pub fn rename(
        &mut self,
        at: At,
        name: Name,
        shared: &mut Shared,
        nameservers: &mut Nameservers,
        now_ms: u64,
    ) {
        let server = shared.backend_mut(at.0).server_mut(at.1);
        let Some(naming) = &mut server.naming else { return };
        naming.host = Some(NamedHost::new(name));
        naming.record = None;
        naming.is_renamed = true;
        let naming = naming.clone();
        self.set_target(at, None, nameservers);
        self.wait_for_name(at, &naming, nameservers, now_ms);
    }

    fn follow_in(
        &mut self,
        asked: Asked,
        backend: BackendId,
        servers: &[ServerIndex],
        shared: &mut Shared,
        nameservers: &mut Nameservers,
        now_ms: u64,
    ) {
        let source = nameservers.source_of(asked);
        match nameservers.known(asked) {
            Known::Unchanged => {}
            Known::Addresses(found) => {
                if hosts::assign(shared, backend, servers, &found, &source, now_ms) {
                    nameservers.note_update(asked);
                }
            }
            Known::Services(found) => {
                let found: Vec<_> = found.into_iter().cloned().collect();
                let changes = services::assign(shared, backend, servers, &found, now_ms);
                for (index, target) in changes {
                    let at = (backend, index);
                    let naming = shared.backend(backend).server(index).naming.as_ref();
                    let Some(naming) = naming else { continue };
                    let target = target.and_then(|target| {
                        let subject = addresses_of(target, naming);
                        let is_known = !naming.is_missing;
                        nameservers.ask(naming.resolvers, subject, is_known, now_ms)
                    });
                    self.set_target(at, target, nameservers);
                }
            }
            Known::Lost(failure) => {
                for index in servers {
                    let at = (backend, *index);
                    let waits = self.waits.get(&at).copied().unwrap_or_default();
                    let server = shared.backend(backend).server(*index);
                    let naming = server.naming.as_ref();
                    let is_service = naming.is_some_and(|n| n.service_name().is_some());
                    let has_lost_record = is_service && waits.own == Some(asked);
                    if has_lost_record {
                        self.set_target(at, None, nameservers);
                    }
                    let why = lines::lost(failure, has_lost_record);
                    shared.lose_address(backend, *index, why, now_ms);
                }
            }
        }
    }

    fn wait_for_name(
        &mut self,
        at: At,
        naming: &Naming,
        nameservers: &mut Nameservers,
        now_ms: u64,
    ) {
        let subject = naming.host.as_ref().map(|host| match host {
            NamedHost::Host(name) => addresses_of(name.clone(), naming),
            NamedHost::Service(name) => Subject::Services(name.clone()),
        });
        let asked = subject.and_then(|subject| {
            nameservers.ask(naming.resolvers, subject, !naming.is_missing, now_ms)
        });
        let before = std::mem::replace(&mut self.waits.entry(at).or_default().own, asked);
        self.change(at, before, asked, nameservers);
    }

    fn set_target(&mut self, at: At, target: Option<Asked>, nameservers: &mut Nameservers) {
        let before = std::mem::replace(&mut self.waits.entry(at).or_default().target, target);
        self.change(at, before, target, nameservers);
    }

    /// A server waits for another question than before. The new one has been asked.
    fn change(
        &mut self,
        at: At,
        before: Option<Asked>,
        after: Option<Asked>,
        nameservers: &mut Nameservers,
    ) {
        let (backend, index) = at;
        if let Some(before) = before {
            if let Some(servers) = self.groups.get_mut(&(before, backend)) {
                servers.retain(|other| *other != index);
                if servers.is_empty() {
                    self.groups.remove(&(before, backend));
                }
            }
            nameservers.forget(before);
        }
        if let Some(after) = after {
            let servers = self.groups.entry((after, backend)).or_default();
            if let Err(place) = servers.binary_search(&index) {
                servers.insert(place, index);
            }
        }
    }
}

fn addresses_of(name: Name, naming: &Naming) -> Subject {
    Subject::Addresses { name, prefers_ipv4: naming.choice.prefers_ipv4 }
}
