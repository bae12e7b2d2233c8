//! The result of a check, in HAProxy's words.

use std::fmt;

use crate::config::CheckStatus;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// The kind of result.
    pub status: CheckStatus,
    /// The status that an HTTP server answered with; 0 for other dialogues. The exit status of a
    /// program, or -1 if a signal has ended the program.
    pub code: Option<i32>,
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
