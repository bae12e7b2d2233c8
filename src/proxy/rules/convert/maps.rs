//! Values that are looked up in maps.

use super::text::replaced;
use crate::config::rules::{Constant, Map, MapKeys, MapValue};
use crate::net::regex::{Groups, Work};
use crate::proxy::rules::texts::{SEARCH_WORK_MAX, fits};
use crate::proxy::rules::value::Value;

/// The value that a map has for another one, or else the default.
pub(super) fn convert<'a>(
    map: &Map,
    default: Option<&Constant>,
    value: &Value<'_>,
) -> Option<Value<'a>> {
    let found = find(&map.keys, value)
        .and_then(|(value, groups)| Some((map.values.get(value as usize)?, groups)));
    match found {
        Some((MapValue::Constant(constant), _)) => Some(Value::constant(constant).into_owned()),
        Some((MapValue::Template(pieces), groups)) => {
            let mut made = Vec::new();
            replaced(pieces, &value.text(), &groups, &mut made);
            Some(Value::text_of(made))
        }
        None => default.map(|constant| Value::constant(constant).into_owned()),
    }
}

/// The position of the value behind the key that fits, and what its groups have matched.
fn find(keys: &MapKeys, value: &Value<'_>) -> Option<(u32, Groups)> {
    let position = match keys {
        MapKeys::Whole(keys) => keys.get(&value.text()[..]).copied(),
        MapKeys::Beginnings(keys, lens) => {
            let text = value.text();
            lens.iter().find_map(|len| keys.get(text.get(..*len)?).copied())
        }
        MapKeys::Parts(part, keys) => {
            let text = value.text();
            keys.iter().find(|(key, _)| fits(*part, key, &text)).map(|(_, value)| *value)
        }
        MapKeys::Regexes(regexes) => {
            let (text, mut work) = (value.text(), Work::new(SEARCH_WORK_MAX));
            return regexes.iter().find_map(|(regex, value)| {
                let groups = regex.find(&text, 0, &mut work).ok()??;
                Some((*value, groups))
            });
        }
        MapKeys::Ranges(ranges) => {
            let number = value.number()?;
            let has = |(low, high): (i64, i64)| (low..=high).contains(&number);
            ranges.iter().find(|(range, _)| has(*range)).map(|(_, value)| *value)
        }
        MapKeys::Networks(networks) => networks.find(value.address()?),
    };
    position.map(|position| (position, Groups::default()))
}
