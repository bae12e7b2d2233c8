//! The values of one family for one frontend, backend, server or table.

use super::families::{Family, Shape};
use super::text::{NO_NUMBER, write_value};
use crate::admin::context::Context;
use crate::admin::context::endpoint::{Endpoint, EndpointState};
use crate::admin::stats::values::{
    Value, backend_value, endpoint_value, frontend_value, server_value,
};
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::frontend::Frontend;
use crate::table::StickTable;

/// What values are about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Object<'a> {
    Frontend(&'a Frontend),
    Endpoint(&'a Endpoint),
    Backend(&'a Backend),
    /// A server of a backend, by its position.
    Server(&'a Backend, usize),
}

/// The states of a proxy, in HAProxy's order.
const PROXY_STATES: [&str; 2] = ["DOWN", "UP"];
/// The states of a server, in HAProxy's order.
const SERVER_STATES: [&str; 5] = ["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];
/// The results of health checks, in HAProxy's order.
const CHECK_STATES: [&str; 16] = [
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP",
    "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];
/// The classes of HTTP codes, with their columns.
const CODES: [(&str, &str); 6] = [
    ("1xx", "hrsp_1xx"),
    ("2xx", "hrsp_2xx"),
    ("3xx", "hrsp_3xx"),
    ("4xx", "hrsp_4xx"),
    ("5xx", "hrsp_5xx"),
    ("other", "hrsp_other"),
];

impl<'a> Object<'a> {
    /// The server, if it is one.
    pub(super) fn server(&self) -> Option<&'a Server> {
        match self {
            Self::Server(backend, index) => backend.servers.get(*index),
            Self::Frontend(_) | Self::Endpoint(_) | Self::Backend(_) => None,
        }
    }

    fn value(&self, column: &str, context: &Context<'_>) -> Value<'a> {
        match self {
            Self::Frontend(frontend) => frontend_value(frontend, column, context),
            Self::Endpoint(endpoint) => endpoint_value(endpoint, column, context),
            Self::Backend(backend) => backend_value(backend, column, context),
            Self::Server(backend, index) => server_value(backend, *index, column, context),
        }
    }

    /// The labels that every value has; a server's is the second.
    fn labels(&self) -> [(&'static str, &'a str); 2] {
        let proxy = match self {
            Self::Frontend(frontend) => &frontend.config.name,
            Self::Endpoint(endpoint) => &endpoint.config.name,
            Self::Backend(backend) | Self::Server(backend, _) => &backend.config.name,
        };
        let server = self.server().map_or("", |server| &server.config.name);
        [("proxy", proxy), ("server", server)]
    }
}

/// Whether the family says anything of this object.
pub(super) fn is_shown(family: &Family, object: &Object<'_>, context: &Context<'_>) -> bool {
    match family.shape {
        Shape::Http | Shape::Codes => matches!(object, Object::Endpoint(_)),
        Shape::CheckMilliseconds | Shape::CheckCode | Shape::CheckState => {
            object.value("check_status", context).text().is_some()
        }
        _ => true,
    }
}

/// Writes the values of a family for one object.
pub(super) fn write(
    family: &Family,
    name: &str,
    object: &Object<'_>,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let all = object.labels();
    let labels = if object.server().is_some() { &all[..] } else { &all[..1] };
    let value = || object.value(family.column, context);
    match family.shape {
        Shape::Number | Shape::Http | Shape::BuildInfo => {
            write_value(out, name, labels, value().text().as_deref().unwrap_or(NO_NUMBER));
        }
        Shape::CheckCode => {
            write_value(out, name, labels, value().text().as_deref().unwrap_or("0"));
        }
        Shape::Milliseconds | Shape::CheckMilliseconds => {
            write_value(out, name, labels, seconds(&value()));
        }
        Shape::Codes => {
            for (code, column) in CODES {
                let count = object.value(column, context);
                let labels = [labels, &[("code", code)]].concat();
                write_value(out, name, &labels, count.text().as_deref().unwrap_or("0"));
            }
        }
        Shape::ProxyState => {
            let state = PROXY_STATES[usize::from(is_up(object, context))];
            write_states(out, name, labels, &PROXY_STATES, |other| u64::from(other == state));
        }
        Shape::ServerState => {
            let state = object.server().map_or("DOWN", server_state);
            write_states(out, name, labels, &SERVER_STATES, |other| u64::from(other == state));
        }
        Shape::CheckState => {
            let status = value();
            let status = status.text();
            let last = status.as_deref().map(|status| status.trim_start_matches("* "));
            write_states(out, name, labels, &CHECK_STATES, |other| u64::from(Some(other) == last));
        }
        Shape::ServerStates => {
            let counts = count(object, |server| Some(server_state(server)));
            write_states(out, name, labels, &SERVER_STATES, counts);
        }
        Shape::CheckStates => {
            let counts =
                count(object, |server| Some(server.checked.as_deref()?.last.status.name()));
            write_states(out, name, labels, &CHECK_STATES, counts);
        }
    }
}

/// Writes a figure of the process.
pub(super) fn write_figure(family: &Family, name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    match (family.shape, value) {
        (Shape::BuildInfo, Some(version)) => write_value(out, name, &[("version", version)], 1),
        (_, value) => write_value(out, name, &[], value.unwrap_or(NO_NUMBER)),
    }
}

/// Writes how large a table is, or how full.
pub(super) fn write_table(name: &str, table: &StickTable, is_size: bool, out: &mut Vec<u8>) {
    let declaration = table.declaration();
    let labels = [("name", declaration.name.as_str()), ("type", declaration.key_type.name())];
    write_value(out, name, &labels, if is_size { table.size() } else { table.used() });
}

fn write_states(
    out: &mut Vec<u8>,
    name: &str,
    labels: &[(&str, &str)],
    states: &[&str],
    value: impl Fn(&str) -> u64,
) {
    for state in states {
        write_value(out, name, &[labels, &[("state", state)]].concat(), value(state));
    }
}

/// How many servers of a backend have each of the words.
fn count(
    object: &Object<'_>,
    word: impl Fn(&Server) -> Option<&'static str>,
) -> impl Fn(&str) -> u64 {
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    if let Object::Backend(backend) = object {
        for word in backend.servers.iter().filter_map(word) {
            match counts.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word, 1)),
            }
        }
    }
    move |word| counts.iter().find(|(known, _)| *known == word).map_or(0, |(_, count)| *count)
}

fn is_up(object: &Object<'_>, context: &Context<'_>) -> bool {
    match object {
        Object::Frontend(frontend) => frontend.is_listening(),
        Object::Endpoint(endpoint) => endpoint.state == EndpointState::Open,
        Object::Backend(_) | Object::Server(..) => {
            object.value("status", context).text().as_deref() == Some("UP")
        }
    }
}

fn server_state(server: &Server) -> &'static str {
    match (server.admin, server.health) {
        (AdminState::Maint, _) => "MAINT",
        (_, Health::Down) => "DOWN",
        (_, Health::Stopping) => "NOLB",
        (AdminState::Drain, Health::Up) => "DRAIN",
        (AdminState::Ready, Health::Up) => "UP",
    }
}

/// Milliseconds as seconds, with HAProxy's six digits.
fn seconds(value: &Value<'_>) -> String {
    match value {
        Value::Number(ms) => format!("{}.{:03}000", ms / 1000, ms % 1000),
        _ => NO_NUMBER.to_owned(),
    }
}
