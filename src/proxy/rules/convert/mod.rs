//! What converters do with a value: every kind of converter has one arm in [`apply`].

mod addresses;
mod dates;
mod fix;
mod hashes;
mod json;
mod maps;
mod mqtt;
mod notations;
mod numbers;
mod text;
mod variables;

use super::context::Context;
use super::value::Value;
use crate::config::rules::{Converter, Operand};
use addresses::mask;
use mqtt::FieldValue;
use numbers::calculate;

/// The value that a converter makes of another one, if it can make one.
pub(super) fn apply<'a>(
    converter: &Converter,
    value: Value<'a>,
    context: &mut Context<'a, '_>,
) -> Option<Value<'a>> {
    Some(match converter {
        Converter::Mask(four, six) => Value::Address(mask(value.address()?, *four, *six)?),
        Converter::Arithmetic(operation, by) => {
            let by = match by {
                Operand::Number(number) => *number,
                Operand::Variable(variable) => context.variable(*variable)?.number()?,
            };
            Value::Integer(calculate(*operation, value.number()?, by))
        }
        Converter::Text(converter) => text::convert(converter, value)?,
        Converter::Notation(notation) => notations::convert(notation, &value)?,
        Converter::Hash(hash) => hashes::convert(hash, &value, context)?,
        Converter::Map(map, default) => {
            maps::convert(context.patterns, *map, default.as_ref(), &value)?
        }
        Converter::Date(date) => dates::convert(date, value.number()?)?,
        Converter::Not => Value::Bool(value.number()? == 0),
        Converter::Bool => Value::Bool(value.number()? != 0),
        Converter::Parity(rest) => Value::Bool(value.number()? & 1 == *rest),
        Converter::Negative => Value::Integer(value.number()?.saturating_neg()),
        Converter::Complement => Value::Integer(!value.number()?),
        Converter::SetVariable(variable, conditions) => {
            context.set_variable(*variable, conditions, &value).then_some(value)?
        }
        Converter::Capture(slot) => {
            context.capture(*slot, &value.text())?;
            value
        }
        Converter::UnsetVariable(variable) => {
            context.unset_variable(*variable);
            value
        }
        Converter::WithVariable(converter) => variables::convert(converter, value, context)?,
        Converter::UsableServers => Value::Integer(context.usable_servers(&value.text())?),
        Converter::ServerQueue => Value::Integer(context.server_queue(&value.text())?),
        Converter::EntryTime(table, time, default) => {
            let key = context.key(&value, *table)?;
            let found = context.time_of_entry(*table, key.as_ref(), *time);
            Value::Integer(found.or(*default)?)
        }
        Converter::MqttIsValid => Value::Bool(mqtt::is_valid(&value.bytes())?),
        Converter::MqttField(packet, field) => {
            match mqtt::field(&value.bytes(), *packet, *field)? {
                FieldValue::Number(number) => text::text(number.to_string().into_bytes()),
                FieldValue::Bytes(bytes) => text::text(bytes.to_vec()),
            }
        }
        Converter::FixIsValid => Value::Bool(fix::is_valid(&value.bytes())?),
        Converter::FixTag(tag) => text::text(fix::value(&value.bytes(), *tag)?.to_vec()),
        Converter::Lookup(table, fact) => {
            let key = context.key(&value, *table)?;
            let told = context.of_entry(*table, key.as_ref(), *fact)?;
            Value::of_number(told, fact.value_type())
        }
    })
}
