//! The packets by which an MQTT client and its broker begin: CONNECT and CONNACK of MQTT 3.1,
//! 3.1.1 and 5.0. HAProxy, too, takes every other packet for none.
//!
//! ```text
//!  kind and flags (1) | length of the rest (1 to 4) | the rest
//!  CONNECT:  name, version (1), flags (1), keepalive (2), properties, client, will, user, password
//!  CONNACK:  flags (1), reason (1), properties
//! ```
//!
//! Only version 5 has properties: their length, and then each with its number before it.

use crate::config::rules::{MqttField, MqttPacket};
use crate::net::reader::Reader;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;

/// The numbers of the properties that each packet, and a will, can have.
const OF_CONNECT: &[u8] = &[17, 21, 22, 23, 25, 33, 34, 38, 39];
const OF_WILL: &[u8] = &[1, 2, 3, 8, 9, 24, 38];
const OF_CONNACK: &[u8] = &[17, 18, 19, 21, 22, 26, 28, 31, 33, 34, 36, 37, 38, 39, 40, 41, 42];
/// The property that may stand several times.
const USER_PROPERTY: u8 = 38;

const HAS_WILL: u8 = 0x04;
const HAS_PASSWORD: u8 = 0x40;
const HAS_USER: u8 = 0x80;

/// A field of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldValue<'a> {
    Number(usize),
    Bytes(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
enum Packet<'a> {
    Connect(Connect<'a>),
    Connack(Connack<'a>),
}

#[derive(Clone, Copy, Debug)]
struct Connect<'a> {
    name: &'a [u8],
    version: u8,
    flags: u8,
    keepalive: usize,
    properties: Option<Properties<'a>>,
    client: &'a [u8],
    will: Option<Will<'a>>,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Will<'a> {
    properties: Option<Properties<'a>>,
    topic: &'a [u8],
    payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Connack<'a> {
    flags: u8,
    reason: u8,
    properties: Option<Properties<'a>>,
}

/// Properties that were checked.
#[derive(Clone, Copy, Debug)]
struct Properties<'a>(Reader<'a>);

/// Whether the bytes begin with a valid packet; none if the packet is not complete.
pub(super) fn is_valid(bytes: &[u8]) -> Option<bool> {
    Some(packet(bytes)?.is_some())
}

/// A field of the packet that the bytes begin with. A field that is empty has no value.
pub(super) fn field<'a>(
    bytes: &'a [u8],
    kind: MqttPacket,
    field: MqttField,
) -> Option<FieldValue<'a>> {
    let value = match (packet(bytes)??, kind) {
        (Packet::Connect(connect), MqttPacket::Connect) => connect.field(field),
        (Packet::Connack(connack), MqttPacket::Connack) => connack.field(field),
        _ => None,
    };
    value.filter(|value| *value != FieldValue::Bytes(b""))
}

/// The packet that the bytes begin with. The outer option is none if the packet is not complete,
/// the inner one if this is no valid packet.
fn packet(bytes: &[u8]) -> Option<Option<Packet<'_>>> {
    let mut reader = Reader(bytes);
    let kind = reader.byte()?;
    if kind != CONNECT && kind != CONNACK {
        return Some(None);
    }
    let Some(len) = variable(&mut reader)? else { return Some(None) };
    let body = Reader(reader.take(len)?);
    Some(match kind {
        CONNECT => connect(body).map(Packet::Connect),
        _ => connack(body).map(Packet::Connack),
    })
}

/// A number of 1 to 4 bytes of 7 bits, the lowest first. The inner option is none if there are
/// more bytes.
fn variable(reader: &mut Reader<'_>) -> Option<Option<usize>> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.byte()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(Some(number));
        }
    }
    Some(None)
}

