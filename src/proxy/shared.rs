//! What all connections use: frontends, backends, tables, counters of the process, and memory for
//! moving bytes.

use super::backend;
use super::backend::Backend;
use super::backend::drains::Drains;
use super::backend::servers::ServerChange;
use super::connection::log_record::{Arrival, LogRecord, Refusal};
use super::counters::PerSecond;
use super::elders::Elders;
use super::frontend::Frontend;
use super::health::notice::{Notice, Shutdown};
use super::random::RandomNumbers;
use super::relay::buffers::Buffers;
use super::rules::{
    Context, Facts, Memory, ProcessVariables, RuleObjects, Sent, Sessions, Sockets, Trace,
};
use crate::config::rules::{InitialVariable, PatternLists, Rules, Test};
use crate::config::{BackendId, Config, FrontendId, Limits, ServerIndex};
use crate::net::tls::store::CertificateStore;
use crate::table::{TableError, Tables};

/// Everything that connections share. [`FrontendId`] and [`BackendId`] are positions in it.
#[derive(Debug)]
pub struct Shared {
    /// The frontends, in the order of the configuration.
    pub frontends: Vec<Frontend>,
    /// The backends, in the order of the configuration.
    pub backends: Vec<Backend>,
    /// The stick tables.
    pub tables: Tables,
    /// The names of the files of the configuration.
    pub files: Vec<String>,
    /// The access lists that conditions name.
    pub acls: Vec<Vec<Test>>,
    /// The lists of patterns, which commands change.
    pub patterns: PatternLists,
    /// The certificates of the process, which commands change.
    pub certificates: CertificateStore,
    /// The source of random numbers.
    pub random: RandomNumbers,
    /// The variables of the process.
    pub variables: ProcessVariables,
    /// Where what rules find is noted, while somebody asks why.
    pub trace: Option<Box<Trace>>,
    /// Memory for moving bytes.
    pub buffers: Buffers,
    /// Connections that have ended and are to be logged. The process empties the list each turn.
    pub records: Vec<LogRecord>,
    /// Clients that have come in and are to be logged. The process empties the list each turn.
    pub arrivals: Vec<Arrival>,
    /// Clients that were refused at the PROXY header and are to be logged. The process empties the
    /// list each turn.
    pub refusals: Vec<(FrontendId, Refusal)>,
    /// Lines about backends and servers for the log. The process empties the list each turn.
    pub notices: Vec<Notice>,
    /// Servers whose connections are to end. The process empties the list each turn.
    pub shutdowns: Vec<Shutdown>,
    /// Servers whose next check is to come soon because clients could not connect. The checks
    /// empty the list.
    pub hurried: Vec<(BackendId, ServerIndex)>,
    /// Servers that were added or deleted. The checks empty the list.
    pub server_changes: Vec<ServerChange>,
    /// How many servers commands have added or deleted.
    pub server_changes_total: u64,
    /// Whether any server has a `maxconn`, so that there can be queues.
    pub has_queues: bool,
    /// Whether any rule asks for the unique id of connections.
    pub has_unique_id_rules: bool,
    /// Servers that have come up and get their weight step by step (`slowstart`).
    pub warming: Vec<(BackendId, ServerIndex)>,
    /// When the weights of those servers grow next; none when there are none.
    pub warming_step_ms: Option<u64>,
    /// Servers whose stick entries are given up little by little.
    pub drains: Drains,
    /// Older processes that drain, and what they are asked.
    pub elders: Elders,
    /// What is counted of the whole process.
    pub totals: Totals,
}

