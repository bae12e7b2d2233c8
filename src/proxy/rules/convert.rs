//! What converters do with a value: every kind of converter has one arm in [`apply`].

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use data_encoding::HEXUPPER;

use super::context::Context;
use super::value::Value;
use crate::config::rules::{Converter, Operation};
use crate::proxy::backend::balance::hash;

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
        Converter::Lookup(table, fact) => {
            let key = context.key(&value, *table)?;
            let told = context.of_entry(*table, key.as_ref(), *fact)?;
            Value::of_number(told, fact.value_type())
        }
    })
}

fn text<'a>(bytes: Vec<u8>) -> Value<'a> {
    Value::Text(Cow::Owned(bytes))
}

fn mask(address: IpAddr, four: u32, six: Option<u128>) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & four)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & six?)),
    })
}

fn calculate(operation: Operation, number: i64, by: i64) -> i64 {
    match operation {
        Operation::Add => number.saturating_add(by),
        Operation::Subtract => number.saturating_sub(by),
        Operation::Multiply => number.saturating_mul(by),
        Operation::Divide => match by {
            0 => i64::MAX,
            by => number.saturating_div(by),
        },
        Operation::Modulo => number.checked_rem(by).unwrap_or(0),
        Operation::And => number & by,
        Operation::Or => number | by,
        Operation::Xor => number ^ by,
    }
}

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
fn fields(value: &[u8], number: i32, delimiters: &[u8], count: u32) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_its_limits() {
        assert_eq!(calculate(Operation::Add, i64::MAX, 1), i64::MAX);
        assert_eq!(calculate(Operation::Divide, 7, 0), i64::MAX);
        assert_eq!(calculate(Operation::Modulo, 7, 0), 0);
        assert_eq!(calculate(Operation::Divide, i64::MIN, -1), i64::MAX);
        assert_eq!(calculate(Operation::Modulo, 7, 4), 3);
    }

    #[test]
    fn masks_are_for_each_family() {
        let masked = |text: &str, six| {
            mask(text.parse().unwrap(), 0xffff_ff00, six).map(|masked| masked.to_string())
        };
        let prefix = Some(u128::MAX << 64);
        assert_eq!(masked("192.0.2.77", prefix).unwrap(), "192.0.2.0");
        assert_eq!(masked("2001:db8:1:2:3::4", prefix).unwrap(), "2001:db8:1:2::");
        assert_eq!(masked("2001:db8:1:2:3::4", None), None);
    }
}
