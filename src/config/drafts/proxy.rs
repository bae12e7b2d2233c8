//! A `defaults`, `frontend`, `backend` or `listen` section as it was typed.

use super::bind::BindDraft;
use super::check_script::ScriptDraft;
use super::format::FormatDraft;
use super::keyword_names;
use super::log::LogDraft;
use super::pages::StatsDraft;
use super::server::{ServerDraft, ServerWords};
use super::stick::{StickRuleDraft, TableDraft};
use crate::config::text::diagnostic::{Place, Placed, Section};
use crate::config::text::gaps::Gaps;
use crate::config::text::lexer::Word;
use crate::config::{Balance, Direction, HashType, ProxyOptions, RdpCookies, Source};
use crate::net::address::Address;
use crate::net::tcp::Probes;

/// The kind of a proxy section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum ProxyKind {
    Defaults,
    Frontend,
    Backend,
    Listen,
}

impl ProxyKind {
    pub(in crate::config) const ALL: [Self; 4] =
        [Self::Defaults, Self::Frontend, Self::Backend, Self::Listen];

    /// The word that opens such a section.
    pub(in crate::config) const fn word(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
        }
    }

    pub(in crate::config) fn is_frontend(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    pub(in crate::config) fn is_backend(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }
}

/// A `defaults`, `frontend`, `backend` or `listen` section.
#[derive(Debug)]
pub(in crate::config) struct ProxyDraft {
    pub(in crate::config) kind: ProxyKind,
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
    pub(in crate::config) settings: Settings,
    pub(in crate::config) id: Option<Placed<u32>>,
    pub(in crate::config) description: Option<String>,
    pub(in crate::config) binds: Vec<BindDraft>,
    pub(in crate::config) servers: Vec<ServerDraft>,
    /// `dispatch`.
    pub(in crate::config) dispatch: Option<Placed<Address>>,
    pub(in crate::config) stick_rules: Vec<StickRuleDraft>,
    pub(in crate::config) table: Option<TableDraft>,
    /// The lines of `acl`, `tcp-request` and their like, and of stick rules, in their order.
    pub(in crate::config) rules: Vec<RuleLine>,
    /// The keywords of the lines of the section, without the lines that begin with `no`.
    pub(in crate::config) said: Vec<Said>,
    /// The lines of the section that could not be read.
    pub(in crate::config) gaps: Gaps,
}

impl ProxyDraft {
    /// Whether the section is a frontend that relays. Frontends with pages have other ids.
    pub(in crate::config) fn is_relaying_frontend(&self) -> bool {
        self.kind.is_frontend() && self.settings.http.is_none()
    }

    /// Whether the section can serve pages: it has `mode http` and no servers.
    pub(in crate::config) fn may_serve_pages(&self) -> bool {
        let keywords = [keyword_names::SERVER, keyword_names::SERVER_TEMPLATE];
        self.settings.http.is_some()
            && self.servers.is_empty()
            && !keywords.iter().any(|keyword| self.gaps.may_say(keyword))
    }

    /// Whether the section itself has a page: of statistics, of the monitor, or of metrics.
    pub(in crate::config) fn has_page(&self) -> bool {
        let is_service = |line: &RuleLine| {
            line.kind == RuleKind::HttpRequest
                && line.words.first().is_some_and(|word| word.text == "use-service")
        };
        let has_monitor = self.settings.monitor_uri.is_some() && self.kind.is_frontend();
        self.settings.stats.is_some() || has_monitor || self.rules.iter().any(is_service)
    }

    /// Whether every line of the section could be read: what is missing was not written.
    pub(in crate::config) fn is_whole(&self) -> bool {
        self.gaps.is_empty() && !self.settings.has_gaps
    }

    /// Whether a line that could not be read may give this name to a server.
    pub(in crate::config) fn may_miss_server(&self, name: &str) -> bool {
        self.gaps.may_name(&[keyword_names::SERVER, keyword_names::SERVER_TEMPLATE], name)
    }

    /// Whether a line that could not be read may describe the section's table.
    pub(in crate::config) fn may_miss_table(&self) -> bool {
        self.gaps.may_say(keyword_names::STICK_TABLE)
    }

    /// Whether a line of the section itself has this keyword.
    pub(in crate::config) fn says(&self, keyword: &str) -> bool {
        self.said.iter().any(|said| said.keyword == keyword)
    }
}

/// The keyword of a line that was read.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Said {
    pub(in crate::config) keyword: &'static str,
    pub(in crate::config) place: Place,
    pub(in crate::config) in_pages: InPages,
}

/// What becomes of a keyword in a frontend with pages.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum InPages {
    /// The keyword has the same effect as elsewhere, or is ignored silently.
    Followed,
    /// The keyword has no effect, for this reason.
    NoEffect(&'static str),
}

/// The kinds of lines that are read when every name is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum RuleKind {
    /// `acl`.
    Acl,
    /// `tcp-request` or `tcp-response` with an action.
    Action(RuleStage),
    /// `tcp-request inspect-delay` or `tcp-response inspect-delay`.
    InspectDelay(Direction),
    /// `declare capture`.
    DeclareCapture,
    /// `use_backend`.
    UseBackend,
    /// `use-server`.
    UseServer,
    /// `force-persist`.
    ForcePersist,
    /// `ignore-persist`.
    IgnorePersist,
    /// `stick on`, `stick match` and `stick store-request`, or `stick store-response`.
    Stick(Direction),
    /// `http-request`.
    HttpRequest,
    /// `stats http-request`.
    StatsRequest,
    /// `stats admin`.
    StatsAdmin,
    /// `monitor fail`.
    MonitorFail,
}

