//! What converters do with a value: every kind of converter has one arm in [`apply`].

mod addresses;
mod numbers;
mod text;

use data_encoding::HEXUPPER;

use super::context::Context;
use super::value::Value;
use crate::config::rules::Converter;
use crate::proxy::backend::balance::hash;
use addresses::mask;
use numbers::calculate;
use text::{fields, part, text};

/// The value that a converter makes of another one, if it can make one.
pub(super) fn apply<'a>(
    converter: &Converter,
    value: Value<'a>,
    context: &mut Context<'a, '_>,
) -> Option<Value<'a>> {
    Some(match converter {
        Converter::Mask(four, six) => Value::Address(mask(value.address()?, *four, *six)?),
        Converter::Arithmetic(operation, by) => {
            Value::Integer(calculate(*operation, value.number()?, *by))
        }
        Converter::Lower => text(value.text().to_ascii_lowercase()),
        Converter::Upper => text(value.text().to_ascii_uppercase()),
        Converter::Length => Value::Integer(i64::try_from(value.text().len()).unwrap_or(i64::MAX)),
        Converter::Hex => text(HEXUPPER.encode(&value.bytes()).into_bytes()),
        Converter::Hash(function, avalanche) => {
            let hash = hash::hash(*function, &value.bytes());
            Value::Integer(i64::from(if *avalanche { hash::avalanche(hash) } else { hash }))
        }
        Converter::Bytes(offset, len) => part(value, *offset as usize, *len),
        Converter::Field { number, delimiters, count } => {
            text(fields(&value.text(), *number, delimiters, *count)?)
        }
        Converter::Not => Value::Bool(value.number()? == 0),
        Converter::Bool => Value::Bool(value.number()? != 0),
        Converter::Parity(rest) => Value::Bool(value.number()? & 1 == *rest),
        Converter::Negative => Value::Integer(value.number()?.saturating_neg()),
        Converter::Complement => Value::Integer(!value.number()?),
        Converter::SetVariable(variable, conditions) => {
            context.set_variable(*variable, conditions, &value).then_some(value)?
        }
        Converter::UnsetVariable(variable) => {
            context.unset_variable(*variable);
            value
        }
        Converter::Lookup(table, fact) => {
            let key = context.key(&value, *table)?;
            let told = context.of_entry(*table, key.as_ref(), *fact)?;
            Value::of_number(told, fact.value_type())
        }
    })
}
