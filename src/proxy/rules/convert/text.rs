//! Texts of other texts, and parts of texts and bytes.

use std::borrow::Cow;

use crate::config::rules::{Parts, Replacement, SEARCH_WORK_MAX, Substitution, TextConverter};
use crate::net::regex::{Groups, Work};
use crate::proxy::rules::value::{Value, leading_number};

/// The longest text that a converter makes, in bytes: as long as what is looked at of a client.
pub(super) const MADE_MAX: usize = 16 * 1024;

/// The text that a converter makes of a value, if it can make one.
pub(super) fn convert<'a>(converter: &TextConverter, value: Value<'a>) -> Option<Value<'a>> {
    Some(match converter {
        TextConverter::Lower => text(value.text().to_ascii_lowercase()),
        TextConverter::Upper => text(value.text().to_ascii_uppercase()),
        TextConverter::Length => {
            Value::Integer(i64::try_from(value.text().len()).unwrap_or(i64::MAX))
        }
        TextConverter::Bytes(offset, len) => part(value, *offset as usize, *len),
        TextConverter::Fields(parts) => text(fields(&value.text(), parts)?),
        TextConverter::Words(parts) => text(words(&value.text(), parts).unwrap_or_default()),
        TextConverter::TrimLeft(bytes) => {
            let typed = value.text();
            let trimmed = typed.iter().take_while(|byte| bytes.contains(byte)).count();
            text(typed.get(trimmed..).unwrap_or_default().to_vec())
        }
        TextConverter::TrimRight(bytes) => {
            let typed = value.text();
            let trimmed = typed.iter().rev().take_while(|byte| bytes.contains(byte)).count();
            text(typed.get(..typed.len() - trimmed).unwrap_or_default().to_vec())
        }
        TextConverter::Substitute(substitution) => text(substitute(&value.text(), substitution)?),
        TextConverter::CutLine => {
            let typed = value.text();
            let end = typed.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            text(typed.get(..end.unwrap_or(typed.len())).unwrap_or_default().to_vec())
        }
        TextConverter::Host => text(host_and_port(&value.text()).0.to_vec()),
        TextConverter::Port => {
            let typed = value.text();
            Value::Integer(leading_number(host_and_port(&typed).1).unwrap_or(0))
        }
        TextConverter::Choice(yes, no) => {
            text(if value.number()? == 0 { no.clone() } else { yes.clone() })
        }
        TextConverter::Same => value,
    })
}

/// A text that nothing else owns.
pub(super) fn text<'a>(bytes: Vec<u8>) -> Value<'a> {
    Value::Text(Cow::Owned(bytes))
}

/// The bytes from an offset on, at most as many as the length says.
fn part(value: Value<'_>, offset: usize, len: Option<u32>) -> Value<'_> {
    let cut = |bytes: &[u8]| {
        let rest = bytes.get(offset..).unwrap_or_default();
        rest.get(..len.map_or(rest.len(), |len| rest.len().min(len as usize))).map(<[u8]>::to_vec)
    };
    match value {
        Value::Text(bytes) => text(cut(&bytes).unwrap_or_default()),
        other => Value::Binary(Cow::Owned(cut(&other.bytes()).unwrap_or_default())),
    }
}

/// Fields of a text with the delimiters between them, from the field with this number on: to the
/// right, or to the left for a negative number.
fn fields(value: &[u8], parts: &Parts) -> Option<Vec<u8>> {
    let is_delimiter = |(at, byte): (usize, &u8)| parts.delimiters.contains(byte).then_some(at);
    let mut found = Vec::new();
    let mut start = 0;
    for end in value.iter().enumerate().filter_map(is_delimiter).chain([value.len()]) {
        found.push((start, end));
        start = end + 1;
    }
    chosen(value, &found, parts)
}

/// Words of a text with the delimiters between them. There is no word without a byte.
fn words(value: &[u8], parts: &Parts) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, byte) in value.iter().enumerate() {
        match (parts.delimiters.contains(byte), start) {
            (false, None) => start = Some(at),
            (true, Some(begin)) => {
                found.push((begin, at));
                start = None;
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
    found.extend(start.map(|begin| (begin, value.len())));
    chosen(value, &found, parts)
}

/// The bytes from the first chosen part to the last one. Parts that are asked for and are not there
/// stand for what lies behind the last part, or before the first one.
fn chosen(value: &[u8], found: &[(usize, usize)], parts: &Parts) -> Option<Vec<u8>> {
    let at = parts.number.unsigned_abs() as usize - 1;
    let more = (parts.count as usize).checked_sub(1);
    let (start, end) = if parts.number > 0 {
        let (start, _) = *found.get(at)?;
        let last = more.and_then(|more| found.get(at.checked_add(more)?));
        (start, last.map_or(value.len(), |(_, end)| *end))
    } else {
        let from = found.len().checked_sub(at + 1)?;
        let (_, end) = *found.get(from)?;
        let first = more.and_then(|more| found.get(from.checked_sub(more)?));
        (first.map_or(0, |(start, _)| *start), end)
    };
    value.get(start..end).map(<[u8]>::to_vec)
}

/// The host and the port of `host:port`; a colon inside brackets belongs to the host.
fn host_and_port(typed: &[u8]) -> (&[u8], &[u8]) {
    let colon = typed.iter().rposition(|byte| *byte == b':');
    let bracket = typed.iter().rposition(|byte| *byte == b']');
    match colon {
        Some(colon) if bracket.is_none_or(|bracket| bracket < colon) => {
            (typed.get(..colon).unwrap_or_default(), typed.get(colon + 1..).unwrap_or_default())
        }
        Some(_) | None => (typed, &[]),
    }
}

/// The text with what the expression matches replaced; none if the search costs too much. A text
/// that grows too long is cut.
fn substitute(typed: &[u8], substitution: &Substitution) -> Option<Vec<u8>> {
    let mut work = Work::new(SEARCH_WORK_MAX);
    let mut made = Vec::with_capacity(typed.len());
    let mut at = 0;
    while let Some(groups) = substitution.regex.find(typed, at, &mut work).ok()? {
        let (start, end) = groups.get(0)?;
        made.extend_from_slice(typed.get(at..start)?);
        replaced(&substitution.with, typed, &groups, &mut made);
        at = end;
        if end == start {
            // A match of nothing: the next byte stays, so that the search goes on behind it.
            made.extend(typed.get(at));
            at += 1;
        }
        if !substitution.all || at > typed.len() || made.len() > MADE_MAX {
            break;
        }
    }
    made.extend_from_slice(typed.get(at..).unwrap_or_default());
    made.truncate(MADE_MAX);
    Some(made)
}

/// Appends what stands for a match in `typed`.
pub(super) fn replaced(pieces: &[Replacement], typed: &[u8], groups: &Groups, made: &mut Vec<u8>) {
    for piece in pieces {
        match piece {
            Replacement::Text(text) => made.extend_from_slice(text),
            Replacement::Group(number) => {
                let group = groups.get(usize::from(*number));
                made.extend(group.and_then(|(start, end)| typed.get(start..end)).unwrap_or(&[]));
            }
        }
    }
}
