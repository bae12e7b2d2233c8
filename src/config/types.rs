//! What a configuration means: plain data with every name resolved to an id.

use std::path::PathBuf;

use super::data_type::StoredData;
use super::rules::expression::{Condition, Expression, Rules, Test};
use super::sections::balance::{Balance, HashType};
use super::sections::health::ServerHealth;
use super::sections::health::check_script::BackendHealth;
use super::sections::limits::Limits;
use super::sections::log::LogTarget;
use super::sections::log_line::LogLine;
use super::sections::metrics::MetricsEndpoint;
use super::sections::tcp::{BindTcp, Source, TunedBuffers};
use crate::net::address::Address;
use crate::net::tcp::Probes;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($int:ty),)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $int);

        impl $name {
            /// The position in the list that the id belongs to.
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        })*
    };
}

ids! {
    /// A frontend's position in [`Config::frontends`].
    FrontendId(u16),
    /// A backend's position in [`Config::backends`].
    BackendId(u16),
    /// A server's position in [`Backend::servers`]; not its `id` in stick tables.
    ServerIndex(u16),
    /// A stick table's position in [`Config::tables`].
    TableId(u16),
    /// A peers section's position in [`Config::peers`].
    PeersId(u16),
}

/// A whole configuration, checked and resolved.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The `global` section.
    pub global: Global,
    /// Frontends, and the frontend half of `listen` sections, in the order of the file.
    pub frontends: Vec<Frontend>,
    /// The frontends of the Prometheus exporter, in the order of the file.
    pub metrics: Vec<MetricsEndpoint>,
    /// Backends, and the backend half of `listen` sections, in the order of the file.
    pub backends: Vec<Backend>,
    /// The numbers of all proxies, in the order of the file.
    pub proxy_ids: Vec<u32>,
    /// Every stick table: those of proxies and those of peers sections.
    pub tables: Vec<StickTable>,
    /// The `peers` sections.
    pub peers: Vec<PeersSection>,
    /// The access lists that conditions name: one of the tests of each must hold.
    pub acls: Vec<Vec<Test>>,
}

/// The `global` section.
#[derive(Clone, Debug)]
pub struct Global {
    /// Detach from the terminal (`daemon`).
    pub daemon: bool,
    /// Put a supervising parent above (`master-worker`).
    pub master_worker: bool,
    /// Where to write the process id.
    pub pidfile: Option<PathBuf>,
    /// The most client connections at a time; derived from the descriptor limit when absent.
    pub maxconn: Option<u32>,
    /// The local peer's name; `-L` goes before it and the host name stands in for it.
    pub localpeer: Option<String>,
    /// `node`, shown by the Runtime API; the host name when absent.
    pub node: Option<String>,
    /// `description`, shown by the Runtime API.
    pub description: Option<String>,
    /// Where the Runtime API is served.
    pub stats_sockets: Vec<StatsSocket>,
    /// How long an idle Runtime API connection may stay, in milliseconds.
    pub stats_timeout_ms: u32,
    /// The most Runtime API connections at a time.
    pub stats_maxconn: u32,
    /// The targets that `log global` means.
    pub log: Vec<LogTarget>,
    /// The tag of syslog lines.
    pub log_tag: Option<String>,
    /// The host name put into syslog lines (`log-send-hostname`), if any.
    pub log_send_hostname: Option<String>,
    /// The CPU to run on.
    pub pin: Option<u16>,
    /// Never sleep in the poll call.
    pub busy_polling: bool,
    /// The longest soft stop, in milliseconds.
    pub hard_stop_after_ms: Option<u32>,
    /// By how many percent of its interval a check may come earlier or later.
    pub spread_checks: u32,
    /// The longest time that the first checks of all servers are spread over, in milliseconds.
    pub max_spread_checks_ms: Option<u32>,
    /// The size of the buffer a waiting direction may fill, in bytes.
    pub bufsize: u32,
    /// What bounds and tunes the process beside `maxconn`.
    pub limits: Limits,
    /// Say nothing but errors (`quiet`).
    pub is_quiet: bool,
    /// A warning about the configuration is an error (`zero-warning`).
    pub zero_warning: bool,
    /// The kernel's buffers of sockets.
    pub kernel_buffers: TunedBuffers,
    /// No other process may listen on our addresses too (`noreuseport`).
    pub listens_alone: bool,
    /// The most connections accepted from one listener in one turn.
    pub maxaccept: u32,
    /// The most peer updates handled at once.
    pub peers_max_updates_at_once: u32,
    /// The user to become after the sockets are bound.
    pub uid: Option<u32>,
    /// The group to become after the sockets are bound.
    pub gid: Option<u32>,
    /// Leave a core file after a crash, whatever privileges were given up (`set-dumpable`).
    pub is_dumpable: bool,
    /// The directory to lock the process into.
    pub chroot: Option<PathBuf>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            daemon: false,
            master_worker: false,
            pidfile: None,
            maxconn: None,
            localpeer: None,
            node: None,
            description: None,
            stats_sockets: Vec::new(),
            stats_timeout_ms: 10_000,
            stats_maxconn: 10,
            log: Vec::new(),
            log_tag: None,
            log_send_hostname: None,
            pin: None,
            busy_polling: false,
            hard_stop_after_ms: None,
            spread_checks: 0,
            max_spread_checks_ms: None,
            bufsize: 16_384,
            limits: Limits::default(),
            is_quiet: false,
            zero_warning: false,
            kernel_buffers: TunedBuffers::default(),
            listens_alone: false,
            maxaccept: 64,
            peers_max_updates_at_once: 200,
            uid: None,
            gid: None,
            is_dumpable: false,
            chroot: None,
        }
    }
}

