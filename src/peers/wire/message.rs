//! The messages of a session: the byte stream cut into frames, and every message as an enum, read
//! and written side by side.

use std::fmt;

use super::cursor::{ONE_BYTE_END, ReadError, Reader, Writer};
use super::definition::Definition;
use super::numbers::{
    ACK, CLASS_CONTROL, CLASS_ERROR, CLASS_TABLE, DEFINE, LATE_UPDATES, MESSAGE_MAX, NOTE,
    PAYLOAD_MAX, POSITION, REMOVAL, SWITCH,
};
use super::update::UpdateKind;

/// Messages of this type and above carry a length and a payload.
pub const FIRST_WITH_PAYLOAD: u8 = 128;

/// The class that no one may use.
const CLASS_RESERVED: u8 = 255;

/// The most bytes of a message's length.
const LENGTH_LEN_MAX: usize = 5;

/// One whole message, not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The class byte.
    pub class: u8,
    /// The type byte.
    pub kind: u8,
    /// What follows the length; empty for a type without one.
    pub payload: &'a [u8],
}

/// Why the stream cannot be cut into messages any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A message of the reserved class 255.
    ReservedClass,
    /// A length that takes more than five bytes.
    LengthTooLong,
    /// A payload that is longer than a message may be.
    TooLarge {
        /// The announced length.
        len: u64,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedClass => f.write_str("a message of the reserved class 255"),
            Self::LengthTooLong => f.write_str("a message length of more than five bytes"),
            Self::TooLarge { len } => write!(f, "a message of {len} bytes"),
        }
    }
}

/// Reads the frame at the beginning of `bytes`. Returns the frame and its length with the header,
/// or none when more bytes are needed.
///
/// # Errors
/// If the header is not one of the protocol, or if the frame is too long.
#[inline]
pub fn read_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let &[class, kind, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if class == CLASS_RESERVED {
        return Err(FrameError::ReservedClass);
    }
    if kind < FIRST_WITH_PAYLOAD {
        return Ok(Some((Frame { class, kind, payload: &[] }, 2)));
    }
    let Some((len, length_len)) = read_length(rest)? else {
        return Ok(None);
    };
    if len > PAYLOAD_MAX {
        return Err(FrameError::TooLarge { len });
    }
    let Ok(len) = usize::try_from(len) else {
        return Ok(None);
    };
    let payload = rest.get(length_len..length_len + len);
    Ok(payload.map(|payload| (Frame { class, kind, payload }, 2 + length_len + len)))
}

#[inline]
fn read_length(bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    match bytes.first() {
        None => return Ok(None),
        Some(first) if *first < ONE_BYTE_END => return Ok(Some((u64::from(*first), 1))),
        Some(_) => {}
    }
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(LENGTH_LEN_MAX).enumerate() {
        let shift = if at == 0 { 0 } else { 7 * at - 3 };
        value = value.wrapping_add(u64::from(*byte) << shift);
        if at > 0 && *byte < 0x80 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() >= LENGTH_LEN_MAX { Err(FrameError::LengthTooLong) } else { Ok(None) }
}

/// A control message: it has no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The sender asks to be taught everything.
    ResyncRequest,
    /// The sender has taught everything, and it is up to date.
    ResyncFinished,
    /// The sender has taught all that it has, but it is not up to date itself.
    ResyncPartial,
    /// The sender has received everything up to the end of the resync.
    ResyncConfirm,
    /// The sender is alive.
    Heartbeat,
}

impl Control {
    /// Adds the message.
    pub fn write(self, out: &mut Writer<'_>) {
        out.bytes(&[CLASS_CONTROL, self as u8]);
    }

    const fn from_kind(kind: u8) -> Option<Self> {
        match kind {
            0 => Some(Self::ResyncRequest),
            1 => Some(Self::ResyncFinished),
            2 => Some(Self::ResyncPartial),
            3 => Some(Self::ResyncConfirm),
            4 => Some(Self::Heartbeat),
            _ => None,
        }
    }
}

/// What a side sends before it closes because of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// A message that breaks the protocol.
    Protocol,
    /// A message that is too long.
    SizeLimit,
}

impl ErrorCode {
    /// Adds the message.
    pub fn write(self, out: &mut Writer<'_>) {
        out.bytes(&[CLASS_ERROR, self as u8]);
    }
}

