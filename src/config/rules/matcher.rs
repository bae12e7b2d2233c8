//! Reads what the value of a sample must be for a test to hold: the flags and the patterns behind
//! the sample.

use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::condition::Matcher;
use super::expression::{ContentFetch, Expression, Fetch, HelloPart, ValueType};
use super::matching::Networks;
use super::matching::masks;
use super::matching::{TextMatch, TextPart};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, all};
use crate::config::text::nearest::hint;
use crate::config::text::text_file;
use crate::net::regex::Regex;

/// A way to compare values with patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Found,
    Bool,
    Integer,
    Version,
    Address,
    Length,
    Binary,
    Regex,
    Text(TextPart),
}

const METHODS: [(&str, Method); 13] = [
    ("found", Method::Found),
    ("bool", Method::Bool),
    ("int", Method::Integer),
    ("ip", Method::Address),
    ("len", Method::Length),
    ("bin", Method::Binary),
    ("reg", Method::Regex),
    ("str", Method::Text(TextPart::Whole)),
    ("beg", Method::Text(TextPart::Beginning)),
    ("end", Method::Text(TextPart::End)),
    ("sub", Method::Text(TextPart::Inside)),
    ("dir", Method::Text(TextPart::Directory)),
    ("dom", Method::Text(TextPart::Domain)),
];

/// Reads `[-i] [-m <method>] [-f <file>] [--] [patterns]` for a sample.
///
/// # Errors
///
/// A flag or a pattern is wrong, a file cannot be read, or the sample cannot be compared so.
pub(super) fn read(
    words: &[Placed<&str>],
    sample: &Placed<&str>,
    expression: &Expression,
) -> Parsed<Matcher> {
    let mut words = words.iter();
    let mut method = None;
    let mut ignores_case = false;
    let mut patterns: Vec<Placed<String>> = Vec::new();
    while let Some(word) = words.as_slice().first() {
        let mut argument = |what: &str| {
            words
                .nth(1)
                .ok_or_else(|| Mistake::new(word.place, format!("'{}' wants {what}", word.value)))
        };
        match word.value {
            "-i" => ignores_case = true,
            "-n" => {}
            "-m" => {
                method = Some(read_method(argument("a method")?)?);
                continue;
            }
            "-f" => {
                read_file(argument("a file")?, &mut patterns)?;
                continue;
            }
            "--" => {
                words.next();
                break;
            }
            "-M" => {
                let message = "'-M' is refused: a file of patterns has no values; for a file of \
                               keys and values there are the converters 'map' and 'map_…'";
                return Err(Mistake::new(word.place, message));
            }
            "-u" => {
                let message = "'-u' is refused: no command changes patterns, so an acl needs no \
                               number";
                return Err(Mistake::new(word.place, message));
            }
            other if other.len() == 2 && other.starts_with('-') && !is_number(other) => {
                let message = format!("unknown flag '{other}': it is -i, -m, -f, -n or --");
                return Err(Mistake::new(word.place, message));
            }
            _ => break,
        }
        words.next();
    }
    patterns.extend(words.map(|word| Placed { value: word.value.to_owned(), place: word.place }));
    let method = match method {
        Some(method) => method,
        None => default_method(expression).ok_or_else(|| {
            Mistake::new(
                sample.place,
                "the sample can be of several types: it wants a method, as -m bin, str, beg, found",
            )
        })?,
    };
    matcher(method, ignores_case, &patterns, sample)
}

fn is_number(text: &str) -> bool {
    number(text).is_some()
}

fn read_method(word: &Placed<&str>) -> Parsed<Method> {
    let found = METHODS.iter().find(|(name, _)| *name == word.value).map(|(_, method)| *method);
    found.ok_or_else(|| {
        let hint = hint(word.value, METHODS.iter().map(|(name, _)| *name));
        let message = format!("unknown method '{}'{hint}", word.value);
        Mistake::new(word.place, message)
    })
}

fn default_method(expression: &Expression) -> Option<Method> {
    if expression.fetch == Fetch::Content(ContentFetch::Hello(HelloPart::Version))
        && expression.converters.is_empty()
    {
        return Some(Method::Version);
    }
    Some(match expression.value_type {
        ValueType::Bool => Method::Bool,
        ValueType::Integer => Method::Integer,
        ValueType::Address => Method::Address,
        ValueType::Text => Method::Text(TextPart::Whole),
        ValueType::Binary | ValueType::Any => return None,
    })
}

/// Adds the lines of a file, without empty lines and comments.
fn read_file(word: &Placed<&str>, patterns: &mut Vec<Placed<String>>) -> Parsed {
    let text = text_file::read(Path::new(word.value)).map_err(|error| {
        Mistake::new(word.place, format!("cannot read '{}': {error}", word.value))
    })?;
    let text = String::from_utf8(text).map_err(|_| {
        Mistake::new(word.place, format!("cannot read '{}': not valid UTF-8", word.value))
    })?;
    for line in text.lines().map(str::trim) {
        if !line.is_empty() && !line.starts_with('#') {
            patterns.push(Placed { value: line.to_owned(), place: word.place });
        }
    }
    Ok(())
}

