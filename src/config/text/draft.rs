//! What was typed, section by section, before names are resolved and numbers are given.

use std::collections::HashMap;

use super::diagnostic::{Place, Placed};
use super::environment::Environment;
use super::gaps::Gaps;
use super::lexer::Word;
use crate::config::data_type::StoredData;
use crate::config::sections::bind::BindDraft;
use crate::config::sections::health::HealthDraft;
use crate::config::sections::health::check_script::ScriptDraft;
use crate::config::sections::init_addr::InitAddr;
use crate::config::sections::log_line::LogLine;
use crate::config::sections::metrics::PathPattern;
use crate::config::sections::unix_bind::UnixBind;
use crate::config::{
    Balance, Global, HashType, KeyType, LogTarget, PeerAddress, ProxyOptions, SendProxy, ServerKey,
    Source,
};
use crate::net::address::Address;
use crate::net::tcp::Probes;

/// Everything that was typed.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) environment: Environment,
    pub(crate) global: GlobalDraft,
    /// `-L`.
    pub(crate) local_peer: Option<String>,
    /// The `defaults` sections.
    pub(crate) defaults: Vec<ProxyDraft>,
    /// The proxies, in order.
    pub(crate) proxies: Vec<ProxyDraft>,
    /// The `peers` sections, in order.
    pub(crate) peers: Vec<PeersDraft>,
    /// What could not be read outside these sections, and sections without a name.
    pub(crate) gaps: Gaps,
}

/// The `global` sections.
#[derive(Debug, Default)]
pub(crate) struct GlobalDraft {
    pub(crate) global: Global,
    /// The host's name.
    pub(crate) hostname: String,
    /// What unix sockets of proxies are given.
    pub(crate) unix_bind: UnixBind,
    /// The places of the stats sockets.
    pub(crate) stats_places: Vec<Place>,
    /// A peers section has begun: the local name is in use.
    pub(crate) has_peers: bool,
}

/// The kind of a proxy section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Defaults,
    Frontend,
    Backend,
    Listen,
}

impl ProxyKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
        }
    }

    pub(crate) fn is_frontend(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    pub(crate) fn is_backend(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }
}

/// A `defaults`, `frontend`, `backend` or `listen` section.
#[derive(Debug)]
pub(crate) struct ProxyDraft {
    pub(crate) kind: ProxyKind,
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) settings: Settings,
    pub(crate) id: Option<Placed<u32>>,
    pub(crate) description: Option<String>,
    pub(crate) binds: Vec<BindDraft>,
    pub(crate) servers: Vec<ServerDraft>,
    pub(crate) stick_rules: Vec<StickRuleDraft>,
    pub(crate) table: Option<TableDraft>,
    /// The lines of `acl`, `tcp-request` and their like, and of stick rules, in their order.
    pub(crate) rules: Vec<RuleLine>,
    /// The keywords of its own lines, but those that `no` takes back.
    pub(crate) said: Vec<Placed<&'static str>>,
    /// Where the exporter's metrics are found.
    pub(crate) exporter: Vec<PathPattern>,
    /// The first line that names the exporter.
    pub(crate) exporter_place: Option<Place>,
    /// Its lines that could not be read.
    pub(crate) gaps: Gaps,
}

impl ProxyDraft {
    /// Whether it is one of the frontends that relay; the exporter's are numbered apart.
    pub(crate) fn is_relaying_frontend(&self) -> bool {
        self.kind.is_frontend() && self.settings.http.is_none()
    }

    /// Whether it is the frontend of the exporter.
    pub(crate) fn serves_metrics(&self) -> bool {
        self.kind == ProxyKind::Frontend
            && self.settings.http.is_some()
            && self.exporter_place.is_some()
    }

    /// Whether nothing of it could not be read, so that what is missing was not written.
    pub(crate) fn is_whole(&self) -> bool {
        self.gaps.is_empty() && !self.settings.has_gaps
    }

    /// Whether a line of the section itself has this keyword.
    pub(crate) fn says(&self, keyword: &str) -> bool {
        self.said.iter().any(|said| said.value == keyword)
    }
}

/// A line that is read once every name is known.
#[derive(Debug)]
pub(crate) struct RuleLine {
    pub(crate) keyword: &'static str,
    pub(crate) place: Place,
    pub(crate) words: Vec<Word>,
}

