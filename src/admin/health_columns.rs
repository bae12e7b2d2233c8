//! The columns of `show stat` about health.

use super::World;
use super::stat_values::Value;
use crate::proxy::backend::Backend;
use crate::proxy::check::Checked;
use crate::proxy::check::counter::Counter;
use crate::proxy::server::{AdminState, Health, Server};

/// What stands in a server's column, if it is about health.
pub(super) fn server_value<'a>(
    server: &'a Server,
    name: &str,
    world: &World<'_>,
) -> Option<Value<'a>> {
    let number = |number: u64| Some(Value::Number(number));
    let age_ms = world.now_ms.saturating_sub(server.changed_ms);
    match name {
        "status" => Some(Value::Owned(status(server, world))),
        "lastchg" => number(age_ms / 1000),
        "tracked" => server.config.health.track.map(|_| Value::Owned(tracked(server, world))),
        "throttle" => server.throttle().map(|percent| Value::Number(percent.into())),
        _ => {
            let checked = server.checked.as_deref()?;
            match name {
                "chkfail" => number(checked.failed),
                "chkdown" => number(server.outage.count),
                "downtime" => {
                    let is_out = !server.is_usable_for_entry();
                    let since_ms = if is_out { age_ms } else { 0 };
                    number((server.outage.total_ms + since_ms) / 1000)
                }
                _ if server.admin == AdminState::Maint => None,
                _ => check_value(checked, name),
            }
        }
    }
}

fn check_value<'a>(checked: &'a Checked, name: &str) -> Option<Value<'a>> {
    let last = &checked.last;
    match name {
        "check_status" if checked.is_running => {
            Some(Value::Owned(format!("* {}", last.status.name())))
        }
        "check_status" => Some(Value::Text(last.status.name())),
        "check_code" => last.code.map(|code| Value::Number(code.into())),
        "check_duration" => Some(Value::Number(last.duration_ms)),
        "check_desc" => Some(Value::Text(last.status.description())),
        "last_chk" if !checked.is_running => Some(Value::Text(&last.info)),
        "check_rise" => Some(Value::Number(checked.counter.rise().into())),
        "check_fall" => Some(Value::Number(checked.counter.fall().into())),
        "check_health" => Some(Value::Number(checked.counter.health().into())),
        _ => None,
    }
}

/// What stands in a backend's column, if it is about health.
pub(super) fn backend_value(
    backend: &Backend,
    name: &str,
    world: &World<'_>,
) -> Option<Value<'static>> {
    let age_ms = world.now_ms.saturating_sub(backend.outage.changed_ms);
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
fn checked_server<'a>(server: &'a Server, world: &'a World<'_>) -> &'a Server {
    let mut server = server;
    while let Some((backend, index)) = server.config.health.track {
        server = world.shared.backend(backend).server(index);
    }
    server
}

fn tracked(server: &Server, world: &World<'_>) -> String {
    server.config.health.track.map_or_else(String::new, |(backend, index)| {
        let backend = world.shared.backend(backend);
        format!("{}/{}", backend.config.name, backend.server(index).config.name)
    })
}

fn status(server: &Server, world: &World<'_>) -> String {
    let counter = checked_server(server, world).checked.as_ref().map(|checked| checked.counter);
    let progress = |word: &str, counter: Counter| {
        let (at, of) = counter.progress();
        if counter.is_changing() { format!("{word} {at}/{of}") } else { word.to_owned() }
    };
    match (server.admin, server.health, counter) {
        (AdminState::Maint, _, _) if server.inherits_admin => {
            format!("MAINT (via {})", tracked(server, world))
        }
        (AdminState::Maint, _, _) => "MAINT".to_owned(),
        (_, Health::Down, Some(counter)) => progress("DOWN", counter),
        (_, Health::Down, None) => "DOWN".to_owned(),
        (_, Health::Stopping, Some(counter)) => progress("NOLB", counter),
        (_, Health::Stopping, None) => "NOLB".to_owned(),
        (AdminState::Drain, Health::Up, _) => "DRAIN".to_owned(),
        (AdminState::Ready, Health::Up, Some(counter)) => progress("UP", counter),
        (AdminState::Ready, Health::Up, None) => "no check".to_owned(),
    }
}
