//! Names in the messages of a handover, and the objects that they name. The two processes may have
//! different configurations, so the name of a server has everything that makes a server the same in
//! both.

use std::collections::HashMap;

use super::encoding::{decode, encode};
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::proxy::Shared;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::Server;

/// What names a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerName {
    /// The name of its backend.
    pub backend: String,
    /// Its own name.
    pub server: String,
    /// Its address in the configuration, or the name in its place. A server with another address
    /// there is another server.
    pub address: String,
}

impl ServerName {
    /// The name of a server of `backend`.
    pub(super) fn of(backend: &Backend, server: &Server) -> Self {
        Self {
            backend: backend.config.name.clone(),
            server: server.config.name.clone(),
            address: server.config.place(),
        }
    }

    /// The name as words.
    pub(super) fn write(&self) -> String {
        let Self { backend, server, address } = self;
        format!("{} {} {}", encode(backend), encode(server), encode(address))
    }

    /// Reads the words of a name.
    pub(super) fn read<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut next = || decode(words.next()?);
        Some(Self { backend: next()?, server: next()?, address: next()? })
    }
}

/// Finds the frontends, backends and servers of this process by their names.
#[derive(Debug)]
pub struct ProxyIndexes {
    frontends: HashMap<String, FrontendId>,
    backends: HashMap<String, (BackendId, HashMap<String, ServerIndex>)>,
}

impl ProxyIndexes {
    /// The indexes of everything that `shared` has.
    pub fn new(shared: &Shared) -> Self {
        let frontends = (0..).map(FrontendId).zip(&shared.frontends);
        let backends = (0..).map(BackendId).zip(&shared.backends);
        Self {
            frontends: frontends.map(|(id, own)| (own.config.name.clone(), id)).collect(),
            backends: backends
                .map(|(id, backend)| (backend.config.name.clone(), (id, indexes(backend))))
                .collect(),
        }
    }

    /// The frontend of this name.
    pub fn frontend(&self, name: &str) -> Option<FrontendId> {
        self.frontends.get(name).copied()
    }

    /// The backend of this name.
    pub fn backend(&self, name: &str) -> Option<BackendId> {
        self.backends.get(name).map(|(id, _)| *id)
    }

    /// The server of this name, if this process has it.
    pub fn server(&self, name: &ServerName, shared: &Shared) -> Option<(BackendId, ServerIndex)> {
        let (id, servers) = self.backends.get(&name.backend)?;
        let index = *servers.get(&name.server)?;
        let configured = shared.backend(*id).server(index).config.place();
        (configured == name.address).then_some((*id, index))
    }
}

fn indexes(backend: &Backend) -> HashMap<String, ServerIndex> {
    let servers = backend.servers.indexed();
    servers.map(|(index, server)| (server.config.name.clone(), index)).collect()
}
