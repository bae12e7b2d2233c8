//! Reads the files of maps: a key and a value in each line.

use std::collections::HashMap;
use std::path::Path;

use super::map::{Map, MapKeys, MapValue, NetworkKeys};
use crate::config::rules::constant::Constant;
use crate::config::rules::converter::read_replacement;
use crate::config::rules::matcher::key_range;
use crate::config::rules::matching::TextPart;
use crate::config::rules::matching::masks;
use crate::config::text::text_file;
use crate::net::regex::Regex;

/// How the keys of a map are compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::config::rules) enum Matching {
    Text(TextPart),
    /// With a regular expression.
    Regex,
    /// With a regular expression of which the groups stand in the value.
    RegexGroups,
    Number,
    Address,
}

/// What the values of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::config::rules) enum Output {
    Text,
    Number,
    Address,
}

/// One line of a map.
struct Entry<'a> {
    line: usize,
    key: &'a str,
    value: &'a str,
}

/// Reads a map.
///
/// # Errors
///
/// The file cannot be read, or a line has a wrong key or a wrong value.
pub(super) fn read(file: &str, matching: Matching, output: Output) -> Result<Map, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read '{file}': {why}");
    let bytes = text_file::read(Path::new(file)).map_err(|error| cannot(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| cannot(&"not valid UTF-8"))?;
    let entries: Vec<Entry<'_>> = entries(&text).collect();
    let at = |entry: &Entry<'_>, why: String| format!("{file}:{}: {why}", entry.line);
    let values = entries
        .iter()
        .map(|entry| value(entry.value, matching, output).map_err(|why| at(entry, why)));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let keys = keys(&entries, matching).map_err(|(entry, why)| at(entry, why))?;
    Ok(Map { keys, values })
}

/// The value of a text that stands in the place of a map's value.
///
/// # Errors
///
/// The text is no such value.
pub(in crate::config::rules) fn constant(text: &str, output: Output) -> Result<Constant, String> {
    let wrong = |what: &str| format!("'{text}' is not {what}");
    match output {
        Output::Text => Ok(Constant::Text(text.as_bytes().to_vec())),
        Output::Number => text.parse().map(Constant::Integer).map_err(|_| wrong("a number")),
        Output::Address => text.parse().map(Constant::Address).map_err(|_| wrong("an address")),
    }
}

/// The lines without empty lines and comments. A key ends at the first blank.
fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    text.lines().zip(1..).filter_map(|(line, number)| {
        let line_text = line.trim();
        if line_text.is_empty() || line_text.starts_with('#') {
            return None;
        }
        let (key, value) = line_text.split_once([' ', '\t']).unwrap_or((line_text, ""));
        Some(Entry { line: number, key, value: value.trim_start() })
    })
}

fn value(text: &str, matching: Matching, output: Output) -> Result<MapValue, String> {
    if matching == Matching::RegexGroups {
        return read_replacement(text).map(MapValue::Template);
    }
    constant(text, output).map(MapValue::Constant)
}

type Wrong<'e, 'a> = (&'e Entry<'a>, String);

fn keys<'e, 'a>(entries: &'e [Entry<'a>], matching: Matching) -> Result<MapKeys, Wrong<'e, 'a>> {
    let numbered = || entries.iter().zip(0_u32..);
    let texts = || numbered().map(|(entry, value)| (entry.key.as_bytes().to_vec(), value));
    Ok(match matching {
        Matching::Text(TextPart::Whole) => MapKeys::Whole(first_of_each(texts())),
        Matching::Text(TextPart::Beginning) => {
            let keys = first_of_each(texts());
            let mut lens: Vec<usize> = keys.keys().map(Vec::len).collect();
            lens.sort_unstable_by(|one, other| other.cmp(one));
            lens.dedup();
            MapKeys::Beginnings(keys, lens)
        }
        Matching::Text(part) => MapKeys::Parts(part, texts().collect()),
        Matching::Regex | Matching::RegexGroups => {
            let captures = matching == Matching::RegexGroups;
            let regex = if captures { Regex::with_groups } else { Regex::new };
            let regexes = numbered().map(|(entry, value)| match regex(entry.key, false) {
                Ok(regex) => Ok((regex, value)),
                Err(error) => Err((entry, format!("regular expression '{}': {error}", entry.key))),
            });
            MapKeys::Regexes(regexes.collect::<Result<_, _>>()?)
        }
        Matching::Number => {
            let ranges = numbered().map(|(entry, value)| match key_range(entry.key) {
                Some(range) => Ok((range, value)),
                None => Err((entry, format!("'{}' is not a number or a range", entry.key))),
            });
            MapKeys::Ranges(ranges.collect::<Result<_, _>>()?)
        }
        Matching::Address => {
            let mut keys = NetworkKeys::default();
            for (entry, value) in numbered() {
                let Some(network) = masks::network(entry.key) else {
                    let why = format!("'{}' is not an address or a network", entry.key);
                    return Err((entry, why));
                };
                keys.add(network, value);
            }
            MapKeys::Networks(keys)
        }
    })
}

fn first_of_each(keys: impl Iterator<Item = (Vec<u8>, u32)>) -> HashMap<Vec<u8>, u32> {
    let mut found = HashMap::new();
    for (key, value) in keys {
        found.entry(key).or_insert(value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_key_and_a_value_with_blanks() {
        let text = "a one\n# no\n\n  b \t two words  \nonly\nc # is the value\n";
        let found: Vec<_> =
            entries(text).map(|entry| (entry.line, entry.key, entry.value)).collect();
        let expected =
            [(1, "a", "one"), (4, "b", "two words"), (5, "only", ""), (6, "c", "# is the value")];
        assert_eq!(found, expected);
    }
}
