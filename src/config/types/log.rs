//! Where log lines go, and how they are framed.

use std::fmt;
use std::ops::RangeInclusive;

use super::ids::RingId;
use super::severity::Severity;
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
    /// The least severe lines that are sent.
    pub level: Severity,
    /// The most severe level that a line is sent with.
    pub min_level: Severity,
    /// The longest line, in bytes.
    pub length: u32,
    /// Which of the lines are sent; all where there is none.
    pub sample: Option<LogSample>,
    /// The tag of the lines, if it differs from the tag of `global`.
    pub tag: Option<String>,
}

/// What the rules of a connection say of its line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// There is no line.
    Silent,
    /// The line has this severity.
    Of(Severity),
}

/// A part of the lines for a target: of every `size` lines, those at the positions in `ranges`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSample {
    /// The positions, from 1.
    pub ranges: Vec<RangeInclusive<u32>>,
    /// After how many lines the count begins again.
    pub size: u32,
    /// The number of the count: each target of each section has its own.
    pub counter: usize,
}

impl LogSample {
    /// Whether the line after `count` others is sent.
    pub fn takes(&self, count: u32) -> bool {
        self.ranges.iter().any(|range| range.contains(&(count % self.size + 1)))
    }
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
    /// A ring.
    Ring(RingId),
}

impl fmt::Display for LogDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram(address) => address.fmt(f),
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::Fd(number) => write!(f, "fd@{number}"),
            Self::Ring(id) => write!(f, "ring number {}", id.0),
        }
    }
}

/// What stands before the message of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The classic syslog header.
    Rfc3164,
    /// The newer syslog header.
    Rfc5424,
    /// The classic syslog header without a host name.
    Local,
    /// `<priority>`.
    Priority,
    /// `<level>`.
    Short,
    /// `<level>`, the date and the time.
    Timed,
    /// The date and the time.
    Iso,
    /// Nothing.
    Raw,
}
