//! `show sess`, `shutdown session` and `shutdown sessions server`: the client connections, which
//! HAProxy calls sessions here.

use std::fmt;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::target;
use super::target::Target;
use super::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::admin::slice::{SLICE_LEN_MAX, SLICE_ROWS_MAX};
use crate::admin::status::history::Age;
use crate::config::ServerIndex;
use crate::proxy::connection::Connection;
use crate::proxy::connection::log_record::Cause;
use crate::proxy::relay::side::Side;

/// `show sess [<id>]`; the id is the first word of a line.
pub(super) fn show_sess(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let wanted = line.word(2).and_then(|word| parse_identity(&text(word)));
    let Some(wanted) = wanted else {
        return Answer::job(ConnectionDump { next: 0 });
    };
    let index = u32::try_from(wanted & u64::from(u32::MAX)).ok();
    let connection = index.and_then(|index| context.clients.connection_from(index));
    match connection.filter(|connection| identity(connection) == wanted) {
        Some(connection) => {
            let mut out = Vec::new();
            write_connection(&mut out, connection, context);
            Answer::Text(text(&out).into_owned())
        }
        None => Answer::line("Session not found."),
    }
}

/// The connections that are still to be printed.
#[derive(Debug)]
struct ConnectionDump {
    next: u32,
}

impl Job for ConnectionDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        for _ in 0..SLICE_ROWS_MAX {
            if out.len() >= SLICE_LEN_MAX {
                return JobState::Unfinished;
            }
            let Some(connection) = context.clients.connection_from(self.next) else {
                return JobState::Finished;
            };
            write_connection(out, connection, context);
            self.next = connection.slot().index.saturating_add(1);
        }
        JobState::Unfinished
    }
}

/// The id of a connection, made of slot and generation. HAProxy prints an address there.
fn identity(connection: &Connection) -> u64 {
    u64::from(connection.slot().generation) << 32 | u64::from(connection.slot().index)
}

/// Reads an id from a word of a command.
fn parse_identity(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x")?;
    Some(u64::from_str_radix(digits, 16).unwrap_or(u64::MAX))
}

/// `shutdown session <id>`; the id is the first word of a line of `show sess`.
pub(super) fn shutdown_session(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let wanted = line.text(2);
    // HAProxy has different messages for a missing id and an unknown id.
    let Some(wanted) = wanted.filter(|word| word.starts_with("0x")) else {
        return Answer::error("Session pointer expected (use 'show sess').");
    };
    let wanted = parse_identity(&wanted);
    let mut is_known = false;
    if let Some(wanted) = wanted {
        is_known = context.clients.connections().any(|connection| identity(connection) == wanted);
        context
            .clients
            .kill_where(context.shared, Cause::Killed, |connection| identity(connection) == wanted);
    }
    if is_known { Answer::text("") } else { Answer::error("No such session (use 'show sess').") }
}

/// `shutdown sessions server <b>/<s>`.
pub(super) fn shutdown_sessions(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match target::server(line, 3, context) {
        Ok(Target { backend, server }) => {
            context.clients.kill_where(context.shared, Cause::Killed, |connection| {
                connection.is_at(backend, server)
            });
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

fn write_connection(out: &mut Vec<u8>, connection: &Connection, context: &Context<'_>) {
    let shared = &context.shared;
    let frontend = &shared.frontend(connection.frontend()).config;
    let backend = connection.backend().map(|id| shared.backend(id));
    let server = backend.zip(connection.server_index());
    let server = server.filter(|(_, at)| *at != ServerIndex::DISPATCH);
    let server = server.map(|(backend, at)| backend.server(at));
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "{:#014x}: ", identity(connection));
    write_client(out, connection);
    let _ = write!(
        out,
        " fe={} be={} srv={}",
        frontend.name,
        backend.map_or("<NONE>", |backend| &backend.config.name),
        server.map_or("<none>", |server| &server.config.name),
    );
    let age_ms = context.now_ms.saturating_sub(connection.accepted_ms());
    let _ = write!(out, " ts=00 epoch=0 age={} calls=0 rate=0 cpu=0 lat=0", Age(age_ms));
    let client_left = left(connection.client(), frontend.timeout_client_ms, context);
    let server_timeout = backend.and_then(|backend| backend.config.timeout_server_ms);
    let server_left = connection.server().map(|side| left(side, server_timeout, context));
    write_channel(out, "rq", client_left);
    write_channel(out, "rp", server_left.flatten());
    let _ = write!(out, " scf=[8,0h,fd={}]", socket_number(Some(connection.client())));
    let state = if connection.server().is_some() { 8 } else { 0 };
    let _ = write!(out, " scb=[{state},1h,fd={}]", socket_number(connection.server()));
    let expires = connection.poll_timeout(shared).map(|at_ms| at_ms.saturating_sub(context.now_ms));
    let _ = writeln!(out, " exp={} rc={} c_exp=", Optional(expires), connection.retries());
}

fn write_client(out: &mut Vec<u8>, connection: &Connection) {
    let _ = match connection.client_address() {
        None => write!(out, "proto=unix_stream src=unix:{}", connection.listener()),
        Some(address) => {
            let family = if address.is_ipv4() { "tcpv4" } else { "tcpv6" };
            write!(out, "proto={family} src={}:{}", address.ip(), address.port())
        }
    };
}

/// Writes one direction, which HAProxy calls a channel.
fn write_channel(out: &mut Vec<u8>, name: &str, silence_left_ms: Option<u64>) {
    let left = Optional(silence_left_ms);
    let _ = write!(out, " {name}[f=0h,i=0,an=00h,rx={left},wx=,ax=]");
}

/// How long a side may still be silent, in milliseconds.
fn left(side: &Side, timeout_ms: Option<u32>, context: &Context<'_>) -> Option<u64> {
    let deadline_ms = side.active_ms().saturating_add(u64::from(timeout_ms?));
    Some(deadline_ms.saturating_sub(context.now_ms))
}

fn socket_number(side: Option<&Side>) -> i32 {
    side.map_or(-1, |side| side.as_fd().as_raw_fd())
}

/// A time in milliseconds; nothing is shown if it is not set.
struct Optional(Option<u64>);

impl fmt::Display for Optional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |ms| Age(ms).fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[
            ("show sess 0x1", "Session not found."),
            ("shutdown session", "Session pointer expected (use 'show sess')."),
            ("shutdown session 0x1", "No such session (use 'show sess')."),
            ("shutdown sessions server web/s9", "No such server."),
            ("shutdown sessions server web/s1", ""),
        ]);
    }
}
