//! `show stat`: HAProxy 2.6's statistics of frontends, backends and servers. `clear counters`: sets
//! them to zero.

use std::collections::HashMap;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::stats::columns::Column;
use crate::admin::stats::object::{Object, Position};
use crate::admin::stats::typed::{Figure, Format};
use crate::config::Level;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health};
use crate::proxy::counters::Clear;

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
            None => match proxy_id(context, &text(proxy)) {
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
        positions: positions(context),
        next: 0,
        has_begun: false,
        has_written: false,
    })
}

/// The number of the proxy with this name.
pub(super) fn proxy_id(context: &Context<'_>, name: &str) -> Option<u32> {
    let frontends = context.shared.frontends.iter().map(Object::Frontend);
    let endpoints = context.endpoints.iter().map(Object::Endpoint);
    let backends = context.shared.backends.iter().map(Object::Backend);
    let mut proxies = frontends.chain(endpoints).chain(backends);
    proxies.find(|proxy| proxy.proxy_name() == name).map(|proxy| proxy.proxy_id())
}

/// The rows that a client asks for.
#[derive(Debug)]
struct Filter {
    /// The number of a proxy.
    proxy: Option<u32>,
    /// The sum of 1 for frontends, 2 for backends and 4 for servers.
    types: i64,
    /// The number of a server.
    server: Option<u32>,
    no_maint: bool,
    up: bool,
}

impl Filter {
    fn wants(&self, object: &Object<'_>) -> bool {
        let type_bit = match object {
            Object::Frontend(_) | Object::Endpoint(_) => 1,
            Object::Backend(_) => 2,
            Object::Server(_) => 4,
        };
        let wants_proxy = self.proxy.is_none_or(|proxy| proxy == object.proxy_id());
        let wants_server = object.server().is_none_or(|server| {
            let is_in_maintenance = server.admin == AdminState::Maint;
            let is_hidden = (self.no_maint || self.up) && is_in_maintenance
                || self.up && server.health == Health::Down;
            self.server.is_none_or(|id| id == server.config.id) && !is_hidden
        });
        self.types & type_bit != 0 && wants_proxy && wants_server
    }
}

/// All objects, in the order of the configuration: a frontend, or the servers of a backend and then
/// the backend.
fn positions(context: &Context<'_>) -> Vec<Position> {
    let shared = &context.shared;
    let frontends = shared.frontends.iter().enumerate();
    let frontends = frontends.map(|(at, proxy)| (proxy.config.proxy_id, Position::Frontend(at)));
    let endpoints = context.endpoints.iter().enumerate();
    let endpoints = endpoints.map(|(at, proxy)| (proxy.config.proxy_id, Position::Endpoint(at)));
    let backends = shared.backends.iter().enumerate().flat_map(|(backend, proxy)| {
        let servers = 0..proxy.servers.len();
        let servers = servers.map(move |server| Position::Server { backend, server });
        let id = proxy.config.proxy_id;
        servers.chain([Position::Backend(backend)]).map(move |position| (id, position))
    });
    let mut positions: Vec<_> = frontends.chain(endpoints).chain(backends).collect();
    let ids = context.config.proxy_ids.iter().zip(0_usize..);
    let places: HashMap<u32, usize> = ids.map(|(id, place)| (*id, place)).collect();
    positions.sort_by_key(|(id, _)| (places.get(id), *id));
    positions.into_iter().map(|(_, position)| position).collect()
}

/// The rows that are still to be printed.
#[derive(Debug)]
struct StatDump {
    filter: Filter,
    format: Format,
    has_meanings: bool,
    positions: Vec<Position>,
    /// The position in `positions` of the next row.
    next: usize,
    /// What comes before all rows was written.
    has_begun: bool,
    /// A row was written.
    has_written: bool,
}

impl Job for StatDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        if !self.has_begun {
            self.has_begun = true;
            match self.format {
                Format::Plain => write_header(out),
                Format::Typed => {}
                Format::Json => out.push(b'['),
            }
        }
        while let Some(position) = self.positions.get(self.next).copied() {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            self.next += 1;
            if let Some(object) = position.object(context)
                && self.filter.wants(&object)
            {
                self.write(&object, context, out);
            }
        }
        if self.format == Format::Json {
            out.extend_from_slice(b"]\n");
        }
        JobState::Finished
    }
}

impl StatDump {
    fn write(&mut self, object: &Object<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
        match self.format {
            Format::Plain => write_line(object, context, out),
            Format::Typed => {
                let start = typed_start(object);
                self.for_figures(object, context, |figure| figure.write_typed(&start, out));
            }
            Format::Json => {
                out.extend_from_slice(if self.has_written { b",[" } else { b"[" });
                let start = json_start(object);
                let mut is_first = true;
                self.for_figures(object, context, |figure| {
                    if !std::mem::replace(&mut is_first, false) {
                        out.push(b',');
                    }
                    figure.write_json(&start, out);
                });
                out.push(b']');
            }
        }
        self.has_written = true;
    }