fn connect(mut body: Reader<'_>) -> Option<Connect<'_>> {
    let name = body.part(2)?.0;
    let version = body.byte()?;
    if !matches!((name, version), (b"MQIsdp", 3) | (b"MQTT", 4 | 5)) {
        return None;
    }
    let flags = body.byte()?;
    if flags & 1 != 0 {
        return None;
    }
    let has = |flag| flags & flag != 0;
    let is_new = version == 5;
    let keepalive = body.number(2)?;
    let properties = properties(&mut body, is_new, OF_CONNECT)?;
    let client = body.part(2)?.0;
    let will = if has(HAS_WILL) { Some(will(&mut body, is_new)?) } else { None };
    let user = if has(HAS_USER) { Some(body.part(2)?.0) } else { None };
    let password = if has(HAS_PASSWORD) { Some(body.part(2)?.0) } else { None };
    let connect =
        Connect { name, version, flags, keepalive, properties, client, will, user, password };
    body.0.is_empty().then_some(connect)
}

fn will<'a>(body: &mut Reader<'a>, is_new: bool) -> Option<Will<'a>> {
    let properties = properties(body, is_new, OF_WILL)?;
    Some(Will { properties, topic: body.part(2)?.0, payload: body.part(2)?.0 })
}

fn connack(mut body: Reader<'_>) -> Option<Connack<'_>> {
    let (flags, reason) = (body.byte()?, body.byte()?);
    if flags > 1 {
        return None;
    }
    let is_new = !body.0.is_empty();
    let properties = properties(&mut body, is_new, OF_CONNACK)?;
    body.0.is_empty().then_some(Connack { flags, reason, properties })
}

/// Reads properties where the version has them. Each must be allowed, and stand once.
fn properties<'a>(
    body: &mut Reader<'a>,
    is_new: bool,
    allowed: &[u8],
) -> Option<Option<Properties<'a>>> {
    if !is_new {
        return Some(None);
    }
    let len = variable(body)??;
    let all = Reader(body.take(len)?);
    let mut rest = all;
    let mut seen = 0u64;
    while !rest.0.is_empty() {
        let (number, _) = property(&mut rest)?;
        let bit = 1u64 << number;
        if !allowed.contains(&number) || (seen & bit != 0 && number != USER_PROPERTY) {
            return None;
        }
        seen |= bit;
    }
    Some(Some(Properties(all)))
}

/// Reads one property: its number, below 43, and its value.
fn property<'a>(reader: &mut Reader<'a>) -> Option<(u8, FieldValue<'a>)> {
    let number = reader.byte()?;
    let value = match number {
        1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => FieldValue::Number(reader.number(1)?),
        19 | 33 | 34 => FieldValue::Number(reader.number(2)?),
        2 | 17 | 24 | 39 => FieldValue::Number(reader.number(4)?),
        3 | 8 | 9 | 18 | 21 | 22 | 26 | 28 | 31 => FieldValue::Bytes(reader.part(2)?.0),
        USER_PROPERTY => {
            reader.part(2)?;
            FieldValue::Bytes(reader.part(2)?.0)
        }
        _ => return None,
    };
    Some((number, value))
}

impl<'a> Properties<'a> {
    /// The value of a property. A number that is not there is 0, as in HAProxy.
    fn get(self, wanted: u8) -> Option<FieldValue<'a>> {
        let Self(mut rest) = self;
        while let Some((number, value)) = property(&mut rest) {
            if number == wanted {
                return Some(value).filter(|_| wanted != USER_PROPERTY);
            }
        }
        let is_number = !matches!(wanted, 3 | 8 | 9 | 18 | 21 | 22 | 26 | 28 | 31 | USER_PROPERTY);
        is_number.then_some(FieldValue::Number(0))
    }
}

impl<'a> Connect<'a> {
    fn field(self, field: MqttField) -> Option<FieldValue<'a>> {
        let number = |number: u8| Some(FieldValue::Number(number.into()));
        match field {
            MqttField::ProtocolName => Some(FieldValue::Bytes(self.name)),
            MqttField::ProtocolVersion => number(self.version),
            MqttField::Flags => number(self.flags),
            MqttField::Keepalive => Some(FieldValue::Number(self.keepalive)),
            MqttField::ClientIdentifier => Some(FieldValue::Bytes(self.client)),
            MqttField::WillTopic => Some(FieldValue::Bytes(self.will?.topic)),
            MqttField::WillPayload => Some(FieldValue::Bytes(self.will?.payload)),
            MqttField::Username => self.user.map(FieldValue::Bytes),
            MqttField::Password => self.password.map(FieldValue::Bytes),
            MqttField::Property(wanted) if OF_CONNECT.contains(&wanted) => {
                self.properties?.get(wanted)
            }
            MqttField::Property(wanted) => self.will?.properties?.get(wanted),
            MqttField::ReasonCode => None,
        }
    }
}

