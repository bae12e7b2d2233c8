//! A backend at run time: its servers, its stick rules and how it chooses.

pub mod balance;
pub mod by_agent;
pub mod queue;
pub mod server;
pub mod set_server;
pub mod slots;
pub mod stick;

use std::net::IpAddr;

use super::counters::BackendCounters;
use crate::config;
use crate::config::ServerIndex;
use crate::net::tcp::TcpOptions;
use crate::reactor::token::Slot;
use crate::table::Tables;
use balance::{Balancer, Turn};
use queue::Queues;
use server::{Outage, Server};
use slots::Limits;
use stick::{ClientKeys, StickRules};

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
    /// Whether rules decide about its connections before a server is chosen.
    pub has_content_rules: bool,
    /// When it had no server.
    pub outage: Outage,
    /// Who waits for a place at a server.
    pub queues: Queues,
    /// Who was called from a queue and is to go on; emptied in every turn.
    pub woken: Vec<Slot>,
    /// The number of connections at which servers may have their full `maxconn`.
    pub fullconn: u32,
    /// What the sockets to its servers are given.
    pub tcp: TcpOptions,
    pub(super) balancer: Balancer,
}

impl Backend {
    /// The backend as configured. The servers' names go into the dictionary of `tables`.
    pub fn new(config: &config::Backend, tables: &mut Tables, now_ms: u64) -> Self {
        let servers: Vec<Server> =
            config.servers.iter().map(|server| Server::new(server, now_ms)).collect();
        let stick = StickRules::new(config, tables);
        let rules = &config.rules;
        Self {
            has_content_rules: !rules.content.is_empty()
                || !rules.persist.is_empty()
                || !rules.servers.is_empty()
                || stick.needs_keys(),
            stick,
            balancer: Balancer::new(config, &servers, now_ms),
            queues: Queues::new(servers.len()),
            woken: Vec::new(),
            tcp: TcpOptions {
                keepalive: config.options.server_keepalive,
                probes: config.probes,
                lazy_ack: config.options.tcp_smart_connect,
                ..TcpOptions::default()
            },
            fullconn: config.fullconn.unwrap_or(1),
            counters: BackendCounters::default(),
            servers,
            outage: Outage::new(now_ms),
            config: without_servers(config),
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

    /// Counts something of a server, and of the backend as well.
    #[inline]
    pub fn count(&mut self, server: ServerIndex, count: impl Fn(&mut BackendCounters)) {
        count(&mut self.counters);
        count(&mut self.server_mut(server).counters);
    }

    /// Whether its algorithm leads a client that comes again to another server.
    pub fn takes_turns(&self) -> bool {
        self.config.balance.takes_turns()
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
        let Self { servers, queues, fullconn, counters, balancer, .. } = self;
        let limits = Limits { servers, queues, current: counters.current, fullconn: *fullconn };
        balancer.choose(client, avoid, servers, |server| limits.is_open(server))
    }

    /// Where its servers stand in the round, for a successor.
    pub fn turns(&self) -> Vec<(ServerIndex, Turn)> {
        self.balancer.turns()
    }

    /// Goes on where a predecessor was in the round.
    pub fn adopt_turns(&mut self, told: &[(ServerIndex, Turn)]) {
        self.balancer.adopt_turns(told);
    }

    /// Whether a client goes to its own server: to one that is down only if it is forced to or
    /// `option persist` is set.
    pub fn keeps_to(&self, server: ServerIndex, is_forced: bool) -> bool {
        is_forced || self.config.options.persist || self.server(server).is_usable_for_entry()
    }

    /// The server that the client's entries name, if it goes there.
    pub fn server_of_entry(
        &self,
        keys: ClientKeys<'_>,
        is_forced: bool,
        tables: &mut Tables,
        avoid: Option<ServerIndex>,
        now_ms: u64,
    ) -> Option<ServerIndex> {
        self.stick.find(keys, tables, now_ms, |server| {
            Some(server) != avoid && self.keeps_to(server, is_forced)
        })
    }

    /// Whether a client may be moved from its own server to another.
    pub fn may_redispatch(&self) -> bool {
        self.config.redispatch.is_some()
    }

    /// Whether it helps to wait for a server: there are some, but none has room.
    pub fn may_queue(&self) -> bool {
        !self.balancer.is_empty()
    }

    /// Changes a server's weight, 0 to 256. False if it had this one.
    ///
    /// # Errors
    /// When the algorithm cannot follow: it allows nothing between 0 and what is configured.
    pub fn set_weight(&mut self, server: ServerIndex, weight: u32) -> Result<bool, StaticWeights> {
        let target = &mut self.servers[server.index()];
        if self.config.has_static_weights() && weight != 0 && weight != target.config.weight {
            return Err(StaticWeights);
        }
        let is_news = target.weight != weight;
        if is_news {
            target.weight = weight;
            self.server_changed();
        }
        Ok(is_news)
    }
}

/// A weight that the backend's algorithm cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticWeights;

/// The section without its servers: each [`Server`] keeps its own configuration.
fn without_servers(config: &config::Backend) -> config::Backend {
    let mut config = config.clone();
    config.servers = Vec::new();
    config
}
