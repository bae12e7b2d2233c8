//! Backends: their servers, and the choice of a server for a client.
//!
//! A client goes to the server that its stick entry names (`stick`). A client without an entry
//! goes to the server that the balance algorithm chooses (`balance`). A server with a `maxconn`
//! has that many slots, and each connection needs a slot. Without a free slot the connection
//! waits in a queue (`queue`). `rdp` reads the cookie that names a server. `server` is a server at
//! run time, `naming` its name if its address follows from one. `set_server` changes a server for
//! an operator or an agent. `servers` keeps the servers, to which `membership` adds and from which
//! it deletes.

pub mod balance;
pub mod drains;
pub mod membership;
pub mod naming;
pub mod queue;
mod rdp;
pub mod server;
pub mod servers;
pub mod set_server;
pub mod stick;

use std::net::IpAddr;

use super::counters::BackendCounters;
use crate::config;
use crate::config::ServerPort;
use crate::config::{BackendId, Config, Frontend, ServerIndex};
use crate::net::tcp::TcpOptions;
use crate::reactor::token::Slot;
use crate::table::Tables;
use balance::{Balancer, RoundPosition, hash};
use queue::Queues;
use server::{Outage, Server};
use servers::Servers;
use stick::{ClientKeys, StickRules};

/// A backend at run time.
#[derive(Debug)]
pub struct Backend {
    /// Its section of the configuration.
    pub config: config::Backend,
    /// Its servers.
    pub servers: Servers,
    /// Where clients go without a choice among the servers. It counts and fails like a server, but
    /// nothing lists it.
    dispatch: Option<Box<Server>>,
    /// Its stick rules.
    pub stick: StickRules,
    /// Its counters.
    pub counters: BackendCounters,
    /// Whether rules have to run before a server is chosen: `tcp-request content`, `use-server`,
    /// `force-persist`, the cookies of RDP clients, or stick rules with other keys than the
    /// client's address.
    pub has_content_rules: bool,
    /// Whether rules look at what the server sends: `tcp-response content` or `stick
    /// store-response`.
    pub has_response_rules: bool,
    /// When it had no usable server.
    pub outage: Outage,
    /// The connections that wait for a slot at a server.
    pub queues: Queues,
    /// Connections that were called from a queue and have to be advanced. `Clients` empties the
    /// list in every turn.
    pub(super) woken: Vec<Slot>,
    /// The number of connections at which servers may have their full `maxconn`.
    pub fullconn: u32,
    /// The options of the sockets to its servers.
    pub(super) tcp: TcpOptions,
    balancer: Balancer,
}

