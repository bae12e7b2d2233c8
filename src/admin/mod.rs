//! The Runtime API: a line of text in, text out, in HAProxy's words and formats.
//!
//! ```text
//!   link/       the sockets
//!   session/    lines, prompt, `;`, the end of an answer; no socket, no clock
//!   output.rs   what is to be sent to a client, and what of it was
//!   words.rs    a line to words
//!   mod.rs      the table of commands: words, level, help, handler
//!   absent.rs   HAProxy's commands that are not here, and why
//!   show_*.rs   what a command prints, in slices
//!   set*.rs     what a command changes
//!   world.rs    what a command can see
//!   metrics/    the exporter: the same figures for Prometheus, over HTTP
//! ```
//!
//! A handler answers at once with text, or with a `Job`: something long that goes on slice by
//! slice while the process serves its clients.

pub mod commands;
pub mod link;
pub mod metrics;
pub mod stats;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod world;

use std::fmt::Write;

pub use commands::reload::{Reloaded, Reloads};
pub use link::session::{Client, Session};
pub use world::{AcceptPauses, ProcessInfo, World};

use crate::config::{BindAddress, COMPATIBLE_VERSION, Level};
use commands::words::{Words, level_name, text};

/// How many rows of a table a job looks at before it gives way.
const ROWS_PER_SLICE: u32 = 1024;

/// What a handler has to say.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it.
    Text(String),
    /// All of it: a message, whose gravity some clients want to see.
    Message(Tone, String),
    /// It takes longer.
    Job(Job),
    /// Nothing, and the connection is to be closed.
    Goodbye,
}

impl Answer {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn message(tone: Tone, text: impl Into<String>) -> Self {
        Self::Message(tone, text.into())
    }

    fn error(text: impl Into<String>) -> Self {
        Self::message(Tone::Error, text)
    }

    fn denied() -> Self {
        Self::error("Permission denied")
    }
}

/// How grave a message is; the words of syslog, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Error = 3,
    Warning = 4,
    Info = 6,
}

/// How a client wants to see the gravity of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeverityOutput {
    /// Not at all.
    #[default]
    None,
    /// As a number.
    Number,
    /// As a word.
    Word,
}

impl SeverityOutput {
    /// What stands before a message.
    fn prefix(self, tone: Tone) -> String {
        let word = match tone {
            Tone::Error => "err",
            Tone::Warning => "warning",
            Tone::Info => "info",
        };
        match self {
            Self::None => String::new(),
            Self::Number => format!("[{}]: ", tone as u8),
            Self::Word => format!("[{word}]: "),
        }
    }
}

/// Whether a job has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    /// Not before the process says so.
    Wait,
    Done,
}

/// A command that is answered in slices.
#[derive(Debug)]
pub(crate) enum Job {
    /// `show table`.
    Tables(commands::show_table::TableList),
    /// `show table T`.
    Rows(commands::show_table::TableDump),
    /// `clear table T`.
    Clear(commands::set_table::TableClear),
    /// `show stat`.
    Stat(commands::show_stat::StatDump),
    /// `show servers state` and `show servers conn`.
    Servers(commands::show_servers::ServerList),
    /// `show sess`.
    Connections(commands::show_sess::ConnectionDump),
    /// `show peers`.
    Peers(commands::show_peers::PeersDump),
    /// `disable frontend` and its like, for one of the exporter.
    Endpoint(commands::set_frontend::EndpointChange),
    /// `reload`.
    Reload(commands::reload::ReloadWait),
}

impl Job {
    /// Appends the next slice.
    fn advance(&mut self, world: &mut World<'_>, out: &mut Vec<u8>) -> Progress {
        match self {
            Self::Tables(job) => job.advance(world, out),
            Self::Rows(job) => job.advance(world, out),
            Self::Clear(job) => job.advance(world),
            Self::Stat(job) => job.advance(world, out),
            Self::Servers(job) => job.advance(world, out),
            Self::Connections(job) => job.advance(world, out),
            Self::Peers(job) => job.advance(world, out),
            Self::Endpoint(job) => job.advance(world, out),
            Self::Reload(job) => job.advance(world, out),
        }
    }
}