/// One `stats socket` line.
#[derive(Clone, Debug)]
pub struct StatsSocket {
    /// Where to listen.
    pub bind: Bind,
    /// What its clients may do.
    pub level: Level,
}

/// What a Runtime API client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Read what is not sensitive.
    User,
    /// Read everything, change what is harmless.
    Operator,
    /// Everything.
    Admin,
}

/// One address to listen on. A port range or a list of addresses gives several.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Where.
    pub address: BindAddress,
    /// The listener's name in statistics.
    pub name: Option<String>,
    /// The listener's `id` in statistics; automatic when absent.
    pub id: Option<u32>,
    /// The length of the kernel's accept queue.
    pub backlog: Option<u32>,
    /// The most connections through this listener.
    pub maxconn: Option<u32>,
    /// Whether every client has to begin with a PROXY header (`accept-proxy`).
    pub accept_proxy: bool,
    /// The network interface to bind to.
    pub interface: Option<String>,
    /// For an IPv6 address: take IPv4 too (`v4v6`, `Some(false)` for `v6only`).
    pub v4v6: Option<bool>,
    /// The options of its TCP socket.
    pub tcp: BindTcp,
    /// For a unix socket: the file's mode.
    pub mode: Option<u32>,
    /// For a unix socket: the file's owner.
    pub uid: Option<u32>,
    /// For a unix socket: the file's group.
    pub gid: Option<u32>,
    /// `file:line` for messages about it.
    pub place: String,
}

/// What a `bind` line names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BindAddress {
    /// An address to bind.
    Address(Address),
    /// A listening descriptor that was inherited (`fd@N`).
    Fd(i32),
}

/// A frontend, or the frontend half of a `listen` section.
#[derive(Clone, Debug)]
pub struct Frontend {
    /// Its name.
    pub name: String,
    /// HAProxy's number of the proxy, shown by the Runtime API (`iid`).
    pub proxy_id: u32,
    /// `description`.
    pub description: Option<String>,
    /// Configured but not started.
    pub disabled: bool,
    /// Where it listens.
    pub binds: Vec<Bind>,
    /// Where its connections go; none means that they are refused.
    pub default_backend: Option<BackendId>,
    /// The most connections at a time; the process's own limit when absent.
    pub maxconn: Option<u32>,
    /// `backlog` of the section, for listeners that give none.
    pub backlog: Option<u32>,
    /// The most new connections per second.
    pub rate_limit: Option<u32>,
    /// Longest silence of a client, in milliseconds.
    pub timeout_client_ms: Option<u32>,
    /// The same once the client's side is half-closed.
    pub timeout_client_fin_ms: Option<u32>,
    /// The `option` words.
    pub options: ProxyOptions,
    /// How silent clients are probed (`clitcpka-*`).
    pub probes: Probes,
    /// Where its connection lines go.
    pub log: Vec<LogTarget>,
    /// What they say (`log-format`), if not what HAProxy's own formats do.
    pub log_line: Option<LogLine>,
    /// Its rules.
    pub rules: Rules,
}

