//! A format string as it was typed, before the names in its samples are known.

use crate::config::LogField;
use crate::config::text::diagnostic::Placed;

/// A format string, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct FormatDraft {
    pub(in crate::config) parts: Vec<PartDraft>,
}

/// One part of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum PartDraft {
    /// This text.
    Text(String),
    /// A value of the connection.
    Value { field: LogField, style: FormatStyle },
    /// The value of a sample, which is read when every name is known.
    Sample { text: Placed<String>, style: FormatStyle },
}

/// The flags of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct FormatStyle {
    /// `+Q`: texts stand in quotes.
    pub(in crate::config) quoted: bool,
    /// `+X`: numbers and addresses are hexadecimal.
    pub(in crate::config) hex: bool,
    /// `+M`: a minus sign stands for a missing value.
    pub(in crate::config) marked: bool,
    /// `+E`: a backslash stands before quotes, backslashes and closing brackets.
    pub(in crate::config) escaped: bool,
}
