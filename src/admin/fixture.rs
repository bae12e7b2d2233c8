//! The process that the tests of this folder send commands to.

use std::time::{Duration, SystemTime};

use super::context::endpoint::Endpoint;
use super::context::peers_status::{
    PeerNames, PeerSessionStatus, PeerStatus, PeersStatus, PeersView, SharedTableStatus,
};
use super::context::reloads::Reloads;
use super::context::{Context, ProcessInfo};
use super::link::command_session::CommandSession;
use super::link::session::Session;
use crate::config::data_type::{DataType, StoredData};
use crate::config::rules::{
    AclId, Condition, ContentFetch, Expression, Fetch, HttpPart, Kind, Matcher, Method, Needs,
    PatternLists, Rule, RulePlace, Rules, Term, Test, TextPart, ValueType,
};
use crate::config::{
    Backend, BackendHealth, Config, Frontend, Global, KeyType, Level, PageAction, PageFrontend,
    PageSection, Peer, PeerAddress, PeersId, PeersSection, ProcessConfig, RuleSource, SavedTo,
    Server, ServerHealth, ServerKey, ServerLines, ServerSettings, StickKey, StickRule, StickTable,
    TableId,
};
use crate::config::{BackendId, Balance, HashType, ProxyOptions, RdpCookies};
use crate::logging::history::PastEvents;
use crate::logging::rings::Rings;
use crate::net::address::Address;
use crate::net::tcp::Probes;
use crate::proxy::names::ServerNames;
use crate::proxy::{Clients, Shared};
use crate::resolve::Nameservers;
use crate::table::Dictionary;
use crate::table::RowId;

pub(super) const NOW_MS: u64 = 1_000_000;

/// The parts of a process with two frontends, a backend with three servers, and six tables. The
/// HAProxy that the expected texts were captured from had the same configuration.
pub(super) struct Fixture {
    pub(super) now_ms: u64,
    pub(super) config: Config,
    process_config: ProcessConfig,
    pub(super) shared: Shared,
    pub(super) clients: Clients,
    pub(super) process: ProcessInfo,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) reloads: Reloads,
    pub(super) server_lines: ServerLines,
    nameservers: Nameservers,
    names: ServerNames,
    pub(super) rings: Rings,
    pub(super) events: PastEvents,
    pub(super) peers: TestPeers,
}

/// Peers in a fixed state.
#[derive(Default)]
pub(super) struct TestPeers(pub(super) PeersStatus);

impl PeersView for TestPeers {
    fn section(&self, _: PeersId, _: u64) -> PeersStatus {
        self.0.clone()
    }

    fn is_up_to_date(&self, _: PeersId) -> bool {
        self.0.is_up_to_date
    }

    fn peer(&self, _: PeersId, at: usize, _: u64) -> Option<PeerStatus> {
        self.0.peers.get(at).cloned()
    }

