//! Keys: from a client's address, and to and from the text of the Runtime API.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::KeyType;

/// The longest text of an address.
const ADDRESS_TEXT_MAX: usize = 46;

/// The key of a client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressKey {
    bytes: [u8; ADDRESS_TEXT_MAX],
    len: usize,
}

impl AsRef<[u8]> for AddressKey {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl AddressKey {
    fn new(key: &[u8]) -> Self {
        let mut bytes = [0; ADDRESS_TEXT_MAX];
        bytes[..key.len()].copy_from_slice(key);
        Self { bytes, len: key.len() }
    }
}

/// The key under which a client with this address is stored in a table with this type of keys;
/// none if such a table cannot store it: an IPv6 address, unless it is a mapped IPv4 one, has no
/// place among IPv4 addresses and integers.
pub fn address_key(address: IpAddr, key_type: KeyType) -> Option<AddressKey> {
    let v4 = match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    };
    match (key_type, address) {
        (KeyType::Ipv4 | KeyType::Integer, _) => v4.map(|v4| AddressKey::new(&v4.octets())),
        (KeyType::Ipv6, IpAddr::V4(v4)) => Some(AddressKey::new(&v4.to_ipv6_mapped().octets())),
        (KeyType::Ipv6 | KeyType::Binary, IpAddr::V6(v6)) => Some(AddressKey::new(&v6.octets())),
        (KeyType::Binary, IpAddr::V4(v4)) => Some(AddressKey::new(&v4.octets())),
        (KeyType::String, _) => Some(AddressKey::new(address.to_string().as_bytes())),
    }
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The key of an address.
    Address(AddressKey),
    /// The key of a number.
    Number([u8; 4]),
    /// The key of anything else.
    Bytes(Box<[u8]>),
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Address(key) => key.as_ref(),
            Self::Number(key) => key,
            Self::Bytes(key) => key,
        }
    }
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not an IPv4 address.
    Ipv4,
    /// Not an IPv4 or IPv6 address.
    Ipv6,
    /// Not an integer of 32 bits.
    Integer,
    /// Not an even number of hexadecimal digits.
    Binary,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "the key must be an IPv4 address",
            Self::Ipv6 => "the key must be an IPv6 address",
            Self::Integer => "the key must be a 32-bit integer",
            Self::Binary => "the key must be hexadecimal digits in pairs",
        })
    }
}

impl std::error::Error for KeyError {}

/// The key that the Runtime API means by this text, for a table whose keys are of at most
/// `key_len` bytes. Longer ones are cut, shorter binary ones padded with zeros.
pub fn parse(text: &[u8], key_type: KeyType, key_len: u32) -> Result<Vec<u8>, KeyError> {
    let key_len = key_len as usize;
    match key_type {
        KeyType::Integer => parse_integer(text).map(|value| value.to_be_bytes().to_vec()),
        KeyType::Ipv4 => {
            let address = address(text).ok_or(KeyError::Ipv4)?;
            let key = address_key(address, key_type).ok_or(KeyError::Ipv4)?;
            Ok(key.as_ref().to_vec())
        }
        KeyType::Ipv6 => {
            let address = address(text).ok_or(KeyError::Ipv6)?;
            let key = address_key(address, key_type).ok_or(KeyError::Ipv6)?;
            Ok(key.as_ref().to_vec())
        }
        KeyType::String => Ok(text[..text.len().min(key_len)].to_vec()),
        KeyType::Binary => {
            let mut key = parse_binary(text).ok_or(KeyError::Binary)?;
            key.resize(key_len, 0);
            Ok(key)
        }
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn parse_integer(text: &[u8]) -> Result<u32, KeyError> {
    let text = std::str::from_utf8(text).map_err(|_| KeyError::Integer)?;
    let signed = text.parse::<i32>().map(i32::cast_unsigned);
    signed.or_else(|_| text.parse()).map_err(|_| KeyError::Integer)
}

fn parse_binary(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn digit(character: u8) -> Option<u8> {
    u8::try_from(char::from(character).to_digit(16)?).ok()
}

/// A key as the Runtime API shows it.
#[derive(Clone, Copy, Debug)]
pub struct KeyText<'k> {
    key: &'k [u8],
    key_type: KeyType,
}

/// Shows a key of a table with this type of keys.
pub fn format(key: &[u8], key_type: KeyType) -> KeyText<'_> {
    KeyText { key, key_type }
}

impl fmt::Display for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key_type, self.key) {
            (KeyType::Integer, &[a, b, c, d]) => write!(f, "{}", u32::from_be_bytes([a, b, c, d])),
            (KeyType::Ipv4, &[a, b, c, d]) => write!(f, "{}", Ipv4Addr::new(a, b, c, d)),
            (KeyType::Ipv6, key) if key.len() == 16 => {
                let octets: [u8; 16] = key.try_into().map_err(|_| fmt::Error)?;
                write!(f, "{}", Ipv6Addr::from(octets))
            }
            (KeyType::String, key) => key.iter().try_for_each(|byte| write_escaped(f, *byte)),
            (_, key) => key.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}

