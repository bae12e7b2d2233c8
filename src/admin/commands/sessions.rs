//! `show sess`, `shutdown session` and `shutdown sessions server`: the client connections, which
//! HAProxy calls sessions here. Those of older processes that drain are among them: these are asked
//! for one page of lines after the other, as fast as the client reads. A line about such a
//! connection says at its end which process has it.

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
use crate::config::{BackendId, ServerIndex};
use crate::proxy::connection::Connection;
use crate::proxy::connection::log_record::Cause;
use crate::proxy::elders::{Outcome, Question, Ticket, Told};
use crate::proxy::relay::side::Side;
use crate::proxy::{Clients, Shared};

const NOT_FOUND: &str = "Session not found.";
const NO_SUCH: &str = "No such session (use 'show sess').";

/// `show sess [<id>]`; the id is the first word of a line.
pub(super) fn show_sess(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let wanted = line.word(2).and_then(|word| Identity::parse(&text(word)));
    let Some(wanted) = wanted else {
        return Answer::job(ConnectionDump { wanted: None, stage: Stage::Own { next: 0 } });
    };
    let view = View::of(context);
    if wanted.is_of(view.generation) {
        let connection = context.clients.connection_from(wanted.slot());
        return match connection.filter(|own| Identity::of(own, view.generation) == wanted) {
            Some(connection) => {
                let mut out = Vec::new();
                write_connection(&mut out, connection, view);
                Answer::line(text(&out).into_owned())
            }
            None => Answer::line(NOT_FOUND),
        };
    }
    match wanted.elder(context) {
        Some(generation) => {
            let stage = Stage::Ask { generation, from: wanted.slot() };
            Answer::job(ConnectionDump { wanted: Some(wanted), stage })
        }
        None => Answer::line(NOT_FOUND),
    }
}

/// The connections that are still to be printed.
#[derive(Debug)]
struct ConnectionDump {
    /// One connection of an older process.
    wanted: Option<Identity>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The connections of this process from a slot on.
    Own { next: u32 },
    /// The older process behind this generation is next.
    Behind { generation: Option<u32> },
    /// An older process is to be asked for its connections from a slot on.
    Ask { generation: u32, from: u32 },
    /// An older process has been asked.
    Await { generation: u32, ticket: Ticket, until_ms: u64 },
    /// There is no more.
    End,
}

impl Job for ConnectionDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        loop {
            self.stage = match self.stage {
                Stage::Own { next } => {
                    let (stage, is_full) = write_own(next, context, out);
                    if is_full {
                        self.stage = stage;
                        return JobState::Unfinished;
                    }
                    stage
                }
                Stage::Behind { generation } => {
                    match context.shared.elders.next_behind(generation) {
                        Some(generation) => Stage::Ask { generation, from: 0 },
                        None => Stage::End,
                    }
                }
                Stage::Ask { generation, from } => {
                    let (elders, now_ms) = (&mut context.shared.elders, context.now_ms);
                    match elders.ask(generation, Question::Sessions { from }, now_ms) {
                        Some(ticket) => {
                            Stage::Await { generation, ticket, until_ms: elders.certain_ms(now_ms) }
                        }
                        None => self.no_answer(generation, out),
                    }
                }
                Stage::Await { generation, ticket, .. } => {
                    match context.shared.elders.outcome(ticket, context.now_ms) {
                        Outcome::Open => return JobState::Waiting,
                        Outcome::Told(Told::Sessions { lines, next }) => {
                            self.stage = self.write_page(generation, &lines, next, out);
                            // The next page is fetched when the client has taken this one.
                            return JobState::Unfinished;
                        }
                        Outcome::Told(Told::Done(_)) | Outcome::Silence => {
                            self.no_answer(generation, out)
                        }
                    }
                }
                Stage::End => return JobState::Finished,
            }
        }
    }

    fn gives_up_at_ms(&self) -> Option<u64> {
        match self.stage {
            Stage::Await { until_ms, .. } => Some(until_ms),
            Stage::Own { .. } | Stage::Behind { .. } | Stage::Ask { .. } | Stage::End => None,
        }
    }
}

impl ConnectionDump {
    fn write_page(
        &self,
        generation: u32,
        lines: &[String],
        next: Option<u32>,
        out: &mut Vec<u8>,
    ) -> Stage {
        if let Some(wanted) = self.wanted {
            let begin = format!("{wanted}: ");
            let line = lines.iter().find(|line| line.starts_with(&begin));
            let _ = writeln!(out, "{}", line.map_or(NOT_FOUND, |line| line));
            return Stage::End;
        }
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
        match next {
            Some(from) => Stage::Ask { generation, from },
            None => Stage::Behind { generation: Some(generation) },
        }
    }

