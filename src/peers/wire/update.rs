//! Entry updates: which kind, the key, and the data values.

use std::fmt;

use super::cursor::{ONE_BYTE_END, ReadError, Reader, Writer, varint_len};
use super::numbers::{CLASS_TABLE, DICTIONARY_SLOTS, MESSAGE_MAX};
use crate::config::KeyType;
use crate::config::data_type::{DataType, Kind};

/// The kind of an entry update: there are four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateKind {
    /// The update id is in the message. Else it is the one after the previous id.
    pub explicit: bool,
    /// The remaining time is in the message. Else it is the full time of the table.
    pub timed: bool,
}

impl UpdateKind {
    /// The kind that is pushed when an entry changes.
    pub const LIVE: Self = Self { explicit: true, timed: false };
    /// The kind that a resync consists of.
    pub const TIMED: Self = Self { explicit: true, timed: true };

    /// The type on the wire.
    pub const fn number(self) -> u8 {
        match (self.explicit, self.timed) {
            (true, false) => 128,
            (false, false) => 129,
            (true, true) => 133,
            (false, true) => 134,
        }
    }

    /// From the type on the wire.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            128 => Some(Self { explicit: true, timed: false }),
            129 => Some(Self { explicit: false, timed: false }),
            133 => Some(Self { explicit: true, timed: true }),
            134 => Some(Self { explicit: false, timed: true }),
            _ => None,
        }
    }
}

/// Adds an entry update; `values` writes key and values. False if it is too long to be sent.
#[inline]
pub fn write_update(
    out: &mut Writer<'_>,
    kind: UpdateKind,
    update_id: u32,
    expires_in_ms: u32,
    values: impl FnOnce(&mut Writer<'_>),
) -> bool {
    out.message(CLASS_TABLE, kind.number(), MESSAGE_MAX, |payload| {
        if kind.explicit {
            payload.be32(update_id);
        }
        if kind.timed {
            payload.be32(expires_in_ms);
        }
        values(payload);
    })
}

/// An update of `server_id` and `server_key`, and nothing else, in its shortest form. Nearly all
/// updates have this form: they say which server a client has, the key has four bytes, and the
/// other side knows the name already. So they are read and written in one go.
///
/// ```text
///  | update id: 4 | time left: 4, if timed | key: 4 | server_id: 1 | 1 | slot: 1 |
/// ```
/// Every field has its shortest form, so the message has one length, and one check is enough.
/// Other updates are read and written field by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortUpdate<'a> {
    /// The update id.
    pub id: u32,
    /// The time left as it is sent; 0 unless the update is timed.
    pub expires_in_ms: u32,
    /// The key, of four bytes.
    pub key: &'a [u8],
    /// `server_id`, small enough for one byte.
    server_id: u8,
    /// The slot of `server_key`, from 1 to [`DICTIONARY_SLOTS`].
    slot: u8,
}

impl<'a> ShortUpdate<'a> {
    /// The update with these fields. None if it cannot have this form.
    #[inline]
    pub fn new(
        id: u32,
        expires_in_ms: u32,
        key: &'a [u8],
        server_id: u32,
        slot: u8,
    ) -> Option<Self> {
        let server_id = u8::try_from(server_id).ok()?;
        let fits = key.len() == 4 && server_id < ONE_BYTE_END && is_slot(slot);
        fits.then_some(Self { id, expires_in_ms, key, server_id, slot })
    }

    /// The server's number.
    pub fn server_id(&self) -> u32 {
        u32::from(self.server_id)
    }

    /// The slot of the server's name.
    pub fn slot(&self) -> u8 {
        self.slot
    }

    /// Reads a payload. None if it has another form. The sender's table must have keys of four
    /// bytes and store nothing but `server_id` and `server_key`.
    #[inline(always)]
    pub fn read(kind: UpdateKind, payload: &'a [u8]) -> Option<Self> {
        let (id, expires_in_ms, rest) = match (kind, payload) {
            (UpdateKind::TIMED, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
                (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), rest)
            }
            (UpdateKind::LIVE, &[a, b, c, d, ref rest @ ..]) => {
                (u32::from_be_bytes([a, b, c, d]), 0, rest)
            }
            _ => return None,
        };
        match *rest {
            [ref key @ .., server_id, 1, slot]
                if key.len() == 4 && server_id < ONE_BYTE_END && is_slot(slot) =>
            {
                Some(Self { id, expires_in_ms, key, server_id, slot })
            }
            _ => None,
        }
    }

    /// Adds the message. `kind` is [`UpdateKind::TIMED`] or [`UpdateKind::LIVE`].
    #[inline]
    pub fn write(&self, out: &mut Writer<'_>, kind: UpdateKind) {
        let &[k0, k1, k2, k3] = self.key else { return };
        let [i0, i1, i2, i3] = self.id.to_be_bytes();
        let [t0, t1, t2, t3] = self.expires_in_ms.to_be_bytes();
        let (class, number, server_id, slot) =
            (CLASS_TABLE, kind.number(), self.server_id, self.slot);
        if kind.timed {
            out.bytes(&[
                class, number, 15, i0, i1, i2, i3, t0, t1, t2, t3, k0, k1, k2, k3, server_id, 1,
                slot,
            ]);
        } else {
            out.bytes(&[class, number, 11, i0, i1, i2, i3, k0, k1, k2, k3, server_id, 1, slot]);
        }
    }
}

