//! `show sess`: one line for each client connection, in the shape of HAProxy's.

use std::fmt;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};

use super::words::{Words, text};
use crate::admin::link::output::OUTPUT_LEN_MAX;
use crate::admin::{Answer, Client, Job, Progress, ROWS_PER_SLICE, World};
use crate::proxy::connection::Connection;
use crate::proxy::relay::side::Side;

/// `show sess [<id>]`, where the id is what stands first in a line.
pub(crate) fn show_sess(words: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let wanted = words.get(2).and_then(|word| parse_identity(&text(word)));
    let Some(wanted) = wanted else {
        return Answer::Job(Job::Connections(ConnectionDump { next: 0 }));
    };
    let index = u32::try_from(wanted & u64::from(u32::MAX)).ok();
    let connection = index.and_then(|index| world.clients.connection_from(index));
    match connection.filter(|connection| identity(connection) == wanted) {
        Some(connection) => {
            let mut out = Vec::new();
            write_connection(&mut out, connection, world);
            Answer::Text(text(&out).into_owned())
        }
        None => Answer::text("Session not found."),
    }
}

/// The connections from a slot on.
#[derive(Debug)]
pub(crate) struct ConnectionDump {
    next: u32,
}

impl ConnectionDump {
    pub(crate) fn advance(&mut self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
        for _ in 0..ROWS_PER_SLICE {
            if out.len() >= OUTPUT_LEN_MAX {
                return Progress::More;
            }
            let Some(connection) = world.clients.connection_from(self.next) else {
                return Progress::Done;
            };
            write_connection(out, connection, world);
            self.next = connection.slot().index.saturating_add(1);
        }
        Progress::More
    }
}

/// A number that names the connection as an address does in HAProxy: slot and generation.
pub(crate) fn identity(connection: &Connection) -> u64 {
    u64::from(connection.slot().generation) << 32 | u64::from(connection.slot().index)
}

/// Such a number in the words of a command.
pub(super) fn parse_identity(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x")?;
    Some(u64::from_str_radix(digits, 16).unwrap_or(u64::MAX))
}

fn write_connection(out: &mut Vec<u8>, connection: &Connection, world: &World<'_>) {
    let shared = &world.shared;
    let frontend = &shared.frontend(connection.frontend()).config;
    let backend = connection.backend().map(|id| shared.backend(id));
    let server = backend.zip(connection.server_index()).map(|(backend, at)| backend.server(at));
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
    let age_ms = world.now_ms.saturating_sub(connection.accepted_ms());
    let _ = write!(out, " ts=00 epoch=0 age={} calls=0 rate=0 cpu=0 lat=0", Human(age_ms));
    let client_left = left(connection.client(), frontend.timeout_client_ms, world);
    let server_timeout = backend.and_then(|backend| backend.config.timeout_server_ms);
    let server_left = connection.server().map(|side| left(side, server_timeout, world));
    write_channel(out, "rq", client_left);
    write_channel(out, "rp", server_left.flatten());
    let _ = write!(out, " scf=[8,0h,fd={}]", socket_number(Some(connection.client())));
    let state = if connection.server().is_some() { 8 } else { 0 };
    let _ = write!(out, " scb=[{state},1h,fd={}]", socket_number(connection.server()));
    let expires = connection.poll_timeout(shared).map(|at_ms| at_ms.saturating_sub(world.now_ms));
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

/// One direction: what HAProxy calls a channel.
fn write_channel(out: &mut Vec<u8>, name: &str, silence_left_ms: Option<u64>) {
    let left = Optional(silence_left_ms);
    let _ = write!(out, " {name}[f=0h,i=0,an=00h,rx={left},wx=,ax=]");
}

/// How long a side may still be silent.
fn left(side: &Side, timeout_ms: Option<u32>, world: &World<'_>) -> Option<u64> {
    let deadline_ms = side.active_ms().saturating_add(u64::from(timeout_ms?));
    Some(deadline_ms.saturating_sub(world.now_ms))
}

fn socket_number(side: Option<&Side>) -> i32 {
    side.map_or(-1, |side| side.as_fd().as_raw_fd())
}

/// A time in HAProxy's two most telling units: `3m54s`, `5s`.
pub(super) struct Human(pub(crate) u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        match seconds {
            86_400.. => write!(f, "{}d{}h", seconds / 86_400, seconds / 3600 % 24),
            3600.. => write!(f, "{}h{}m", seconds / 3600, seconds / 60 % 60),
            60.. => write!(f, "{}m{}s", seconds / 60, seconds % 60),
            _ => write!(f, "{seconds}s"),
        }
    }
}

/// A time that may not be set.
struct Optional(Option<u64>);

impl fmt::Display for Optional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |ms| Human(ms).fmt(f))
    }
}
