//! `show stat`: HAProxy 2.6's table of frontends, servers and backends as comma-separated values.

use std::io::Write;

use super::health_columns;
use super::session::OUTPUT_LEN_MAX;
use super::words::{Words, text};
use super::{Answer, Client, Job, Progress, World, refuse_other_formats};
use crate::config::{Balance, Config, ServerIndex};
use crate::net::address::Address;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;
use crate::proxy::server::{AdminState, Health, Server};

/// The columns before those that only HTTP and TLS fill.
const COLUMNS: &[&str] = &[
    "pxname",
    "svname",
    "qcur",
    "qmax",
    "scur",
    "smax",
    "slim",
    "stot",
    "bin",
    "bout",
    "dreq",
    "dresp",
    "ereq",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "status",
    "weight",
    "act",
    "bck",
    "chkfail",
    "chkdown",
    "lastchg",
    "downtime",
    "qlimit",
    "pid",
    "iid",
    "sid",
    "throttle",
    "lbtot",
    "tracked",
    "type",
    "rate",
    "rate_lim",
    "rate_max",
    "check_status",
    "check_code",
    "check_duration",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "hanafail",
    "req_rate",
    "req_rate_max",
    "req_tot",
    "cli_abrt",
    "srv_abrt",
    "comp_in",
    "comp_out",
    "comp_byp",
    "comp_rsp",
    "lastsess",
    "last_chk",
    "last_agt",
    "qtime",
    "ctime",
    "rtime",
    "ttime",
    "agent_status",
    "agent_code",
    "agent_duration",
    "check_desc",
    "agent_desc",
    "check_rise",
    "check_fall",
    "check_health",
    "agent_rise",
    "agent_fall",
    "agent_health",
    "addr",
    "cookie",
    "mode",
    "algo",
    "conn_rate",
    "conn_rate_max",
    "conn_tot",
    "intercepted",
    "dcon",
    "dses",
    "wrew",
    "connect",
    "reuse",
    "cache_lookups",
    "cache_hits",
    "srv_icur",
    "src_ilim",
    "qtime_max",
    "ctime_max",
    "rtime_max",
    "ttime_max",
    "eint",
    "idle_conn_cur",
    "safe_conn_cur",
    "used_conn_cur",
    "need_conn_est",
    "uweight",
    "agg_server_status",
    "agg_server_check_status",
    "agg_check_status",
];

/// The columns after the separator `-`; the first three are TLS's.
const FOREIGN_COLUMNS: &[&str] = &[
    "ssl_sess",
    "ssl_reused_sess",
    "ssl_failed_handshake",
    "h2_headers_rcvd",
    "h2_data_rcvd",
    "h2_settings_rcvd",
    "h2_rst_stream_rcvd",
    "h2_goaway_rcvd",
    "h2_detected_conn_protocol_errors",
    "h2_detected_strm_protocol_errors",
    "h2_rst_stream_resp",
    "h2_goaway_resp",
    "h2_open_connections",
    "h2_backend_open_streams",
    "h2_total_connections",
    "h2_backend_total_streams",
    "h1_open_connections",
    "h1_open_streams",
    "h1_total_connections",
    "h1_total_streams",
    "h1_bytes_in",
    "h1_bytes_out",
    "h1_spliced_bytes_in",
    "h1_spliced_bytes_out",
];

/// How many of them a server has.
const FOREIGN_OF_SERVER: usize = 3;

const FRONTEND: i64 = 1;
const BACKEND: i64 = 2;
const SERVER: i64 = 4;

/// `show stat [<iid> <type> <sid>] [no-maint] [up]`.
pub(super) fn show_stat(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    if let Some(refusal) = refuse_other_formats(words) {
        return refusal;
    }
    let mut filter = Filter { proxy: None, types: -1, server: None, no_maint: false, up: false };
    let mut rest = words.get(2..).unwrap_or_default();
    if let [proxy, types, server, after @ ..] = rest {
        let number = |word: &[u8]| text(word).parse::<i64>().ok();
        let proxy = match number(proxy) {
            Some(number) => u32::try_from(number).ok(),
            None => match proxy_id(world.config, &text(proxy)) {
                Some(id) => Some(id),
                None => return Answer::error("No such proxy."),
            },
        };
        filter.proxy = proxy;
        filter.types = number(types).unwrap_or(-1);
        filter.server = number(server).and_then(|server| u32::try_from(server).ok());
        rest = after;
    }
    for word in rest {
        match word.as_slice() {
            b"no-maint" => filter.no_maint = true,
            b"up" => filter.up = true,
            _ => {}
        }
    }
    Answer::Job(Job::Stat(StatDump { filter, rows: rows(world), next: 0, begun: false }))
}