    fn names(&self, _: PeersId, _: usize, _: &Dictionary) -> PeerNames {
        let named = |slot: u8, name: &str| (slot, name.as_bytes().to_vec());
        PeerNames { sent: vec![named(2, "s2")], received: vec![named(1, "s1"), named(6, "s6")] }
    }
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::of(config())
    }

    /// The same with a stick rule, and with `origins` in its table.
    pub(super) fn with_stick_rule() -> Self {
        let mut config = config();
        config.tables[0].origins = true;
        config.backends[0].stick_rules.push(StickRule {
            table: TableId(0),
            key: StickKey::Source,
            matches: true,
            stores: true,
            of_response: false,
            condition: None,
            place: RulePlace::NONE,
            source: RuleSource { line: "stick on src".to_owned(), at: "a.cfg:7".to_owned() },
        });
        Self::of(config)
    }

    /// The same with a table that is saved.
    pub(super) fn with_saved_table() -> Self {
        let mut config = config();
        config.tables[0].save = Some(SavedTo { file: "/v/web.table".into(), every_ms: 1000 });
        Self::of(config)
    }

    fn of(mut config: Config) -> Self {
        let shared = Shared::new(&mut config, 2000, NOW_MS - 2000).unwrap();
        let process = ProcessInfo {
            pid: 5871,
            started_ms: NOW_MS - 2000,
            node: "n1".to_owned(),
            ..ProcessInfo::default()
        };
        let peers = TestPeers::default();
        let endpoints = config.pages.iter().map(Endpoint::new).collect();
        Self {
            now_ms: NOW_MS,
            process_config: config.clone().into(),
            config,
            shared,
            clients: Clients::new(2000, 64, NOW_MS),
            process,
            endpoints,
            reloads: Reloads::default(),
            server_lines: ServerLines::default(),
            nameservers: Nameservers::new(&[]),
            names: ServerNames::default(),
            rings: Rings::default(),
            events: PastEvents::default(),
            peers,
        }
    }

    /// The same process with a frontend for the exporter.
    pub(super) fn with_endpoint() -> Self {
        let mut fixture = Self::new();
        let config = endpoint("stats", 9);
        fixture.endpoints.push(Endpoint::new(&config));
        fixture
    }

    pub(super) fn context(&mut self) -> Context<'_> {
        Context {
            now_ms: self.now_ms,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_388_997),
            process: &self.process,
            config: &self.process_config,
            server_lines: &self.server_lines,
            shared: &mut self.shared,
            clients: &mut self.clients,
            endpoints: &mut self.endpoints,
            reloads: &mut self.reloads,
            nameservers: &mut self.nameservers,
            names: &mut self.names,
            rings: &self.rings,
            events: &self.events,
            peers: &self.peers,
        }
    }

    /// The answer to an administrator who sends this line and nothing else.
    pub(super) fn ask(&mut self, line: &str) -> String {
        self.ask_as(Level::Admin, line)
    }

    /// Sends each command and compares the answer, without the empty line at its end.
    pub(super) fn converse(&mut self, dialogue: &[(&str, &str)]) {
        for (command, answer) in dialogue {
            let answer = match *answer {
                "" => "\n".to_owned(),
                answer => format!("{answer}\n\n"),
            };
            assert_eq!(self.ask(command), answer, "{command}");
        }
    }

    pub(super) fn ask_as(&mut self, level: Level, line: &str) -> String {
        let mut session = CommandSession::new(level, 10_000, self.now_ms);
        session.handle_received(format!("{line}\n").as_bytes(), self.now_ms);
        let text = self.drain(&mut session, usize::MAX);
        assert!(session.is_finished(), "{text}");
        text
    }

    /// What the session sends in one turn.
    pub(super) fn slice(&mut self, session: &mut impl Session) -> String {
        let bytes = session.poll_transmit(&mut self.context()).to_vec();
        session.handle_sent(bytes.len(), self.now_ms);
        String::from_utf8(bytes).unwrap()
    }

    /// All output that the session has now, taken in pieces of at most `window` bytes.
    pub(super) fn drain(&mut self, session: &mut impl Session, window: usize) -> String {
        let mut all = Vec::new();
        for _ in 0..10_000_000 {
            let now_ms = self.now_ms;
            let bytes = session.poll_transmit(&mut self.context());
            let count = bytes.len().min(window);
            all.extend_from_slice(&bytes[..count]);
            session.handle_sent(count, now_ms);
            if !session.is_busy() {
                return String::from_utf8(all).unwrap();
            }
        }
        panic!("the session never ends");
    }

    /// Adds an entry without a command.
    pub(super) fn insert(&mut self, table: u16, key: &[u8]) -> RowId {
        let (row, _) =
            self.shared.tables.get_mut(TableId(table)).find_or_insert(key, self.now_ms).unwrap();
        row
    }
}

fn stored(data_type: DataType, elements: u32, period_ms: u32) -> StoredData {
    StoredData { data_type, elements, period_ms }
}

