//! What was typed, section by section, before names are resolved and numbers are given.

use std::collections::HashMap;

use super::bind::BindDraft;
use super::check_script::ScriptDraft;
use super::data_type::StoredData;
use super::diagnostic::{Place, Placed};
use super::environment::Environment;
use super::gaps::Gaps;
use super::health::HealthDraft;
use super::init_addr::InitAddr;
use super::lexer::Word;
use super::log_line::LogLine;
use super::metrics::PathPattern;
use super::unix_bind::UnixBind;
use super::{
    Balance, Global, HashType, KeyType, LogTarget, PeerAddress, ProxyOptions, SendProxy, ServerKey,
    Source,
};
use crate::net::address::Address;
use crate::net::tcp::Probes;

/// Everything that was typed.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) environment: Environment,
    pub(super) global: GlobalDraft,
    /// `-L`.
    pub(super) local_peer: Option<String>,
    /// The `defaults` sections.
    pub(super) defaults: Vec<ProxyDraft>,
    /// The proxies, in order.
    pub(super) proxies: Vec<ProxyDraft>,
    /// The `peers` sections, in order.
    pub(super) peers: Vec<PeersDraft>,
    /// What could not be read outside these sections, and sections without a name.
    pub(super) gaps: Gaps,
}

/// The `global` sections.
#[derive(Debug, Default)]
pub(super) struct GlobalDraft {
    pub(super) global: Global,
    /// The host's name.
    pub(super) hostname: String,
    /// What unix sockets of proxies are given.
    pub(super) unix_bind: UnixBind,
    /// The places of the stats sockets.
    pub(super) stats_places: Vec<Place>,
    /// A peers section has begun: the local name is in use.
    pub(super) has_peers: bool,
}

/// The kind of a proxy section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Defaults,
    Frontend,
    Backend,
    Listen,
}

impl ProxyKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
        }
    }

    pub(super) fn is_frontend(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    pub(super) fn is_backend(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }
}

/// A `defaults`, `frontend`, `backend` or `listen` section.
#[derive(Debug)]
pub(super) struct ProxyDraft {
    pub(super) kind: ProxyKind,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) settings: Settings,
    pub(super) id: Option<Placed<u32>>,
    pub(super) description: Option<String>,
    pub(super) binds: Vec<BindDraft>,
    pub(super) servers: Vec<ServerDraft>,
    pub(super) stick_rules: Vec<StickRuleDraft>,
    pub(super) table: Option<TableDraft>,
    /// The lines of `acl`, `tcp-request` and their like, and of stick rules, in their order.
    pub(super) rules: Vec<RuleLine>,
    /// The keywords of its own lines, but those that `no` takes back.
    pub(super) said: Vec<Placed<&'static str>>,
    /// Where the exporter's metrics are found.
    pub(super) exporter: Vec<PathPattern>,
    /// The first line that names the exporter.
    pub(super) exporter_place: Option<Place>,
    /// Its lines that could not be read.
    pub(super) gaps: Gaps,
}

impl ProxyDraft {
    /// Whether it is one of the frontends that relay; the exporter's are numbered apart.
    pub(super) fn is_relaying_frontend(&self) -> bool {
        self.kind.is_frontend() && self.settings.http.is_none()
    }

    /// Whether it is the frontend of the exporter.
    pub(super) fn serves_metrics(&self) -> bool {
        self.kind == ProxyKind::Frontend
            && self.settings.http.is_some()
            && self.exporter_place.is_some()
    }

    /// Whether nothing of it could not be read, so that what is missing was not written.
    pub(super) fn is_whole(&self) -> bool {
        self.gaps.is_empty() && !self.settings.has_gaps
    }

    /// Whether a line of the section itself has this keyword.
    pub(super) fn says(&self, keyword: &str) -> bool {
        self.said.iter().any(|said| said.value == keyword)
    }
}

/// A line that is read once every name is known.
#[derive(Debug)]
pub(super) struct RuleLine {
    pub(super) keyword: &'static str,
    pub(super) place: Place,
    pub(super) words: Vec<Word>,
}