    /// Calls `write` for every column that has a value.
    fn for_figures(
        &self,
        object: &Object<'_>,
        context: &Context<'_>,
        mut write: impl FnMut(Figure<'_>),
    ) {
        for column in Column::ALL {
            if let Some(text) = column.value(object, context).text() {
                write(Figure {
                    number: column.number(),
                    name: column.name(),
                    tags: column.tags(object),
                    value_type: column.value_type(),
                    value: &text,
                    meaning: Some(column.meaning()).filter(|_| self.has_meanings),
                });
            }
        }
    }
}

/// The beginning of a line of the typed form.
fn typed_start(object: &Object<'_>) -> String {
    let proxy = object.proxy_id();
    match object {
        Object::Frontend(_) | Object::Endpoint(_) => format!("F.{proxy}.0."),
        Object::Backend(_) => format!("B.{proxy}.0."),
        Object::Server(server) => format!("S.{proxy}.{}.", server.config.id),
    }
}

/// The beginning of an object of the JSON form.
fn json_start(object: &Object<'_>) -> String {
    let (kind, server) = match object {
        Object::Frontend(_) | Object::Endpoint(_) => ("Frontend", 0),
        Object::Backend(_) => ("Backend", 0),
        Object::Server(server) => ("Server", server.config.id),
    };
    format!("\"objType\":\"{kind}\",\"proxyId\":{},\"id\":{server},", object.proxy_id())
}

fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    for column in Column::ALL {
        write_separator(*column, out);
        out.extend_from_slice(column.name().as_bytes());
        out.push(b',');
    }
    out.push(b'\n');
}

/// Writes one row of comma-separated values.
fn write_line(object: &Object<'_>, context: &Context<'_>, out: &mut Vec<u8>) {
    for column in Column::ALL {
        write_separator(*column, out);
        if let Some(text) = column.value(object, context).text() {
            write_text(out, &text);
        }
        out.push(b',');
    }
    out.push(b'\n');
}

/// HAProxy separates the columns of its modules from the others.
fn write_separator(column: Column, out: &mut Vec<u8>) {
    if column == Column::FIRST_OF_MODULES {
        out.extend_from_slice(b"-,");
    }
}

/// Writes a text, in quotes where it would break the row.
fn write_text(out: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// `clear counters [all]`: sets the maxima to zero, or all counters that `show stat` prints. Of the
/// counters of the process, only the maxima are cleared.
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

/// Clears how often something was down, but not for how long, as HAProxy does.
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

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    #[test]
    fn the_statistics_have_haproxys_columns_and_fill_the_same_ones() {
        let mut fixture = Fixture::new();
        let answer = fixture.ask("show stat");
        let mut lines = answer.lines();
        assert_eq!(
            lines.next(),
            Some(
                include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/tests/data/admin/show_stat_header"
                ))
                .trim_end()
            )
        );
        let captured: Vec<&str> =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/admin/show_stat_rows"))
                .lines()
                .collect();
        for (captured, line) in captured.iter().zip(lines.by_ref()) {
            let ours: Vec<&str> = line.split(',').collect();
            let theirs: Vec<&str> = captured.split(',').collect();
            assert_eq!(ours.len(), theirs.len(), "{line}");
            assert_eq!(ours[..2], theirs[..2]);
            for (column, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert_eq!(ours.is_empty(), theirs.is_empty(), "column {column} of {line}");
            }
            // What does not depend on traffic is equal: limits, states, numbers, addresses.
            for column in [6, 17, 18, 19, 20, 23, 24, 26, 27, 28, 32, 73, 75, 76] {
                assert_eq!(ours[column], theirs[column], "column {column} of {line}");
            }
        }
        assert_eq!(lines.collect::<Vec<_>>(), [""], "as many rows, then an empty line");
        assert_eq!(captured.len(), 6);
    }

    #[test]
    fn the_statistics_can_be_narrowed() {
        let mut fixture = Fixture::new();
        let mut rows = |arguments: &str| -> Vec<String> {
            let answer = fixture.ask(&format!("show stat {arguments}"));
            let name = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join("/");
            answer.lines().skip(1).filter(|line| !line.is_empty()).map(name).collect()
        };
        assert_eq!(rows("4 4 -1"), ["web/s1", "web/s2", "web/s3"]);
        assert_eq!(rows("web 4 2"), ["web/s2"]);
        assert_eq!(rows("-1 1 -1"), ["fe/FRONTEND", "fe2/FRONTEND"]);
        assert_eq!(rows("4 6 -1 no-maint"), ["web/s1", "web/s2", "web/BACKEND"]);
        assert_eq!(rows("4").len(), 6);
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[("show stat nope 1 1", "No such proxy.")]);
    }

    #[test]
    fn figures_are_shown_typed_and_as_json() {
        let mut fixture = Fixture::new();
        let typed = fixture.ask("show stat web 4 2 typed");
        assert!(
            typed.starts_with("S.4.2.0.pxname.1:KNS:str:web\nS.4.2.1.svname.1:KNS:str:s2\n"),
            "{typed}"
        );
        assert!(typed.contains("\nS.4.2.19.act.1:SGP:u32:0\n"));
        assert!(typed.contains("\nS.4.2.55.lastsess.1:MAP:s32:-1\n"));
        assert!(typed.ends_with("\nS.4.2.105.ssl_failed_handshake.1:MCP:u64:0\n\n"));
        assert!(fixture.ask("show stat typed").contains("\nB.4.0.19.act.1:MGP:u32:1\n"));
        let json = fixture.ask("show stat json");
        assert!(json.starts_with("[[{\"objType\":\"Frontend\",\"proxyId\":2,\"id\":0,\"field\":{"));
        assert!(json.ends_with("}}]]\n\n"));
        assert_eq!(json.matches("],[").count(), 5, "six rows");
    }
}