impl Backend {
    /// The backend as configured. The servers' names go into the dictionary of `tables`.
    pub fn new(config: &config::Backend, tables: &mut Tables, now_ms: u64) -> Self {
        let servers = Servers::new(&config.servers, now_ms);
        let stick = StickRules::new(config, tables);
        let rules = &config.rules;
        Self {
            has_content_rules: !rules.content.is_empty()
                || !rules.persist.is_empty()
                || !rules.servers.is_empty()
                || config.rdp.are_used()
                || stick.needs_keys(),
            has_response_rules: !rules.response.content.is_empty() || stick.looks_at_responses(),
            stick,
            dispatch: config.dispatch.as_ref().map(|to| Box::new(Server::dispatch(to, now_ms))),
            balancer: Balancer::new(config, &servers, now_ms),
            queues: Queues::default(),
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

    /// The server with this index. For a deleted one it is a server that takes no clients.
    pub fn server(&self, index: ServerIndex) -> &Server {
        let dispatch = || self.dispatch.as_deref().filter(|_| index == ServerIndex::DISPATCH);
        let server = self.servers.get(index).or_else(dispatch);
        server.unwrap_or_else(|| self.servers.gone())
    }

    /// The server with this index. For a deleted one it is a server that takes no clients.
    pub fn server_mut(&mut self, index: ServerIndex) -> &mut Server {
        match &mut self.dispatch {
            Some(dispatch) if index == ServerIndex::DISPATCH => dispatch,
            Some(_) | None => self.servers.get_or_gone_mut(index),
        }
    }

    /// Counts something of a server, and of the backend as well.
    #[inline]
    pub fn count(&mut self, server: ServerIndex, count: impl Fn(&mut BackendCounters)) {
        count(&mut self.counters);
        count(&mut self.server_mut(server).counters);
    }

    /// The servers that the balance algorithm chooses among.
    pub fn candidates(&self) -> impl Iterator<Item = ServerIndex> {
        let servers = self.servers.indexed().map(|(index, _)| index);
        servers.filter(|server| self.balancer.is_candidate(*server))
    }

    /// Whether its algorithm may give a client that comes again another server.
    pub fn takes_turns(&self) -> bool {
        self.config.balance.takes_turns()
    }

    /// How many servers take new clients, without the backup servers.
    pub fn active(&self) -> usize {
        self.servers.iter().filter(|s| !s.config.settings.backup && s.is_usable()).count()
    }

    /// Whether any server takes new clients.
    pub fn has_servers(&self) -> bool {
        self.servers.iter().any(Server::is_usable)
    }

    /// How many backup servers take new clients.
    pub fn backups(&self) -> usize {
        self.servers.iter().filter(|s| s.config.settings.backup && s.is_usable()).count()
    }

    /// Chooses a server by the balance algorithm, unless all clients are dispatched. `avoid` has
    /// just failed, and is chosen again only where there is no other. `cookie` is what
    /// [`Backend::hash_of`] says of the client's cookie.
    pub fn balance(
        &mut self,
        client: Option<IpAddr>,
        cookie: Option<u32>,
        avoid: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        if self.dispatch.is_some() {
            return Some(ServerIndex::DISPATCH);
        }
        let Self { servers, queues, fullconn, counters, balancer, .. } = self;
        let limits = Limits { servers, queues, current: counters.load(), fullconn: *fullconn };
        balancer.choose(client, cookie, avoid, servers, |server| limits.is_open(server))
    }

    /// The hash of a cookie, for the balance algorithm.
    pub fn hash_of(&self, cookie: &[u8]) -> u32 {
        hash::hash(self.config.hash_type.function, cookie)
    }

    /// The server that a session broker's cookie names.
    pub fn server_of_cookie(&self, cookie: &[u8]) -> Option<ServerIndex> {
        let named = rdp::address_in(cookie)?;
        let named = (IpAddr::V4(*named.ip()), ServerPort::Fixed(named.port()));
        let servers = self.servers.indexed();
        let mut found = servers.filter(|(index, server)| {
            self.keeps_to(*index, false) && server.address.ip() == Some(named)
        });
        found.next().map(|(index, _)| index)
    }

    /// How far each server is in the round of the algorithm. The next process goes on from there.
    pub fn turns(&self) -> Vec<(ServerIndex, RoundPosition)> {
        self.balancer.turns()
    }

    /// Goes on from where the process before was in the round.
    pub fn adopt_turns(&mut self, told: &[(ServerIndex, RoundPosition)]) {
        self.balancer.adopt_turns(told);
    }

    /// Whether a client goes to its own server. It goes to a server that is down only if a rule
    /// forces it to or `option persist` is set.
    pub fn keeps_to(&self, server: ServerIndex, is_forced: bool) -> bool {
        let is_there = server == ServerIndex::DISPATCH || self.servers.get(server).is_some();
        let may_be_down = is_forced || self.config.options.persist;
        is_there && (may_be_down || self.server(server).is_usable_for_entry())
    }

    /// The server that the client's stick entries name, if the client goes there.
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

    /// Whether it helps to wait in the queue: there are servers that take clients.
    pub fn may_queue(&self) -> bool {
        !self.balancer.is_empty()
    }

    /// Changes a server's weight, 0 to 256. Returns whether the weight is another one now.
    ///
    /// # Errors
    /// When the algorithm is static: then only 0 and the configured weight are allowed.
    pub fn set_weight(&mut self, server: ServerIndex, weight: u32) -> Result<bool, StaticWeights> {
        let Some(target) = self.servers.get_mut(server) else { return Ok(false) };
        if self.config.has_static_weights()
            && weight != 0
            && weight != target.config.settings.weight
        {
            return Err(StaticWeights);
        }
        let is_new = target.weight != weight;
        if is_new {
            target.weight = weight;
            self.server_changed();
        }
        Ok(is_new)
    }
}

/// Slots and queues.
impl Backend {
    fn limits(&self) -> Limits<'_> {
        let current = self.counters.load();
        let Self { servers, queues, fullconn, .. } = self;
        Limits { servers, queues, current, fullconn: *fullconn }
    }

    /// The most connections that a server may have now; none without a limit.
    pub fn limit_of(&self, server: &Server) -> Option<u32> {
        self.limits().of(server)
    }

    /// What a server has left for a client that has to go there.
    pub fn room_at(&self, server: ServerIndex) -> Room {
        if server == ServerIndex::DISPATCH || self.limits().is_open(server) {
            return Room::Slot;
        }
        let maxqueue = self.server(server).config.settings.maxqueue;
        let is_full = maxqueue > 0 && self.queues.len(Some(server)) >= maxqueue;
        if is_full { Room::None } else { Room::Queue }
    }

    /// Gives a connection a slot at a server.
    pub fn take_slot(&mut self, server: ServerIndex) {
        let counters = &mut self.server_mut(server).counters;
        counters.current += 1;
        counters.max = counters.max.max(counters.current);
        self.update_load(server);
    }

    /// Takes back the slot that a connection held at a server. The next waiting connection gets it.
    pub fn release_slot(&mut self, server: ServerIndex) {
        let counters = &mut self.server_mut(server).counters;
        // Who holds a slot keeps its server from being deleted.
        counters.current = counters.current.saturating_sub(1);
        self.update_load(server);
        if !self.queues.is_empty() && server != ServerIndex::DISPATCH {
            self.serve_queue(server);
        }
    }

    /// Older processes, which drain, have so many connections with a server. If they have fewer
    /// than before, waiting connections get the free slots.
    pub fn set_elsewhere(&mut self, server: ServerIndex, elsewhere: u32) {
        self.server_mut(server).counters.elsewhere = elsewhere;
        self.update_load(server);
        if !self.queues.is_empty() {
            self.serve_queue(server);
        }
    }

    /// Does what follows from a change of a server's state, weight or limit. It has to be called
    /// after each such change.
    pub fn server_changed(&mut self) {
        self.balancer.update(&self.servers);
        if self.queues.is_empty() {
            return;
        }
        let may_move = self.may_redispatch() && !self.config.options.persist;
        for position in 0..self.servers.len() {
            let Some(server) = self.servers.index_at(position) else { continue };
            if self.server(server).is_usable_for_entry() {
                self.serve_queue(server);
            } else if may_move {
                while let Some(slot) = self.queues.send_away(server) {
                    self.woken.push(slot);
                }
                self.update_load(server);
            }
        }
    }

    /// Does the same after the state of one server has changed, and says what became of the waiting
    /// connections.
    pub fn server_changed_at(&mut self, server: ServerIndex, is_lost: bool) -> Requeued {
        let queue = is_lost.then_some(server);
        let before = self.queues.len(queue);
        self.server_changed();
        let moved = before - self.queues.len(queue);
        Requeued { moved, waiting: self.queues.len(Some(server)) }
    }

    /// Calls waiting connections as long as the server has free slots.
    fn serve_queue(&mut self, server: ServerIndex) {
        let takes_new = self.balancer.is_candidate(server);
        loop {
            let target = self.server(server);
            let current = target.counters.load();
            if self.limits().of(target).is_some_and(|limit| current >= limit) {
                return;
            }
            let Some(slot) = self.queues.call_next(server, takes_new) else { return };
            self.take_slot(server);
            self.woken.push(slot);
        }
    }

    /// Tells the balance algorithm how many connections a server has or lets wait.
    pub fn update_load(&mut self, server: ServerIndex) {
        if server == ServerIndex::DISPATCH {
            return;
        }
        let load = self.server(server).counters.load() + self.queues.len(Some(server));
        self.balancer.note_load(server, load);
    }

    /// Whether any server has a `maxconn`, so that there can be queues.
    pub fn has_limits(&self) -> bool {
        self.servers.iter().any(|server| server.maxconn > 0)
    }
}

/// The backend's algorithm is static and cannot use a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticWeights;

/// The section without its servers: each [`Server`] keeps its own configuration.
fn without_servers(config: &config::Backend) -> config::Backend {
    let mut config = config.clone();
    config.servers = Vec::new();
    config
}

/// What a server has left for one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A slot.
    Slot,
    /// A position in its queue.
    Queue,
    /// Nothing: its queue is as long as `maxqueue` allows.
    None,
}

