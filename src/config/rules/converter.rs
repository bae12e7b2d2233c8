//! What converters make of texts, bytes and moments, one enum for each kind of value.

use crate::config::{HashFunction, Variable};
use crate::net::regex::Regex;

/// A text of another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextConverter {
    /// To lower case.
    Lower,
    /// To upper case.
    Upper,
    /// The number of bytes.
    Length,
    /// A part: offset and length.
    Bytes(u32, Option<u32>),
    /// Fields of a text. Between two delimiters side by side there is an empty field.
    Fields(Parts),
    /// Words of a text. Delimiters side by side count as one.
    Words(Parts),
    /// Without these bytes at the beginning.
    TrimLeft(Vec<u8>),
    /// Without these bytes at the end.
    TrimRight(Vec<u8>),
    /// What a regular expression matches is replaced.
    Substitute(Substitution),
    /// Up to the first end of a line.
    CutLine,
    /// The host of `host:port`.
    Host,
    /// The port of `host:port` as a number, 0 if there is none.
    Port,
    /// The first text for a number other than 0, else the second one.
    Choice(Vec<u8>, Vec<u8>),
    /// The text itself.
    Same,
}

/// Which parts of a text are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The number of the first part, from 1 on, or from -1 on for the last one. Never 0.
    pub number: i32,
    /// The bytes that separate parts.
    pub delimiters: Vec<u8>,
    /// How many parts, 0 for all that follow.
    pub count: u32,
}

/// What replaces the matches of a regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// The expression, which captures its groups.
    pub regex: Regex,
    /// What stands for a match.
    pub with: Vec<Replacement>,
    /// Whether every match is replaced, not the first one alone.
    pub all: bool,
}

/// A piece of what stands for a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// This text.
    Text(Vec<u8>),
    /// What the group with this number has matched; 0 is the whole match.
    Group(u8),
}

/// Another notation of the same bytes or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Bytes as hexadecimal digits.
    Hex,
    /// The number that hexadecimal digits are.
    NumberOfHex,
    /// Base 64.
    Base64,
    /// Base 64 for addresses of the web, without padding.
    UrlBase64,
    /// The bytes of base 64.
    FromBase64,
    /// The bytes of base 64 for addresses of the web.
    FromUrlBase64,
    /// Chunks of bytes as numbers, most significant byte first.
    Chunks {
        /// The base of the digits.
        base: Base,
        /// What stands between numbers.
        separator: Vec<u8>,
        /// The bytes of a number.
        len: usize,
        /// Whether a shorter chunk at the end is left out.
        truncates: bool,
    },
    /// The low 32 bits of a number, most significant byte first.
    NetworkOrder,
    /// `%` and two digits as the byte; with `true` also `+` as a blank, as in a form.
    FromUrl(bool),
    /// What may not stand in an address of the web as `%` and two digits.
    Url,
    /// The escapes of a string of JSON.
    Json(Characters),
}

/// What the characters of a text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Its bytes.
    Bytes,
    /// The sequences of UTF-8.
    Utf8 {
        /// Whether a wrong sequence is left out. If not, there is no text.
        skips: bool,
        /// Whether a sequence may be longer than its character needs.
        takes_overlong: bool,
    },
}

/// The base of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Ten.
    Decimal,
    /// Sixteen.
    Hexadecimal,
}

/// What a value and a variable make together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableConverter {
    /// The value, a text, the variable, and another text.
    Concat(Vec<u8>, Option<Variable>, Vec<u8>),
    /// The value, and the variable and a suffix as one more item of the list that the value is.
    AddItem {
        /// What stands between items.
        delimiter: Vec<u8>,
        /// The variable.
        variable: Option<Variable>,
        /// What stands behind the variable.
        suffix: Vec<u8>,
    },
    /// How the value and the variable are ordered as texts: a number below, at or above 0.
    Compare(Variable),
    /// Whether the value and the variable have the same bytes.
    IsSame(Variable),
}

/// A hash of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashConverter {
    /// A hash of 32 bits, and whether it is mixed so that every bit depends on every bit of the
    /// value.
    Balance(HashFunction, bool),
    /// CRC-32C, and whether it is mixed.
    Crc32c(bool),
    /// XXH32 with a seed.
    Xxh32(u32),
    /// XXH64 with a seed.
    Xxh64(u64),
    /// XXH3 of 64 bits with a seed.
    Xxh3(u64),
    /// A digest.
    Digest(Digest),
    /// A digest with a key (RFC 2104).
    Hmac(Digest, HmacKey),
}

/// The key of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HmacKey {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What a variable holds in base 64.
    Variable(Variable),
}

/// A digest of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The text of a moment, of which the value is the seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateConverter {
    /// A format of `strftime`, in the local zone or in UTC.
    Formatted {
        /// The format.
        format: String,
        /// What is added first, in seconds.
        offset: i64,
        /// Whether the zone is UTC.
        is_utc: bool,
    },
    /// The format of HTTP.
    Http {
        /// What is added first, in the unit.
        offset: i64,
        /// The unit of the value.
        unit: TimeUnit,
    },
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
}

/// Reads a text with `\0` to `\9` for groups, and a backslash before any other letter for that
/// letter.
///
/// # Errors
///
/// The text ends with a backslash.
pub fn read_replacement(typed: &str) -> Result<Vec<Replacement>, String> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut bytes = typed.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'9') => {
                if !text.is_empty() {
                    pieces.push(Replacement::Text(std::mem::take(&mut text)));
                }
                pieces.push(Replacement::Group(digit - b'0'));
            }
            Some(other) => text.push(other),
            None => return Err("a backslash at the end of the text".to_owned()),
        }
    }
    if !text.is_empty() {
        pieces.push(Replacement::Text(text));
    }
    Ok(pieces)
}

/// A packet of MQTT with fields that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MqttPacket {
    /// The client's first one.
    Connect,
    /// The answer.
    Connack,
}

/// A field of a packet of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum MqttField {
    ProtocolName,
    ProtocolVersion,
    Flags,
    Keepalive,
    ClientIdentifier,
    WillTopic,
    WillPayload,
    Username,
    Password,
    ReasonCode,
    /// The property with this number.
    Property(u8),
}