/// One message, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Class 0.
    Control(Control),
    /// Class 1, with its type.
    Error(u8),
    /// A table definition.
    Define(Definition<'a>),
    /// A switch to a table defined before.
    Switch {
        /// The sender's number of the table.
        table_id: u64,
    },
    /// An acknowledgement.
    Ack {
        /// The receiver's number of the table.
        table_id: u64,
        /// The last update received.
        update_id: u32,
    },
    /// An entry update. The meaning of its payload depends on the current table.
    Update(UpdateKind, &'a [u8]),
    /// A note from a stickd to its successor.
    Note(&'a [u8]),
    /// The last update id of a table, from a stickd that teaches.
    Position {
        /// The sender's number of the table.
        table_id: u64,
        /// Its last update id.
        update_id: u32,
    },
    /// An entry was removed, from a stickd to its successor.
    Removal {
        /// The sender's number of the table.
        table_id: u64,
        /// The entry's key; none for all entries.
        key: Option<&'a [u8]>,
    },
    /// A packet of late updates, from a stickd to its successor: whole messages.
    LateUpdates(&'a [u8]),
    /// A message that is skipped.
    Unknown,
}

impl<'a> Message<'a> {
    /// Reads the message in a frame. Nearly all messages are updates.
    ///
    /// # Errors
    /// If the payload ends within a field.
    #[inline(always)]
    pub fn read(frame: Frame<'a>) -> Result<Self, ReadError> {
        if frame.class == CLASS_TABLE
            && let Some(kind) = UpdateKind::from_number(frame.kind)
        {
            return Ok(Self::Update(kind, frame.payload));
        }
        Self::read_other(frame)
    }

    #[inline(never)]
    fn read_other(frame: Frame<'a>) -> Result<Self, ReadError> {
        let mut payload = Reader::new(frame.payload);
        Ok(match (frame.class, frame.kind) {
            (CLASS_TABLE, DEFINE) => Self::Define(Definition::read(&mut payload)?),
            (CLASS_TABLE, SWITCH) => Self::Switch { table_id: payload.varint()? },
            (CLASS_TABLE, ACK) => {
                Self::Ack { table_id: payload.varint()?, update_id: payload.be32()? }
            }
            (CLASS_CONTROL, LATE_UPDATES) => Self::LateUpdates(frame.payload),
            (CLASS_CONTROL, NOTE) => Self::Note(frame.payload),
            (CLASS_CONTROL, POSITION) => {
                Self::Position { table_id: payload.varint()?, update_id: payload.be32()? }
            }
            (CLASS_CONTROL, REMOVAL) => {
                let table_id = payload.varint()?;
                let is_one = payload.varint()? == 1;
                Self::Removal { table_id, key: is_one.then(|| payload.rest()) }
            }
            (CLASS_CONTROL, kind) => Control::from_kind(kind).map_or(Self::Unknown, Self::Control),
            (CLASS_ERROR, kind @ (0 | 1)) => Self::Error(kind),
            _ => Self::Unknown,
        })
    }
}

/// Adds a table switch.
pub fn write_switch(out: &mut Writer<'_>, table_id: u64) -> bool {
    out.message(CLASS_TABLE, SWITCH, MESSAGE_MAX, |payload| payload.varint(table_id))
}

/// Adds an acknowledgement.
pub fn write_ack(out: &mut Writer<'_>, table_id: u64, update_id: u32) -> bool {
    out.message(CLASS_TABLE, ACK, MESSAGE_MAX, |payload| {
        payload.varint(table_id);
        payload.be32(update_id);
    })
}

/// Adds a note.
pub fn write_note(out: &mut Writer<'_>, note: &[u8]) -> bool {
    out.message(CLASS_CONTROL, NOTE, MESSAGE_MAX, |payload| payload.bytes(note))
}

/// Adds a table's last update id.
pub fn write_position(out: &mut Writer<'_>, table_id: u64, update_id: u32) -> bool {
    out.message(CLASS_CONTROL, POSITION, MESSAGE_MAX, |payload| {
        payload.varint(table_id);
        payload.be32(update_id);
    })
}

/// Adds a packet of late updates: whole messages.
pub fn write_late_updates(out: &mut Writer<'_>, messages: &[u8]) -> bool {
    out.message(CLASS_CONTROL, LATE_UPDATES, MESSAGE_MAX, |payload| payload.bytes(messages))
}

/// Adds the removal of the entry with this key, or of all entries.
pub fn write_removal(out: &mut Writer<'_>, table_id: u64, key: Option<&[u8]>) -> bool {
    out.message(CLASS_CONTROL, REMOVAL, MESSAGE_MAX, |payload| {
        payload.varint(table_id);
        payload.varint(u64::from(key.is_some()));
        payload.bytes(key.unwrap_or_default());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_needs_all_its_bytes() {
        let bytes = [10, 132, 5, 1, 0, 0, 0, 5, 0, 4];
        for cut in 0..8 {
            assert_eq!(read_frame(&bytes[..cut]), Ok(None));
        }
        let (frame, len) = read_frame(&bytes).unwrap().unwrap();
        assert_eq!((frame.class, frame.kind, frame.payload, len), (10, 132, &bytes[3..8], 8));
        let (frame, len) = read_frame(&bytes[8..]).unwrap().unwrap();
        assert_eq!((frame.class, frame.kind, frame.payload.len(), len), (0, 4, 0, 2));
    }

    #[test]
    fn a_bad_header_is_refused_without_its_payload() {
        assert_eq!(read_frame(&[255, 0]), Err(FrameError::ReservedClass));
        assert_eq!(
            read_frame(&[10, 128, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(FrameError::LengthTooLong)
        );
        assert_eq!(
            read_frame(&[10, 128, 0xf1, 0xf1, 0x06]),
            Err(FrameError::TooLarge { len: 16_385 })
        );
    }

    #[test]
    fn removals_read_back_as_they_were_written() {
        for key in [None, Some(&b""[..]), Some(&b"key"[..])] {
            let mut out = [0; 64];
            let mut writer = Writer::new(&mut out);
            assert!(write_removal(&mut writer, 300, key));
            let (frame, _) = read_frame(&out).unwrap().unwrap();
            assert_eq!(Message::read(frame), Ok(Message::Removal { table_id: 300, key }));
        }
    }
}