/// Writes a byte of a string so that the key stays one word: as HAProxy does.
fn write_escaped(f: &mut fmt::Formatter<'_>, byte: u8) -> fmt::Result {
    match byte {
        b'\t' => f.write_str("\\t"),
        b'\n' => f.write_str("\\n"),
        b'\r' => f.write_str("\\r"),
        0x1b => f.write_str("\\e"),
        b' ' | b'=' | b'\\' => write!(f, "\\{}", char::from(byte)),
        b'!'..=b'~' => write!(f, "{}", char::from(byte)),
        _ => write!(f, "\\x{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(address: &str, key_type: KeyType) -> Option<Vec<u8>> {
        address_key(address.parse().unwrap(), key_type).map(|key| key.as_ref().to_vec())
    }

    #[test]
    fn a_client_has_the_key_that_the_table_can_store() {
        let v4 = Some(vec![192, 0, 2, 7]);
        let mapped = Some([&[0; 10][..], &[255, 255, 192, 0, 2, 7]].concat());
        assert_eq!(key_of("192.0.2.7", KeyType::Ipv4), v4);
        assert_eq!(key_of("::ffff:192.0.2.7", KeyType::Ipv4), v4);
        assert_eq!(key_of("192.0.2.7", KeyType::Integer), v4);
        assert_eq!(key_of("192.0.2.7", KeyType::Ipv6), mapped);
        assert_eq!(key_of("::ffff:192.0.2.7", KeyType::Ipv6), mapped);
        assert_eq!(key_of("2001:db8::1", KeyType::Ipv4), None);
        assert_eq!(key_of("2001:db8::1", KeyType::Integer), None);
        assert_eq!(key_of("2001:db8::1", KeyType::String), Some(b"2001:db8::1".to_vec()));
        assert_eq!(key_of("192.0.2.7", KeyType::Binary), v4);
    }

    #[test]
    fn keys_are_shown_as_haproxy_shows_them() {
        let shown = |key: &[u8], key_type| format(key, key_type).to_string();
        assert_eq!(shown(&[127, 0, 0, 1], KeyType::Ipv4), "127.0.0.1");
        assert_eq!(shown(&[255, 255, 255, 255], KeyType::Integer), "4294967295");
        assert_eq!(shown(&[0x7f, 0, 0, 1, 0, 0], KeyType::Binary), "7F0000010000");
        assert_eq!(shown(b"a b=c\\2\"", KeyType::String), r#"a\ b\=c\\2""#);
        assert_eq!(shown(b"\xc3\xa9\tx", KeyType::String), r"\xC3\xA9\tx");
        let mapped = parse(b"9.9.9.9", KeyType::Ipv6, 16).unwrap();
        assert_eq!(shown(&mapped, KeyType::Ipv6), "::ffff:9.9.9.9");
    }

    #[test]
    fn texts_that_are_no_key_are_refused() {
        assert_eq!(parse(b"abc", KeyType::Ipv4, 4), Err(KeyError::Ipv4));
        assert_eq!(parse(b"2001:db8::1", KeyType::Ipv4, 4), Err(KeyError::Ipv4));
        assert_eq!(parse(b"\xff", KeyType::Ipv6, 16), Err(KeyError::Ipv6));
        assert_eq!(parse(b"12a", KeyType::Integer, 4), Err(KeyError::Integer));
        assert_eq!(parse(b"012", KeyType::Binary, 4), Err(KeyError::Binary));
        assert_eq!(parse(b"::ffff:1.2.3.4", KeyType::Ipv4, 4), Ok(vec![1, 2, 3, 4]));
        assert_eq!(parse(b"-1", KeyType::Integer, 4), Ok(vec![255; 4]));
        assert_eq!(parse(b"abcdef", KeyType::String, 4), Ok(b"abcd".to_vec()));
    }
}
