//! What a check found: HAProxy's words for it.

use std::fmt;

/// The kinds of results, in the order of HAProxy's numbers for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// Nothing is known yet.
    Initialising,
    /// An agent answered without a word about health.
    Checked,
    /// The connections of clients say so.
    Analysed,
    /// The check could not even be made.
    SocketError,
    /// The connection stands, and that is enough.
    Layer4Passed,
    /// It did not stand in time.
    Layer4Timeout,
    /// It was refused, or cannot be made.
    Layer4Problem,
    /// The answer begins TLS, and that is enough.
    Layer6Passed,
    /// No answer came in time that would begin TLS.
    Layer6Timeout,
    /// The answer is not one of TLS.
    Layer6Invalid,
    /// The answer is as it should be.
    Layer7Passed,
    /// The answer did not come in time.
    Layer7Timeout,
    /// The answer is not as it should be.
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
pub struct Verdict {
    /// The kind of result.
    pub status: CheckStatus,
    /// The status that an HTTP server answered with; 0 for other dialogues.
    pub code: Option<u16>,
    /// More words.
    pub info: String,
    /// They are for the log alone: `show stat` has none, as with HAProxy.
    pub is_for_log: bool,
    /// How long it took, in milliseconds, if it was a check.
    pub duration_ms: Option<u64>,
}

impl Verdict {
    /// A result without more words.
    pub fn new(status: CheckStatus) -> Self {
        Self { status, code: None, info: String::new(), is_for_log: false, duration_ms: None }
    }

    /// The same, with more words. They may be a server's: the log and `show stat` get one line
    /// of them, and not more than HAProxy keeps.
    pub fn with_info(self, info: impl Into<String>) -> Self {
        let mut info: String = info.into();
        info.truncate(info.floor_char_boundary(INFO_LEN_MAX));
        Self { info: info.replace(char::is_control, "?"), ..self }
    }
}

/// The most bytes of words that are kept.
const INFO_LEN_MAX: usize = 127;

/// As the log says it.
impl fmt::Display for Verdict {
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
