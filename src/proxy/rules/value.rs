//! Values of samples, and their conversion to numbers, texts, addresses and keys of tables.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use crate::config::KeyType;
use crate::config::rules::{Constant, Subject, ValueType};
use crate::table::key::{Key, address_key};

/// The value of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A signed number.
    Integer(i64),
    /// An address.
    Address(IpAddr),
    /// A text.
    Text(Cow<'a, [u8]>),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// A text that something else owns.
    pub(super) fn borrowed(text: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self::Text(Cow::Borrowed(text.as_ref()))
    }

    /// The same value, with its own copy of a text.
    pub(super) fn into_owned<'b>(self) -> Value<'b> {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(number) => Value::Integer(number),
            Self::Address(address) => Value::Address(address),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => Value::Binary(Cow::Owned(bytes.into_owned())),
        }
    }

    /// A text that nothing else owns.
    pub(super) fn text_of(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// A number as a value of this type: true or false, or the number.
    pub(super) fn of_number(number: i64, value_type: ValueType) -> Self {
        match value_type {
            ValueType::Bool => Self::Bool(number != 0),
            ValueType::Integer
            | ValueType::Address
            | ValueType::Text
            | ValueType::Binary
            | ValueType::Any => Self::Integer(number),
        }
    }

    /// A value that the configuration gives.
    pub(super) fn constant(constant: &'a Constant) -> Self {
        match constant {
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Integer(number) => Self::Integer(*number),
            Constant::Address(address) => Self::Address(*address),
            Constant::Text(text) => Self::Text(Cow::Borrowed(text)),
            Constant::Binary(bytes) => Self::Binary(Cow::Borrowed(bytes)),
        }
    }

    /// The value as a number. A text that begins with digits is their number, another text is 0.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Integer(number) => Some(*number),
            Self::Address(IpAddr::V4(v4)) => Some(i64::from(v4.to_bits())),
            Self::Address(IpAddr::V6(_)) => None,
            Self::Text(text) | Self::Binary(text) => leading_number(text),
        }
    }

    /// The value as an address.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Integer(number) => Some(IpAddr::V4(Ipv4Addr::from_bits(low_bits(*number)))),
            Self::Text(text) | Self::Binary(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Self::Bool(_) => None,
        }
    }

    /// The value as a text. Bytes are a text up to the first byte that is 0.
    pub(super) fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Bool(value) => Cow::Borrowed(if *value { b"1" } else { b"0" }),
            Self::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Address(address) => Cow::Owned(address.to_string().into_bytes()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Binary(bytes) => {
                Cow::Borrowed(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
            }
        }
    }

    /// The value as bytes, for hashes and binary keys.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Bool(value) => Cow::Owned(i64::from(*value).to_be_bytes().to_vec()),
            Self::Integer(number) => Cow::Owned(number.to_be_bytes().to_vec()),
            Self::Address(IpAddr::V4(v4)) => Cow::Owned(v4.octets().to_vec()),
            Self::Address(IpAddr::V6(v6)) => Cow::Owned(v6.octets().to_vec()),
            Self::Text(text) | Self::Binary(text) => Cow::Borrowed(text),
        }
    }
}

impl Subject for Value<'_> {
    fn number(&self) -> Option<i64> {
        Value::number(self)
    }

    fn address(&self) -> Option<IpAddr> {
        Value::address(self)
    }

    fn text(&self) -> Cow<'_, [u8]> {
        Value::text(self)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Value::bytes(self)
    }
}

/// The number that a text begins with, at most the largest one; none for an empty text.
pub(super) fn leading_number(text: &[u8]) -> Option<i64> {
    let (first, rest) = text.split_first()?;
    let digits = if matches!(first, b'-' | b'+') { rest } else { text };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digit = |byte: &u8| i64::from(byte - b'0');
    let grow = |number: i64, digit: i64| number.saturating_mul(10).saturating_sub(digit);
    // Negative numbers reach one further than positive ones.
    let negative = digits.iter().take(len).map(digit).fold(0, grow);
    Some(if *first == b'-' { negative } else { negative.saturating_neg() })
}

/// The low half of a number, as counters and keys hold it.
pub(super) fn low_bits(number: i64) -> u32 {
    let [.., a, b, c, d] = number.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The value as a key of a table with this type of keys, if it can be one.
pub(super) fn key_of(value: &Value<'_>, key_type: KeyType) -> Option<Key> {
    match (value, key_type) {
        (Value::Address(address), _) => address_key(*address, key_type).map(Key::Address),
        // The text of an IPv4 address is no key among IPv6 addresses.
        (Value::Text(_) | Value::Binary(_), KeyType::Ipv6) => {
            let address = value.address().filter(IpAddr::is_ipv6)?;
            address_key(address, key_type).map(Key::Address)
        }
        (_, KeyType::Ipv4 | KeyType::Ipv6) => {
            address_key(value.address()?, key_type).map(Key::Address)
        }
        (_, KeyType::Integer) => Some(Key::Number(low_bits(value.number()?).to_be_bytes())),
        (_, KeyType::String) => Some(Key::Bytes(value.text().into())),
        (_, KeyType::Binary) => Some(Key::Bytes(value.bytes().into())),
    }
}