/// The number of the proxy with this name.
fn proxy_id(config: &Config, name: &str) -> Option<u32> {
    let frontends = config.frontends.iter().map(|proxy| (&proxy.name, proxy.proxy_id));
    let backends = config.backends.iter().map(|proxy| (&proxy.name, proxy.proxy_id));
    frontends.chain(backends).find(|(known, _)| *known == name).map(|(_, id)| id)
}

/// Which rows are wanted.
#[derive(Debug)]
struct Filter {
    /// The proxy with this number.
    proxy: Option<u32>,
    /// Bits of frontends, backends and servers.
    types: i64,
    /// The server with this number.
    server: Option<u32>,
    no_maint: bool,
    up: bool,
}

impl Filter {
    fn wants(&self, proxy_id: u32, type_bit: i64) -> bool {
        self.proxy.is_none_or(|proxy| proxy == proxy_id) && self.types & type_bit != 0
    }

    fn wants_server(&self, server: &Server) -> bool {
        let hidden = (self.no_maint || self.up) && server.admin == AdminState::Maint
            || self.up && server.health == Health::Down;
        self.server.is_none_or(|id| id == server.config.id) && !hidden
    }
}

/// A row of the table, by positions.
#[derive(Clone, Copy, Debug)]
enum Row {
    Frontend(usize),
    Server(usize, usize),
    Backend(usize),
}

/// Every row, in the order of the proxies' numbers: a frontend's, then the servers' of a backend,
/// then its own.
fn rows(world: &World<'_>) -> Vec<Row> {
    let shared = &world.shared;
    let frontends = shared.frontends.iter().enumerate();
    let frontends = frontends.map(|(at, proxy)| (proxy.config.proxy_id, 0, Row::Frontend(at)));
    let backends = shared.backends.iter().enumerate().flat_map(|(at, proxy)| {
        let id = proxy.config.proxy_id;
        let servers = (0..proxy.servers.len()).map(move |server| (id, 1, Row::Server(at, server)));
        servers.chain([(id, 2, Row::Backend(at))])
    });
    let mut rows: Vec<_> = frontends.chain(backends).collect();
    rows.sort_by_key(|(id, order, _)| (*id, *order));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// The rows still to be printed.
#[derive(Debug)]
pub(crate) struct StatDump {
    filter: Filter,
    rows: Vec<Row>,
    next: usize,
    begun: bool,
}

impl StatDump {
    pub(super) fn advance(&mut self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
        if !self.begun {
            self.begun = true;
            write_header(out);
        }
        for row in self.rows.iter().skip(self.next) {
            if out.len() >= OUTPUT_LEN_MAX {
                return Progress::More;
            }
            self.next += 1;
            write_row(out, *row, &self.filter, world);
        }
        Progress::Done
    }
}

fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    for name in COLUMNS.iter().chain(&["-"]).chain(FOREIGN_COLUMNS) {
        out.extend_from_slice(name.as_bytes());
        out.push(b',');
    }
    out.push(b'\n');
}

fn write_row(out: &mut Vec<u8>, row: Row, filter: &Filter, world: &World<'_>) {
    let shared = &world.shared;
    let written = match row {
        Row::Frontend(at) => shared.frontends.get(at).is_some_and(|frontend| {
            let wanted = filter.wants(frontend.config.proxy_id, FRONTEND);
            wanted && write_columns(out, |name| frontend_value(frontend, name, world))
        }),
        Row::Backend(at) => shared.backends.get(at).is_some_and(|backend| {
            let wanted = filter.wants(backend.config.proxy_id, BACKEND);
            wanted && write_columns(out, |name| backend_value(backend, name, world))
        }),
        Row::Server(at, index) => shared.backends.get(at).is_some_and(|backend| {
            let wanted = filter.wants(backend.config.proxy_id, SERVER);
            let queue = backend.queues.len(u16::try_from(index).ok().map(ServerIndex));
            backend.servers.get(index).is_some_and(|server| {
                wanted
                    && filter.wants_server(server)
                    && write_columns(out, |name| match name {
                        "qcur" => number(queue.0),
                        "qmax" => number(queue.1),
                        _ => server_value(backend, server, name, world),
                    })
            })
        }),
    };
    if written {
        let foreign =
            if matches!(row, Row::Server(..)) { FOREIGN_OF_SERVER } else { FOREIGN_COLUMNS.len() };
        out.extend_from_slice(b"-,");
        for index in 0..FOREIGN_COLUMNS.len() {
            out.extend_from_slice(if index < foreign { b"0," } else { b"," });
        }
        out.push(b'\n');
    }
}