/// What became of the waiting connections when a server was lost or came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requeued {
    /// How many had to leave the queue of a server that was lost, or could leave the backend's
    /// queue for a server that came back.
    pub moved: u32,
    /// How many are still in the server's queue.
    pub waiting: u32,
}

/// What the limits of servers depend on.
#[derive(Debug)]
pub struct Limits<'a> {
    /// The servers of a backend.
    pub servers: &'a Servers,
    /// Their queues.
    pub queues: &'a Queues,
    /// The connections of the backend, those included that wait.
    pub current: u32,
    /// The number of connections at which every server may have its full `maxconn`.
    pub fullconn: u32,
}

impl Limits<'_> {
    /// The most connections that a server may have now; none without a `maxconn`. With `minconn`
    /// it grows from there to `maxconn` as the backend gets more connections. During `slowstart` it
    /// is only a part of that.
    fn of(&self, server: &Server) -> Option<u32> {
        let (minconn, maxconn) = (server.config.settings.minconn, server.maxconn);
        if maxconn == 0 {
            return None;
        }
        let is_fixed = minconn == 0 || minconn >= maxconn || self.current >= self.fullconn;
        let limit = if is_fixed {
            maxconn
        } else {
            let grown = u64::from(self.current) * u64::from(maxconn) / u64::from(self.fullconn);
            u32::try_from(grown).unwrap_or(maxconn).max(minconn)
        };
        Some(server.warmed(limit).max(1))
    }

    /// Whether a server has a free slot for which no connection waits.
    pub fn is_open(&self, index: ServerIndex) -> bool {
        let Some(server) = self.servers.get(index) else { return false };
        self.of(server)
            .is_none_or(|limit| self.queues.len(Some(index)) == 0 && server.counters.load() < limit)
    }
}

/// The `fullconn` of a backend that does not set it, as in HAProxy: a tenth of the connections that
/// the frontends with this `default_backend` may have.
pub fn automatic_fullconn(config: &Config, backend: BackendId, maxconn: u32) -> u32 {
    let sends = |frontend: &&Frontend| frontend.default_backend == Some(backend);
    let frontends = config.frontends.iter().filter(sends);
    let total: u64 = frontends.map(|f| u64::from(f.maxconn.unwrap_or(maxconn))).sum();
    u32::try_from(total.div_ceil(10).max(1)).unwrap_or(u32::MAX)
}