fn table(name: &str, key_type: KeyType, key_len: u32, size: u32) -> StickTable {
    StickTable {
        name: name.to_owned(),
        wire_name: name.to_owned(),
        key_type,
        key_len,
        wire_key_len: key_len,
        size,
        expire_ms: None,
        nopurge: false,
        recv_only: false,
        counts: crate::config::Counts::Shared,
        origins: false,
        save: None,
        server_key: ServerKey::Name,
        data: vec![stored(DataType::Gpc0, 1, 0)],
        peers: None,
    }
}

fn config() -> Config {
    let (patterns, test) = metrics_path();
    let mut web = table("web", KeyType::Ipv4, 4, 20_480);
    web.expire_ms = Some(600_000);
    web.peers = Some(PeersId(0));
    web.data = vec![
        stored(DataType::ServerId, 1, 0),
        stored(DataType::Gpt0, 1, 0),
        stored(DataType::Gpc0, 1, 0),
        stored(DataType::ConnRate, 1, 10_000),
        stored(DataType::ConnCur, 1, 0),
        stored(DataType::BytesInCnt, 1, 0),
        stored(DataType::BytesInRate, 1, 60_000),
        stored(DataType::Gpc1, 1, 0),
        stored(DataType::ServerKey, 1, 0),
    ];
    let ipv6 = table("t_ip6", KeyType::Ipv6, 16, 100);
    let mut string = table("t_str", KeyType::String, 20, 100);
    string.expire_ms = Some(30_000);
    string.data.insert(0, stored(DataType::ServerId, 1, 0));
    let mut binary = table("t_bin", KeyType::Binary, 8, 2);
    binary.nopurge = true;
    let mut integer = table("t_int", KeyType::Integer, 4, 200_000);
    integer.data = vec![
        stored(DataType::HttpReqRate, 1, 10_000),
        stored(DataType::ServerKey, 1, 0),
        stored(DataType::Gpt, 2, 0),
        stored(DataType::Gpc, 3, 0),
        stored(DataType::GpcRate, 2, 10_000),
    ];
    let mut li = table("li", KeyType::Ipv4, 4, 1_048_576);
    li.peers = Some(PeersId(0));
    let global = Global { description: Some("a b c".to_owned()), ..Global::default() };
    Config {
        global,
        frontends: vec![frontend("fe", 2), frontend("fe2", 3)],
        pages: Vec::new(),
        backends: vec![backend("web", 4)],
        proxy_ids: vec![2, 3, 4],
        tables: vec![web, ipv6, string, binary, integer, li],
        peers: vec![peers_section()],
        rings: Vec::new(),
        acls: vec![vec![test]],
        patterns,
        ..Config::default()
    }
}

fn frontend(name: &str, proxy_id: u32) -> Frontend {
    Frontend {
        rate_limit: None,
        log_line: None,
        error_line: None,
        structured_data: None,
        unique_id: None,
        name: name.to_owned(),
        proxy_id,
        description: None,
        disabled: false,
        binds: Vec::new(),
        default_backend: Some(BackendId(0)),
        maxconn: None,
        backlog: None,
        timeout_client_ms: Some(60_000),
        timeout_client_fin_ms: None,
        options: ProxyOptions::default(),
        probes: Probes::default(),
        log: Vec::new(),
        rules: Rules::default(),
    }
}

fn endpoint(name: &str, proxy_id: u32) -> PageFrontend {
    PageFrontend {
        name: name.to_owned(),
        proxy_id,
        description: None,
        disabled: false,
        binds: Vec::new(),
        maxconn: 32,
        backlog: None,
        timeout_client_ms: 5000,
        options: ProxyOptions::default(),
        log: Vec::new(),
        probes: Probes::default(),
        monitor: None,
        section: PageSection {
            rules: vec![Rule {
                action: PageAction::Metrics,
                condition: Some(path_is_metrics()),
                place: RulePlace::NONE,
            }],
            stats: None,
        },
        backends: Vec::new(),
        default_backend: None,
        userlists: Vec::new(),
    }
}

/// `if { path /metrics }`, which is the first access list of the fixture.
fn path_is_metrics() -> Condition {
    Condition { negated: false, alternatives: vec![vec![Term { acl: AclId(0), negated: false }]] }
}

