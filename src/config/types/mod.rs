//! What a configuration means: plain data with every name resolved to an id. Nothing here knows
//! how it was written.

mod balance;
mod bind;
mod checks;
mod format_string;
mod global;
mod health;
mod ids;
mod log;
mod page_section;
mod pages;
mod peers;
mod proxy;
mod resolvers;
mod ring;
mod server;
mod server_address;
mod severity;
mod socket;
mod stick;
mod variable;

use crate::config::rules::{InitialVariable, PatternLists, Rules, Test};
use crate::net::tls::store::CertificateStore;

pub(in crate::config) use balance::{ALGORITHMS, Argument, SYNTAX};
pub use balance::{Balance, HashFunction, HashType, RdpCookies};
pub use bind::{Bind, BindAddress, BindSettings};
pub use checks::{
    BackendHealth, CheckConverter, CheckFetch, CheckFormat, CheckPiece, CheckProgram, CheckRequest,
    CheckSample, CheckStatus, CheckStep, Connect, ConnectPort, Expect, ExpectWords, HeaderExpect,
    HeaderTest, HttpExpect, HttpPattern, Pattern, Reply, Script, ScriptKind, SentText, Service,
    SetVariable, TlsOffer, VariableValue,
};
pub(in crate::config) use format_string::FIELDS;
pub use format_string::{FormatPart, FormatString, LogField, write_sample};
pub use global::{Global, Hardening, KeptCapability, Level, Limits, StatsSocket};
pub use health::{
    AgentCheck, AgentSettings, CheckTls, HealthSettings, InitState, Observe, OnError, ServerCheck,
    ServerHealth,
};
pub use ids::{
    BackendId, Direction, FrontendId, PeersId, ResolversId, RingId, ServerIndex, TableId,
    UserlistId,
};
pub use log::{LogDestination, LogFormat, LogLevel, LogSample, LogTarget};
pub use page_section::{
    PageAction, PageSection, Password, ShownText, StatsAccess, StatsPageOptions, StatsScope, User,
    Userlist,
};
pub use pages::{Monitor, PageFrontend};
pub use peers::{NamedPeer, Peer, PeerAddress, PeerTemplate, PeerTls, PeersSection};
pub use proxy::{Backend, Frontend, ProxyOptions};
pub use resolvers::{AddressChoice, Hold, NamedHost, Nameserver, Resolution, Resolvers};
pub use ring::{Framing, Ring, RingServer};
pub use server::{HashKey, Server, ServerSettings, ServerTls};
pub use server_address::{RelativeAddress, ServerAddress, ServerPort};
pub use severity::Severity;
pub use socket::{ForeignSource, ProxyV2Options, SendProxy, Source, TunedBuffers};
pub use stick::{Counts, KeyType, RuleSource, SavedTo, ServerKey, StickKey, StickRule, StickTable};
pub use variable::{Variable, VariableNames, VariableScope, VariableSizes};

/// A whole configuration, checked and resolved.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The `global` section.
    pub global: Global,
    /// Frontends, and the frontend half of `listen` sections, in the order of the file.
    pub frontends: Vec<Frontend>,
    /// The frontends that serve pages of this process, in the order of the file.
    pub pages: Vec<PageFrontend>,
    /// Backends, and the backend half of `listen` sections, in the order of the file.
    pub backends: Vec<Backend>,
    /// The numbers of all proxies, in the order of the file.
    pub proxy_ids: Vec<u32>,
    /// Every stick table: those of proxies and those of peers sections.
    pub tables: Vec<StickTable>,
    /// The `peers` sections.
    pub peers: Vec<PeersSection>,
    /// The `resolvers` sections.
    pub resolvers: Vec<Resolvers>,
    /// The rings: those of `ring` sections, then those that `log` lines make.
    pub rings: Vec<Ring>,
    /// The names of the files that were read.
    pub files: Vec<String>,
    /// The access lists that conditions use. An access list holds if one of its tests holds.
    pub acls: Vec<Vec<Test>>,
    /// The lists of patterns that access lists and converters look values up in.
    pub patterns: PatternLists,
    /// The certificates that its lines name.
    pub certificates: CertificateStore,
    /// The lists of users that rules ask for.
    pub userlists: Vec<Userlist>,
    /// The variables that the configuration names.
    pub variables: VariableNames,
    /// The variables of the process that have a value from the start on.
    pub initial_variables: Vec<InitialVariable>,
}

/// The part of a configuration that belongs to the process as a whole. Frontends, backends, tables
/// and the pages keep their parts themselves.
#[derive(Clone, Debug, Default)]
pub struct ProcessConfig {
    /// The `global` section.
    pub global: Global,
    /// The `peers` sections.
    pub peers: Vec<PeersSection>,
    /// The numbers of all proxies, in the order of the file.
    pub proxy_ids: Vec<u32>,
    /// The lists of users.
    pub userlists: Vec<Userlist>,
}

impl From<Config> for ProcessConfig {
    fn from(config: Config) -> Self {
        let Config { global, peers, proxy_ids, userlists, .. } = config;
        Self { global, peers, proxy_ids, userlists }
    }
}

impl Config {
    /// Where servers are connected from.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.backends.iter().flat_map(|backend| {
            let of_servers = backend.servers.iter().map(|server| server.settings.source.as_ref());
            [backend.source.as_ref()].into_iter().chain(of_servers).flatten()
        })
    }

    /// Whether a rule marks packets.
    pub fn marks_packets(&self) -> bool {
        let of_frontends = self.frontends.iter().map(|frontend| &frontend.rules);
        let mut rules = of_frontends.chain(self.backends.iter().map(|backend| &backend.rules));
        rules.any(Rules::mark_packets)
    }

    /// The log targets of all sections.
    pub fn log_targets(&self) -> impl Iterator<Item = &LogTarget> {
        let sections = self.frontends.iter().map(|frontend| &frontend.log);
        let sections = sections.chain(self.backends.iter().map(|backend| &backend.log));
        let sections = sections.chain(self.peers.iter().map(|section| &section.log));
        let sections = sections.chain(self.pages.iter().map(|pages| &pages.log));
        sections.chain([&self.global.log]).flatten()
    }

    /// Whether the process listens on any address. As with HAProxy, a process without listeners
    /// does not start.
    pub fn listens(&self) -> bool {
        let frontends =
            self.frontends.iter().any(|frontend| !frontend.disabled && !frontend.binds.is_empty());
        frontends
            || self.pages.iter().any(|endpoint| !endpoint.disabled && !endpoint.binds.is_empty())
            || self.peers.iter().any(|section| !section.binds.is_empty())
            || !self.global.stats_sockets.is_empty()
    }
}
