//! All output of the program: its own messages on standard error, and the lines about proxies and
//! connections for the `log` targets.
//!
//! The two are separate. The program's own messages are made by `log::warn!` and the like, and go
//! through env_logger. [`Logger`] sends lines in HAProxy's formats to syslog servers. Neither waits
//! for its reader: a line that is not taken at once is lost and counted.
//!
//! Messages that other programs can cause must use [`limited`] instead of `log::warn!`.

pub mod feed;
mod header;
pub mod history;
pub mod limited;
mod logger;
mod own;
pub mod rings;
pub mod start_log;
mod targets;
mod tcplog;

pub use crate::config::Severity;
pub use crate::proxy::log_line::{ConnectionRecord, Peername, Stamp, WallClock, date_text};
pub use logger::Logger;
pub use own::{init, lost, never_wait, take_noted};
pub use tcplog::{write_connect_line, write_tcplog_line};

/// One turn of the loop: writes the messages that are due.
pub fn run(now_ms: u64) {
    limited::flush(now_ms);
    own::run(now_ms);
}

/// When the next turn is due even without an event.
pub fn next_deadline_ms() -> Option<u64> {
    [limited::next_deadline_ms(), own::next_deadline_ms()].into_iter().flatten().min()
}
