//! What the program tells the world: its own messages on standard error, and the lines about
//! proxies and connections that go to the `log` targets.
//!
//! The two never mix: `log::warn!` and friends are the program's own messages and go through
//! env_logger; [`Logger`] sends lines in HAProxy's formats to syslog servers and never blocks.

mod custom;
mod header;
pub mod limited;
mod logger;
mod tcplog;

pub use header::{Stamp, WallClock, date_text};
pub use logger::Logger;
pub use tcplog::{ConnectionRecord, End, Peername, write_connect_line, write_tcplog_line};

use std::io::Write;

use log::LevelFilter;

/// Severities, as syslog numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// The service as a whole is gone.
    Emerg = 0,
    /// Somebody must act now.
    Alert = 1,
    /// A critical condition.
    Crit = 2,
    /// An error.
    Err = 3,
    /// A warning.
    Warning = 4,
    /// Normal but worth a line.
    Notice = 5,
    /// For information.
    Info = 6,
    /// For debugging.
    Debug = 7,
}

impl Severity {
    /// The number in a syslog priority.
    pub const fn number(self) -> u8 {
        self as u8
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
    // A second call finds a logger in place, which is what it wants.
    let _ = builder.try_init();
}