impl Frontend {
    /// The length of the kernel's queue of one of its listeners, if something says it.
    pub fn backlog(&self, bind: &Bind) -> Option<u32> {
        bind.backlog.or(self.backlog).or(bind.maxconn).or(self.maxconn)
    }
}

/// The `option` words of a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    /// Log in the TCP format when the connection ends.
    pub tcplog: bool,
    /// Log when the server has been reached, not when the connection ends.
    pub logasap: bool,
    /// Do not log connections that ended well.
    pub dontlog_normal: bool,
    /// Do not log connections that carried nothing.
    pub dontlognull: bool,
    /// Splice where it pays.
    pub splice_auto: bool,
    /// Splice from client to server.
    pub splice_request: bool,
    /// Splice from server to client.
    pub splice_response: bool,
    /// TCP keep-alive towards clients.
    pub client_keepalive: bool,
    /// TCP keep-alive towards servers.
    pub server_keepalive: bool,
    /// Close with a reset.
    pub nolinger: bool,
    /// Use every backup server at once when no other is usable, instead of the first.
    pub all_backups: bool,
    /// A client whose entry names a server goes there even if it is down.
    pub persist: bool,
    /// Log what did not go well as an error.
    pub log_separate_errors: bool,
    /// A client that has closed its side gives up its place in a queue.
    pub abort_on_close: bool,
    /// Do not acknowledge what clients send before there is an answer.
    pub tcp_smart_accept: bool,
    /// Do not acknowledge what servers send before there is an answer.
    pub tcp_smart_connect: bool,
}

/// A backend, or the backend half of a `listen` section.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// HAProxy's number of the proxy, shown by the Runtime API (`iid`).
    pub proxy_id: u32,
    /// `description`.
    pub description: Option<String>,
    /// Configured but not used.
    pub disabled: bool,
    /// How a server is chosen for a client without a usable entry.
    pub balance: Balance,
    /// How a hash becomes a server, for the algorithms that have one.
    pub hash_type: HashType,
    /// Its servers, in the order of the file.
    pub servers: Vec<Server>,
    /// Its stick rules, in the order of the file.
    pub stick_rules: Vec<StickRule>,
    /// The table it declares itself.
    pub table: Option<TableId>,
    /// Longest wait for a server to accept, in milliseconds.
    pub timeout_connect_ms: Option<u32>,
    /// Longest silence of a server, in milliseconds.
    pub timeout_server_ms: Option<u32>,
    /// The same once the server's side is half-closed.
    pub timeout_server_fin_ms: Option<u32>,
    /// Longest silence of both sides once both are connected; replaces client and server.
    pub timeout_tunnel_ms: Option<u32>,
    /// How often a failed connect is tried again.
    pub retries: u32,
    /// `option redispatch`: when a client may move to another server because its own does not
    /// answer. At every so manieth retry, or if negative so many before the last; with 0 only one
    /// that no entry binds to its server.
    pub redispatch: Option<i32>,
    /// Longest wait for a place at a server, in milliseconds; `timeout connect` when absent.
    pub timeout_queue_ms: Option<u32>,
    /// With so many connections every server may have its `maxconn`; automatic when absent.
    pub fullconn: Option<u32>,
    /// The `option` words.
    pub options: ProxyOptions,
    /// How silent servers are probed (`srvtcpka-*`).
    pub probes: Probes,
    /// The address to connect from.
    pub source: Option<Source>,
    /// Where its messages go.
    pub log: Vec<LogTarget>,
    /// How its servers are checked.
    pub health: BackendHealth,
    /// Its rules; for a `listen` section only those that choose a server.
    pub rules: Rules,
}

impl Backend {
    /// Whether its algorithm lays the servers out at the start. Their weights cannot change then,
    /// except to 0 and back.
    pub fn has_static_weights(&self) -> bool {
        self.balance.has_static_weights(self.hash_type)
    }
}