/// The test that the condition names.
fn metrics_path() -> (PatternLists, Test) {
    let sample = Expression {
        fetch: Fetch::Content(ContentFetch::Http(HttpPart::Path)),
        fetch_type: ValueType::Text,
        needs: Needs::Request,
        converters: Vec::new(),
        value_type: ValueType::Text,
    };
    let method = Method::Text(TextPart::Whole);
    let kind = Kind { method, ignores_case: false, output: None };
    let (lists, id) = PatternLists::of_words(kind, &["/metrics"]);
    let matcher = Matcher { method, lists: vec![id] };
    (lists, Test { sample, matcher, text: "path /metrics".into() })
}

fn backend(name: &str, proxy_id: u32) -> Backend {
    let server = |id: u32, weight, backup, disabled| Server {
        name: format!("s{id}"),
        id,
        address: format!("127.0.0.1:2109{id}").parse().unwrap(),
        resolution: None,
        settings: ServerSettings { weight, disabled, backup, ..ServerSettings::default() },
        health: ServerHealth::default(),
        is_named: false,
    };
    Backend {
        dispatch: None,
        health: BackendHealth::default(),
        name: name.to_owned(),
        proxy_id,
        description: None,
        disabled: false,
        balance: Balance::RoundRobin,
        hash_type: HashType::default(),
        hash_balance_factor: None,
        rdp: RdpCookies::default(),
        servers: vec![
            server(1, 1, false, false),
            server(2, 5, true, false),
            server(3, 1, false, true),
        ],
        stick_rules: Vec::new(),
        table: Some(TableId(0)),
        timeout_connect_ms: None,
        timeout_server_ms: Some(60_000),
        timeout_server_fin_ms: None,
        timeout_tunnel_ms: None,
        retries: 3,
        redispatch: Some(-1),
        timeout_queue_ms: None,
        fullconn: None,
        options: ProxyOptions::default(),
        probes: Probes::default(),
        source: None,
        log: Vec::new(),
        rules: Rules::default(),
        is_http: false,
        pages: None,
    }
}

fn peers_section() -> PeersSection {
    let peer = |name: &str, port: u16| {
        let address = Address::Ip(format!("127.0.0.1:{port}").parse().unwrap());
        Peer::new(name.to_owned(), PeerAddress::Known(address))
    };
    PeersSection {
        templates: Vec::new(),
        allowed: Vec::new(),
        name: "mypeers".to_owned(),
        disabled: false,
        peers: vec![peer("h1", 21024), peer("h2", 21025)],
        local: Some(0),
        binds: Vec::new(),
        tables: vec![TableId(0), TableId(5)],
        log: Vec::new(),
    }
}

/// The state of two peers; the connection to the second one is being made.
pub(super) fn connecting_peers() -> PeersStatus {
    let shared =
        |local_id, table| SharedTableStatus { local_id, ..SharedTableStatus::new(TableId(table)) };
    let tables = vec![shared(1, 0), shared(2, 5)];
    let local = PeerStatus { tables: tables.clone(), ..PeerStatus::default() };
    let remote = PeerStatus {
        active: true,
        last_status: "CONN",
        handshake_age_ms: Some(2000),
        reconnect_left_ms: Some(2000),
        connections: 1,
        session: Some(PeerSessionStatus { state: 6, socket_state: "TAR" }),
        tables,
        ..PeerStatus::default()
    };
    PeersStatus {
        flags: 0x11,
        resync_left_ms: Some(2000),
        peers: vec![local, remote],
        ..PeersStatus::default()
    }
}

/// An answer without addresses.
pub(super) fn without_addresses(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let (before, after) = rest.split_at(at);
        kept.push_str(before);
        let digits = after[2..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len() - 2);
        // Short numbers are flags, not addresses.
        kept.push_str(if digits > 9 { "0xADDRESS" } else { &after[..digits + 2] });
        rest = &after[digits + 2..];
    }
    kept + rest
}
