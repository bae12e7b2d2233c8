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

/// The indexes of this process, kept while older processes drain: those tell something many times a
/// second, and there may be tens of thousands of names.
#[derive(Debug, Default)]
pub struct KeptIndexes(Option<(u64, ProxyIndexes)>);

impl KeptIndexes {
    /// The indexes of everything that `shared` has now. They are made when they are first needed,
    /// and again when servers have come or gone.
    pub fn get(&mut self, shared: &Shared) -> &ProxyIndexes {
        let changes = shared.server_changes_total;
        let kept = self.0.take().filter(|(made_at, _)| *made_at == changes);
        let (_, indexes) =
            self.0.insert(kept.unwrap_or_else(|| (changes, ProxyIndexes::new(shared))));
        indexes
    }

    /// Gives the memory back.
    pub fn clear(&mut self) {
        self.0 = None;
    }
}

fn indexes(backend: &Backend) -> HashMap<String, ServerIndex> {
    let servers = backend.servers.indexed();
    servers.map(|(index, server)| (server.config.name.clone(), index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::proxy::backend::server::AdminState;

    #[test]
    fn kept_indexes_know_the_servers_that_come_and_go() {
        let text = "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server \
                    1s\nbackend b\n balance roundrobin\n server s 127.0.0.1:1\n";
        let loaded = config::load_text("names", text, &config::Request::default());
        let mut config = loaded.unwrap_or_else(|errors| panic!("{errors:?}")).config;
        let mut added = config.backends[0].servers[0].clone();
        added.name = "added".to_owned();
        let mut shared = Shared::new(&mut config, 10, 0).unwrap();
        let named = |server: &str| ServerName {
            backend: "b".to_owned(),
            server: server.to_owned(),
            address: "127.0.0.1:1".to_owned(),
        };
        let mut kept = KeptIndexes::default();
        let old = kept.get(&shared).server(&named("s"), &shared);
        assert_eq!(old, Some((BackendId(0), ServerIndex::configured(0))));
        assert_eq!(kept.get(&shared).server(&named("added"), &shared), None);

        let first = shared.add_server(BackendId(0), added.clone(), 0).unwrap();
        let found = kept.get(&shared).server(&named("added"), &shared);
        assert_eq!(found, Some((BackendId(0), first)));

        shared.backend_mut(BackendId(0)).server_mut(first).admin = AdminState::Maint;
        shared.delete_server(BackendId(0), first).unwrap();
        let second = shared.add_server(BackendId(0), added, 0).unwrap();
        let found = kept.get(&shared).server(&named("added"), &shared);
        assert_eq!((found, first == second), (Some((BackendId(0), second)), false));
        assert_eq!(kept.get(&shared).server(&named("s"), &shared), old);
    }
}
