//! Parts of texts and bytes.

use std::borrow::Cow;

use crate::proxy::rules::value::Value;

/// A text that nothing else owns.
pub(super) fn text<'a>(bytes: Vec<u8>) -> Value<'a> {
    Value::Text(Cow::Owned(bytes))
}

/// The bytes from an offset on, at most as many as the length says.
pub(super) fn part(value: Value<'_>, offset: usize, len: Option<u32>) -> Value<'_> {
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
pub(super) fn fields(value: &[u8], number: i32, delimiters: &[u8], count: u32) -> Option<Vec<u8>> {
    let is_delimiter = |(at, byte): (usize, &u8)| delimiters.contains(byte).then_some(at);
    let inner = value.iter().enumerate().filter_map(is_delimiter);
    let ends: Vec<usize> = inner.chain([value.len()]).collect();
    let at = number.unsigned_abs() as usize - 1;
    let more = (count as usize).checked_sub(1);
    let (first, last) = if number > 0 {
        let last = ends.len() - 1;
        (at, more.map_or(last, |more| last.min(at.saturating_add(more))))
    } else {
        let last = ends.len().checked_sub(at + 1)?;
        (more.map_or(0, |more| last.saturating_sub(more)), last)
    };
    let start = if first == 0 { 0 } else { ends.get(first - 1)? + 1 };
    value.get(start..*ends.get(last)?).map(<[u8]>::to_vec)
}