type Handler = fn(&Words, &mut Client, &mut World<'_>) -> Answer;

/// One command.
struct Command {
    /// The words that it begins with.
    words: &'static str,
    /// What follows them.
    arguments: &'static str,
    /// Who may use it.
    level: Level,
    /// What it does.
    help: &'static str,
    handler: Handler,
}

impl Command {
    /// The line of `help`.
    fn write_help(&self, out: &mut String) {
        let usage = match self.arguments {
            "" => self.words.to_owned(),
            arguments => format!("{} {arguments}", self.words),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {usage:<40}: {}", self.help);
    }

    /// Whether the words of a command line are this command's.
    fn is_meant_by(&self, given: &Words) -> bool {
        let mut own = self.words.split(' ');
        let mut given = given.iter();
        own.all(|word| given.next().is_some_and(|given| given == word.as_bytes()))
    }

    /// Whether this command's words begin with the given ones, or the other way round.
    fn is_related_to(&self, given: &Words) -> bool {
        self.words.split(' ').zip(given).all(|(own, given)| own.as_bytes() == given.as_slice())
    }

    /// How many letters of the given words are out of place; small for a slip of the finger.
    fn distance(&self, given: &Words) -> usize {
        let words = self.words.split(' ').count().min(given.len());
        let own: Vec<&str> = self.words.split(' ').take(words).collect();
        edit_distance(
            own.join(" ").as_bytes(),
            &given.iter().take(words).fold(Vec::new(), |mut joined, word| {
                if !joined.is_empty() {
                    joined.push(b' ');
                }
                joined.extend_from_slice(word.get(..32).unwrap_or(word));
                joined
            }),
        )
    }
}

macro_rules! commands {
    ($($words:literal $arguments:literal $level:ident $handler:expr, $help:literal;)*) => {
        /// Every command, in alphabetical order, those that every client has at the end.
        const COMMANDS: &[Command] = &[$(Command {
            words: $words,
            arguments: $arguments,
            level: Level::$level,
            help: $help,
            handler: $handler,
        },)*];
    };
}

commands! {
    "clear counters" "[all]" Operator commands::clear_counters::clear_counters,
        "clear max statistics counters (or all counters)";
    "clear table" "<table> [<filter>]*" Operator commands::set_table::clear_table,
        "remove an entry from a table (filter: data/key)";
    "disable agent" "" Admin commands::set_check::disable_agent,
        "disable agent checks";
    "disable frontend" "<frontend>" Admin commands::set_frontend::disable,
        "temporarily disable specific frontend";
    "disable health" "" Admin commands::set_check::disable_health,
        "disable health checks";
    "disable server" " (DEPRECATED)" Admin commands::set_server::disable_server,
        "disable a server for maintenance (use 'set server' instead)";
    "enable agent" "" Admin commands::set_check::enable_agent,
        "enable agent checks";
    "enable frontend" "<frontend>" Admin commands::set_frontend::enable,
        "re-enable specific frontend";
    "enable health" "" Admin commands::set_check::enable_health,
        "enable health checks";
    "enable server" " (DEPRECATED)" Admin commands::set_server::enable_server,
        "enable a disabled server (use 'set server' instead)";
    "get weight" "<bk>/<srv>" User commands::set_server::get_weight,
        "report a server's current weight";
    "operator" "" Operator lower_to_operator,
        "lower the level of the current CLI session to operator";
    "reload" "" Admin commands::reload::reload,
        "start a new process that takes over, and wait until it serves";
    "set maxconn frontend" "<frontend> <value>" Admin commands::set_maxconn::set_frontend,
        "change a frontend's maxconn setting";
    "set maxconn global" "<value>" Admin commands::set_maxconn::set_global,
        "change the per-process maxconn setting";
    "set maxconn server" "<bk>/<srv>" Admin commands::set_maxconn::set_server,
        "change a server's maxconn setting";
    "set rate-limit" "<setting> <value>" Admin commands::set_maxconn::set_rate_limit,
        "change a rate limiting value";
    "set server" "<bk>/<srv> [opts]" Admin commands::set_server::set_server,
        "change a server's state, weight or address";
    "set severity-output" "[none|number|string]" User set_severity_output,
        "set presence of severity level in feedback information";
    "set table" "<table> key <k> [data.* <v>]*" Operator commands::set_table::set_table,
        "update or create a table entry's data";
    "set timeout" "[cli] <delay>" User set_timeout,
        "change a timeout setting";
    "set weight" "<bk>/<srv>  (DEPRECATED)" Admin commands::set_server::set_weight,
        "change a server's weight (use 'set server' instead)";
    "show activity" "" User commands::show_activity::show_activity,
        "show per-thread activity stats (for support/developers)";
    "show backend" "" User commands::show_servers::show_backend,
        "list backends in the current running config";
    "show cli level" "" User show_cli_level,
        "display the level of the current CLI session";
    "show cli sockets" "" User show_cli_sockets,
        "dump list of cli sockets";
    "show errors" "[<px>] [request|response]" Operator commands::show_activity::show_errors,
        "report last request and/or response errors for each proxy";
    "show info" "[desc|json|typed|float]*" User commands::show_info::show_info,
        "report information about the running process";
    "show peers" "[dict|-] [section]" User commands::show_peers::show_peers,
        "dump some information about all the peers or this peers section";
    "show servers conn" "[<backend>]" User commands::show_servers::show_conn,
        "dump server connections status (all or for a single backend)";
    "show servers state" "[<backend>]" User commands::show_servers::show_state,
        "dump volatile server information (all or for a single backend)";
    "show sess" "[id]" Operator commands::show_sess::show_sess,
        "report the list of current sessions or dump this exact session";
    "show stat" "[desc|json|no-maint|typed|up]*" User commands::show_stat::show_stat,
        "report counters for each proxy and server";
    "show table" "<table> [<filter>]*" User commands::show_table::show_table,
        "report table usage stats or dump this table's contents (filter: data/key)";
    "show version" "" User show_version,
        "show version of the current process";
    "shutdown frontend" "<frontend>" Admin commands::set_frontend::shutdown,
        "stop a specific frontend";
    "shutdown session" "[id]" Admin commands::shutdown::shutdown_session,
        "kill a specific session";
    "shutdown sessions server" "<bk>/<srv>" Admin commands::shutdown::shutdown_sessions,
        "kill sessions on a server";
    "user" "" User lower_to_user,
        "lower the level of the current CLI session to user";
    "help" "[<command>]" User help,
        "list matching or all commands";
    "prompt" "" User toggle_prompt,
        "toggle interactive mode with prompt";
    "quit" "" User quit,
        "disconnect";
}

/// Runs one command.
fn run(words: &Words, client: &mut Client, world: &mut World<'_>) -> Answer {
    match COMMANDS.iter().find(|command| command.is_meant_by(words)) {
        Some(command) if command.level > client.level => Answer::denied(),
        Some(command) => match commands::reload::refusal(command.words, words, world) {
            Some(refusal) => refusal,
            None => (command.handler)(words, client, world),
        },
        None => match commands::absent::reason(words) {
            Some(reason) => Answer::error(reason),
            None => unknown(words),
        },
    }
}

fn unknown(words: &Words) -> Answer {
    let mut text = match matching(words) {
        None => "Unknown command. Please enter one of the following commands only:\n",
        Some(_) => "Unknown command, but maybe one of the following ones is a better match:\n",
    }
    .to_owned();
    list(matching(words), &mut text);
    Answer::Message(Tone::Info, text)
}

fn help(words: &Words, _: &mut Client, _: &mut World<'_>) -> Answer {
    let mut text = "The following commands are valid at this level:\n".to_owned();
    let about: Words = words.iter().skip(1).cloned().collect();
    list(matching(&about), &mut text);
    Answer::Message(Tone::Info, text)
}

/// Lists the given commands, or all, and those that every client has.
fn list(matching: Option<Vec<&Command>>, out: &mut String) {
    let everyones = COMMANDS.len() - 3;
    let listed = match matching {
        Some(listed) => listed,
        None => COMMANDS.iter().take(everyones).collect(),
    };
    for command in listed.into_iter().chain(COMMANDS.iter().skip(everyones)) {
        command.write_help(out);
    }
}

/// The commands that the words may mean: those that begin like this, else those that are spelled
/// much like this. None if that is no better than all of them.
fn matching(words: &Words) -> Option<Vec<&'static Command>> {
    const ALIKE_MAX: usize = 5;
    let candidates = || COMMANDS.iter().take(COMMANDS.len() - 3);
    if words.is_empty() {
        return None;
    }
    let related: Vec<_> = candidates().filter(|command| command.is_related_to(words)).collect();
    if !related.is_empty() {
        return Some(related);
    }
    // Those that begin with as many of the words as any, or else all that are spelled much alike.
    let begun = (1..words.len()).rev().find_map(|len| {
        let given: Words = words.iter().take(len).cloned().collect();
        let begun: Vec<_> = candidates().filter(|command| command.is_related_to(&given)).collect();
        (!begun.is_empty()).then_some(begun)
    });
    let mut alike = begun.unwrap_or_else(|| {
        let is_alike = |command: &&Command| command.distance(words) * 2 < command.words.len();
        candidates().filter(is_alike).collect()
    });
    if alike.len() > ALIKE_MAX {
        alike.sort_by_key(|command| command.distance(words));
        alike.truncate(ALIKE_MAX);
    }
    (!alike.is_empty()).then_some(alike)
}

/// How many letters must be inserted, removed or replaced to get from one text to the other.
fn edit_distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, a) in from.iter().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (b, above) in to.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn toggle_prompt(_: &Words, client: &mut Client, _: &mut World<'_>) -> Answer {
    client.prompt = !client.prompt;
    Answer::text("")
}

