//! The values of one family for one frontend, backend or server.

use super::families::ObjectValues;
use super::text::{NO_NUMBER, write_value};
use crate::admin::context::Context;
use crate::admin::context::endpoint::EndpointState;
use crate::admin::stats::columns::Column;
use crate::admin::stats::object::Object;
use crate::admin::stats::value::Value;
use crate::proxy::backend::server::{AdminState, Health, Server};

/// The states of a proxy, in HAProxy's order.
const PROXY_STATES: [&str; 2] = ["DOWN", "UP"];
/// The states of a listener, in HAProxy's order.
const LISTENER_STATES: [&str; 3] = ["WAITING", "OPEN", "FULL"];
/// The states of a server, in HAProxy's order.
const SERVER_STATES: [&str; 5] = ["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];
/// The results of health checks, in HAProxy's order.
const CHECK_STATES: [&str; 16] = [
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP",
    "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];
/// The classes of HTTP codes, with their columns.
const CODES: [(&str, Column); 6] = [
    ("1xx", Column::Hrsp1xx),
    ("2xx", Column::Hrsp2xx),
    ("3xx", Column::Hrsp3xx),
    ("4xx", Column::Hrsp4xx),
    ("5xx", Column::Hrsp5xx),
    ("other", Column::HrspOther),
];

/// Whether a family has values for this object.
pub(super) fn is_shown(values: ObjectValues, object: &Object<'_>, context: &Context<'_>) -> bool {
    match values {
        ObjectValues::HttpNumber(_) | ObjectValues::HttpCodes => match object {
            Object::Endpoint(_) => true,
            Object::Backend(backend) => backend.config.is_http,
            Object::Frontend(_) | Object::Server(_) | Object::Listener(_) => false,
        },
        ObjectValues::ServerStates(_) | ObjectValues::CheckStates => match object {
            Object::Backend(backend) => !backend.servers.is_empty(),
            Object::Frontend(_) | Object::Endpoint(_) | Object::Server(_) | Object::Listener(_) => {
                false
            }
        },
        ObjectValues::CheckSeconds(_) | ObjectValues::CheckCode(_) | ObjectValues::CheckState => {
            Column::CheckStatus.value(object, context).text().is_some()
        }
        _ => true,
    }
}

/// Writes the values of a family for one object.
pub(super) fn write(
    values: ObjectValues,
    name: &str,
    object: &Object<'_>,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) {
    let listener = match object {
        Object::Listener(listener) => listener.name(),
        _ => String::new(),
    };
    let second = match object {
        Object::Server(server) => Some(("server", server.config.name.as_str())),
        Object::Listener(_) => Some(("listener", listener.as_str())),
        Object::Frontend(_) | Object::Endpoint(_) | Object::Backend(_) => None,
    };
    let all = [("proxy", object.proxy_name()), second.unwrap_or_default()];
    let labels = if second.is_some() { &all[..] } else { &all[..1] };
    match values {
        ObjectValues::Number(column) | ObjectValues::HttpNumber(column) => {
            let value = column.value(object, context);
            write_value(out, name, labels, value.text().as_deref().unwrap_or(NO_NUMBER));
        }
        ObjectValues::CheckCode(column) => {
            let value = column.value(object, context);
            write_value(out, name, labels, value.text().as_deref().unwrap_or("0"));
        }
        ObjectValues::Seconds(column) | ObjectValues::CheckSeconds(column) => {
            write_value(out, name, labels, seconds(&column.value(object, context)));
        }
        ObjectValues::HttpCodes => {
            for (code, column) in CODES {
                let count = column.value(object, context);
                let labels = [labels, &[("code", code)]].concat();
                write_value(out, name, &labels, count.text().as_deref().unwrap_or("0"));
            }
        }
        ObjectValues::ProxyState => {
            let state = PROXY_STATES[usize::from(is_up(object, context))];
            write_states(out, name, labels, &PROXY_STATES, |other| u64::from(other == state));
        }
        ObjectValues::ListenerState => {
            let state = Column::Status.value(object, context);
            let state = state.text();
            let is = |other: &str| u64::from(state.as_deref() == Some(other));
            write_states(out, name, labels, &LISTENER_STATES, is);
        }
        ObjectValues::ServerState => {
            let state = object.server().map_or("DOWN", server_state);
            write_states(out, name, labels, &SERVER_STATES, |other| u64::from(other == state));
        }
        ObjectValues::CheckState => {
            let status = Column::CheckStatus.value(object, context);
            let status = status.text();
            let last = status.as_deref().map(|status| status.trim_start_matches("* "));
            write_states(out, name, labels, &CHECK_STATES, |other| u64::from(Some(other) == last));
        }
        ObjectValues::ServerStates(_) => {
            let counts = count(object, |server| Some(server_state(server)));
            write_states(out, name, labels, &SERVER_STATES, counts);
        }
        ObjectValues::CheckStates => {
            let counts =
                count(object, |server| Some(server.checked.as_deref()?.last.status.name()));
            write_states(out, name, labels, &CHECK_STATES, counts);
        }
    }
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

/// How many servers of a backend have each word.
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
        Object::Backend(_) | Object::Server(_) | Object::Listener(_) => {
            Column::Status.value(object, context).text().as_deref() == Some("UP")
        }
    }
}

fn server_state(server: &Server) -> &'static str {
    match (server.admin, server.health) {
        _ if server.is_missing() => "MAINT",
        (AdminState::Maint, _) => "MAINT",
        (_, Health::Down) => "DOWN",
        (_, Health::Stopping) => "NOLB",
        (AdminState::Drain, Health::Up) => "DRAIN",
        (AdminState::Ready, Health::Up) => "UP",
    }
}

/// Milliseconds as seconds, with six digits as HAProxy writes them.
fn seconds(value: &Value<'_>) -> String {
    match value {
        Value::Number(ms) => format!("{}.{:03}000", ms / 1000, ms % 1000),
        _ => NO_NUMBER.to_owned(),
    }
}