/// What a proxy inherits from a `defaults` section.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Lines of the `defaults` sections it comes from could not be read.
    pub(crate) has_gaps: bool,
    /// Where `mode http` was said, if that is the mode.
    pub(crate) http: Option<Place>,
    pub(crate) disabled: bool,
    pub(crate) maxconn: Option<u32>,
    pub(crate) backlog: Option<u32>,
    pub(crate) default_backend: Option<Placed<String>>,
    pub(crate) timeout_client_ms: Option<u32>,
    pub(crate) timeout_client_fin_ms: Option<u32>,
    pub(crate) timeout_connect_ms: Option<u32>,
    pub(crate) timeout_server_ms: Option<u32>,
    pub(crate) timeout_server_fin_ms: Option<u32>,
    pub(crate) timeout_tunnel_ms: Option<u32>,
    pub(crate) retries: u32,
    pub(crate) retries_connects: bool,
    pub(crate) log_tag: Option<String>,
    pub(crate) redispatch: Option<i32>,
    pub(crate) timeout_queue_ms: Option<u32>,
    pub(crate) fullconn: Option<u32>,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) options: ProxyOptions,
    pub(crate) balance: Balance,
    pub(crate) hash_type: HashType,
    pub(crate) source: Option<Source>,
    pub(crate) client_probes: Probes,
    pub(crate) server_probes: Probes,
    pub(crate) default_server: ServerSettings,
    pub(crate) script: ScriptDraft,
    pub(crate) log: Vec<LogDraft>,
    pub(crate) log_line: Option<LogLine>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            has_gaps: false,
            http: None,
            disabled: false,
            maxconn: None,
            backlog: None,
            default_backend: None,
            timeout_client_ms: None,
            timeout_client_fin_ms: None,
            timeout_connect_ms: None,
            timeout_server_ms: None,
            timeout_server_fin_ms: None,
            timeout_tunnel_ms: None,
            retries: 3,
            retries_connects: true,
            log_tag: None,
            redispatch: None,
            timeout_queue_ms: None,
            fullconn: None,
            rate_limit: None,
            options: ProxyOptions::default(),
            balance: Balance::default(),
            hash_type: HashType::default(),
            source: None,
            client_probes: Probes::default(),
            server_probes: Probes::default(),
            default_server: ServerSettings::default(),
            script: ScriptDraft::default(),
            log: Vec::new(),
            log_line: None,
        }
    }
}

/// One `log` line of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogDraft {
    /// Whatever the `global` section says.
    Global,
    /// A target of its own.
    Target(LogTarget),
}

/// The words of a server, also as a `default-server` line gives them.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    pub(crate) id: Option<Placed<u32>>,
    pub(crate) weight: u32,
    pub(crate) maxconn: u32,
    pub(crate) minconn: u32,
    pub(crate) maxqueue: u32,
    pub(crate) disabled: bool,
    pub(crate) backup: bool,
    pub(crate) source: Option<Source>,
    pub(crate) user_timeout_ms: Option<u32>,
    pub(crate) non_stick: bool,
    pub(crate) init_addr: Vec<InitAddr>,
    pub(crate) send_proxy: bool,
    pub(crate) send_proxy_v2: bool,
    pub(crate) health: HealthDraft,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            id: None,
            weight: 1,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            disabled: false,
            backup: false,
            source: None,
            user_timeout_ms: None,
            non_stick: false,
            init_addr: Vec::new(),
            health: HealthDraft::default(),
            send_proxy: false,
            send_proxy_v2: false,
        }
    }
}

impl ServerSettings {
    /// The header that the server is sent; of both the binary one.
    pub(crate) fn send_proxy(&self) -> Option<SendProxy> {
        let text = self.send_proxy.then_some(SendProxy::V1);
        self.send_proxy_v2.then_some(SendProxy::V2).or(text)
    }
}

/// One `server` line of a proxy.
#[derive(Clone, Debug)]
pub(crate) struct ServerDraft {
    pub(crate) name: Placed<String>,
    pub(crate) address: Address,
    pub(crate) settings: ServerSettings,
}

/// One stick rule.
#[derive(Debug)]
pub(crate) struct StickRuleDraft {
    pub(crate) place: Place,
    /// The table it names; the backend's own when absent.
    pub(crate) table: Option<Placed<String>>,
    pub(crate) matches: bool,
    pub(crate) stores: bool,
}

/// One `stick-table` line, or a `table` line of a peers section.
#[derive(Debug)]
pub(crate) struct TableDraft {
    pub(crate) place: Place,
    /// The name of a `table` line.
    pub(crate) name: Option<String>,
    pub(crate) key_type: KeyType,
    pub(crate) key_len: u32,
    pub(crate) wire_key_len: u32,
    pub(crate) size: u32,
    pub(crate) expire_ms: Option<u32>,
    pub(crate) nopurge: bool,
    pub(crate) recv_only: bool,
    pub(crate) server_key: ServerKey,
    pub(crate) data: Vec<StoredData>,
    pub(crate) peers: Option<Placed<String>>,
}

/// One `peers` section.
#[derive(Debug)]
pub(crate) struct PeersDraft {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) disabled: bool,
    /// The name of the local peer, as it was known where the section begins.
    pub(crate) local_name: String,
    pub(crate) peers: Vec<PeerDraft>,
    /// Where each of them is named.
    pub(crate) peer_places: HashMap<String, Place>,
    pub(crate) binds: Vec<BindDraft>,
    pub(crate) default_bind: BindDraft,
    pub(crate) tables: Vec<TableDraft>,
    /// Where the line of each table is, by name.
    pub(crate) table_places: HashMap<String, Place>,
    pub(crate) log: Vec<LogDraft>,
    /// The first line by which `bind` and `server` describe the section.
    pub(crate) bind_style: Option<Place>,
    /// The first line by which `peer` describes it.
    pub(crate) peer_style: Option<Place>,
    /// Its lines that could not be read.
    pub(crate) gaps: Gaps,
}

/// One `peer` or `server` line of a peers section.
#[derive(Debug)]
pub(crate) struct PeerDraft {
    pub(crate) name: Placed<String>,
    pub(crate) address: Option<PeerAddress>,
}