/// One `server` line.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its number in stick tables and statistics (peers protocol, section 12).
    pub id: u32,
    /// Where it is.
    pub address: Address,
    /// Its share, 0 to 256; 0 gets stored clients only.
    pub weight: u32,
    /// The most connections at a time, 0 for no limit.
    pub maxconn: u32,
    /// The least that the limit falls to while the backend has few connections, 0 for a fixed
    /// limit.
    pub minconn: u32,
    /// The most connections in its queue, 0 for no limit.
    pub maxqueue: u32,
    /// Starts in maintenance.
    pub disabled: bool,
    /// Used only when no other server is usable.
    pub backup: bool,
    /// The address to connect from; the backend's when absent.
    pub source: Option<Source>,
    /// How long what was sent to it may stay unacknowledged, in milliseconds (`tcp-ut`).
    pub user_timeout_ms: Option<u32>,
    /// No stick table remembers it.
    pub non_stick: bool,
    /// How its health is learned.
    pub health: ServerHealth,
    /// The PROXY header that it is sent first, if any.
    pub send_proxy: Option<SendProxy>,
}

/// The version of the PROXY header that a server is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProxy {
    /// Text (`send-proxy`).
    V1,
    /// Binary (`send-proxy-v2`), also where both are asked for.
    V2,
}

/// One stick rule. `stick on` is both a match and a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickRule {
    /// The table it looks at.
    pub table: TableId,
    /// What of the connection is the key.
    pub key: StickKey,
    /// Look the client up.
    pub matches: bool,
    /// Remember the client's server.
    pub stores: bool,
    /// When it applies; always without.
    pub condition: Option<Condition>,
}

/// What of a connection is the key of a stick rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickKey {
    /// The client's address.
    Source,
    /// A sample.
    Sample(Expression),
}

/// The type of a table's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A signed 32-bit number.
    Integer,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A string of at most `key_len` bytes.
    String,
    /// Exactly `key_len` bytes.
    Binary,
}

impl KeyType {
    /// The word in the configuration and the Runtime API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ipv6",
            Self::String => "string",
            Self::Binary => "binary",
        }
    }
}

/// What `server_key` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerKey {
    /// The server's name.
    #[default]
    Name,
    /// The server's address and port.
    Address,
}

/// One stick table.
#[derive(Clone, Debug)]
pub struct StickTable {
    /// The name in the Runtime API: the proxy's, or `section/table` for one of a peers section.
    pub name: String,
    /// The name that peers are told: the proxy's, or `/table` for one of a peers section.
    pub wire_name: String,
    /// The type of the keys.
    pub key_type: KeyType,
    /// The most bytes of a key: 4, 16, or what `len` says (31 for a string without, 32 for binary).
    pub key_len: u32,
    /// The length that the table definition announces (peers protocol, section 7.1).
    pub wire_key_len: u32,
    /// The most entries.
    pub size: u32,
    /// How long an entry lives after its last use, in milliseconds; none lives until evicted.
    pub expire_ms: Option<u32>,
    /// Refuse new entries when full instead of evicting the oldest.
    pub nopurge: bool,
    /// Learn from peers but never push (`recv-only`): also lifts the exception of `conn_cur`.
    pub recv_only: bool,
    /// What `server_key` holds.
    pub server_key: ServerKey,
    /// What is stored, in ascending type number. Stick rules have added `server_id` and
    /// `server_key`.
    pub data: Vec<StoredData>,
    /// The peers section it is replicated through.
    pub peers: Option<PeersId>,
}

/// One `peers` section.
#[derive(Clone, Debug)]
pub struct PeersSection {
    /// Its name.
    pub name: String,
    /// Configured but not started.
    pub disabled: bool,
    /// Every peer, the local one included, in the order of the file.
    pub peers: Vec<Peer>,
    /// The position of the local peer in `peers`.
    pub local: Option<usize>,
    /// Where the local peer listens; empty when there is no local peer.
    pub binds: Vec<Bind>,
    /// The tables that are replicated through the section, in the order they were declared.
    pub tables: Vec<TableId>,
    /// Where its messages go.
    pub log: Vec<LogTarget>,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: PeerAddress,
}

/// Where a peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// A known address.
    Known(Address),
    /// A host name that did not resolve at the start; tried again at each call.
    Unresolved {
        /// The host name.
        host: String,
        /// The port.
        port: u16,
    },
    /// Where the descriptor of the section's `bind` line is bound (the local peer).
    Descriptor,
}