/// What is counted of the whole process, and its limits.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// The most connections at a time. The Runtime API may change it.
    pub maxconn: u32,
    /// The `maxconn` of the start: there is room for as many connections.
    pub hard_maxconn: u32,
    /// Connections open now.
    pub current: u32,
    /// Connections that older processes still have, which drain.
    pub elsewhere: u32,
    /// Whether `maxconn` is only what the descriptors of this process allow. Then the connections
    /// of older processes do not count: those have descriptors of their own.
    pub is_own_limit: bool,
    /// The most that were open at a time.
    pub max: u32,
    /// Connections accepted.
    pub connections: u64,
    /// Connections per second that the rules have let in.
    pub rate: PerSecond,
    /// Accepted connections per second, those included that rules have refused.
    pub accept_rate: PerSecond,
    /// The limits of those rates, among other limits.
    pub limits: Limits,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Bytes to clients per second.
    pub bytes_out_rate: PerSecond,
    /// TLS of all clients and servers.
    pub tls: TlsTotals,
    /// Clients that had left before they were accepted.
    pub accept_aborts: u64,
    /// Times that accepting had to pause because the system had no descriptor or memory left.
    pub accept_pauses: u64,
    /// Times that a connection could not go on because this machine had no descriptor, port or
    /// memory left.
    pub resource_errors: u64,
}

/// TLS of all clients and servers together.
#[derive(Clone, Debug, Default)]
pub struct TlsTotals {
    /// Connections that were to have TLS.
    pub connections: u64,
    /// Those of clients, per second.
    pub rate: PerSecond,
    /// New sessions with clients, per second.
    pub client_keys: PerSecond,
    /// New sessions with servers, per second.
    pub server_keys: PerSecond,
}

impl TlsTotals {
    /// How many per cent of the clients of the last second continued a session.
    pub fn resumed_percent(&self, now_ms: u64) -> u64 {
        let (all, new) = (self.rate.rate(now_ms), self.client_keys.rate(now_ms));
        (100 * all.saturating_sub(new)).checked_div(all).unwrap_or(0)
    }
}

impl Totals {
    /// Whether there are as many connections as there may be. With a configured `maxconn`, those of
    /// older processes count.
    pub fn is_full(&self) -> bool {
        let elsewhere = if self.is_own_limit { 0 } else { self.elsewhere };
        self.current.saturating_add(elsewhere) >= self.maxconn
    }

    /// Bytes of both directions.
    pub fn bytes(&self) -> u64 {
        self.bytes_in + self.bytes_out
    }
}

/// One turn of the loop as a connection sees it: what all connections share, and the time.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What all connections share.
    pub shared: &'a mut Shared,
    /// The time, in the process's milliseconds.
    pub now_ms: u64,
}

impl Turn<'_> {
    /// The end of a wait that begins now; none without a timeout.
    pub fn deadline_ms(&self, timeout_ms: Option<u32>) -> Option<u64> {
        timeout_ms.map(|timeout_ms| self.now_ms + u64::from(timeout_ms))
    }

    /// Whether a deadline has come; one that is not set never comes.
    pub fn has_reached(&self, deadline_ms: Option<u64>) -> bool {
        deadline_ms.is_some_and(|deadline_ms| self.now_ms >= deadline_ms)
    }
}

impl Shared {
    /// What `config` describes, with room for `maxconn` connections. The access lists and the lists
    /// of patterns, which can be long, are taken out of it.
    ///
    /// # Errors
    /// When the memory of a table cannot be had.
    pub fn new(config: &mut Config, maxconn: u32, now_ms: u64) -> Result<Self, TableError> {
        let tables = Tables::new(&config.tables)?;
        Ok(Self::with_tables(config, tables, maxconn, now_ms))
    }