    /// An older process does not answer: an older version cannot, and one that is stopped does not.
    fn no_answer(&self, generation: u32, out: &mut Vec<u8>) -> Stage {
        if self.wanted.is_some() {
            let _ = writeln!(out, "{NOT_FOUND}");
            return Stage::End;
        }
        log::warn!("show sess: the process of generation {generation} does not answer");
        Stage::Behind { generation: Some(generation) }
    }
}

/// Writes lines about the connections of this process from a slot on. Returns what comes next, and
/// whether the slice is full.
fn write_own(mut next: u32, context: &Context<'_>, out: &mut Vec<u8>) -> (Stage, bool) {
    let view = View::of(context);
    for _ in 0..SLICE_ROWS_MAX {
        if out.len() >= SLICE_LEN_MAX {
            break;
        }
        let Some(connection) = context.clients.connection_from(next) else {
            return (Stage::Behind { generation: None }, false);
        };
        write_connection(out, connection, view);
        out.push(b'\n');
        next = connection.slot().index.saturating_add(1);
    }
    (Stage::Own { next }, true)
}

/// Lines about the connections from a slot on, each with its slot, for the process that serves in
/// this one's place. `own` are the generation and the process id of this process.
pub fn lines_for_successor<'a>(
    from: u32,
    clients: &'a Clients,
    shared: &'a Shared,
    (generation, pid): (u32, u32),
    now_ms: u64,
) -> impl Iterator<Item = (u32, String)> + 'a {
    let view = View { shared, generation, now_ms };
    let mut next = from;
    std::iter::from_fn(move || {
        let connection = clients.connection_from(next)?;
        let slot = connection.slot().index;
        next = slot.saturating_add(1);
        let mut out = Vec::new();
        write_connection(&mut out, connection, view);
        let _ = write!(out, " pid={pid}");
        Some((slot, text(&out).into_owned()))
    })
}

/// The id of a connection: of the process that has it, of its occupation of a slot, and of the
/// slot. It stays when the process is followed by another one. HAProxy prints an address there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64);

impl Identity {
    /// The id of a connection of the process of this generation.
    fn of(connection: &Connection, generation: u32) -> Self {
        let slot = connection.slot();
        let of_slot = u64::from(slot.generation & 0xff_ffff) << 32 | u64::from(slot.index);
        Self(Self::mark(generation) << 56 | of_slot)
    }

    /// The first process has the mark 0.
    fn mark(generation: u32) -> u64 {
        u64::from(generation.saturating_sub(1) & 0xff)
    }

    /// Reads an id from a word of a command.
    fn parse(word: &str) -> Option<Self> {
        let digits = word.strip_prefix("0x")?;
        Some(Self(u64::from_str_radix(digits, 16).unwrap_or(u64::MAX)))
    }

    fn is_of(self, generation: u32) -> bool {
        self.0 >> 56 == Self::mark(generation)
    }

    fn slot(self) -> u32 {
        u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }

    /// The generation of the older process that has it.
    fn elder(self, context: &Context<'_>) -> Option<u32> {
        let generations = context.shared.elders.generations();
        generations.into_iter().find(|generation| self.is_of(*generation))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#014x}", self.0)
    }
}

/// `shutdown session <id>`; the id is the first word of a line of `show sess`.
pub(super) fn shutdown_session(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let wanted = line.text(2);
    // HAProxy has different messages for a missing id and an unknown id.
    let Some(wanted) = wanted.as_deref().and_then(Identity::parse) else {
        return Answer::error("Session pointer expected (use 'show sess').");
    };
    let (generation, now_ms) = (context.process.generation, context.now_ms);
    if !wanted.is_of(generation)
        && let Some(elder) = wanted.elder(context)
    {
        let elders = &mut context.shared.elders;
        let ticket = elders.ask(elder, Question::End { id: wanted.0 }, now_ms);
        let until_ms = elders.certain_ms(now_ms);
        return match ticket {
            Some(ticket) => Answer::job(EndWait { ticket, until_ms }),
            None => Answer::error(NO_SUCH),
        };
    }
    match end(wanted.0, generation, context.clients, context.shared) {
        0 => Answer::error(NO_SUCH),
        _ => Answer::text(""),
    }
}

/// A client that waits until an older process has ended a connection.
#[derive(Debug)]
struct EndWait {
    ticket: Ticket,
    until_ms: u64,
}

