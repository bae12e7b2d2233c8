//! The kinds of results of checks, in HAProxy's words.

/// The kinds of results, in the order of HAProxy's numbers for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// Nothing is known yet.
    Initialising,
    /// An agent answered without a word about the health.
    Checked,
    /// Too many clients could not connect (`observe`).
    Analysed,
    /// This machine could not make the check.
    SocketError,
    /// The server accepted the connection, and the check asks for no more.
    Layer4Passed,
    /// The server did not accept the connection in time.
    Layer4Timeout,
    /// The server refused the connection, or it cannot be reached.
    Layer4Problem,
    /// The server answered with a TLS record, and the check asks for no more.
    Layer6Passed,
    /// No TLS record came in time.
    Layer6Timeout,
    /// The answer is not a TLS record.
    Layer6Invalid,
    /// The answer is what the check expects.
    Layer7Passed,
    /// The answer did not come in time.
    Layer7Timeout,
    /// The answer is not what the check expects.
    Layer7Invalid,
    /// The answer is what the check expects, but the server wants no new clients.
    Layer7Conditional,
    /// The answer has the wrong status.
    Layer7WrongStatus,
    /// The program of the check failed.
    ProgramFailed,
    /// The program of the check did not end in time.
    ProgramTimeout,
    /// The program of the check found nothing wrong.
    ProgramPassed,
}

impl CheckStatus {
    const ALL: [Self; 18] = [
        Self::Initialising,
        Self::Checked,
        Self::Analysed,
        Self::SocketError,
        Self::Layer4Passed,
        Self::Layer4Timeout,
        Self::Layer4Problem,
        Self::Layer6Passed,
        Self::Layer6Timeout,
        Self::Layer6Invalid,
        Self::Layer7Passed,
        Self::Layer7Timeout,
        Self::Layer7Invalid,
        Self::Layer7Conditional,
        Self::Layer7WrongStatus,
        Self::ProgramFailed,
        Self::ProgramTimeout,
        Self::ProgramPassed,
    ];

    /// The status with this name in `show stat`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The name in `show stat`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initialising => "INI",
            Self::Checked => "CHECKED",
            Self::Analysed => "HANA",
            Self::SocketError => "SOCKERR",
            Self::Layer4Passed => "L4OK",
            Self::Layer4Timeout => "L4TOUT",
            Self::Layer4Problem => "L4CON",
            Self::Layer6Passed => "L6OK",
            Self::Layer6Timeout => "L6TOUT",
            Self::Layer6Invalid => "L6RSP",
            Self::Layer7Passed => "L7OK",
            Self::Layer7Timeout => "L7TOUT",
            Self::Layer7Invalid => "L7RSP",
            Self::Layer7Conditional => "L7OKC",
            Self::Layer7WrongStatus => "L7STS",
            Self::ProgramFailed => "PROCERR",
            Self::ProgramTimeout => "PROCTOUT",
            Self::ProgramPassed => "PROCOK",
        }
    }

    /// The name in the log.
    pub fn description(self) -> &'static str {
        match self {
            Self::Initialising => "Initializing",
            Self::Checked => "No status change",
            Self::Analysed => "Health analyze",
            Self::SocketError => "Socket error",
            Self::Layer4Passed => "Layer4 check passed",
            Self::Layer4Timeout => "Layer4 timeout",
            Self::Layer4Problem => "Layer4 connection problem",
            Self::Layer6Passed => "Layer6 check passed",
            Self::Layer6Timeout => "Layer6 timeout",
            Self::Layer6Invalid => "Layer6 invalid response",
            Self::Layer7Passed => "Layer7 check passed",
            Self::Layer7Timeout => "Layer7 timeout",
            Self::Layer7Invalid => "Layer7 invalid response",
            Self::Layer7Conditional => "Layer7 check conditionally passed",
            Self::Layer7WrongStatus => "Layer7 wrong status",
            Self::ProgramFailed => "External check error",
            Self::ProgramTimeout => "External check timeout",
            Self::ProgramPassed => "External check passed",
        }
    }

    /// The number in `show servers state`.
    pub fn number(self) -> u32 {
        match self {
            Self::Initialising => 1,
            Self::Checked => 3,
            Self::Analysed => 4,
            Self::SocketError => 5,
            Self::Layer4Passed => 6,
            Self::Layer4Timeout => 7,
            Self::Layer4Problem => 8,
            Self::Layer6Passed => 9,
            Self::Layer6Timeout => 10,
            Self::Layer6Invalid => 11,
            Self::Layer7Timeout => 12,
            Self::Layer7Invalid => 13,
            Self::Layer7Passed => 15,
            Self::Layer7Conditional => 16,
            Self::Layer7WrongStatus => 17,
            Self::ProgramFailed => 18,
            Self::ProgramTimeout => 19,
            Self::ProgramPassed => 20,
        }
    }

    /// Whether the server works.
    pub fn has_passed(self) -> bool {
        matches!(
            self,
            Self::Layer4Passed
                | Self::Layer6Passed
                | Self::Layer7Passed
                | Self::Layer7Conditional
                | Self::ProgramPassed
        )
    }

    /// Whether the log and `show stat` have a code with the result.
    pub fn has_code(self) -> bool {
        matches!(
            self,
            Self::Layer7Passed
                | Self::Layer7Conditional
                | Self::Layer7WrongStatus
                | Self::ProgramPassed
                | Self::ProgramFailed
                | Self::ProgramTimeout
        )
    }
}
