//! Values that are looked up in maps.

use super::text::replaced;
use crate::config::rules::{
    Constant, Found, Output, PatternLists, PatternsId, SEARCH_WORK_MAX, read_replacement,
};
use crate::net::regex::Work;
use crate::proxy::rules::value::Value;

/// The value that a map has for another one, or else the default.
pub(super) fn convert<'a>(
    lists: &PatternLists,
    map: PatternsId,
    default: Option<&Constant>,
    value: &Value<'_>,
) -> Option<Value<'a>> {
    let mut work = Work::new(SEARCH_WORK_MAX);
    match lists.find(map, value, &mut work) {
        Some(found) => value_of(&found, lists.kind(map)?.output?, value),
        None => default.map(|constant| Value::constant(constant).into_owned()),
    }
}

fn value_of<'a>(found: &Found<'_>, output: Output, value: &Value<'_>) -> Option<Value<'a>> {
    let text = &found.entry.value;
    Some(match output {
        Output::Text => Value::text_of(text.as_bytes()),
        Output::Number => Value::Integer(text.parse().ok()?),
        Output::Address => Value::Address(text.parse().ok()?),
        Output::Template => {
            let mut made = Vec::new();
            let pieces = read_replacement(text).ok()?;
            replaced(&pieces, &value.text(), &found.groups, &mut made);
            Value::text_of(made)
        }
    })
}
