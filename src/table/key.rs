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
pub fn parse(text: &str, key_type: KeyType, key_len: u32) -> Result<Vec<u8>, KeyError> {
    let key_len = key_len as usize;
    match key_type {
        KeyType::Integer => parse_integer(text).map(|value| value.to_be_bytes().to_vec()),
        KeyType::Ipv4 => {
            let address = text.parse::<Ipv4Addr>().map_err(|_| KeyError::Ipv4)?;
            Ok(address.octets().to_vec())
        }
        KeyType::Ipv6 => {
            let address = text.parse::<IpAddr>().map_err(|_| KeyError::Ipv6)?;
            let key = address_key(address, key_type).ok_or(KeyError::Ipv6)?;
            Ok(key.as_ref().to_vec())
        }
        KeyType::String => Ok(text.as_bytes()[..text.len().min(key_len)].to_vec()),
        KeyType::Binary => {
            let mut key = parse_binary(text.as_bytes()).ok_or(KeyError::Binary)?;
            key.resize(key_len, 0);
            Ok(key)
        }
    }
}

fn parse_integer(text: &str) -> Result<u32, KeyError> {
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
            (KeyType::Integer, &[a, b, c, d]) => write!(f, "{}", i32::from_be_bytes([a, b, c, d])),
            (KeyType::Ipv4, &[a, b, c, d]) => write!(f, "{}", Ipv4Addr::new(a, b, c, d)),
            (KeyType::Ipv6, key) if key.len() == 16 => {
                let octets: [u8; 16] = key.try_into().map_err(|_| fmt::Error)?;
                write!(f, "{}", Ipv6Addr::from(octets))
            }
            (KeyType::String, key) => write!(f, "{}", key.escape_ascii()),
            (_, key) => key.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}
