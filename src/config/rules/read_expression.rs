//! Reads expressions: a sample with its arguments, and converters behind commas.

use super::arguments::Arguments;
use super::converters;
use super::entry_samples;
use super::expression::{Converter, Expression, Fetch, Needs, ValueType};
use super::functions;
use super::samples;
use crate::config::drafts::names::Names;
use crate::config::keywords::{Refusal, refused_samples};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::nearest::hint;
use crate::config::{KeyType, StickTable};

/// Reads an expression.
///
/// # Errors
///
/// What is wrong with the expression, at the place of its word.
pub(in crate::config) fn read(word: &Placed<&str>, names: Names<'_>) -> Parsed<Expression> {
    parse(word, names).map_err(|message| Mistake::new(word.place, message))
}

/// Checks that a table can have such keys.
///
/// # Errors
///
/// The table cannot.
pub(in crate::config) fn check_key(
    key: &Expression,
    table: &StickTable,
    word: &Placed<&str>,
) -> Parsed {
    let can = match (table.key_type, key.value_type) {
        (KeyType::String | KeyType::Binary, _)
        | (
            KeyType::Ipv4 | KeyType::Ipv6,
            ValueType::Address
            | ValueType::Text
            | ValueType::Binary
            | ValueType::Integer
            | ValueType::Any,
        )
        | (
            KeyType::Integer,
            ValueType::Integer
            | ValueType::Bool
            | ValueType::Address
            | ValueType::Text
            | ValueType::Binary
            | ValueType::Any,
        ) => true,
        (KeyType::Ipv4 | KeyType::Ipv6, ValueType::Bool) => false,
    };
    if can {
        return Ok(());
    }
    let message = format!("'{}' cannot be a key of table '{}'", word.value, table.name);
    Err(Mistake::new(word.place, message))
}

/// How many of the words belong to the expression that the first one begins. Blanks may stand
/// between its converters, in lines where no list of patterns follows.
pub(in crate::config) fn chain_len<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    let mut goes_on = false;
    let belongs = |(at, word): &(usize, &str)| {
        let head = word.split(['(', ',']).next().unwrap_or_default();
        let is_other = matches!(head, "table" | "if" | "unless");
        let belongs = *at == 0 || is_converter(head) || (goes_on && !is_other);
        goes_on = word.ends_with(',');
        belongs
    };
    words.enumerate().take_while(belongs).count()
}

/// The words of one expression without the blanks between them.
pub(in crate::config) fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<&str> = words.map(|word| word.strip_suffix(',').unwrap_or(word)).collect();
    parts.join(",")
}

/// The expression that the words begin with, and the words behind it.
pub(super) fn split_chain<'r, 'w>(
    words: &'r [Placed<&'w str>],
) -> Option<(Placed<String>, &'r [Placed<&'w str>])> {
    let place = words.first()?.place;
    let texts = || words.iter().map(|word| word.value);
    let len = chain_len(texts());
    let value = joined(texts().take(len));
    Some((Placed { value, place }, words.get(len..).unwrap_or_default()))
}

/// Whether HAProxy has a converter with this name.
fn is_converter(name: &str) -> bool {
    converters::find(name).is_some()
        || refused_samples::find(refused_samples::CONVERTERS, name).is_some()
        || entry_samples::converter_names().any(|other| other == name)
}

fn parse(word: &Placed<&str>, names: Names<'_>) -> Result<Expression, String> {
    let functions = functions::split(word.value)?;
    let (sample, others) = functions.split_first().ok_or("an expression is missing")?;
    let mut arguments = Arguments::new(sample, word.place, names);
    let (fetch, needs, fetch_type) = read_fetch(&mut arguments)?;
    arguments.finish()?;
    let mut value_type = fetch_type;
    let mut converters = Vec::new();
    for function in others {
        let mut arguments = Arguments::new(function, word.place, names);
        let (converter, given) = read_converter(&mut arguments, value_type)?;
        arguments.finish()?;
        converters.push(converter);
        value_type = given;
    }
    Ok(Expression { fetch, fetch_type, needs, converters, value_type })
}

/// Why a sample with this name is refused, if it is.
pub(super) fn refusal(name: &str, is_of_http: bool) -> Option<Refusal> {
    let base = samples::with_method(name).map_or(name, |(base, _)| base);
    let is_of_page = !is_of_http && samples::needs_page(base);
    let listed = refused_samples::find(refused_samples::SAMPLES, name);
    listed.or_else(|| is_of_page.then_some(Refusal::HttpOnly))
}

fn read_fetch(arguments: &mut Arguments<'_>) -> Result<(Fetch, Needs, ValueType), String> {
    let name = arguments.name;
    if let Some(refusal) = refusal(name, arguments.is_of_http()) {
        return Err(format!("'{name}' is refused: {}", refusal.reason()));
    }
    if let Some(row) = samples::find(name) {
        return Ok(((row.read)(arguments)?, row.needs, row.value_type));
    }
    if samples::with_method(name).is_some() {
        let reason = "it is a name for 'acl' lines and conditions alone";
        return Err(format!("'{name}' is refused: {reason}"));
    }
    if let Some((fetch, value_type)) = entry_samples::read_fetch(arguments)? {
        return Ok((fetch, Needs::Nothing, value_type));
    }
    let known = samples::all().map(|row| row.name).chain(entry_samples::sample_names());
    Err(format!("unknown sample '{name}'{}", hint(name, known)))
}

/// Reads a converter for a value of the type `taken`; tells the type that it gives.
fn read_converter(
    arguments: &mut Arguments<'_>,
    taken: ValueType,
) -> Result<(Converter, ValueType), String> {
    let name = arguments.name;
    if let Some(row) = converters::find(name) {
        if taken != ValueType::Any && !row.takes.contains(&taken) {
            return Err(format!("'{name}' cannot follow a sample of this type"));
        }
        return Ok(((row.read)(arguments)?, row.gives.value_type(taken)));
    }
    if let Some(found) = entry_samples::read_converter(arguments)? {
        return Ok(found);
    }
    if let Some(refusal) = refused_samples::find(refused_samples::CONVERTERS, name) {
        return Err(format!("'{name}' is refused: {}", refusal.reason()));
    }
    if name.is_empty() {
        return Err("the name of a converter is missing behind ','".to_owned());
    }
    let known = converters::all().map(|row| row.name).chain(entry_samples::converter_names());
    Err(format!("unknown converter '{name}'{}", hint(name, known)))
}
