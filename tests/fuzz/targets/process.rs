//! A small process without sockets, which commands and requests are sent to.

use std::time::{Duration, SystemTime};

use stickd::admin::context::endpoint::{Change, Endpoint};
use stickd::admin::context::peers_status::{PeerNames, PeerStatus, PeersStatus, PeersView};
use stickd::admin::context::reloads::Reloads;
use stickd::admin::context::{Context, ProcessInfo};
use stickd::admin::link::session::Session;
use stickd::config::{Config, Loaded, PeersId, ProcessConfig, ServerLines};
use stickd::logging::history::PastEvents;
use stickd::logging::rings::Rings;
use stickd::proxy::names::ServerNames;
use stickd::proxy::{Clients, Shared};
use stickd::resolve::Nameservers;
use stickd::table::Dictionary;

use super::{NOW_MS, data, load};

thread_local! {
    static LOADED: Loaded = load(&text());
}

fn text() -> String {
    let certificate = data("tls").join("site.pem");
    let certificate = certificate.display();
    format!(
        "global\n description a\n set-var proc.x int(1)\n\
         defaults\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n\
         userlist admins\n user joe insecure-password secret\n\
         ring last\n size 20000\n format rfc3164\n\
         resolvers dns\n nameserver one 127.0.0.1:53\n\
         peers mypeers\n peer a 127.0.0.1:1\n peer b 127.0.0.1:2\n\
         frontend in\n bind 127.0.0.1:3\n bind 127.0.0.1:4 ssl crt {certificate}\n \
         acl known src 192.0.2.1 192.0.2.2\n use_backend other if known\n default_backend web\n\
         backend web\n balance leastconn\n \
         stick-table type ip size 30 expire 1m store server_id,gpt0,gpc0,conn_rate(10s) \
         peers mypeers\n stick on src\n \
         server s1 127.0.0.1:81 check agent-check agent-port 82 weight 10\n \
         server s2 127.0.0.1:83 disabled\n server s3 a.example:84 resolvers dns init-addr none\n\
         backend other\n stick-table type string len 9 size 30 store gpc1,server_key\n \
         balance source\n hash-type consistent\n server s1 127.0.0.1:85 track web/s1\n\
         defaults\n mode http\n timeout client 1s\n\
         frontend page\n bind 127.0.0.1:86 accept-proxy\n monitor-uri /up\n stats enable\n \
         stats uri /stats\n stats admin if {{ src 127.0.0.0/8 }}\n stats auth joe:secret\n \
         http-request deny if {{ path_beg /no }} or {{ hdr(x) -m reg a+b }}\n\
         frontend metrics\n bind 127.0.0.1:87\n \
         http-request auth realm a if {{ url_param(a) 1 }}\n \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n"
    )
}

/// The parts of the process.
pub(super) struct TestProcess {
    config: ProcessConfig,
    server_lines: ServerLines,
    shared: Shared,
    clients: Clients,
    process: ProcessInfo,
    endpoints: Vec<Endpoint>,
    reloads: Reloads,
    nameservers: Nameservers,
    names: ServerNames,
    rings: Rings,
    events: PastEvents,
}

/// No peer is connected.
struct NoPeers;

impl PeersView for NoPeers {
    fn section(&self, _: PeersId, _: u64) -> PeersStatus {
        PeersStatus { peers: vec![PeerStatus::default(); 2], ..PeersStatus::default() }
    }

    fn is_up_to_date(&self, _: PeersId) -> bool {
        true
    }

    fn peer(&self, _: PeersId, at: usize, _: u64) -> Option<PeerStatus> {
        (at < 2).then(PeerStatus::default)
    }

    fn names(&self, _: PeersId, _: usize, _: &Dictionary) -> PeerNames {
        PeerNames::default()
    }
}

impl TestProcess {
    pub(super) fn new() -> Self {
        LOADED.with(|loaded| Self::with(loaded.config.clone(), loaded.server_lines.clone()))
    }

    /// A process with this configuration.
    pub(super) fn of(loaded: Loaded) -> Self {
        Self::with(loaded.config, loaded.server_lines)
    }

    fn with(mut config: Config, server_lines: ServerLines) -> Self {
        let shared = Shared::new(&mut config, 100, NOW_MS).expect("there is memory");
        Self {
            shared,
            server_lines,
            clients: Clients::new(100, 64, NOW_MS),
            process: ProcessInfo { node: "a".to_owned(), ..ProcessInfo::default() },
            endpoints: config.pages.iter().map(Endpoint::new).collect(),
            reloads: Reloads::default(),
            nameservers: Nameservers::new(&[]),
            names: ServerNames::default(),
            rings: Rings::new(&config.rings),
            events: PastEvents::default(),
            config: config.into(),
        }
    }

    pub(super) fn context(&mut self) -> Context<'_> {
        Context {
            now_ms: NOW_MS,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_388_997),
            process: &self.process,
            config: &self.config,
            server_lines: &self.server_lines,
            shared: &mut self.shared,
            clients: &mut self.clients,
            endpoints: &mut self.endpoints,
            reloads: &mut self.reloads,
            nameservers: &mut self.nameservers,
            names: &mut self.names,
            rings: &self.rings,
            events: &self.events,
            peers: &NoPeers,
        }
    }

    /// Lets the session answer, and reads all of it. The session says something or waits: it is
    /// not busy without end.
    pub(super) fn drain(&mut self, session: &mut impl Session) -> Vec<u8> {
        /// How many turns an answer may take, and how long it may be: the process is small.
        const TURNS_MAX: usize = 100_000;
        const ANSWER_MAX: usize = 32 << 20;
        /// The most that a session has to send at once, with a slice and a command of its length.
        const OUTPUT_MAX: usize = 1 << 20;
        let mut all = Vec::new();
        for _ in 0..TURNS_MAX {
            let bytes = session.poll_transmit(&mut self.context());
            let len = bytes.len();
            assert!(len <= OUTPUT_MAX, "{len} bytes to be sent at once");
            all.extend_from_slice(bytes);
            assert!(all.len() <= ANSWER_MAX, "an answer without end");
            session.handle_sent(len, NOW_MS);
            for endpoint in &mut self.endpoints {
                if matches!(endpoint.change, Change::Asked) {
                    endpoint.change = Change::Followed(Ok(())); // as at the end of a turn
                }
            }
            if !session.is_busy() || session.is_waiting() {
                session.count(&mut self.context());
                return all;
            }
        }
        panic!("a session is busy without end");
    }
}
