//! The result of a check, in HAProxy's words.

use std::fmt;

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
    /// The answer has the wrong status.
    Layer7WrongStatus,
}

impl CheckStatus {
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
            Self::Layer7WrongStatus => "L7STS",
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
            Self::Layer7WrongStatus => "Layer7 wrong status",
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
            Self::Layer7WrongStatus => 17,
        }
    }

    /// Whether the server works.
    pub fn has_passed(self) -> bool {
        matches!(self, Self::Layer4Passed | Self::Layer6Passed | Self::Layer7Passed)
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// The kind of result.
    pub status: CheckStatus,
    /// The status that an HTTP server answered with; 0 for other dialogues.
    pub code: Option<u16>,
    /// Details in words, or an empty text.
    pub info: String,
    /// The details are for the log alone. `show stat` has none, as with HAProxy.
    pub is_for_log: bool,
    /// The duration of the check in milliseconds. None if the result is not from a check.
    pub duration_ms: Option<u64>,
}

impl CheckResult {
    /// A result without details.
    pub fn new(status: CheckStatus) -> Self {
        Self { status, code: None, info: String::new(), is_for_log: false, duration_ms: None }
    }

    /// The same result with details. The details may come from a server, so the log and `show stat`
    /// get one line of them, and not more than HAProxy keeps.
    pub fn with_info(self, info: impl Into<String>) -> Self {
        let mut info: String = info.into();
        info.truncate(info.floor_char_boundary(INFO_LEN_MAX));
        Self { info: info.replace(char::is_control, "?"), ..self }
    }
}

/// The most bytes of details that are kept.
const INFO_LEN_MAX: usize = 127;

/// The result as the log shows it.
impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.description())?;
        if let Some(code) = self.code {
            write!(f, ", code: {code}")?;
        }
        if !self.info.is_empty() {
            write!(f, ", info: \"{}\"", self.info)?;
        }
        match self.duration_ms {
            Some(duration_ms) => write!(f, ", check duration: {duration_ms}ms"),
            None => Ok(()),
        }
    }
}
