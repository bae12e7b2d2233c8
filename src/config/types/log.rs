//! Where log lines go, and how they are framed.

use std::fmt;

use crate::net::address::Address;

/// One `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// Where the lines go.
    pub destination: LogDestination,
    /// How they are framed.
    pub format: LogFormat,
    /// The syslog facility, 0 to 23.
    pub facility: u8,
    /// The least important level that is sent, 0 (emerg) to 7 (debug).
    pub level: u8,
    /// The most important level a line is sent with.
    pub min_level: u8,
    /// The longest line, in bytes.
    pub length: u32,
    /// The tag of the lines, if it differs from the tag of `global`.
    pub tag: Option<String>,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogDestination {
    /// A syslog server, by UDP or a unix datagram socket.
    Datagram(Address),
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// An inherited descriptor.
    Fd(i32),
}

impl fmt::Display for LogDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram(address) => address.fmt(f),
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::Fd(number) => write!(f, "fd@{number}"),
        }
    }
}

/// How log lines are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The classic syslog header.
    Rfc3164,
    /// The newer syslog header.
    Rfc5424,
    /// The message alone.
    Raw,
    /// `<priority>` and the message.
    Short,
}