/// What stands in a column.
pub(super) enum Value<'a> {
    Empty,
    Number(u64),
    /// Seconds since something, -1 if it never was.
    Age(Option<u64>),
    Text(&'a str),
    Owned(String),
    Address(&'a Address),
}

/// Writes one row's own columns. Always true, so that it ends a chain of conditions.
fn write_columns<'a>(out: &mut Vec<u8>, value: impl Fn(&str) -> Value<'a>) -> bool {
    for name in COLUMNS {
        // Writing to a vector cannot fail.
        let _ = match value(name) {
            Value::Empty => Ok(()),
            Value::Number(number) => write!(out, "{number}"),
            Value::Age(Some(seconds)) => write!(out, "{seconds}"),
            Value::Age(None) => write!(out, "-1"),
            Value::Text(text) => write_text(out, text),
            Value::Owned(text) => write_text(out, &text),
            Value::Address(Address::Ip(address)) => write!(out, "{address}"),
            Value::Address(Address::Unix(_) | Address::Abstract(_)) => write!(out, "unix"),
        };
        out.push(b',');
    }
    true
}

/// Writes a text, quoted where it would break the row.
fn write_text(out: &mut Vec<u8>, text: &str) -> std::io::Result<()> {
    if text.contains([',', '"', '\n']) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}

fn number(number: impl Into<u64>) -> Value<'static> {
    Value::Number(number.into())
}

fn frontend_value<'a>(frontend: &'a Frontend, name: &str, world: &World<'_>) -> Value<'a> {
    let counters = &frontend.counters;
    match name {
        "pxname" => Value::Text(&frontend.config.name),
        "svname" => Value::Text("FRONTEND"),
        "scur" => number(counters.current),
        "smax" => number(counters.max),
        "slim" => number(frontend.config.maxconn.unwrap_or(world.shared.totals.maxconn)),
        "stot" | "conn_tot" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "ereq" => number(counters.request_errors),
        "dcon" => number(counters.denied_connections),
        "status" => Value::Text(if frontend.stopped { "STOP" } else { "OPEN" }),
        "pid" => number(1u32),
        "iid" => number(frontend.config.proxy_id),
        "rate_lim" => number(frontend.config.rate_limit.unwrap_or(0)),
        "rate" | "conn_rate" => number(counters.rate.rate(world.now_ms)),
        "rate_max" | "conn_rate_max" => number(counters.rate.max()),
        "mode" => Value::Text("tcp"),
        "dreq" | "dresp" | "sid" | "type" | "req_rate" | "req_rate_max" | "req_tot" | "comp_in"
        | "comp_out" | "comp_byp" | "comp_rsp" | "dses" | "wrew" | "eint" => number(0u32),
        _ => Value::Empty,
    }
}

