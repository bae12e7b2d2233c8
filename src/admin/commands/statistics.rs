//! `show stat`: HAProxy 2.6's table of frontends, servers and backends as comma-separated values.

use std::collections::HashMap;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::stats::columns::{COLUMNS, Column, FOREIGN_COLUMNS, FOREIGN_OF_SERVER};
use crate::admin::stats::typed::{Figure, Format};
use crate::admin::stats::values::{
    Value, backend_value, endpoint_value, frontend_value, server_value,
};
use crate::config::{Config, Level};
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::counters::Clear;

const FRONTEND: i64 = 1;
const BACKEND: i64 = 2;
const SERVER: i64 = 4;

/// `show stat [<iid> <type> <sid>] [no-maint] [up]`.
pub(super) fn show_stat(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let mut filter = Filter { proxy: None, types: -1, server: None, no_maint: false, up: false };
    let mut rest = line.from(2);
    if let [proxy, types, server, after @ ..] = rest {
        let number = |word: &[u8]| text(word).parse::<i64>().ok();
        let proxy = match number(proxy) {
            Some(number) => u32::try_from(number).ok(),
            None => match proxy_id(context.config, &text(proxy)) {
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
    Answer::job(StatDump {
        filter,
        format: Format::of(line.has("json"), line.has("typed")),
        has_meanings: line.has("desc"),
        rows: rows(context),
        next: 0,
        begun: false,
        has_written: false,
    })
}

/// The number of the proxy with this name.
pub(super) fn proxy_id(config: &Config, name: &str) -> Option<u32> {
    let frontends = config.frontends.iter().map(|proxy| (&proxy.name, proxy.proxy_id));
    let backends = config.backends.iter().map(|proxy| (&proxy.name, proxy.proxy_id));
    let endpoints = config.metrics.iter().map(|proxy| (&proxy.name, proxy.proxy_id));
    frontends.chain(endpoints).chain(backends).find(|(known, _)| *known == name).map(|(_, id)| id)
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
    Endpoint(usize),
    Server(usize, usize),
    Backend(usize),
}

/// Every row, in the order of the proxies in the configuration: a frontend's, then the servers' of
/// a backend, then its own.
fn rows(context: &Context<'_>) -> Vec<Row> {
    let shared = &context.shared;
    let frontends = shared.frontends.iter().enumerate();
    let frontends = frontends.map(|(at, proxy)| (proxy.config.proxy_id, 0, Row::Frontend(at)));
    let backends = shared.backends.iter().enumerate().flat_map(|(at, proxy)| {
        let id = proxy.config.proxy_id;
        let servers = (0..proxy.servers.len()).map(move |server| (id, 1, Row::Server(at, server)));
        servers.chain([(id, 2, Row::Backend(at))])
    });
    let endpoints = context.endpoints.iter().enumerate();
    let endpoints = endpoints.map(|(at, proxy)| (proxy.config.proxy_id, 0, Row::Endpoint(at)));
    let mut rows: Vec<_> = frontends.chain(endpoints).chain(backends).collect();
    let ids = context.config.proxy_ids.iter().zip(0_usize..);
    let places: HashMap<u32, usize> = ids.map(|(id, place)| (*id, place)).collect();
    rows.sort_by_key(|(id, order, _)| (places.get(id), *id, *order));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// The rows still to be printed.
#[derive(Debug)]
struct StatDump {
    filter: Filter,
    format: Format,
    has_meanings: bool,
    rows: Vec<Row>,
    next: usize,
    begun: bool,
    /// A row was written.
    has_written: bool,
}

impl Job for StatDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        if !self.begun {
            self.begun = true;
            match self.format {
                Format::Plain => write_header(out),
                Format::Typed => {}
                Format::Json => out.push(b'['),
            }
        }
        while let Some(row) = self.rows.get(self.next).copied() {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            self.next += 1;
            self.write_row(row, context, out);
        }
        if self.format == Format::Json {
            out.extend_from_slice(b"]\n");
        }
        JobState::Finished
    }
}

impl StatDump {
    fn write_row(&mut self, row: Row, context: &Context<'_>, out: &mut Vec<u8>) {
        let shared = &context.shared;
        match row {
            Row::Frontend(at) => {
                let Some(frontend) = shared.frontends.get(at) else { return };
                let object = Object::Frontend(frontend.config.proxy_id);
                if self.filter.wants(object.proxy_id(), FRONTEND) {
                    self.write(object, out, |name| frontend_value(frontend, name, context));
                }
            }
            Row::Endpoint(at) => {
                let Some(endpoint) = context.endpoints.get(at) else { return };
                let object = Object::Frontend(endpoint.config.proxy_id);
                if self.filter.wants(object.proxy_id(), FRONTEND) {
                    self.write(object, out, |name| endpoint_value(endpoint, name, context));
                }
            }
            Row::Backend(at) => {
                let Some(backend) = shared.backends.get(at) else { return };
                let object = Object::Backend(backend.config.proxy_id);
                if self.filter.wants(object.proxy_id(), BACKEND) {
                    self.write(object, out, |name| backend_value(backend, name, context));
                }
            }
            Row::Server(at, index) => {
                let Some(backend) = shared.backends.get(at) else { return };
                let Some(server) = backend.servers.get(index) else { return };
                let object = Object::Server(backend.config.proxy_id, server.config.id);
                if self.filter.wants(object.proxy_id(), SERVER) && self.filter.wants_server(server)
                {
                    self.write(object, out, |name| server_value(backend, index, name, context));
                }
            }
        }
    }

    fn write<'a>(&mut self, object: Object, out: &mut Vec<u8>, value: impl Fn(&str) -> Value<'a>) {
        let has_meanings = self.has_meanings;
        match self.format {
            Format::Plain => write_line(object, out, value),
            Format::Typed => {
                let start = object.typed();
                for_figures(object, value, |figure| {
                    let meaning = figure.meaning.filter(|_| has_meanings);
                    Figure { meaning, ..figure }.write_typed(&start, out);
                });
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
    for (number, Column(name, tags, kind, meaning)) in COLUMNS.iter().enumerate() {
        if let Some(text) = value(name).text() {
            write(Figure {
                number,
                name,
                tags: object.tags(name, tags),
                kind,
                value: &text,
                meaning: Some(meaning),
            });
        }
    }
    let foreign = FOREIGN_COLUMNS.iter().enumerate().take(object.foreign());
    for (index, Column(name, tags, kind, meaning)) in foreign {
        write(Figure {
            number: COLUMNS.len() + index,
            name,
            tags,
            kind,
            value: "0",
            meaning: Some(meaning),
        });
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

/// `clear counters [all]`.
pub(super) fn clear_counters(
    line: &CommandLine,
    client: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let is_all = line.word(2).is_some_and(|word| word == b"all");
    if is_all && client.level < Level::Admin {
        return Answer::denied();
    }
    let what = if is_all { Clear::All } else { Clear::Maxima };
    for frontend in &mut context.shared.frontends {
        frontend.counters.clear(what);
    }
    for endpoint in &mut *context.endpoints {
        endpoint.clear_counters(what);
    }
    for backend in &mut context.shared.backends {
        clear_backend(backend, what);
    }
    let totals = &mut context.shared.totals;
    totals.rate.clear_max();
    totals.accept_rate.clear_max();
    Answer::text("")
}

/// How long something was down stays, as in HAProxy; how often is cleared.
fn clear_backend(backend: &mut Backend, what: Clear) {
    backend.counters.clear(what);
    backend.queues.clear_max();
    for server in &mut backend.servers {
        server.counters.clear(what);
        if what == Clear::All {
            server.outage.count = 0;
            for checked in [&mut server.checked, &mut server.agent].into_iter().flatten() {
                (checked.failed, checked.observed) = (0, 0);
            }
        }
    }
    if what == Clear::All {
        backend.outage.count = 0;
    }
}