impl<'a> Connack<'a> {
    fn field(self, field: MqttField) -> Option<FieldValue<'a>> {
        match field {
            MqttField::ProtocolVersion => {
                Some(FieldValue::Number(if self.properties.is_some() { 5 } else { 4 }))
            }
            MqttField::Flags => Some(FieldValue::Number(self.flags.into())),
            MqttField::ReasonCode => Some(FieldValue::Number(self.reason.into())),
            MqttField::Property(wanted) => self.properties?.get(wanted),
            MqttField::ProtocolName
            | MqttField::Keepalive
            | MqttField::ClientIdentifier
            | MqttField::WillTopic
            | MqttField::WillPayload
            | MqttField::Username
            | MqttField::Password => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A CONNECT of version 5 with everything.
    const FULL: &[u8] = b"\x10\x33\0\x04MQTT\x05\xc6\0\x3c\x08\x11\0\0\0\x0a\x21\0\x14\0\x02me\
                          \x05\x18\0\0\0\x07\0\x01t\0\x03bye\0\x04user\0\x06secret";
    const FIELDS: [MqttField; 12] = [
        MqttField::ProtocolName,
        MqttField::ProtocolVersion,
        MqttField::Flags,
        MqttField::Keepalive,
        MqttField::ClientIdentifier,
        MqttField::WillTopic,
        MqttField::WillPayload,
        MqttField::Username,
        MqttField::Password,
        MqttField::ReasonCode,
        MqttField::Property(17),
        MqttField::Property(24),
    ];

    fn told(bytes: &[u8], wanted: MqttField) -> Option<FieldValue<'_>> {
        field(bytes, MqttPacket::Connect, wanted)
    }

    #[test]
    fn a_packet_is_known_once_it_is_complete_and_not_before() {
        for len in 0..FULL.len() {
            assert_eq!(is_valid(&FULL[..len]), None, "{len}");
            assert!(FIELDS.iter().all(|field| told(&FULL[..len], *field).is_none()), "{len}");
        }
        assert_eq!(is_valid(FULL), Some(true));
        assert_eq!(told(FULL, MqttField::ClientIdentifier), Some(FieldValue::Bytes(b"me")));
        assert_eq!(told(FULL, MqttField::WillPayload), Some(FieldValue::Bytes(b"bye")));
        assert_eq!(told(FULL, MqttField::Password), Some(FieldValue::Bytes(b"secret")));
        assert_eq!(told(FULL, MqttField::Property(33)), Some(FieldValue::Number(20)));
        assert_eq!(told(FULL, MqttField::Property(24)), Some(FieldValue::Number(7)));
        assert_eq!(told(FULL, MqttField::Property(39)), Some(FieldValue::Number(0)));
        assert_eq!(told(FULL, MqttField::Property(21)), None);
    }

    #[test]
    fn no_bytes_are_fatal() {
        let mut damaged = FULL.to_vec();
        for at in 0..FULL.len() {
            for value in 0..=255 {
                damaged[at] = value;
                let _ = is_valid(&damaged);
                for kind in [MqttPacket::Connect, MqttPacket::Connack] {
                    for wanted in FIELDS {
                        let _ = field(&damaged, kind, wanted);
                    }
                }
            }
            damaged[at] = FULL[at];
        }
        for first in [CONNECT, CONNACK, 0xff] {
            for len in 0..20 {
                for fill in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bytes = vec![fill; len];
                    bytes.insert(0, first);
                    let _ = is_valid(&bytes);
                }
            }
        }
    }

    #[test]
    fn what_is_no_first_packet_is_known_at_once() {
        for bytes in [&b"GET /"[..], b"\xc0\0", b"\x30\x05", b"\x10\xff\xff\xff\xff", b"\x11"] {
            assert_eq!(is_valid(bytes), Some(false), "{}", bytes.escape_ascii());
        }
    }
}
