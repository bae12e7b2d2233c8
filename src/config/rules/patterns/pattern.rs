//! One pattern: what its text means for a kind of comparison.

use data_encoding::HEXLOWER_PERMISSIVE;
use ipnet::IpNet;

use super::kind::{Kind, Method, Output, read_constant};
use super::masks;
use crate::config::rules::converter::read_replacement;
use crate::net::regex::{Regex, RegexError};

/// What the text of a pattern means.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Nothing: the pattern does not count.
    Ignored,
    /// This text, in lower case where case is ignored.
    Text(Box<[u8]>),
    /// These bytes.
    Bytes(Box<[u8]>),
    /// This regular expression.
    Regex(Regex),
    /// The numbers between these, ends included.
    Range(i64, i64),
    /// The addresses of this network.
    Network(IpNet),
}

/// Why a text is no pattern of a kind.
#[derive(Debug)]
pub enum WrongPattern {
    /// It is no address or network.
    Address,
    /// It is no number.
    Number,
    /// It is no range of numbers.
    Range,
    /// It has an odd number of hexadecimal digits.
    OddDigits,
    /// It has this character among its hexadecimal digits.
    Digit(char),
    /// It is no regular expression.
    Regex(RegexError),
}

/// Why a key or a value cannot be in a list.
#[derive(Debug)]
pub enum WrongEntry {
    /// The key is no pattern.
    Key(WrongPattern),
    /// The value is wrong: a message for the operator.
    Value(String),
}

impl WrongPattern {
    /// What is wrong with a text, for the reader of a configuration.
    pub(in crate::config) fn about(&self, text: &str) -> String {
        match self {
            Self::Address => format!("'{text}' is not an address or a network"),
            Self::Number | Self::Range => {
                format!("'{text}' is not a number or a range (eq, ge, gt, le, lt go before)")
            }
            Self::OddDigits | Self::Digit(_) => {
                format!("'{text}' is not hexadecimal digits in pairs")
            }
            Self::Regex(error) => format!("regular expression '{text}': {error}"),
        }
    }
}

impl WrongEntry {
    /// What is wrong with an entry that has this key.
    pub(super) fn about(self, key: &str) -> String {
        match self {
            Self::Key(wrong) => wrong.about(key),
            Self::Value(message) => message,
        }
    }
}

impl Pattern {
    /// The pattern that a text is.
    pub(super) fn read(text: &str, kind: Kind) -> Result<Self, WrongPattern> {
        Ok(match kind.method {
            Method::Found | Method::Bool => Self::Ignored,
            Method::Integer | Method::Length => {
                let (low, high) = range(text, number)?;
                Self::Range(low, high)
            }
            Method::Version => {
                let (low, high) = range(text, version)?;
                Self::Range(low, high)
            }
            Method::Address => Self::Network(masks::network(text).ok_or(WrongPattern::Address)?),
            Method::Binary => Self::Bytes(bytes(text)?.into()),
            Method::Regex => {
                let has_groups = kind.output == Some(Output::Template);
                let read = if has_groups { Regex::with_groups } else { Regex::new };
                Self::Regex(read(text, kind.ignores_case).map_err(WrongPattern::Regex)?)
            }
            Method::Text(_) if kind.ignores_case => {
                Self::Text(text.to_ascii_lowercase().into_bytes().into())
            }
            Method::Text(_) => Self::Text(text.as_bytes().into()),
        })
    }
}

/// Checks the value of a map.
pub(super) fn check_value(text: &str, kind: Kind) -> Result<(), String> {
    match kind.output {
        None => Ok(()),
        Some(Output::Template) => read_replacement(text).map(|_| ()),
        Some(output) => read_constant(text, output).map(|_| ()),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, WrongPattern> {
    if let Some(wrong) = text.chars().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(WrongPattern::Digit(wrong));
    }
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| WrongPattern::OddDigits)
}

type ReadNumber = fn(&str) -> Option<i64>;

/// Reads `5`, `5:9`, `5:` or `:9`.
fn range(text: &str, read: ReadNumber) -> Result<(i64, i64), WrongPattern> {
    let Some((low, high)) = split_range(text) else {
        return read(text).map(|number| (number, number)).ok_or(WrongPattern::Number);
    };
    let end = |text: &str, open| if text.is_empty() { Some(open) } else { read(text) };
    let ends = end(low, i64::MIN).zip(end(high, i64::MAX));
    ends.filter(|(low, high)| low <= high).ok_or(WrongPattern::Range)
}

/// The range that stands for a number behind `ge`, `gt`, `le` or `lt`; none if the text is no
/// number.
pub(in crate::config::rules) fn range_text(
    text: &str,
    operator: &str,
    method: Method,
) -> Option<String> {
    let read: ReadNumber = if method == Method::Version { version } else { number };
    let number = split_range(text).is_none().then(|| read(text))??;
    let write = |number: i64| match method {
        Method::Version => format!("{}.{}", number >> 16, number & 0xffff),
        _ => number.to_string(),
    };
    Some(match operator {
        "ge" => format!("{}:", write(number)),
        "gt" => format!("{}:", write(number.saturating_add(1))),
        "le" => format!(":{}", write(number)),
        "lt" => format!(":{}", write(number.saturating_sub(1))),
        _ => text.to_owned(),
    })
}

/// The ends of `1:3`, or of `1-3`, in which the first dash may be a sign.
fn split_range(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').or_else(|| {
        let dash = text.match_indices('-').map(|(at, _)| at).find(|at| *at > 0)?;
        Some((text.get(..dash)?, text.get(dash + 1..)?))
    })
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn version(text: &str) -> Option<i64> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let part = |text: &str| text.parse::<u16>().ok().map(i64::from);
    Some(part(major)? << 16 | part(minor)?)
}
