//! Servers that operators add and delete while the process runs.

use crate::config;
use crate::config::{BackendId, ServerIndex};
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Origin, Server};
use crate::proxy::backend::servers::ServerChange;
use crate::proxy::shared::Shared;
use crate::table::Tables;

/// Why a server cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undeletable {
    /// A rule, a sample or a server that tracks it names it, or its name is looked up.
    Named,
    /// It is not in maintenance.
    InService,
    /// It has connections, or connections wait for it.
    Connected,
}

impl Shared {
    /// Adds a server to a backend, which chooses servers by their weights of the moment. It is
    /// checked only after its checks are switched on. Returns none if there are too many servers.
    pub fn add_server(
        &mut self,
        id: BackendId,
        config: config::Server,
        now_ms: u64,
    ) -> Option<ServerIndex> {
        let had_servers = self.backend(id).has_servers();
        let Self { backends, tables, .. } = self;
        let backend = backends.get_mut(id.index())?;
        let has_limit = config.settings.maxconn > 0;
        let index = backend.add_server(config, tables, now_ms)?;
        self.has_queues |= has_limit;
        let health = self.found_health(id, index);
        let backend = self.backend_mut(id);
        backend.server_mut(index).health = health;
        backend.server_changed();
        self.record_backend_change(id, had_servers, now_ms);
        self.note_server_change(ServerChange::Added(id, index));
        Some(index)
    }

    fn note_server_change(&mut self, change: ServerChange) {
        self.server_changes.push(change);
        self.server_changes_total += 1;
    }

    /// Whether a server can be deleted.
    ///
    /// # Errors
    /// The server is needed.
    pub fn may_delete(&self, id: BackendId, index: ServerIndex) -> Result<(), Undeletable> {
        let target = Some((id, index));
        let tracks = |server: &Server| server.config.health.track == target;
        let is_tracked = self.backends.iter().any(|backend| backend.servers.iter().any(tracks));
        let backend = self.backend(id);
        let server = backend.server(index);
        if is_tracked || server.config.is_named || server.naming.is_some() {
            return Err(Undeletable::Named);
        }
        if server.admin != AdminState::Maint {
            return Err(Undeletable::InService);
        }
        if server.counters.current > 0 || backend.queues.len(Some(index)) > 0 {
            return Err(Undeletable::Connected);
        }
        Ok(())
    }

    /// Deletes a server.
    ///
    /// # Errors
    /// The server is needed.
    pub fn delete_server(&mut self, id: BackendId, index: ServerIndex) -> Result<(), Undeletable> {
        self.may_delete(id, index)?;
        let Self { backends, tables, .. } = self;
        if let Some(backend) = backends.get_mut(id.index()) {
            backend.delete_server(index, tables);
            self.note_server_change(ServerChange::Deleted(id, index));
        }
        Ok(())
    }
}

impl Backend {
    /// The number for a server that asks for none: the first that is free.
    pub fn free_server_id(&self) -> u32 {
        let mut taken: Vec<u32> = self.servers.iter().map(|server| server.config.id).collect();
        taken.sort_unstable();
        // There are far fewer servers than numbers.
        taken.iter().fold(1, |free, id| if *id == free { free + 1 } else { free })
    }

    fn add_server(
        &mut self,
        config: config::Server,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<ServerIndex> {
        let mut server = Server::new(&config, now_ms);
        server.origin = Origin::New;
        for checked in [&mut server.checked, &mut server.agent].into_iter().flatten() {
            checked.is_enabled = false;
        }
        let index = self.servers.add(server)?;
        // The names of servers that were deleted stay until they are swept out.
        tables.sweep_names(now_ms);
        self.stick.add(index, &config, tables);
        let names = &mut self.config.rules.server_names;
        if !self.config.rules.servers.is_empty() {
            names.insert(config.name, index);
        }
        Some(index)
    }

    fn delete_server(&mut self, index: ServerIndex, tables: &mut Tables) {
        let Some(server) = self.servers.remove(index) else { return };
        self.config.rules.server_names.remove(&server.config.name);
        self.stick.remove(index, tables);
        self.queues.forget(index);
        self.balancer.forget(index, &self.servers);
    }
}
