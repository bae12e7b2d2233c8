//! The names of servers in the messages of a handover. The two processes may have different
//! configurations, so a name has everything that makes a server the same in both.

use std::collections::HashMap;

use super::encoding::{decode, encode};
use crate::config::{BackendId, ServerIndex};
use crate::proxy::Shared;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::Server;

/// What names a server.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Finds the servers of this process by their names.
#[derive(Debug)]
pub struct ServerIndexes(HashMap<String, (BackendId, HashMap<String, ServerIndex>)>);

impl ServerIndexes {
    /// The indexes of all servers.
    pub fn new(shared: &Shared) -> Self {
        let backends = (0..).map(BackendId).zip(&shared.backends);
        Self(
            backends
                .map(|(id, backend)| (backend.config.name.clone(), (id, indexes(backend))))
                .collect(),
        )
    }

    /// The server of this name, if this process has it.
    pub fn find(&self, name: &ServerName, shared: &Shared) -> Option<(BackendId, ServerIndex)> {
        let (id, servers) = self.0.get(&name.backend)?;
        let index = *servers.get(&name.server)?;
        let configured = shared.backend(*id).server(index).config.place();
        (configured == name.address).then_some((*id, index))
    }
}

fn indexes(backend: &Backend) -> HashMap<String, ServerIndex> {
    let servers = backend.servers.indexed();
    servers.map(|(index, server)| (server.config.name.clone(), index)).collect()
}