/// What a proxy inherits from a `defaults` section.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Lines of the `defaults` sections it comes from could not be read.
    pub(super) has_gaps: bool,
    /// Where `mode http` was said, if that is the mode.
    pub(super) http: Option<Place>,
    pub(super) disabled: bool,
    pub(super) maxconn: Option<u32>,
    pub(super) backlog: Option<u32>,
    pub(super) default_backend: Option<Placed<String>>,
    pub(super) timeout_client_ms: Option<u32>,
    pub(super) timeout_client_fin_ms: Option<u32>,
    pub(super) timeout_connect_ms: Option<u32>,
    pub(super) timeout_server_ms: Option<u32>,
    pub(super) timeout_server_fin_ms: Option<u32>,
    pub(super) timeout_tunnel_ms: Option<u32>,
    pub(super) retries: u32,
    pub(super) retries_connects: bool,
    pub(super) log_tag: Option<String>,
    pub(super) redispatch: Option<i32>,
    pub(super) timeout_queue_ms: Option<u32>,
    pub(super) fullconn: Option<u32>,
    pub(super) rate_limit: Option<u32>,
    pub(super) options: ProxyOptions,
    pub(super) balance: Balance,
    pub(super) hash_type: HashType,
    pub(super) source: Option<Source>,
    pub(super) client_probes: Probes,
    pub(super) server_probes: Probes,
    pub(super) default_server: ServerSettings,
    pub(super) script: ScriptDraft,
    pub(super) log: Vec<LogDraft>,
    pub(super) log_line: Option<LogLine>,
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
pub(super) enum LogDraft {
    /// Whatever the `global` section says.
    Global,
    /// A target of its own.
    Target(LogTarget),
}

/// The words of a server, also as a `default-server` line gives them.
#[derive(Clone, Debug)]
pub(super) struct ServerSettings {
    pub(super) id: Option<Placed<u32>>,
    pub(super) weight: u32,
    pub(super) maxconn: u32,
    pub(super) minconn: u32,
    pub(super) maxqueue: u32,
    pub(super) disabled: bool,
    pub(super) backup: bool,
    pub(super) source: Option<Source>,
    pub(super) user_timeout_ms: Option<u32>,
    pub(super) non_stick: bool,
    pub(super) init_addr: Vec<InitAddr>,
    pub(super) send_proxy: bool,
    pub(super) send_proxy_v2: bool,
    pub(super) health: HealthDraft,
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
    pub(super) fn send_proxy(&self) -> Option<SendProxy> {
        let text = self.send_proxy.then_some(SendProxy::V1);
        self.send_proxy_v2.then_some(SendProxy::V2).or(text)
    }
}

/// One `server` line of a proxy.
#[derive(Clone, Debug)]
pub(super) struct ServerDraft {
    pub(super) name: Placed<String>,
    pub(super) address: Address,
    pub(super) settings: ServerSettings,
}

/// One stick rule.
#[derive(Debug)]
pub(super) struct StickRuleDraft {
    pub(super) place: Place,
    /// The table it names; the backend's own when absent.
    pub(super) table: Option<Placed<String>>,
    pub(super) matches: bool,
    pub(super) stores: bool,
}

/// One `stick-table` line, or a `table` line of a peers section.
#[derive(Debug)]
pub(super) struct TableDraft {
    pub(super) place: Place,
    /// The name of a `table` line.
    pub(super) name: Option<String>,
    pub(super) key_type: KeyType,
    pub(super) key_len: u32,
    pub(super) wire_key_len: u32,
    pub(super) size: u32,
    pub(super) expire_ms: Option<u32>,
    pub(super) nopurge: bool,
    pub(super) recv_only: bool,
    pub(super) server_key: ServerKey,
    pub(super) data: Vec<StoredData>,
    pub(super) peers: Option<Placed<String>>,
}

/// One `peers` section.
#[derive(Debug)]
pub(super) struct PeersDraft {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) disabled: bool,
    /// The name of the local peer, as it was known where the section begins.
    pub(super) local_name: String,
    pub(super) peers: Vec<PeerDraft>,
    /// Where each of them is named.
    pub(super) peer_places: HashMap<String, Place>,
    pub(super) binds: Vec<BindDraft>,
    pub(super) default_bind: BindDraft,
    pub(super) tables: Vec<TableDraft>,
    /// Where the line of each table is, by name.
    pub(super) table_places: HashMap<String, Place>,
    pub(super) log: Vec<LogDraft>,
    /// The first line by which `bind` and `server` describe the section.
    pub(super) bind_style: Option<Place>,
    /// The first line by which `peer` describes it.
    pub(super) peer_style: Option<Place>,
    /// Its lines that could not be read.
    pub(super) gaps: Gaps,
}

/// One `peer` or `server` line of a peers section.
#[derive(Debug)]
pub(super) struct PeerDraft {
    pub(super) name: Placed<String>,
    pub(super) address: Option<PeerAddress>,
}
