//! Keys and data values of an entry update (protocol.md, sections 7.1, 8.3 and 8.4).

use std::fmt;

use super::{DICTIONARY_SLOTS, ReadError, Reader, Writer, varint};
use crate::config::KeyType;
use crate::config::data_type::Kind;

/// Why the key or a value of an update could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// A field could not be read.
    Field(ReadError),
    /// A dictionary slot that does not exist.
    DictionarySlot(u64),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::DictionarySlot(slot) => write!(f, "dictionary slot {slot}"),
        }
    }
}

impl From<ReadError> for EntryError {
    fn from(error: ReadError) -> Self {
        Self::Field(error)
    }
}

/// The number of a key type on the wire.
pub const fn key_type_number(key_type: KeyType) -> u64 {
    match key_type {
        KeyType::Integer => 2,
        KeyType::Ipv4 => 4,
        KeyType::Ipv6 => 5,
        KeyType::String => 6,
        KeyType::Binary => 7,
    }
}

/// The key type of a number on the wire.
pub const fn key_type_from_number(number: u64) -> Option<KeyType> {
    match number {
        2 => Some(KeyType::Integer),
        4 => Some(KeyType::Ipv4),
        5 => Some(KeyType::Ipv6),
        6 => Some(KeyType::String),
        7 => Some(KeyType::Binary),
        _ => None,
    }
}

/// Reads a key; `key_len` is the announced length. Whatever a string's sender says, it ends at a
/// zero byte.
#[inline]
pub fn read_key<'a>(
    payload: &mut Reader<'a>,
    key_type: KeyType,
    key_len: u64,
) -> Result<&'a [u8], ReadError> {
    match key_type {
        KeyType::Integer | KeyType::Ipv4 => payload.take(4),
        KeyType::Ipv6 => payload.take(16),
        KeyType::Binary => payload.take(key_len),
        KeyType::String => {
            let len = payload.varint()?;
            let text = payload.take(len)?;
            Ok(text.split(|byte| *byte == 0).next().unwrap_or_default())
        }
    }
}

/// Adds a key.
#[inline]
pub fn write_key(out: &mut Writer<'_>, key_type: KeyType, key: &[u8]) {
    if key_type == KeyType::String {
        out.varint(key.len() as u64);
    }
    out.bytes(key);
}

/// One data value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number; a signed one has its sign extended to 64 bits.
    Number(u64),
    /// A rate.
    Rate {
        /// Milliseconds since the current period began.
        age_ms: u64,
        /// The events counted in it.
        current: u64,
        /// The events of the period before.
        previous: u64,
    },
    /// A name.
    Name(Name<'a>),
}

/// A name by way of the dictionary cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// The entry has no value.
    Absent,
    /// The name in a slot, from 1 to [`DICTIONARY_SLOTS`].
    Slot(u8),
    /// The name, which is put into a slot.
    Define(u8, &'a [u8]),
}

impl<'a> Value<'a> {
    /// Reads one value of this kind.
    #[inline]
    pub fn read(payload: &mut Reader<'a>, kind: Kind) -> Result<Self, EntryError> {
        Ok(match kind {
            Kind::Signed | Kind::Unsigned | Kind::Wide => Self::Number(payload.varint()?),
            Kind::Rate => Self::Rate {
                age_ms: payload.varint()?,
                current: payload.varint()?,
                previous: payload.varint()?,
            },
            Kind::Name => Self::Name(Name::read(payload)?),
        })
    }

    /// Adds the value.
    #[inline]
    pub fn write(self, out: &mut Writer<'_>) {
        match self {
            Self::Number(number) => out.varint(number),
            Self::Rate { age_ms, current, previous } => {
                out.varint(age_ms);
                out.varint(current);
                out.varint(previous);
            }
            Self::Name(name) => name.write(out),
        }
    }
}

impl<'a> Name<'a> {
    /// Reads one name.
    #[inline]
    pub fn read(payload: &mut Reader<'a>) -> Result<Self, EntryError> {
        let len = payload.varint()?;
        if len == 0 {
            return Ok(Self::Absent);
        }
        let mut inner = Reader::new(payload.take(len)?);
        let id = inner.varint()?;
        let slot = match u8::try_from(id) {
            Ok(slot) if (1..=DICTIONARY_SLOTS).contains(&slot) => slot,
            _ => return Err(EntryError::DictionarySlot(id)),
        };
        if inner.is_empty() {
            return Ok(Self::Slot(slot));
        }
        let name_len = inner.varint()?;
        Ok(Self::Define(slot, inner.take(name_len)?))
    }

    /// Adds the name.
    #[inline]
    pub fn write(self, out: &mut Writer<'_>) {
        match self {
            Self::Absent => out.u8(0),
            Self::Slot(slot) => {
                out.u8(1);
                out.u8(slot);
            }
            Self::Define(slot, name) => {
                let name_len = name.len() as u64;
                out.varint(1 + varint::len(name_len) as u64 + name_len);
                out.u8(slot);
                out.varint(name_len);
                out.bytes(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: Name<'_>, expected: &[u8]) {
        let mut out = [0; 300];
        let mut writer = Writer::new(&mut out);
        name.write(&mut writer);
        let len = writer.len();
        assert_eq!(&out[..len], expected);
        assert_eq!(Name::read(&mut Reader::new(expected)), Ok(name));
    }

    #[test]
    fn names_are_read_and_written() {
        check(Name::Define(1, b"s1"), &[4, 1, 2, b's', b'1']);
        check(Name::Slot(1), &[1, 1]);
        check(Name::Absent, &[0]);
        check(Name::Define(9, b""), &[2, 9, 0]);
        let long = [b'x'; 256];
        let mut expected = vec![0xf3, 0x01, 128, 0xf0, 0x01];
        expected.extend_from_slice(&long);
        check(Name::Define(128, &long), &expected);
    }

    #[test]
    fn slots_outside_the_dictionary_are_refused() {
        let read = |bytes: &[u8]| Name::read(&mut Reader::new(bytes)).unwrap_err();
        assert_eq!(read(&[1, 0]), EntryError::DictionarySlot(0));
        assert_eq!(read(&[1, 129]), EntryError::DictionarySlot(129));
        assert_eq!(read(&[4, 1, 3, b's', b'1']), EntryError::Field(ReadError::Short));
        assert_eq!(read(&[4, 1, 2, b's']), EntryError::Field(ReadError::Short));
    }

    #[test]
    fn a_string_key_ends_at_a_zero_byte() {
        let mut reader = Reader::new(&[4, b'a', b'b', 0, b'c', 7]);
        assert_eq!(read_key(&mut reader, KeyType::String, 32), Ok(&b"ab"[..]));
        assert_eq!(reader.rest(), &[7]);
    }
}
