//! `show stat`: HAProxy 2.6's table of frontends, servers and backends as comma-separated values.

use std::collections::HashMap;

use super::words::{Words, text};
use crate::admin::link::output::OUTPUT_LEN_MAX;
use crate::admin::stats::columns::{COLUMNS, Column, FOREIGN_COLUMNS, FOREIGN_OF_SERVER};
use crate::admin::stats::typed::{Figure, Format, wants_meanings};
use crate::admin::stats::values::{
    Value, backend_value, endpoint_value, frontend_value, server_value,
};
use crate::admin::{Answer, Client, Job, Progress, World};
use crate::config::Config;
use crate::proxy::backend::server::{AdminState, Health, Server};

const FRONTEND: i64 = 1;
const BACKEND: i64 = 2;
const SERVER: i64 = 4;

/// `show stat [<iid> <type> <sid>] [no-maint] [up]`.
pub(crate) fn show_stat(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
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
        has_meanings: wants_meanings(words),
        rows: rows(world),
        next: 0,
        begun: false,
        has_written: false,
    }))
}

/// The number of the proxy with this name.
pub(crate) fn proxy_id(config: &Config, name: &str) -> Option<u32> {
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
fn rows(world: &World<'_>) -> Vec<Row> {
    let shared = &world.shared;
    let frontends = shared.frontends.iter().enumerate();
    let frontends = frontends.map(|(at, proxy)| (proxy.config.proxy_id, 0, Row::Frontend(at)));
    let backends = shared.backends.iter().enumerate().flat_map(|(at, proxy)| {
        let id = proxy.config.proxy_id;
        let servers = (0..proxy.servers.len()).map(move |server| (id, 1, Row::Server(at, server)));
        servers.chain([(id, 2, Row::Backend(at))])
    });
    let endpoints = world.endpoints.iter().enumerate();
    let endpoints = endpoints.map(|(at, proxy)| (proxy.config.proxy_id, 0, Row::Endpoint(at)));
    let mut rows: Vec<_> = frontends.chain(endpoints).chain(backends).collect();
    let ids = world.config.proxy_ids.iter().zip(0_usize..);
    let places: HashMap<u32, usize> = ids.map(|(id, place)| (*id, place)).collect();
    rows.sort_by_key(|(id, order, _)| (places.get(id), *id, *order));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// The rows still to be printed.
#[derive(Debug)]
pub(crate) struct StatDump {
    filter: Filter,
    format: Format,
    has_meanings: bool,
    rows: Vec<Row>,
    next: usize,
    begun: bool,
    /// A row was written.
    has_written: bool,
}

impl StatDump {
    pub(crate) fn advance(&mut self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
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
            Row::Endpoint(at) => {
                let Some(endpoint) = world.endpoints.get(at) else { return };
                let object = Object::Frontend(endpoint.config.proxy_id);
                if self.filter.wants(object.proxy_id(), FRONTEND) {
                    self.write(object, out, |name| endpoint_value(endpoint, name, world));
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
                    self.write(object, out, |name| server_value(backend, index, name, world));
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
