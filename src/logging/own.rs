//! The program's own messages on standard error. A process that serves never waits for whoever
//! reads them: what is not taken is lost, counted, and told of once messages are taken again.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};

use env_logger::Target;
use log::LevelFilter;

use crate::net::outlet::Outlet;

/// How often it is tried whether messages are taken again.
const RETRY_MS: u64 = 500;
const STANDARD_ERROR: i32 = 2;

/// Standard error of a process that must not wait.
#[derive(Debug)]
struct Messages {
    outlet: Outlet,
    /// Messages lost since that was last told.
    untold: u64,
}

// Like the logger of `log`, which is one for the whole program; the program has one thread.
thread_local! {
    /// None while it may wait: nobody is served yet.
    static MESSAGES: Cell<Option<Messages>> = const { Cell::new(None) };
    /// When to try again; looked at in every turn.
    static RETRY_AT_MS: Cell<u64> = const { Cell::new(u64::MAX) };
    static LOST: Cell<u64> = const { Cell::new(0) };
}

/// Where env_logger writes to, a whole message at a time.
#[derive(Debug)]
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
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

/// Starts the program's own messages on standard error. `RUST_LOG` goes before `level`, which the
/// command line chose (`-d`: debug, `-q`: errors only, otherwise information).
///
/// Does nothing when called again.
pub fn init(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    builder.format(|out, record| {
        let name = match record.level() {
            log::Level::Error => "ALERT",
            log::Level::Warn => "WARNING",
            log::Level::Info => "NOTICE",
            log::Level::Debug => "DEBUG",
            log::Level::Trace => "TRACE",
        };
        let level = format!("[{name}]");
        writeln!(out, "{level:<10} ({}) : {}", std::process::id(), record.args())
    });
    builder.target(Target::Pipe(Box::new(StandardError)));
    // A second call finds a logger in place, which is what it wants.
    let _ = builder.try_init();
}

/// From now on nothing waits for whoever reads standard error. To be called again when that has
/// become another file.
pub fn never_wait() {
    let untold = MESSAGES.take().map_or(0, |messages| messages.untold);
    // Where standard error is no file at all, nothing that is written to it can wait.
    MESSAGES.set(Outlet::inherited(STANDARD_ERROR).ok().map(|outlet| Messages { outlet, untold }));
}

/// How many messages were lost.
pub fn lost() -> u64 {
    LOST.get()
}

/// Writes a line that somebody else made, who counts what is lost.
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

/// One turn of the loop: writes what is left.
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

/// When a turn is wanted even without an event.
pub(super) fn next_deadline_ms() -> Option<u64> {
    Some(RETRY_AT_MS.get()).filter(|at_ms| *at_ms < u64::MAX)
}

/// Has the next turn find out when messages are taken again, unless that is known already.
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

    /// Writes the rest of the last message, and how many were lost after it.
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
    fn what_is_lost_is_told_once_there_is_room() {
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
