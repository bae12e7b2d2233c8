//! A backend at run time: its servers, its stick rules and how it chooses.

use super::balance::round_robin::RoundRobin;
use super::counters::BackendCounters;
use super::server::Server;
use super::stick::StickRules;
use crate::config::{self, ServerIndex};
use crate::table::Tables;

/// A set of servers.
#[derive(Debug)]
pub struct Backend {
    /// Its section of the configuration.
    pub config: config::Backend,
    /// Its servers, in the order of the file.
    pub servers: Vec<Server>,
    /// Where its clients are remembered.
    pub stick: StickRules,
    /// What is counted of it.
    pub counters: BackendCounters,
    rotation: RoundRobin,
}

impl Backend {
    /// The backend as configured. The servers' names go into the dictionary of `tables`.
    pub fn new(config: &config::Backend, tables: &mut Tables, now_ms: u64) -> Self {
        let servers: Vec<Server> =
            config.servers.iter().map(|server| Server::new(server, now_ms)).collect();
        Self {
            stick: StickRules::new(config, tables),
            rotation: RoundRobin::new(servers.len()),
            counters: BackendCounters::default(),
            servers,
            config: config.clone(),
        }
    }

    /// The server at this position.
    pub fn server(&self, index: ServerIndex) -> &Server {
        &self.servers[index.index()]
    }

    /// The server at this position.
    pub fn server_mut(&mut self, index: ServerIndex) -> &mut Server {
        &mut self.servers[index.index()]
    }

    /// How many servers that are no backups take new clients.
    pub fn active(&self) -> usize {
        self.servers.iter().filter(|s| !s.config.backup && s.is_usable()).count()
    }

    /// How many backup servers take new clients.
    pub fn backups(&self) -> usize {
        self.servers.iter().filter(|s| s.config.backup && s.is_usable()).count()
    }

    /// Chooses a server for a client that has none, other than `avoid`. Without any, the first
    /// usable backup server.
    pub fn balance(&mut self, avoid: Option<ServerIndex>) -> Option<ServerIndex> {
        let avoid = avoid.map(ServerIndex::index);
        let servers = &self.servers;
        let chosen = self.rotation.choose(|index| {
            let server = &servers[index];
            let may = server.is_usable() && !server.config.backup && avoid != Some(index);
            if may { server.weight } else { 0 }
        });
        let backup = || {
            let mut candidates = servers.iter().enumerate();
            candidates
                .find(|(index, s)| s.config.backup && s.is_usable() && avoid != Some(*index))
                .map(|(index, _)| index)
        };
        let chosen = chosen.or_else(backup)?;
        Some(ServerIndex(u16::try_from(chosen).expect("the configuration limits the number")))
    }
}
