//! What the program tells the world: its own messages on standard error, and the lines about
//! proxies and connections that go to the `log` targets.
//!
//! The two never mix: `log::warn!` and friends are the program's own messages and go through
//! env_logger; [`Logger`] sends lines in HAProxy's formats to syslog servers. Neither waits for
//! whoever reads: what is not taken is lost and counted.
//!
//! What somebody outside can cause is said with [`limited`], not with `log::warn!`.

mod header;
pub mod limited;
mod log_format;
mod logger;
mod own;
pub mod severity;
mod targets;
mod tcplog;

pub use header::{Stamp, WallClock, date_text};
pub use logger::Logger;
pub use own::{init, lost, never_wait};
pub use severity::Severity;
pub use tcplog::{ConnectionRecord, End, Peername, write_connect_line, write_tcplog_line};

/// One turn of the loop: says what is due.
pub fn run(now_ms: u64) {
    limited::flush(now_ms);
    own::run(now_ms);
}

/// When a turn is wanted even without an event.
pub fn next_deadline_ms() -> Option<u64> {
    [limited::next_deadline_ms(), own::next_deadline_ms()].into_iter().flatten().min()
}
