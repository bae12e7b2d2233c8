//! `show stat`: HAProxy 2.6's table of frontends, servers and backends as comma-separated values.

use std::borrow::Cow;

use super::health_columns;
use super::session::OUTPUT_LEN_MAX;
use super::stat_columns::{COLUMNS, Column, FOREIGN_COLUMNS, FOREIGN_OF_SERVER};
use super::typed::{Figure, Format};
use super::words::{Words, text};
use super::{Answer, Client, Job, Progress, World, refuse_other_formats};
use crate::config::{Balance, Config, ServerIndex};
use crate::net::address::Address;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;
use crate::proxy::server::{AdminState, Health, Server};

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
    Answer::Job(Job::Stat(StatDump {
        filter,
        format: Format::of(words),
        rows: rows(world),
        next: 0,
        begun: false,
        has_written: false,
    }))
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
    format: Format,
    rows: Vec<Row>,
    next: usize,
    begun: bool,
    /// A row was written.
    has_written: bool,
}

impl StatDump {
    pub(super) fn advance(&mut self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
        if !self.begun {
            self.begun = true;
            match self.format {
                Format::Plain => write_header(out),
                Format::Typed => {}
                Format::Json => out.push(b'['),
            }
        }
        while let Some(row) = self.rows.get(self.next).copied() {
            if out.len() >= OUTPUT_LEN_MAX {
                return Progress::More;
            }
            self.next += 1;
            self.write_row(row, world, out);
        }
        if self.format == Format::Json {
            out.extend_from_slice(b"]\n");
        }
        Progress::Done
    }

    fn write_row(&mut self, row: Row, world: &World<'_>, out: &mut Vec<u8>) {
        let shared = &world.shared;
        match row {
            Row::Frontend(at) => {
                let Some(frontend) = shared.frontends.get(at) else { return };
                let object = Object::Frontend(frontend.config.proxy_id);
                if self.filter.wants(object.proxy_id(), FRONTEND) {
                    self.write(object, out, |name| frontend_value(frontend, name, world));
                }
            }
            Row::Backend(at) => {
                let Some(backend) = shared.backends.get(at) else { return };
                let object = Object::Backend(backend.config.proxy_id);
                if self.filter.wants(object.proxy_id(), BACKEND) {
                    self.write(object, out, |name| backend_value(backend, name, world));
                }
            }
            Row::Server(at, index) => {
                let Some(backend) = shared.backends.get(at) else { return };
                let Some(server) = backend.servers.get(index) else { return };
                let object = Object::Server(backend.config.proxy_id, server.config.id);
                if self.filter.wants(object.proxy_id(), SERVER) && self.filter.wants_server(server)
                {
                    let queue = backend.queues.len(u16::try_from(index).ok().map(ServerIndex));
                    self.write(object, out, |name| match name {
                        "qcur" => number(queue.0),
                        "qmax" => number(queue.1),
                        _ => server_value(backend, server, name, world),
                    });
                }
            }
        }
    }

    fn write<'a>(&mut self, object: Object, out: &mut Vec<u8>, value: impl Fn(&str) -> Value<'a>) {
        match self.format {
            Format::Plain => write_line(object, out, value),
            Format::Typed => {
                let start = object.typed();
                for_figures(object, value, |figure| figure.write_typed(&start, out));
            }
            Format::Json => {
                out.extend_from_slice(if self.has_written { b",[" } else { b"[" });
                let start = object.json();
                let mut is_first = true;
                for_figures(object, value, |figure| {
                    if !std::mem::take(&mut is_first) {
                        out.push(b',');
                    }
                    figure.write_json(&start, out);
                });
                out.push(b']');
            }
        }
        self.has_written = true;
    }
}

/// What a row is about: the number of a proxy, and of its server.
#[derive(Clone, Copy)]
enum Object {
    Frontend(u32),
    Backend(u32),
    Server(u32, u32),
}

impl Object {
    fn proxy_id(self) -> u32 {
        match self {
            Self::Frontend(proxy) | Self::Backend(proxy) | Self::Server(proxy, _) => proxy,
        }
    }

    /// How many of the foreign columns it fills.
    fn foreign(self) -> usize {
        match self {
            Self::Frontend(_) | Self::Backend(_) => FOREIGN_COLUMNS.len(),
            Self::Server(..) => FOREIGN_OF_SERVER,
        }
    }