fn backend_value<'a>(backend: &'a Backend, name: &str, world: &World<'_>) -> Value<'a> {
    if let Some(value) = health_columns::backend_value(backend, name, world) {
        return value;
    }
    let counters = &backend.counters;
    let has_servers = !backend.servers.is_empty();
    let is_up = !has_servers || backend.active() + backend.backups() > 0;
    match name {
        "pxname" => Value::Text(&backend.config.name),
        "svname" => Value::Text("BACKEND"),
        "scur" => number(counters.current),
        "smax" => number(counters.max),
        "slim" => number(backend.fullconn),
        "stot" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "econ" => number(counters.connect_errors),
        "eresp" => number(counters.response_errors),
        "wretr" => number(counters.retries),
        "wredis" => number(counters.redispatches),
        "status" => Value::Text(if is_up { "UP" } else { "DOWN" }),
        "weight" | "uweight" => number(weight_in_use(backend)),
        "act" => number(backend.active() as u64),
        "bck" => number(backend.backups() as u64),
        "pid" | "type" => number(1u32),
        "iid" => number(backend.config.proxy_id),
        "lbtot" => number(counters.balanced),
        "rate" => number(counters.rate.rate(world.now_ms)),
        "rate_max" => number(counters.rate.max()),
        "cli_abrt" => number(counters.client_aborts),
        "srv_abrt" => number(counters.server_aborts),
        "lastsess" => Value::Age(age_s(counters.last_used_ms, world)),
        "mode" => Value::Text("tcp"),
        "algo" => match backend.config.balance {
            Balance::RoundRobin => Value::Text("roundrobin"),
            Balance::StaticRr => Value::Text("static-rr"),
            Balance::LeastConn => Value::Text("leastconn"),
            Balance::First => Value::Text("first"),
            Balance::Source => Value::Text("source"),
            Balance::HashSource => Value::Text("hash"),
            Balance::Random(_) => Value::Text("random"),
        },
        "connect" => number(backend.servers.iter().map(|s| s.counters.connections).sum::<u64>()),
        "qcur" => number(backend.queues.len(None).0),
        "qmax" => number(backend.queues.len(None).1),
        "dreq"
        | "dresp"
        | "sid"
        | "comp_in"
        | "comp_out"
        | "comp_byp"
        | "comp_rsp"
        | "qtime"
        | "ctime"
        | "rtime"
        | "ttime"
        | "wrew"
        | "reuse"
        | "qtime_max"
        | "ctime_max"
        | "rtime_max"
        | "ttime_max"
        | "eint"
        | "agg_server_status"
        | "agg_server_check_status"
        | "agg_check_status" => number(0u32),
        _ => Value::Empty,
    }
}

fn server_value<'a>(
    backend: &'a Backend,
    server: &'a Server,
    name: &str,
    world: &World<'_>,
) -> Value<'a> {
    if let Some(value) = health_columns::server_value(server, name, world) {
        return value;
    }
    let counters = &server.counters;
    match name {
        "pxname" => Value::Text(&backend.config.name),
        "svname" => Value::Text(&server.config.name),
        "slim" if server.maxconn > 0 => number(server.maxconn),
        "qlimit" if server.config.maxqueue > 0 => number(server.config.maxqueue),
        "scur" | "used_conn_cur" => number(counters.current),
        "smax" | "need_conn_est" => number(counters.max),
        "stot" | "connect" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "econ" => number(counters.connect_errors),
        "eresp" => number(counters.response_errors),
        "wretr" => number(counters.retries),
        "wredis" => number(counters.redispatches),
        "weight" | "uweight" => number(server.weight),
        "act" => number(u32::from(!server.config.backup)),
        "bck" => number(u32::from(server.config.backup)),
        "pid" => number(1u32),
        "iid" => number(backend.config.proxy_id),
        "sid" => number(server.config.id),
        "lbtot" => number(counters.balanced),
        "type" => number(2u32),
        "rate" => number(counters.rate.rate(world.now_ms)),
        "rate_max" => number(counters.rate.max()),
        "cli_abrt" => number(counters.client_aborts),
        "srv_abrt" => number(counters.server_aborts),
        "lastsess" => Value::Age(age_s(counters.last_used_ms, world)),
        "addr" => Value::Address(&server.config.address),
        "mode" => Value::Text("tcp"),
        "dresp" | "qtime" | "ctime" | "rtime" | "ttime" | "wrew" | "reuse" | "srv_icur"
        | "qtime_max" | "ctime_max" | "rtime_max" | "ttime_max" | "eint" | "idle_conn_cur"
        | "safe_conn_cur" => number(0u32),
        _ => Value::Empty,
    }
}

/// The weight of the servers that take new clients: the active ones, or else the first backup.
fn weight_in_use(backend: &Backend) -> u64 {
    let usable = || backend.servers.iter().filter(|server| server.is_usable());
    let active: u64 = usable()
        .filter(|server| !server.config.backup)
        .map(|server| u64::from(server.weight))
        .sum();
    if active > 0 {
        return active;
    }
    usable().map(|server| u64::from(server.weight)).next().unwrap_or(0)
}

fn age_s(since_ms: Option<u64>, world: &World<'_>) -> Option<u64> {
    since_ms.map(|since_ms| world.now_ms.saturating_sub(since_ms) / 1000)
}
