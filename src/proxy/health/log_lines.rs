//! The log lines about servers: a server's health or administrative state changed.

use super::check::CheckKind;
use super::check::counter::Counter;
use super::check::result::CheckResult;
use super::notice::Why;
use crate::config::{CheckStatus, ServerIndex};
use crate::net::dns::Name;
use crate::proxy::backend::server::{AdminState, Health, Server};
use crate::proxy::backend::{Backend, Requeued};

/// `Server b/s` or `Backup Server b/s`.
fn subject(backend: &Backend, server: &Server) -> String {
    let backup = if server.config.settings.backup { "Backup " } else { "" };
    format!("{backup}Server {}/{}", backend.config.name, server.config.name)
}

/// The end of a line about a server that is lost: which servers and sessions are left.
fn left(backend: &Backend, server: &Server, queue: Requeued) -> String {
    let (active, backups) = (backend.active(), backend.backups());
    let on_backup = if active == 0 && backups > 0 { " Running on backup." } else { "" };
    let sessions = server.counters.current;
    let Requeued { moved, waiting } = queue;
    format!(
        "{active} active and {backups} backup servers left.{on_backup} {sessions} sessions active, \
         {moved} requeued, {waiting} remaining in queue."
    )
}

/// The end of a line about a server that takes clients again: which servers and sessions there
/// are.
fn online(backend: &Backend, queue: Requeued) -> String {
    let (active, backups) = (backend.active(), backend.backups());
    let on_backup = if active == 0 && backups > 0 { " Running on backup." } else { "" };
    let Requeued { moved, waiting } = queue;
    format!(
        "{active} active and {backups} backup servers online.{on_backup} {moved} sessions \
         requeued, {waiting} total in queue."
    )
}

/// The line about a server's changed health.
pub(super) fn health_line(
    backend: &Backend,
    index: ServerIndex,
    health: Health,
    why: Why<'_>,
    queue: Requeued,
) -> String {
    let server = backend.server(index);
    let subject = subject(backend, server);
    let state = match health {
        Health::Up => "is UP",
        Health::Down => "is DOWN",
        Health::Stopping => "is stopping",
    };
    let why = match why {
        Why::Check(Some(result)) => format!(", reason: {result}"),
        Why::Check(None) => String::new(),
        Why::Operator => ", changed from CLI".to_owned(),
        Why::Tracked(name) => format!(" via {name}"),
    };
    let rest = match health {
        Health::Down => left(backend, server, queue),
        Health::Up | Health::Stopping => online(backend, queue),
    };
    format!("{subject} {state}{why}. {rest}")
}

/// The line about a server's changed administrative state. An operator changed it, or the server
/// that this server tracks.
pub(super) fn admin_line(
    backend: &Backend,
    index: ServerIndex,
    before: AdminState,
    state: AdminState,
    via: Option<&str>,
    queue: Requeued,
) -> String {
    let server = backend.server(index);
    let subject = subject(backend, server);
    let by = via.map(|name| format!(" via {name}")).unwrap_or_default();
    let forced = if via.is_some() { "" } else { "forced " };
    let works = if server.health == Health::Down { "DOWN" } else { "UP" };
    match (before, state) {
        (_, AdminState::Maint) if server.health == Health::Down => {
            format!("{subject} was DOWN and now enters maintenance{by}.")
        }
        (_, AdminState::Maint) => {
            format!("{subject} is going DOWN for maintenance{by}. {}", left(backend, server, queue))
        }
        (AdminState::Maint, AdminState::Ready) => {
            format!("{subject} is {works}/READY (leaving {forced}maintenance).")
        }
        (AdminState::Maint, AdminState::Drain) => {
            format!("{subject} is {works}/DRAIN (leaving {forced}maintenance).")
        }
        (_, AdminState::Drain) if server.health == Health::Down => {
            format!("{subject} enters drain state{by}. {}", left(backend, server, queue))
        }
        (_, AdminState::Drain) => {
            format!("{subject} enters drain state{by}. {}", online(backend, queue))
        }
        (_, AdminState::Ready) => format!("{subject} is {works} (leaving {forced}drain)."),
    }
}

/// The line about a server that has no address any more.
pub(super) fn missing_line(
    backend: &Backend,
    index: ServerIndex,
    why: &str,
    queue: Requeued,
) -> String {
    let server = backend.server(index);
    let subject = subject(backend, server);
    match server.health {
        Health::Down => format!("{subject} was DOWN and now enters maintenance ({why})."),
        Health::Up | Health::Stopping => {
            let left = left(backend, server, queue);
            format!("{subject} is going DOWN for maintenance ({why}). {left}")
        }
    }
}

/// The line about a server that has an address again.
pub(super) fn found_line(backend: &Backend, index: ServerIndex) -> String {
    let server = backend.server(index);
    let name = server.naming.as_ref().and_then(|naming| naming.host_name());
    let name = name.map_or("", Name::as_str);
    let works = if server.health == Health::Down { "DOWN" } else { "UP" };
    let wanted = if server.admin == AdminState::Drain { "DRAIN" } else { "READY" };
    format!("{} ('{name}') is {works}/{wanted} (resolves again).", subject(backend, server))
}

/// The line after it, if the address is an answer about the server's own name.
pub(super) fn answer_line(backend: &Backend, index: ServerIndex) -> String {
    let subject = subject(backend, backend.server(index));
    format!("{subject} administratively READY thanks to valid DNS answer.")
}

/// The line about a server that stays in maintenance whatever an operator wants.
pub(super) fn still_missing_line(backend: &Backend, index: ServerIndex) -> String {
    let subject = subject(backend, backend.server(index));
    format!("{subject} is leaving forced maintenance but remains in maintenance.")
}

/// The line about a server that is still drained after something else changed.
pub(super) fn drained_line(backend: &Backend, index: ServerIndex) -> String {
    let server = backend.server(index);
    format!("{} remains in forced drain mode.", subject(backend, server))
}

/// The line about a check whose result differs from the result before.
pub(super) fn check_line(
    backend: &str,
    server: &Server,
    kind: CheckKind,
    result: &CheckResult,
) -> String {
    let what = match kind {
        CheckKind::Health => "Health",
        CheckKind::Agent => "Agent",
    };
    let outcome = match result.status {
        CheckStatus::Layer7Conditional => "conditionally succeeded",
        status if status.has_passed() => "succeeded",
        _ => "failed",
    };
    let counter = server.checked_of(kind).map(|checked| checked.counter);
    let (at, of) = counter.map_or((0, 0), Counter::progress);
    let is_up = counter.is_some_and(Counter::is_up);
    let is_drained = server.admin == AdminState::Drain || server.weight == 0;
    let state = match (is_up, is_drained) {
        (true, true) => "DRAIN",
        (true, false) => "UP",
        (false, _) => "DOWN",
    };
    let backup = if server.config.settings.backup { "backup " } else { "" };
    let name = &server.config.name;
    format!(
        "{what} check for {backup}server {backend}/{name} {outcome}, reason: {result}, status: \
         {at}/{of} {state}."
    )
}
