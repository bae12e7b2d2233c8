//! The severities of log lines, with the numbers of syslog (RFC 5424, 6.2.1).

/// The severity of a log line. The most severe is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// The whole service is gone: a backend has no server left.
    Emerg = 0,
    /// An operator must act now: a server is lost.
    Alert = 1,
    /// A critical condition.
    Crit = 2,
    /// An error.
    Err = 3,
    /// A warning: an operator took a server out.
    Warning = 4,
    /// Normal, but worth a line: a server is back.
    Notice = 5,
    /// An information.
    Info = 6,
    /// A detail for debugging.
    Debug = 7,
}

impl Severity {
    /// Every severity with its name in a configuration.
    pub const NAMED: [(&str, Self); 8] = [
        ("emerg", Self::Emerg),
        ("alert", Self::Alert),
        ("crit", Self::Crit),
        ("err", Self::Err),
        ("warning", Self::Warning),
        ("notice", Self::Notice),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];

    /// The number in a syslog priority, 0 to 7.
    pub const fn number(self) -> u8 {
        self as u8
    }
}