    fn typed(self) -> String {
        match self {
            Self::Frontend(proxy) => format!("F.{proxy}.0."),
            Self::Backend(proxy) => format!("B.{proxy}.0."),
            Self::Server(proxy, server) => format!("S.{proxy}.{server}."),
        }
    }

    fn json(self) -> String {
        let (kind, proxy, id) = match self {
            Self::Frontend(proxy) => ("Frontend", proxy, 0),
            Self::Backend(proxy) => ("Backend", proxy, 0),
            Self::Server(proxy, server) => ("Server", proxy, server),
        };
        format!("\"objType\":\"{kind}\",\"proxyId\":{proxy},\"id\":{id},")
    }

    /// A backend's figures are of another kind where they add up those of its servers.
    fn tags(self, name: &str, usual: &'static str) -> &'static str {
        match (self, name) {
            (Self::Backend(_), "act" | "bck" | "rate" | "rate_max") => "MGP",
            _ => usual,
        }
    }
}

fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    let names = COLUMNS.iter().map(|column| column.0);
    for name in names.chain(["-"]).chain(FOREIGN_COLUMNS.iter().map(|column| column.0)) {
        out.extend_from_slice(name.as_bytes());
        out.push(b',');
    }
    out.push(b'\n');
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

impl Value<'_> {
    /// The value in words; nothing where it is empty.
    fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Empty => return None,
            Self::Number(number) => number.to_string().into(),
            Self::Age(Some(seconds)) => seconds.to_string().into(),
            Self::Age(None) => "-1".into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Owned(text) => Cow::Borrowed(text),
            Self::Address(Address::Ip(address)) => address.to_string().into(),
            Self::Address(Address::Unix(_) | Address::Abstract(_)) => "unix".into(),
        })
    }
}

/// Writes one row of values.
fn write_line<'a>(object: Object, out: &mut Vec<u8>, value: impl Fn(&str) -> Value<'a>) {
    for Column(name, ..) in COLUMNS {
        if let Some(text) = value(name).text() {
            write_text(out, &text);
        }
        out.push(b',');
    }
    out.extend_from_slice(b"-,");
    for index in 0..FOREIGN_COLUMNS.len() {
        out.extend_from_slice(if index < object.foreign() { b"0," } else { b"," });
    }
    out.push(b'\n');
}

/// Calls `write` for every column that is filled.
fn for_figures<'a>(
    object: Object,
    value: impl Fn(&str) -> Value<'a>,
    mut write: impl FnMut(Figure<'_>),
) {
    for (number, Column(name, tags, kind)) in COLUMNS.iter().enumerate() {
        if let Some(text) = value(name).text() {
            write(Figure { number, name, tags: object.tags(name, tags), kind, value: &text });
        }
    }
    let foreign = FOREIGN_COLUMNS.iter().enumerate().take(object.foreign());
    for (index, Column(name, tags, kind)) in foreign {
        write(Figure { number: COLUMNS.len() + index, name, tags, kind, value: "0" });
    }
}

/// Writes a text, quoted where it would break the row.
fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
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
        "stot" => number(counters.sessions()),
        "conn_tot" => number(counters.connections),
        "bin" => number(counters.bytes_in),
        "bout" => number(counters.bytes_out),
        "ereq" => number(counters.request_errors),
        "dcon" => number(counters.denied_connections),
        "dses" => number(counters.denied_sessions),
        "dreq" => number(counters.denied_requests),
        "status" => Value::Text(if frontend.stopped { "STOP" } else { "OPEN" }),
        "pid" => number(1u32),
        "iid" => number(frontend.config.proxy_id),
        "rate_lim" => number(frontend.config.rate_limit.unwrap_or(0)),
        "rate" => number(counters.rate.rate(world.now_ms)),
        "rate_max" => number(counters.rate.max()),
        "conn_rate" => number(frontend.connection_rate().rate(world.now_ms)),
        "conn_rate_max" => number(frontend.connection_rate().max()),
        "mode" => Value::Text("tcp"),
        "dresp" | "sid" | "type" | "req_rate" | "req_rate_max" | "req_tot" | "comp_in"
        | "comp_out" | "comp_byp" | "comp_rsp" | "wrew" | "eint" => number(0u32),
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
        "dreq" => number(counters.denied_requests),
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
        "dresp"
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