    /// The same with tables that are there already: those of `config`, in their order.
    pub fn with_tables(config: &mut Config, mut tables: Tables, maxconn: u32, now_ms: u64) -> Self {
        let backends =
            config.backends.iter().map(|backend| Backend::new(backend, &mut tables, now_ms));
        let mut backends: Vec<Backend> = backends.collect();
        for (id, backend) in (0..u16::MAX).map(BackendId).zip(&mut backends) {
            let automatic = || backend::automatic_fullconn(config, id, maxconn);
            backend.tcp.buffers = config.global.kernel_buffers.server;
            backend.fullconn = backend.config.fullconn.unwrap_or_else(automatic);
        }
        let has_queues = backends.iter().any(Backend::has_limits);
        let of_frontends = config.frontends.iter().map(|frontend| &frontend.rules);
        let of_backends = config.backends.iter().map(|backend| &backend.rules);
        let rules = of_frontends.chain(of_backends);
        let has_unique_id_rules = rules.clone().any(|rules| rules.needs_log_line);
        for id in rules.flat_map(Rules::tracked_tables) {
            tables.get_mut(id).allow_holding();
        }
        let limits = config.global.limits;
        let pipes_max = limits.pipes.unwrap_or_else(|| (maxconn / 4).max(16)) as usize;
        let bufsize = config.global.bufsize as usize;
        let mut shared = Self {
            frontends: config.frontends.iter().map(Frontend::new).collect(),
            backends,
            tables,
            files: std::mem::take(&mut config.files),
            acls: std::mem::take(&mut config.acls),
            patterns: std::mem::take(&mut config.patterns),
            certificates: std::mem::take(&mut config.certificates),
            random: RandomNumbers::new(now_ms),
            variables: ProcessVariables::new(config.variables.clone(), limits.variables),
            trace: None,
            buffers: match limits.pipe_size {
                Some(size) => Buffers::with_pipes(bufsize, pipes_max, size as usize),
                None => Buffers::new(bufsize, pipes_max),
            },
            records: Vec::new(),
            arrivals: Vec::new(),
            refusals: Vec::new(),
            notices: Vec::new(),
            shutdowns: Vec::new(),
            hurried: Vec::new(),
            server_changes: Vec::new(),
            server_changes_total: 0,
            has_queues,
            has_unique_id_rules,
            warming: Vec::new(),
            warming_step_ms: None,
            drains: Drains::default(),
            elders: Elders::default(),
            totals: Totals {
                limits,
                maxconn,
                hard_maxconn: maxconn,
                is_own_limit: config.global.maxconn.is_none(),
                ..Totals::default()
            },
        };
        shared.patterns.begin();
        shared.start_tracking();
        shared.set_variables(&config.initial_variables, now_ms);
        shared
    }

    /// Sets variables of the process to values that no connection is needed for.
    pub fn set_variables(&mut self, list: &[InitialVariable], now_ms: u64) {
        let facts = Facts {
            client: None,
            destination: None,
            socket: 0,
            header: None,
            tls: Sessions::default(),
            sockets: Sockets::default(),
            frontend: FrontendId(0),
            backend: None,
            sent: Sent::ByClient(&[]),
            is_final: true,
            page: None,
            noted: None,
        };
        let mut memory = Memory::default();
        let (objects, _) = self.for_rules();
        Context::new(facts, objects, &mut memory, now_ms).set_initial(list);
    }

    /// When a frontend may accept another connection, if it may not now because a limit of
    /// connections per second is reached, its own or the process's.
    pub fn rate_limited_until_ms(&self, frontend: FrontendId, now_ms: u64) -> Option<u64> {
        let Totals { limits, rate, accept_rate, .. } = &self.totals;
        let of_process = [(accept_rate, limits.connection_rate), (rate, limits.session_rate)];
        let of_frontend = self.frontend(frontend).rate_limited_until_ms(now_ms);
        let over = of_process
            .into_iter()
            .filter_map(|(rate, limit)| rate.limited_until_ms(limit?, now_ms));
        over.chain(of_frontend).max()
    }

    /// The objects that rules look at and change, and beside them the memory for what a client has
    /// sent.
    pub fn for_rules(&mut self) -> (RuleObjects<'_>, &mut [u8]) {
        let Self {
            frontends,
            backends,
            tables,
            files,
            acls,
            patterns,
            random,
            variables,
            trace,
            buffers,
            ..
        } = self;
        let trace = trace.as_deref_mut();
        let objects = RuleObjects {
            files,
            acls,
            patterns,
            frontends,
            backends,
            tables,
            random,
            variables,
            trace,
        };
        (objects, &mut buffers.scratch)
    }

    /// The frontend with this id.
    pub fn frontend(&self, id: FrontendId) -> &Frontend {
        &self.frontends[id.index()]
    }

    /// The frontend with this id.
    pub fn frontend_mut(&mut self, id: FrontendId) -> &mut Frontend {
        &mut self.frontends[id.index()]
    }

    /// The backend with this id.
    pub fn backend(&self, id: BackendId) -> &Backend {
        &self.backends[id.index()]
    }

    /// The backend with this id.
    pub fn backend_mut(&mut self, id: BackendId) -> &mut Backend {
        &mut self.backends[id.index()]
    }
}
