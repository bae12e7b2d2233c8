//! A backend at run time: its servers, its stick rules and how it chooses.

use std::net::IpAddr;

use super::balance::Balancer;
use super::counters::BackendCounters;
use super::server::{Outage, Server};
use super::stick::StickRules;
use crate::config::{self, Balance, ServerIndex};
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
    balancer: Balancer,
    /// When it had no server.
    pub outage: Outage,
}

impl Backend {
    /// The backend as configured. The servers' names go into the dictionary of `tables`.
    pub fn new(config: &config::Backend, tables: &mut Tables, now_ms: u64) -> Self {
        let servers: Vec<Server> =
            config.servers.iter().map(|server| Server::new(server, now_ms)).collect();
        Self {
            stick: StickRules::new(config, tables),
            balancer: Balancer::new(config, &servers, now_ms),
            counters: BackendCounters::default(),
            servers,
            outage: Outage::new(now_ms),
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

    /// Whether its algorithm gives the servers turns, so that the next one is another one.
    pub fn takes_turns(&self) -> bool {
        match self.config.balance {
            Balance::RoundRobin | Balance::StaticRr | Balance::Random(_) => true,
            Balance::LeastConn | Balance::First | Balance::Source | Balance::HashSource => false,
        }
    }

    /// How many servers that are no backups take new clients.
    pub fn active(&self) -> usize {
        self.servers.iter().filter(|s| !s.config.backup && s.is_usable()).count()
    }

    /// Whether any server takes new clients.
    pub fn has_servers(&self) -> bool {
        self.servers.iter().any(Server::is_usable)
    }

    /// How many backup servers take new clients.
    pub fn backups(&self) -> usize {
        self.servers.iter().filter(|s| s.config.backup && s.is_usable()).count()
    }

    /// Chooses a server for a client that has none, by the backend's algorithm. `avoid` has just
    /// failed; it is chosen again only where there is no other.
    pub fn balance(
        &mut self,
        client: Option<IpAddr>,
        avoid: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        self.balancer.choose(client, avoid, &self.servers, |_| true)
    }

    /// Gives a connection its place at a server.
    pub fn take_place(&mut self, server: ServerIndex) {
        let counters = &mut self.server_mut(server).counters;
        counters.current += 1;
        counters.max = counters.max.max(counters.current);
        let load = counters.current;
        self.balancer.note_load(server, load);
    }

    /// Takes a connection's place at a server back.
    pub fn release_place(&mut self, server: ServerIndex) {
        let counters = &mut self.server_mut(server).counters;
        counters.current -= 1;
        let load = counters.current;
        self.balancer.note_load(server, load);
    }

    /// What follows from a change of a server's state or weight. Whoever changes either calls it.
    pub fn server_changed(&mut self) {
        self.balancer.update(&self.servers);
    }

    /// Changes a server's weight, 0 to 256.
    ///
    /// # Errors
    /// When the algorithm cannot follow: it allows nothing between 0 and what is configured.
    pub fn set_weight(&mut self, server: ServerIndex, weight: u32) -> Result<(), StaticWeights> {
        let target = &mut self.servers[server.index()];
        if self.config.has_static_weights() && weight != 0 && weight != target.config.weight {
            return Err(StaticWeights);
        }
        target.weight = weight;
        self.server_changed();
        Ok(())
    }
}

/// A weight that the backend's algorithm cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticWeights;