fn matcher(
    method: Method,
    ignores_case: bool,
    patterns: &[Placed<String>],
    sample: &Placed<&str>,
) -> Parsed<Matcher> {
    // HAProxy takes any word behind what is true or false, and looks at none. Many write `1`.
    let is_true = |pattern: &&Placed<String>| method == Method::Bool && pattern.value == "1";
    let unexpected = patterns.iter().find(|pattern| !is_true(pattern));
    if let (Method::Found | Method::Bool, Some(pattern)) = (method, unexpected) {
        let message =
            format!("unexpected word '{}': '{}' is true or not", pattern.value, sample.value);
        return Err(Mistake::new(pattern.place, message));
    }
    let is_complete = matches!(method, Method::Found | Method::Bool) || !patterns.is_empty();
    if !is_complete {
        let message = format!("'{}' wants something to be compared with", sample.value);
        return Err(Mistake::new(sample.place, message));
    }
    Ok(match method {
        Method::Found => Matcher::Found,
        Method::Bool => Matcher::True,
        Method::Integer => Matcher::Within(ranges(patterns, number)?),
        Method::Version => Matcher::Within(ranges(patterns, version)?),
        Method::Length => Matcher::LengthWithin(ranges(patterns, number)?),
        Method::Address => Matcher::In(networks(patterns)?),
        Method::Binary => {
            let bytes = patterns.iter().map(|pattern| {
                HEXLOWER_PERMISSIVE.decode(pattern.value.as_bytes()).map_err(|_| {
                    let message = format!("'{}' is not hexadecimal digits in pairs", pattern.value);
                    Mistake::new(pattern.place, message)
                })
            });
            Matcher::Binary(all(bytes)?)
        }
        Method::Regex => {
            let regexes = patterns.iter().map(|pattern| regex(pattern, ignores_case));
            Matcher::Regex(all(regexes)?)
        }
        Method::Text(part) => {
            let mut texts: Vec<Vec<u8>> = patterns
                .iter()
                .map(|pattern| {
                    let text = pattern.value.as_bytes();
                    if ignores_case { text.to_ascii_lowercase() } else { text.to_vec() }
                })
                .collect();
            texts.sort_unstable();
            Matcher::Text(TextMatch { part, ignores_case, patterns: texts })
        }
    })
}

/// Reads a regular expression.
///
/// # Errors
///
/// It is wrong.
pub(in crate::config) fn regex(
    text: &Placed<impl AsRef<str>>,
    ignores_case: bool,
) -> Parsed<Regex> {
    let typed = text.value.as_ref();
    Regex::new(typed, ignores_case)
        .map_err(|error| Mistake::new(text.place, format!("regular expression '{typed}': {error}")))
}

/// Reads ranges of numbers: `5`, `5:9`, `5:`, `:9`, and single numbers behind `ge`, `gt`, `le` and
/// `lt`. `eq` takes back what these words say.
fn ranges(patterns: &[Placed<String>], read: fn(&str) -> Option<i64>) -> Parsed<Vec<(i64, i64)>> {
    let mut operator = "eq";
    let operators = ["eq", "ge", "gt", "le", "lt"];
    let ranges = patterns.iter().filter_map(|pattern| {
        let text = pattern.value.as_str();
        if let Some(known) = operators.into_iter().find(|word| *word == text) {
            operator = known;
            return None;
        }
        Some(range(text, operator, read).ok_or_else(|| {
            let message =
                format!("'{text}' is not a number or a range (eq, ge, gt, le, lt go before)");
            Mistake::new(pattern.place, message)
        }))
    });
    let ranges = all(ranges)?;
    match (ranges.is_empty(), patterns.last()) {
        (true, Some(last)) => {
            Err(Mistake::new(last.place, format!("'{}' wants a number", last.value)))
        }
        _ => Ok(ranges),
    }
}

/// Reads a number, or a range as `5:9`.
pub(super) fn key_range(text: &str) -> Option<(i64, i64)> {
    range(text, "eq", number)
}

fn range(text: &str, operator: &str, read: fn(&str) -> Option<i64>) -> Option<(i64, i64)> {
    Some(match (split_range(text), operator) {
        (Some((low, high)), "eq") => {
            let low = if low.is_empty() { i64::MIN } else { read(low)? };
            let high = if high.is_empty() { i64::MAX } else { read(high)? };
            return Some((low, high)).filter(|(low, high)| low <= high);
        }
        (Some(_), _) => return None,
        (None, "ge") => (read(text)?, i64::MAX),
        (None, "gt") => (read(text)?.saturating_add(1), i64::MAX),
        (None, "le") => (i64::MIN, read(text)?),
        (None, "lt") => (i64::MIN, read(text)?.saturating_sub(1)),
        (None, _) => (read(text)?, read(text)?),
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

/// A version, as the sample has it: `3.1` is 3 in the upper and 1 in the lower 16 bits.
fn version(text: &str) -> Option<i64> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let part = |text: &str| text.parse::<u16>().ok().map(i64::from);
    Some(part(major)? << 16 | part(minor)?)
}

fn networks(patterns: &[Placed<String>]) -> Parsed<Networks> {
    let mut networks = Networks::default();
    let read = patterns.iter().map(|pattern| {
        masks::network(&pattern.value).ok_or_else(|| {
            let message = format!("'{}' is not an address or a network", pattern.value);
            Mistake::new(pattern.place, message)
        })
    });
    for network in all(read)? {
        networks.add(network);
    }
    networks.sort();
    Ok(networks)
}
