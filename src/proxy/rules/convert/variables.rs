//! What a value and a variable make together.

use std::cmp::Ordering;

use ctutils::CtEq as _;

use super::text::{MADE_MAX, text};
use crate::config::Variable;
use crate::config::rules::VariableConverter;
use crate::proxy::rules::context::Context;
use crate::proxy::rules::value::Value;

/// The value that a value and a variable make, if they make one.
pub(super) fn convert<'a>(
    converter: &VariableConverter,
    value: Value<'_>,
    context: &Context<'_, '_>,
) -> Option<Value<'a>> {
    let held = |variable: &Option<Variable>| {
        let held = variable.and_then(|variable| context.variable(variable));
        held.map(|held| held.text().into_owned()).unwrap_or_default()
    };
    Some(match converter {
        VariableConverter::Concat(before, variable, after) => {
            bounded([&value.text()[..], before, &held(variable), after].concat())?
        }
        VariableConverter::AddItem { delimiter, variable, suffix } => {
            let (list, item) = (value.text(), [&held(variable)[..], suffix].concat());
            let has_two = !list.is_empty() && !item.is_empty();
            let delimiter = if has_two { &delimiter[..] } else { &[] };
            bounded([&list[..], delimiter, &item].concat())?
        }
        VariableConverter::Compare(variable) => {
            Value::Integer(compare(&value.text(), &context.variable(*variable)?.text()))
        }
        VariableConverter::IsSame(variable) => {
            let held = context.variable(*variable)?;
            Value::Bool(value.bytes()[..].ct_eq(&held.bytes()[..]).to_bool())
        }
    })
}

fn bounded<'a>(made: Vec<u8>) -> Option<Value<'a>> {
    (made.len() <= MADE_MAX).then(|| text(made))
}

/// The difference of the first bytes that differ; if there are none, of the lengths as -1, 0 or 1.
fn compare(one: &[u8], other: &[u8]) -> i64 {
    let pairs = one.iter().zip(other);
    let mut differences = pairs.map(|(one, other)| i64::from(*one) - i64::from(*other));
    let first = differences.find(|difference| *difference != 0);
    first.unwrap_or_else(|| match one.len().cmp(&other.len()) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_ordered_by_their_first_difference_then_by_their_length() {
        assert_eq!(compare(b"abc", b"abc"), 0);
        assert_eq!(compare(b"ab", b"abc"), -1);
        assert_eq!(compare(b"abcd", b"abc"), 1);
        assert_eq!(compare(b"a", b"cc"), -2);
        assert_eq!(compare(b"\xff", b"a"), 0xff - 0x61);
    }
}
