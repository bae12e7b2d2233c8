//! `log` lines as they were typed.

use std::ops::RangeInclusive;

use crate::config::text::diagnostic::{Place, Placed};
use crate::config::{LogDestination, LogFormat, Severity};
use crate::net::address::Address;

/// One `log` line of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum LogDraft {
    /// The targets of the `global` section (`log global`).
    Global,
    /// A target.
    Target(LogTargetDraft),
}

/// A target, whose ring may stand later in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct LogTargetDraft {
    /// The place of the line.
    pub(in crate::config) place: Place,
    pub(in crate::config) destination: DestinationDraft,
    /// None where the line has no `format`.
    pub(in crate::config) format: Option<LogFormat>,
    pub(in crate::config) facility: u8,
    pub(in crate::config) level: Severity,
    pub(in crate::config) min_level: Severity,
    pub(in crate::config) length: u32,
    pub(in crate::config) sample: Option<SampleDraft>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum DestinationDraft {
    Known(LogDestination),
    /// The ring with this name.
    Ring(Placed<String>),
    /// A TCP log server, which gets a ring of its own.
    Stream(Address),
}

/// `sample <ranges>:<size>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct SampleDraft {
    /// The positions that are sent. The first is 1.
    pub(in crate::config) ranges: Vec<RangeInclusive<u32>>,
    /// How many lines are counted before the count begins again.
    pub(in crate::config) size: u32,
}
