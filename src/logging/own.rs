//! The program's own messages on standard error. A process that serves clients never waits for the
//! reader of its messages. A message that is not taken at once is lost and counted. As soon as
//! messages are taken again, a warning tells how many were lost.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};

use env_logger::Target;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::history::{EVENTS_MAX, Kind};
use super::start_log;
use crate::config::plain_lines;
use crate::net::outlet::Outlet;

/// The time between two attempts to write again, in milliseconds.
const RETRY_MS: u64 = 500;
const STANDARD_ERROR: i32 = 2;

/// Standard error of a process that must not wait.
#[derive(Debug)]
struct Messages {
    outlet: Outlet,
    /// How many messages were lost since the last warning about lost messages.
    untold: u64,
}

// One for the whole program, like the logger of the crate `log`. The program has one thread.
thread_local! {
    /// None while the process may wait, because it serves nobody yet.
    static MESSAGES: Cell<Option<Messages>> = const { Cell::new(None) };
    /// When to try to write again. Every turn of the loop compares it with the time.
    static RETRY_AT_MS: Cell<u64> = const { Cell::new(u64::MAX) };
    static LOST: Cell<u64> = const { Cell::new(0) };
    /// The messages that are events, and that nobody has taken.
    static NOTED: Cell<Vec<(Kind, String)>> = const { Cell::new(Vec::new()) };
    static HAS_NOTED: Cell<bool> = const { Cell::new(false) };
}

/// Takes note of the messages that are events, and writes all messages on standard error.
#[derive(Debug)]
struct Noting(env_logger::Logger);

impl Log for Noting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        kind_of(metadata).is_some() || self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(kind) = kind_of(record.metadata()) {
            note(kind, record.args().to_string());
        }
        self.0.log(record);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// The kind of event that a message is, if it is one.
fn kind_of(metadata: &Metadata<'_>) -> Option<Kind> {
    let is_error = metadata.level() == Level::Error;
    Kind::of_target(metadata.target()).or_else(|| is_error.then_some(Kind::Error))
}

fn note(kind: Kind, text: String) {
    let mut noted = NOTED.take();
    // A process that never takes them keeps the first ones.
    if noted.len() < EVENTS_MAX {
        noted.push((kind, text));
    }
    NOTED.set(noted);
    HAS_NOTED.set(true);
}

/// Takes the events that were logged since the last call.
#[inline]
pub fn take_noted() -> Vec<(Kind, String)> {
    if HAS_NOTED.replace(false) { NOTED.take() } else { Vec::new() }
}

