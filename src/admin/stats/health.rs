//! The values about health: the state of a server and the results of its checks.

use super::object::BackendServer;
use super::value::{Value, number};
use crate::admin::context::Context;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::health::check::Checked;
use crate::proxy::health::check::counter::Counter;

impl<'a> BackendServer<'a> {
    /// A value of the server's health checks; empty if they are disabled or the server is in
    /// maintenance.
    pub(super) fn of_check(self, value: impl Fn(&'a Checked) -> Value<'a>) -> Value<'a> {
        let is_in_use = !self.server.is_in_maintenance();
        if is_in_use { self.of_history(value) } else { Value::Empty }
    }

    /// A value of the server's agent checks; empty if they are disabled.
    pub(super) fn of_agent(self, value: impl Fn(&'a Checked) -> Value<'a>) -> Value<'a> {
        enabled(self.server.agent.as_deref()).map_or(Value::Empty, value)
    }

    /// A value that the health checks have counted; empty if they are disabled.
    pub(super) fn of_history(self, value: impl Fn(&'a Checked) -> Value<'a>) -> Value<'a> {
        enabled(self.server.checked.as_deref()).map_or(Value::Empty, value)
    }

    /// How long the server was down, in seconds.
    pub(super) fn downtime(self, context: &Context<'_>) -> Value<'static> {
        let is_usable = self.server.is_usable_for_entry();
        let since_ms = if is_usable { 0 } else { age_ms(self.server.changed_ms, context) };
        Value::Number((self.server.outage.total_ms + since_ms) / 1000)
    }
}

fn enabled(checked: Option<&Checked>) -> Option<&Checked> {
    checked.filter(|checked| checked.is_enabled)
}

/// How long a backend had no usable server, in seconds. A backend without servers has no value.
pub(super) fn backend_downtime(backend: &Backend, context: &Context<'_>) -> Value<'static> {
    if backend.servers.is_empty() {
        return Value::Empty;
    }
    let outage = &backend.outage;
    let since_ms = if backend.has_servers() { 0 } else { age_ms(outage.changed_ms, context) };
    Value::Number((outage.total_ms + since_ms) / 1000)
}

/// The time since a moment, in milliseconds.
pub(super) fn age_ms(since_ms: u64, context: &Context<'_>) -> u64 {
    context.now_ms.saturating_sub(since_ms)
}

pub(super) fn check_status(checked: &Checked) -> Value<'_> {
    match checked.is_running {
        true => Value::Owned(format!("* {}", checked.last.status.name())),
        false => Value::Text(checked.last.status.name()),
    }
}

pub(super) fn check_code(checked: &Checked) -> Value<'_> {
    // As in HAProxy, -1 shows as the largest number.
    checked.last.code.map_or(Value::Empty, |code| number(code.cast_unsigned()))
}

pub(super) fn check_duration(checked: &Checked) -> Value<'_> {
    checked.last.duration_ms.map_or(Value::Empty, Value::Number)
}

pub(super) fn check_description(checked: &Checked) -> Value<'_> {
    Value::Text(checked.last.status.description())
}

/// More words about the last result.
pub(super) fn check_info(checked: &Checked) -> Value<'_> {
    match (checked.is_running, checked.last.is_for_log) {
        (true, _) => Value::Empty,
        (false, true) => Value::Text(""),
        (false, false) => Value::Text(&checked.last.info),
    }
}

/// The server that the checks are made for: the server itself, or the one that it tracks.
fn checked_server<'a>(server: &'a Server, context: &'a Context<'_>) -> &'a Server {
    let mut server = server;
    while let Some((backend, index)) = server.config.health.track {
        server = context.shared.backend(backend).server(index);
    }
    server
}

/// The name of the server that this one tracks.
pub(super) fn tracked(server: &Server, context: &Context<'_>) -> Option<String> {
    let (backend, index) = server.config.health.track?;
    let backend = context.shared.backend(backend);
    Some(format!("{}/{}", backend.config.name, backend.server(index).config.name))
}

/// The state of a server, in HAProxy's words.
pub(super) fn server_status(server: &Server, context: &Context<'_>) -> String {
    let found = checked_server(server, context);
    let counter = enabled(found.checked.as_deref()).map(|checked| checked.counter);
    let agent = enabled(found.agent.as_deref()).map(|checked| checked.counter);
    let progress = |word: &str, counter: Counter| {
        let (at, of) = counter.progress();
        if counter.is_changing() { format!("{word} {at}/{of}") } else { word.to_owned() }
    };
    match (server.admin, server.health, counter) {
        _ if server.is_missing() => "MAINT (resolution)".to_owned(),
        (AdminState::Maint, _, _) if server.inherits_admin => {
            format!("MAINT (via {})", tracked(server, context).unwrap_or_default())
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
