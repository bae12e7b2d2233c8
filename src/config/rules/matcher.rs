//! Reads what the value of a sample must be for a test to hold: the flags and the patterns behind
//! the sample.

use super::condition::Matcher;
use super::expression::{ContentFetch, Expression, Fetch, HelloPart, ValueType};
use super::patterns::{Kind, ListForm, Method, PatternDrafts, TextPart, WrongPattern, range_text};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed, all};
use crate::config::text::nearest::hint;
use crate::net::regex::Regex;

/// Reads `[-i] [-m <method>] [-f <file>] [-u <number>] [--] [patterns]` for a sample.
///
/// # Errors
///
/// A flag or a pattern is wrong, a file cannot be read, or the sample cannot be compared so.
pub(super) fn read(
    words: &[Placed<&str>],
    sample: &Placed<&str>,
    expression: &Expression,
    drafts: &PatternDrafts,
) -> Parsed<Matcher> {
    let (flags, patterns) = read_flags(words)?;
    let method = match flags.method {
        Some(method) => method,
        None => default_method(expression).ok_or_else(|| {
            Mistake::new(
                sample.place,
                "the sample can be of several types: it wants a method, as -m bin, str, beg, found",
            )
        })?,
    };
    check_number_of(patterns, method, &flags, sample)?;
    let kind = Kind { method, ignores_case: flags.ignores_case, output: None };
    let files = flags.files.iter().map(|file| {
        let read = drafts.file(file.value, ListForm::Acl, kind, sample.place);
        read.map_err(|message| Mistake::new(file.place, message))
    });
    let mut lists = all(files)?;
    let patterns = texts(patterns, method)?;
    lists.push(drafts.words(sample, flags.number, kind, &patterns)?);
    Ok(Matcher { method, lists })
}

/// The flags of a test.
#[derive(Debug, Default)]
struct Flags<'a> {
    method: Option<Method>,
    ignores_case: bool,
    files: Vec<Placed<&'a str>>,
    number: Option<Placed<u32>>,
}

/// Reads the flags, which the patterns follow.
fn read_flags<'r, 'w>(words: &'r [Placed<&'w str>]) -> Parsed<(Flags<'w>, &'r [Placed<&'w str>])> {
    let mut flags = Flags::default();
    let mut words = words.iter();
    while let Some(word) = words.as_slice().first() {
        let mut argument = |what: &str| {
            words
                .nth(1)
                .ok_or_else(|| Mistake::new(word.place, format!("'{}' wants {what}", word.value)))
        };
        match word.value {
            "-m" => flags.method = Some(read_method(argument("a method")?)?),
            "-f" => flags.files.push(argument("a file")?.clone()),
            "-u" => flags.number = Some(read_list_number(argument("a number")?)?),
            "-i" | "-n" | "--" => {
                words.next();
                flags.ignores_case |= word.value == "-i";
                if word.value == "--" {
                    break;
                }
            }
            "-M" => {
                let message = "'-M' is refused: a file of patterns has no values; for a file of \
                               keys and values there are the converters 'map' and 'map_…'";
                return Err(Mistake::new(word.place, message));
            }
            other if other.len() == 2 && other.starts_with('-') && !is_number(other) => {
                let message = format!("unknown flag '{other}': it is -i, -m, -f, -n, -u or --");
                return Err(Mistake::new(word.place, message));
            }
            _ => break,
        }
    }
    Ok((flags, words.as_slice()))
}

fn read_list_number(word: &Placed<&str>) -> Parsed<Placed<u32>> {
    let number = word.value.parse().map_err(|_| {
        Mistake::new(word.place, format!("'-u' wants a number, not '{}'", word.value))
    })?;
    Ok(Placed { value: number, place: word.place })
}

/// Checks that there are patterns where the method compares with some, and else none.
fn check_number_of(
    patterns: &[Placed<&str>],
    method: Method,
    flags: &Flags<'_>,
    sample: &Placed<&str>,
) -> Parsed {
    if method.looks_at_patterns() {
        if patterns.is_empty() && flags.files.is_empty() {
            let message = format!("'{}' wants something to be compared with", sample.value);
            return Err(Mistake::new(sample.place, message));
        }
        return Ok(());
    }
    // HAProxy takes any word behind what is true or false, and looks at none. Many write `1`.
    let is_true = |pattern: &&Placed<&str>| method == Method::Bool && pattern.value == "1";
    let mut words = patterns.iter().filter(|pattern| !is_true(pattern)).chain(&flags.files);
    match words.next() {
        Some(word) => {
            let message =
                format!("unexpected word '{}': '{}' is true or not", word.value, sample.value);
            Err(Mistake::new(word.place, message))
        }
        None => Ok(()),
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

fn read_method(word: &Placed<&str>) -> Parsed<Method> {
    let found =
        Method::NAMED.iter().find(|(name, _)| *name == word.value).map(|(_, method)| *method);
    found.ok_or_else(|| {
        let hint = hint(word.value, Method::NAMED.iter().map(|(name, _)| *name));
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

/// The patterns as a list has them. Behind `ge`, `gt`, `le` and `lt` numbers stand for ranges; `eq`
/// takes back what these words say.
fn texts(patterns: &[Placed<&str>], method: Method) -> Parsed<Vec<Placed<String>>> {
    let owned =
        |pattern: &Placed<&str>| Placed { value: pattern.value.to_owned(), place: pattern.place };
    if !matches!(method, Method::Integer | Method::Version | Method::Length) {
        return Ok(patterns.iter().map(owned).collect());
    }
    let mut operator = "eq";
    let operators = ["eq", "ge", "gt", "le", "lt"];
    let ranges = patterns.iter().filter_map(|pattern| {
        let text = pattern.value;
        if let Some(known) = operators.into_iter().find(|word| *word == text) {
            operator = known;
            return None;
        }
        if operator == "eq" {
            return Some(Ok(owned(pattern)));
        }
        let wrong = || Mistake::new(pattern.place, WrongPattern::Number.about(text));
        let range = range_text(text, operator, method).ok_or_else(wrong);
        Some(range.map(|value| Placed { value, place: pattern.place }))
    });
    let ranges = all(ranges)?;
    match (ranges.is_empty(), patterns.last()) {
        (true, Some(last)) => {
            Err(Mistake::new(last.place, format!("'{}' wants a number", last.value)))
        }
        _ => Ok(ranges),
    }
}