fn quit(_: &Words, _: &mut Client, _: &mut World<'_>) -> Answer {
    Answer::Goodbye
}

fn lower_to_operator(_: &Words, client: &mut Client, _: &mut World<'_>) -> Answer {
    client.level = Level::Operator;
    Answer::text("")
}

fn lower_to_user(_: &Words, client: &mut Client, _: &mut World<'_>) -> Answer {
    client.level = Level::User;
    Answer::text("")
}

fn show_cli_level(_: &Words, client: &mut Client, _: &mut World<'_>) -> Answer {
    Answer::message(Tone::Info, level_name(client.level))
}

fn show_cli_sockets(_: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    let mut text = "# socket lvl processes\n".to_owned();
    for socket in &world.config.global.stats_sockets {
        let level = level_name(socket.level);
        // Writing to a string cannot fail.
        let _ = match &socket.bind.address {
            BindAddress::Address(address) => writeln!(text, "{address} {level} all"),
            BindAddress::Fd(number) => writeln!(text, "fd@{number} {level} all"),
        };
    }
    Answer::Text(text)
}

fn show_version(_: &Words, _: &mut Client, _: &mut World<'_>) -> Answer {
    Answer::message(Tone::Info, COMPATIBLE_VERSION)
}

fn set_severity_output(words: &Words, client: &mut Client, _: &mut World<'_>) -> Answer {
    client.severity_output = match words.get(2).map(Vec::as_slice) {
        Some(b"none") => SeverityOutput::None,
        Some(b"number") => SeverityOutput::Number,
        Some(b"string") => SeverityOutput::Word,
        _ => {
            return Answer::error("one of 'none', 'number', 'string' is a required argument");
        }
    };
    Answer::text("")
}

fn set_timeout(words: &Words, client: &mut Client, _: &mut World<'_>) -> Answer {
    match (words.get(2).map(|word| text(word)).as_deref(), words.get(3)) {
        (Some("cli"), Some(delay)) => match parse_delay_ms(&text(delay)) {
            Some(delay_ms @ 1..) => {
                client.timeout_ms = delay_ms;
                Answer::text("")
            }
            Some(0) | None => Answer::error("Invalid timeout value."),
        },
        (Some("cli"), None) => Answer::error("Expects an integer value."),
        _ => Answer::error("'set timeout' only supports 'cli'."),
    }
}

/// A delay in seconds, or with HAProxy's units.
fn parse_delay_ms(text: &str) -> Option<u32> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().ok()?;
    let unit_ms = match unit {
        "us" => return Some(number.div_ceil(1000)),
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit_ms)
}
