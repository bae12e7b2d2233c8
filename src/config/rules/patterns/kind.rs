//! How patterns are compared with values, and what the values of a map are.

use super::text_part::TextPart;
use crate::config::rules::constant::Constant;

/// A way to compare values with patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Whether there is a value. Patterns do not count.
    Found,
    /// Whether the value is true. Patterns do not count.
    Bool,
    /// Numbers and ranges of numbers.
    Integer,
    /// Versions and ranges of versions: `3.1` is 3 in the upper and 1 in the lower 16 bits.
    Version,
    /// Addresses and networks.
    Address,
    /// Lengths and ranges of lengths.
    Length,
    /// Bytes, written as hexadecimal digits.
    Binary,
    /// Regular expressions.
    Regex,
    /// Parts of texts.
    Text(TextPart),
}

impl Method {
    /// Every method with the name that the configuration gives it.
    pub(in crate::config::rules) const NAMED: [(&'static str, Self); 13] = [
        ("found", Self::Found),
        ("bool", Self::Bool),
        ("int", Self::Integer),
        ("ip", Self::Address),
        ("len", Self::Length),
        ("bin", Self::Binary),
        ("reg", Self::Regex),
        ("str", Self::Text(TextPart::Whole)),
        ("beg", Self::Text(TextPart::Beginning)),
        ("end", Self::Text(TextPart::End)),
        ("sub", Self::Text(TextPart::Inside)),
        ("dir", Self::Text(TextPart::Directory)),
        ("dom", Self::Text(TextPart::Domain)),
    ];

    /// The name, as commands print it.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, method)| *method == self).map_or("int", |(name, _)| name)
    }

    /// Whether patterns count.
    pub fn looks_at_patterns(self) -> bool {
        !matches!(self, Self::Found | Self::Bool)
    }
}

/// What the values of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Texts.
    Text,
    /// Texts with what the groups of the regular expression have matched.
    Template,
    /// Numbers.
    Number,
    /// Addresses.
    Address,
}

/// How the patterns of a list are compared, and what its values are if the list is a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// How patterns are compared with a value.
    pub method: Method,
    /// Whether lower and upper case are the same.
    pub ignores_case: bool,
    /// What the values are; none where only patterns count.
    pub output: Option<Output>,
}

/// The value of a text that stands in the place of a map's value.
///
/// # Errors
///
/// The text is no such value: a message for the operator.
pub(in crate::config::rules) fn read_constant(
    text: &str,
    output: Output,
) -> Result<Constant, String> {
    let wrong = |what: &str| format!("'{text}' is not {what}");
    match output {
        Output::Text | Output::Template => Ok(Constant::Text(text.as_bytes().to_vec())),
        Output::Number => text.parse().map(Constant::Integer).map_err(|_| wrong("a number")),
        Output::Address => text.parse().map(Constant::Address).map_err(|_| wrong("an address")),
    }
}