/// The writer of env_logger. Each call writes one whole message.
#[derive(Debug)]
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        start_log::note(message);
        match MESSAGES.take() {
            None => io::stderr().write_all(message)?,
            Some(mut messages) => {
                messages.write(message);
                MESSAGES.set(Some(messages));
            }
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the program's own messages on standard error. `level` is the choice of the command line
/// (`-d`: debug, `-q`: errors only, otherwise information). `RUST_LOG` overrides it.
///
/// A second call does nothing.
pub fn init(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    builder.format(|out, record| {
        let name = match record.level() {
            Level::Error => "ALERT",
            Level::Warn => "WARNING",
            Level::Info => "NOTICE",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        };
        let level = format!("[{name}]");
        let text = plain_lines(&record.args().to_string());
        writeln!(out, "{level:<10} ({}) : {text}", std::process::id())
    });
    builder.target(Target::Pipe(Box::new(StandardError)));
    let logger = builder.build();
    // Events are of the level of information, whatever is written.
    let level = logger.filter().max(LevelFilter::Info);
    // The call fails if a logger is already in place, which is fine.
    if log::set_boxed_logger(Box::new(Noting(logger))).is_ok() {
        log::set_max_level(level);
    }
}

/// From now on, messages never wait for the reader of standard error. To be called again after
/// standard error was replaced by another file.
pub fn never_wait() {
    let untold = MESSAGES.take().map_or(0, |messages| messages.untold);
    // If standard error is closed, writing to it does not wait.
    MESSAGES.set(Outlet::inherited(STANDARD_ERROR).ok().map(|outlet| Messages { outlet, untold }));
}

/// How many messages were lost.
pub fn lost() -> u64 {
    LOST.get()
}

/// Writes a line of a `log` target that is standard error. The caller counts lost lines.
///
/// # Errors
/// What writing to standard error reports; the line is then lost.
pub(super) fn write_line(line: &[u8]) -> io::Result<()> {
    match MESSAGES.take() {
        None => io::stderr().write_all(line),
        Some(mut messages) => {
            let written = messages.outlet.write_line(line);
            MESSAGES.set(Some(messages));
            written
        }
    }
}

/// One turn of the loop: writes the rest of the messages.
pub(super) fn run(now_ms: u64) {
    if now_ms < RETRY_AT_MS.get() {
        return;
    }
    RETRY_AT_MS.set(u64::MAX);
    let Some(mut messages) = MESSAGES.take() else { return };
    if let Err(error) = messages.catch_up()
        && error.kind() == ErrorKind::WouldBlock
    {
        RETRY_AT_MS.set(now_ms + RETRY_MS);
    }
    MESSAGES.set(Some(messages));
}

/// When the next turn is due even without an event.
pub(super) fn next_deadline_ms() -> Option<u64> {
    Some(RETRY_AT_MS.get()).filter(|at_ms| *at_ms < u64::MAX)
}

/// Makes the next turn try to write again, unless a time for that is set already.
fn retry_soon() {
    if RETRY_AT_MS.get() == u64::MAX {
        RETRY_AT_MS.set(0);
    }
}

impl Messages {
    fn write(&mut self, message: &[u8]) {
        let written = self.catch_up().and_then(|()| self.outlet.write_line(message));
        if written.is_err() {
            self.untold += 1;
            LOST.set(LOST.get() + 1);
        }
        if written.is_err() || self.outlet.is_behind() {
            retry_soon();
        }
    }

    /// Writes the rest of the last message, and the number of messages that were lost after it.
    fn catch_up(&mut self) -> io::Result<()> {
        self.outlet.flush()?;
        if self.untold > 0 {
            let (pid, count) = (std::process::id(), self.untold);
            let text =
                format!("[WARNING]  ({pid}) : {count} messages were lost: nobody read them\n");
            self.outlet.write_line(text.as_bytes())?;
            self.untold = 0;
        }
        self.outlet.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn errors_and_what_is_logged_as_an_event_are_noted() {
        let log = |level, target: &str, text| {
            let metadata = Metadata::builder().level(level).target(target).build();
            if let Some(kind) = kind_of(&metadata) {
                note(kind, String::from(text));
            }
        };
        log(Level::Info, "stickd::peers", "not an event");
        log(Level::Info, Kind::Reload.target(), "a");
        log(Level::Error, Kind::Peer.target(), "b");
        log(Level::Error, "stickd", "c");
        let noted = [(Kind::Reload, "a"), (Kind::Peer, "b"), (Kind::Error, "c")];
        assert_eq!(take_noted(), noted.map(|(kind, text)| (kind, text.to_owned())));
        assert!(take_noted().is_empty());
        (0..2 * EVENTS_MAX).for_each(|_| log(Level::Error, "", "again"));
        assert_eq!(take_noted().len(), EVENTS_MAX);
    }

    #[test]
    fn the_number_of_lost_messages_is_written_once_there_is_room() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let mut messages = Messages { outlet: Outlet::new(writer.into()).unwrap(), untold: 0 };
        while messages.untold < 7 {
            messages.write(&[b'x'; 1000]);
        }
        assert_eq!(lost(), 7);
        assert_eq!(next_deadline_ms(), Some(0));
        MESSAGES.set(Some(messages));
        run(100);
        assert_eq!(next_deadline_ms(), Some(100 + RETRY_MS), "it is still full");
        reader.set_nonblocking(true).unwrap();
        reader.read_to_end(&mut Vec::new()).unwrap_err();
        run(100 + RETRY_MS);
        assert_eq!(next_deadline_ms(), None);
        let mut text = [0; 2000];
        let len = reader.read(&mut text).unwrap();
        let text = String::from_utf8_lossy(&text[..len]);
        assert!(text.ends_with(" : 7 messages were lost: nobody read them\n"), "{text}");
        assert_eq!(lost(), 7);
    }
}