/// Whether keys have the four bytes that [`ShortUpdate`] has room for.
pub fn has_short_keys(key_type: KeyType) -> bool {
    matches!(key_type, KeyType::Integer | KeyType::Ipv4)
}

/// Whether two data types are the ones that say which server a client has.
pub fn is_server(first: DataType, second: DataType) -> bool {
    (first, second) == (DataType::ServerId, DataType::ServerKey)
}

#[inline]
fn is_slot(slot: u8) -> bool {
    (1..=DICTIONARY_SLOTS).contains(&slot)
}

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

/// Reads a key; `key_len` is the announced length. A string ends at its first zero byte, whatever
/// its length says.
///
/// # Errors
/// If the payload ends within the key.
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

/// A name. Each direction of a session has a dictionary cache: a name is sent once in full, with
/// the slot that the receiver keeps it in, and then as the number of the slot.
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
    ///
    /// # Errors
    /// If the payload ends within the value, or if a name has a slot that does not exist.
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
    ///
    /// # Errors
    /// If the payload ends within the name, or if the slot does not exist.
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
                out.varint(1 + varint_len(name_len) as u64 + name_len);
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

    fn check_name(name: Name<'_>, expected: &[u8]) {
        let mut out = [0; 300];
        let mut writer = Writer::new(&mut out);
        name.write(&mut writer);
        let len = writer.len();
        assert_eq!(&out[..len], expected);
        assert_eq!(Name::read(&mut Reader::new(expected)), Ok(name));
    }

    #[test]
    fn names_are_read_and_written() {
        check_name(Name::Define(1, b"s1"), &[4, 1, 2, b's', b'1']);
        check_name(Name::Slot(1), &[1, 1]);
        check_name(Name::Absent, &[0]);
        check_name(Name::Define(9, b""), &[2, 9, 0]);
        let long = [b'x'; 256];
        let mut expected = vec![0xf3, 0x01, 128, 0xf0, 0x01];
        expected.extend_from_slice(&long);
        check_name(Name::Define(128, &long), &expected);
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

    const KEY: [u8; 4] = [127, 0, 0, 1];

    /// The payload of a message whose length has one byte.
    fn payload_of(message: &[u8]) -> &[u8] {
        &message[3..]
    }

    fn general(kind: UpdateKind, server_id: u64, name: Name<'_>) -> Vec<u8> {
        let mut bytes = [0; 64];
        let mut out = Writer::new(&mut bytes);
        assert!(write_update(&mut out, kind, 0x0102_0304, 0x0506_0708, |payload| {
            payload.bytes(&KEY);
            payload.varint(server_id);
            name.write(payload);
        }));
        let len = out.len();
        bytes[..len].to_vec()
    }

    #[test]
    fn both_ways_write_and_read_the_same() {
        for kind in [UpdateKind::TIMED, UpdateKind::LIVE] {
            for (server_id, slot) in [(0, 1), (7, 128), (239, 64)] {
                let left = if kind.timed { 0x0506_0708 } else { 0 };
                let update = ShortUpdate::new(0x0102_0304, left, &KEY, server_id, slot).unwrap();
                let mut bytes = [0; 64];
                let mut out = Writer::new(&mut bytes);
                update.write(&mut out, kind);
                let len = out.len();
                assert_eq!(bytes[..len], general(kind, server_id.into(), Name::Slot(slot)));
                let payload = payload_of(&bytes[..len]);
                assert_eq!(ShortUpdate::read(kind, payload), Some(update));
            }
        }
    }

    #[test]
    fn what_has_another_form_is_left_to_the_general_way() {
        assert_eq!(ShortUpdate::new(1, 0, &KEY, 240, 1), None);
        assert_eq!(ShortUpdate::new(1, 0, &KEY, 1, 0), None);
        assert_eq!(ShortUpdate::new(1, 0, &KEY, 1, 129), None);
        assert_eq!(ShortUpdate::new(1, 0, &KEY[..3], 1, 1), None);
        let others = [
            (240, Name::Slot(1)),
            (1, Name::Absent),
            (1, Name::Define(1, b"s1")),
            (1, Name::Slot(129)),
        ];
        for (server_id, name) in others {
            for kind in [UpdateKind::TIMED, UpdateKind::LIVE] {
                let bytes = general(kind, server_id, name);
                let payload = payload_of(&bytes);
                assert_eq!(ShortUpdate::read(kind, payload), None, "{server_id} {name:?}");
                for cut in 0..payload.len() {
                    assert_eq!(ShortUpdate::read(kind, &payload[..cut]), None);
                }
            }
        }
        let implicit = UpdateKind { explicit: false, timed: false };
        assert_eq!(ShortUpdate::read(implicit, &[0; 11]), None);
    }
}