impl Job for EndWait {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        match context.shared.elders.outcome(self.ticket, context.now_ms) {
            Outcome::Open => return JobState::Waiting,
            Outcome::Told(Told::Done(1..)) => {}
            Outcome::Told(_) | Outcome::Silence => {
                let _ = writeln!(out, "{NO_SUCH}");
            }
        }
        JobState::Finished
    }

    fn gives_up_at_ms(&self) -> Option<u64> {
        Some(self.until_ms)
    }
}

/// Ends the connection with an id in the process of this generation. Returns how many have it.
pub fn end(id: u64, generation: u32, clients: &mut Clients, shared: &mut Shared) -> u32 {
    let is_wanted = |connection: &Connection| Identity::of(connection, generation) == Identity(id);
    let count = clients.connections().filter(|connection| is_wanted(connection)).count();
    clients.kill_where(shared, Cause::Killed, is_wanted);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// `shutdown sessions server <b>/<s>`.
pub(super) fn shutdown_sessions(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    match target::server(line, 3, context) {
        Ok(Target { backend, server }) => {
            let of = context.shared.backend(backend);
            let question = Question::EndAt {
                backend: of.config.name.clone(),
                server: of.server(server).config.name.clone(),
            };
            for generation in context.shared.elders.generations() {
                context.shared.elders.ask(generation, question.clone(), context.now_ms);
            }
            context.clients.kill_where(context.shared, Cause::Killed, |connection| {
                connection.is_at(backend, server)
            });
            Answer::text("")
        }
        Err(answer) => answer,
    }
}

/// Ends the connections to a server. Returns how many there are.
pub fn end_at(backend: &str, server: &str, clients: &mut Clients, shared: &mut Shared) -> u32 {
    let backends = (0..).map(BackendId).zip(&shared.backends);
    let found = backends.filter(|(_, own)| own.config.name == backend).find_map(|(id, own)| {
        let mut servers = own.servers.indexed();
        servers.find(|(_, own)| own.config.name == server).map(|(index, _)| (id, index))
    });
    let Some((backend, server)) = found else { return 0 };
    let is_there = |connection: &Connection| connection.is_at(backend, server);
    let count = clients.connections().filter(|connection| is_there(connection)).count();
    clients.kill_where(shared, Cause::Killed, is_there);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What a line about a connection is written from.
#[derive(Clone, Copy)]
struct View<'a> {
    shared: &'a Shared,
    generation: u32,
    now_ms: u64,
}

impl<'a> View<'a> {
    fn of(context: &'a Context<'_>) -> Self {
        let generation = context.process.generation;
        Self { shared: context.shared, generation, now_ms: context.now_ms }
    }
}

/// Writes a line without its end.
fn write_connection(out: &mut Vec<u8>, connection: &Connection, view: View<'_>) {
    let View { shared, generation, now_ms } = view;
    let frontend = &shared.frontend(connection.frontend()).config;
    let backend = connection.backend().map(|id| shared.backend(id));
    let server = backend.zip(connection.server_index());
    let server = server.filter(|(_, at)| *at != ServerIndex::DISPATCH);
    let server = server.map(|(backend, at)| backend.server(at));
    // Writing to a vector cannot fail, here and below.
    let _ = write!(out, "{}: ", Identity::of(connection, generation));
    write_client(out, connection);
    let _ = write!(
        out,
        " fe={} be={} srv={}",
        frontend.name,
        backend.map_or("<NONE>", |backend| &backend.config.name),
        server.map_or("<none>", |server| &server.config.name),
    );
    let age_ms = now_ms.saturating_sub(connection.accepted_ms());
    let _ = write!(out, " ts=00 epoch=0 age={} calls=0 rate=0 cpu=0 lat=0", Age(age_ms));
    let client_left = left(connection.client(), frontend.timeout_client_ms, now_ms);
    let server_timeout = backend.and_then(|backend| backend.config.timeout_server_ms);
    let server_left = connection.server().map(|side| left(side, server_timeout, now_ms));
    write_channel(out, "rq", client_left);
    write_channel(out, "rp", server_left.flatten());
    let _ = write!(out, " scf=[8,0h,fd={}]", socket_number(Some(connection.client())));
    let state = if connection.server().is_some() { 8 } else { 0 };
    let _ = write!(out, " scb=[{state},1h,fd={}]", socket_number(connection.server()));
    let expires = connection.poll_timeout(shared).map(|at_ms| at_ms.saturating_sub(now_ms));
    let _ = write!(out, " exp={} rc={} c_exp=", Optional(expires), connection.retries());
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
fn left(side: &Side, timeout_ms: Option<u32>, now_ms: u64) -> Option<u64> {
    let deadline_ms = side.active_ms().saturating_add(u64::from(timeout_ms?));
    Some(deadline_ms.saturating_sub(now_ms))
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
