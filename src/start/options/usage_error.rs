//! A command line that cannot be understood.

use std::fmt;

/// What is wrong with the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageError {
    /// An option that does not exist, lacks its value or was given twice.
    Option(String),
    /// A value that its option does not take.
    Value {
        /// The option.
        option: &'static str,
        /// What it was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// No configuration file was named.
    NoFile,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(message) => write!(f, "{message}"),
            Self::Value { option, value, expected } => {
                write!(f, "{option} takes {expected}, not '{value}'")
            }
            Self::NoFile => write!(f, "no configuration file: name one with -f"),
        }
    }
}

impl std::error::Error for UsageError {}