impl RuleKind {
    /// The side that the rule is about.
    pub(in crate::config) fn direction(self) -> Direction {
        match self {
            Self::InspectDelay(direction) | Self::Stick(direction) => direction,
            Self::Action(RuleStage::Response) => Direction::Response,
            Self::Action(RuleStage::Connection | RuleStage::Session | RuleStage::Content)
            | Self::Acl
            | Self::DeclareCapture
            | Self::UseBackend
            | Self::UseServer
            | Self::ForcePersist
            | Self::IgnorePersist
            | Self::HttpRequest
            | Self::StatsRequest
            | Self::StatsAdmin
            | Self::MonitorFail => Direction::Request,
        }
    }
}

/// When a rule with an action is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum RuleStage {
    /// `connection`: nothing has been read from the client.
    Connection,
    /// `session`: the client's address is final.
    Session,
    /// `content`: the client may have sent something.
    Content,
    /// `tcp-response content`: the server may have sent something.
    Response,
}

impl RuleStage {
    pub(in crate::config) const ALL: [Self; 4] =
        [Self::Connection, Self::Session, Self::Content, Self::Response];

    /// Whether such rules run before the content rules.
    pub(in crate::config) fn is_before_content(self) -> bool {
        matches!(self, Self::Connection | Self::Session)
    }

    /// The keyword of such a rule.
    pub(in crate::config) fn keyword(self) -> &'static str {
        match self {
            Self::Connection => "tcp-request connection",
            Self::Session => "tcp-request session",
            Self::Content => "tcp-request content",
            Self::Response => "tcp-response content",
        }
    }
}

/// A line that is read when every name is known.
#[derive(Clone, Debug)]
pub(in crate::config) struct RuleLine {
    pub(in crate::config) kind: RuleKind,
    pub(in crate::config) keyword: &'static str,
    pub(in crate::config) place: Place,
    pub(in crate::config) words: Vec<Word>,
}

/// What a proxy inherits from a `defaults` section.
#[derive(Clone, Debug)]
pub(in crate::config) struct Settings {
    /// Whether the `defaults` section has lines that could not be read.
    pub(in crate::config) has_gaps: bool,
    /// The rules of the `defaults` section, which come before those of the proxy.
    pub(in crate::config) rules: Vec<RuleLine>,
    /// The place of `mode http`, if that is the mode.
    pub(in crate::config) http: Option<Place>,
    pub(in crate::config) disabled: bool,
    pub(in crate::config) maxconn: Option<u32>,
    pub(in crate::config) backlog: Option<u32>,
    pub(in crate::config) default_backend: Option<Placed<String>>,
    pub(in crate::config) timeout_client_ms: Option<u32>,
    pub(in crate::config) timeout_client_fin_ms: Option<u32>,
    pub(in crate::config) timeout_connect_ms: Option<u32>,
    pub(in crate::config) timeout_server_ms: Option<u32>,
    pub(in crate::config) timeout_server_fin_ms: Option<u32>,
    pub(in crate::config) timeout_tunnel_ms: Option<u32>,
    pub(in crate::config) retries: u32,
    pub(in crate::config) retries_connects: bool,
    pub(in crate::config) log_tag: Option<String>,
    pub(in crate::config) redispatch: Option<i32>,
    pub(in crate::config) timeout_queue_ms: Option<u32>,
    pub(in crate::config) fullconn: Option<u32>,
    pub(in crate::config) rate_limit: Option<u32>,
    pub(in crate::config) options: ProxyOptions,
    pub(in crate::config) balance: Balance,
    /// Whether a line chooses how to balance.
    pub(in crate::config) has_balance: bool,
    /// The place of `option transparent`, if it is on.
    pub(in crate::config) transparent: Option<Place>,
    pub(in crate::config) hash_type: HashType,
    pub(in crate::config) hash_balance_factor: Option<u32>,
    pub(in crate::config) rdp: RdpCookies,
    pub(in crate::config) source: Option<Source>,
    pub(in crate::config) client_probes: Probes,
    pub(in crate::config) server_probes: Probes,
    pub(in crate::config) default_server: ServerWords,
    pub(in crate::config) script: ScriptDraft,
    pub(in crate::config) log: Vec<LogDraft>,
    pub(in crate::config) log_line: Option<FormatDraft>,
    pub(in crate::config) error_line: Option<FormatDraft>,
    pub(in crate::config) structured_data: Option<FormatDraft>,
    pub(in crate::config) unique_id: Option<FormatDraft>,
    /// The statistics page.
    pub(in crate::config) stats: Option<StatsDraft>,
    /// `monitor-uri`.
    pub(in crate::config) monitor_uri: Option<Placed<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            has_gaps: false,
            rules: Vec::new(),
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
            has_balance: false,
            transparent: None,
            hash_type: HashType::default(),
            hash_balance_factor: None,
            rdp: RdpCookies::default(),
            source: None,
            client_probes: Probes::default(),
            server_probes: Probes::default(),
            default_server: ServerWords::default(),
            script: ScriptDraft::default(),
            log: Vec::new(),
            log_line: None,
            error_line: None,
            structured_data: None,
            unique_id: None,
            stats: None,
            monitor_uri: None,
        }
    }
}

impl ProxyDraft {
    /// The section as messages name it.
    pub(in crate::config) fn label(&self) -> Option<Section> {
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        Some(Section { kind: self.kind.word(), name })
    }

    pub(in crate::config) fn new(
        kind: ProxyKind,
        name: Placed<String>,
        settings: Settings,
    ) -> Self {
        Self {
            kind,
            name: name.value,
            place: name.place,
            settings,
            id: None,
            description: None,
            binds: Vec::new(),
            servers: Vec::new(),
            dispatch: None,
            stick_rules: Vec::new(),
            table: None,
            rules: Vec::new(),
            said: Vec::new(),
            gaps: Gaps::default(),
        }
    }
}
