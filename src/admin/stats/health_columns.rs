//! The columns of `show stat` about health.

use super::values::Value;
use crate::admin::context::Context;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::health::check::Checked;
use crate::proxy::health::check::counter::Counter;

/// What stands in a server's column, if it is about health.
pub(crate) fn server_value<'a>(
    server: &'a Server,
    name: &str,
    context: &Context<'_>,
) -> Option<Value<'a>> {
    let number = |number: u64| Some(Value::Number(number));
    let age_ms = context.now_ms.saturating_sub(server.changed_ms);
    match name {
        "status" => Some(Value::Owned(status(server, context))),
        "lastchg" => number(age_ms / 1000),
        "tracked" => server.config.health.track.map(|_| Value::Owned(tracked(server, context))),
        "throttle" => server.throttle().map(|percent| Value::Number(percent.into())),
        "chkfail" | "chkdown" | "downtime" | "hanafail" => history_value(server, name, age_ms),
        _ if name.starts_with("agent_") || name == "last_agt" => {
            let agent = server.agent.as_deref().filter(|agent| agent.is_enabled)?;
            check_value(agent, &AGENT_COLUMNS, name)
        }
        _ => {
            let checked = server.checked.as_deref().filter(|checked| checked.is_enabled)?;
            let is_in_use = server.admin != AdminState::Maint;
            is_in_use.then(|| check_value(checked, &CHECK_COLUMNS, name))?
        }
    }
}

/// What the checks of a server have told of it so far.
fn history_value<'a>(server: &Server, name: &str, age_ms: u64) -> Option<Value<'a>> {
    let checked = server.checked.as_deref().filter(|checked| checked.is_enabled)?;
    match name {
        "chkfail" => Some(Value::Number(checked.failed)),
        "chkdown" => Some(Value::Number(server.outage.count)),
        "hanafail" => server.config.health.observe.map(|_| Value::Number(checked.observed)),
        _ => {
            let since_ms = if server.is_usable_for_entry() { 0 } else { age_ms };
            Some(Value::Number((server.outage.total_ms + since_ms) / 1000))
        }
    }
}

/// The names of the columns about one kind of checks: status, code, duration, description, more
/// words, rise, fall and place.
type Columns = [&'static str; 8];

const CHECK_COLUMNS: Columns = [
    "check_status",
    "check_code",
    "check_duration",
    "check_desc",
    "last_chk",
    "check_rise",
    "check_fall",
    "check_health",
];

const AGENT_COLUMNS: Columns = [
    "agent_status",
    "agent_code",
    "agent_duration",
    "agent_desc",
    "last_agt",
    "agent_rise",
    "agent_fall",
    "agent_health",
];

fn check_value<'a>(checked: &'a Checked, columns: &Columns, name: &str) -> Option<Value<'a>> {
    let last = &checked.last;
    match columns.iter().position(|column| *column == name)? {
        0 if checked.is_running => Some(Value::Owned(format!("* {}", last.status.name()))),
        0 => Some(Value::Text(last.status.name())),
        1 => last.code.map(|code| Value::Number(code.into())),
        2 => last.duration_ms.map(Value::Number),
        3 => Some(Value::Text(last.status.description())),
        4 if checked.is_running => None,
        4 if last.is_for_log => Some(Value::Text("")),
        4 => Some(Value::Text(&last.info)),
        5 => Some(Value::Number(checked.counter.rise().into())),
        6 => Some(Value::Number(checked.counter.fall().into())),
        _ => Some(Value::Number(checked.counter.health().into())),
    }
}

/// What stands in a backend's column, if it is about health.
pub(crate) fn backend_value(
    backend: &Backend,
    name: &str,
    context: &Context<'_>,
) -> Option<Value<'static>> {
    let age_ms = context.now_ms.saturating_sub(backend.outage.changed_ms);
    match name {
        "chkdown" => Some(Value::Number(backend.outage.count)),
        "lastchg" => Some(Value::Number(age_ms / 1000)),
        "downtime" if backend.servers.is_empty() => Some(Value::Empty),
        "downtime" => {
            let since_ms = if backend.has_servers() { 0 } else { age_ms };
            Some(Value::Number((backend.outage.total_ms + since_ms) / 1000))
        }
        _ => None,
    }
}

/// The server whose checks speak for this one: itself, or the one at the end of `track`.
fn checked_server<'a>(server: &'a Server, context: &'a Context<'_>) -> &'a Server {
    let mut server = server;
    while let Some((backend, index)) = server.config.health.track {
        server = context.shared.backend(backend).server(index);
    }
    server
}

fn tracked(server: &Server, context: &Context<'_>) -> String {
    server.config.health.track.map_or_else(String::new, |(backend, index)| {
        let backend = context.shared.backend(backend);
        format!("{}/{}", backend.config.name, backend.server(index).config.name)
    })
}

fn status(server: &Server, context: &Context<'_>) -> String {
    let found = checked_server(server, context);
    let enabled = |checked: &'_ Option<Box<Checked>>| {
        checked.as_ref().filter(|checked| checked.is_enabled).map(|checked| checked.counter)
    };
    let (counter, agent) = (enabled(&found.checked), enabled(&found.agent));
    let progress = |word: &str, counter: Counter| {
        let (at, of) = counter.progress();
        if counter.is_changing() { format!("{word} {at}/{of}") } else { word.to_owned() }
    };
    match (server.admin, server.health, counter) {
        (AdminState::Maint, _, _) if server.inherits_admin => {
            format!("MAINT (via {})", tracked(server, context))
        }
        (AdminState::Maint, _, _) => "MAINT".to_owned(),
        (_, Health::Down, _) if agent.is_some_and(|agent| !agent.is_up()) => {
            "DOWN (agent)".to_owned()
        }
        (_, Health::Down, Some(counter)) => progress("DOWN", counter),
        (_, Health::Down, None) => "DOWN".to_owned(),
        (_, Health::Stopping, Some(counter)) => progress("NOLB", counter),
        (_, Health::Stopping, None) => "NOLB".to_owned(),
        (AdminState::Drain, Health::Up, _) if agent.is_some() => "DRAIN (agent)".to_owned(),
        (AdminState::Drain, Health::Up, _) => "DRAIN".to_owned(),
        (AdminState::Ready, Health::Up, Some(counter)) => progress("UP", counter),
        (AdminState::Ready, Health::Up, None) => "no check".to_owned(),
    }
}
