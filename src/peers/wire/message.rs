//! Every message of a session as an enum, read and written side by side (protocol.md, 5 to 7).

use super::frame::Frame;
use super::{MESSAGE_MAX, ReadError, Reader, Writer};
use crate::config::data_type::{DataType, Kind};

/// The class of control messages.
pub const CLASS_CONTROL: u8 = 0;
/// The class of error messages.
pub const CLASS_ERROR: u8 = 1;
/// The class of stick-table messages.
pub const CLASS_TABLE: u8 = 10;

const DEFINE: u8 = 130;
const SWITCH: u8 = 131;
const ACK: u8 = 132;

/// Bytes from one stickd to its successor. HAProxy skips the type.
const NOTE: u8 = 192;
/// The last update id of a table, from one stickd to its successor.
const POSITION: u8 = 193;
/// An entry that was removed, from one stickd to its successor; all entries without a key.
const REMOVAL: u8 = 194;
/// Messages in a message, from one stickd to its successor.
const TOLD: u8 = 195;

/// A message without payload that steers the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Teach me everything.
    ResyncRequest,
    /// That was everything.
    ResyncFinished,
    /// That was everything I have, but I am not up to date myself.
    ResyncPartial,
    /// The end of the lesson has arrived.
    ResyncConfirm,
    /// Still here.
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

/// What a side says before it closes.
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

/// Which of the four kinds of entry update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateKind {
    /// The id is in the message; else it is the one after the previous.
    pub explicit: bool,
    /// The remaining time is in the message; else it is the table's full one.
    pub timed: bool,
}

impl UpdateKind {
    /// What is pushed as it changes.
    pub const LIVE: Self = Self { explicit: true, timed: false };
    /// What a lesson consists of.
    pub const LESSON: Self = Self { explicit: true, timed: true };

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
    /// An entry update; what its payload means depends on the current table.
    Update(UpdateKind, &'a [u8]),
    /// A note from one stickd to its successor.
    Note(&'a [u8]),
    /// The last update id of a table, from one stickd to its successor.
    Position {
        /// The sender's number of the table.
        table_id: u64,
        /// Its last update id.
        update_id: u32,
    },
    /// An entry was removed, from one stickd to its successor.
    Removal {
        /// The sender's number of the table.
        table_id: u64,
        /// The entry's key; none for all entries.
        key: Option<&'a [u8]>,
    },
    /// Messages that mean something only together, from one stickd to its successor.
    Told(&'a [u8]),
    /// Something to be skipped.
    Unknown,
}

impl<'a> Message<'a> {
    /// What a frame says. Nearly all are updates.
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
            (CLASS_CONTROL, TOLD) => Self::Told(frame.payload),
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

/// Adds messages as one.
pub fn write_told(out: &mut Writer<'_>, messages: &[u8]) -> bool {
    out.message(CLASS_CONTROL, TOLD, MESSAGE_MAX, |payload| payload.bytes(messages))
}

/// Adds the removal of the entry with this key, or of all entries.
pub fn write_removal(out: &mut Writer<'_>, table_id: u64, key: Option<&[u8]>) -> bool {
    out.message(CLASS_CONTROL, REMOVAL, MESSAGE_MAX, |payload| {
        payload.varint(table_id);
        payload.varint(u64::from(key.is_some()));
        payload.bytes(key.unwrap_or_default());
    })
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

/// A table definition (section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The sender's number of the table.
    pub table_id: u64,
    /// The table's name.
    pub name: &'a [u8],
    /// The type of its keys.
    pub key_type: u64,
    /// The announced length of its keys.
    pub key_len: u64,
    /// One bit for each stored data type.
    pub data_types: u64,
    /// The time to live, 0 for a table without; absent from very old senders.
    pub expire_ms: Option<u64>,
    params: &'a [u8],
}

/// One data type as the sender of a definition stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What is stored.
    pub data_type: DataType,
    /// The number of elements, 1 unless the type is an array.
    pub elements: u64,
    /// The period of a rate in milliseconds, else 0.
    pub period_ms: u64,
}

/// The parameters of a definition do not fit its data types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParameters;

impl<'a> Definition<'a> {
    fn read(payload: &mut Reader<'a>) -> Result<Self, ReadError> {
        let table_id = payload.varint()?;
        let name_len = payload.varint()?;
        Ok(Self {
            table_id,
            name: payload.take(name_len)?,
            key_type: payload.varint()?,
            key_len: payload.varint()?,
            data_types: payload.varint()?,
            expire_ms: if payload.is_empty() { None } else { Some(payload.varint()?) },
            params: payload.rest(),
        })
    }

    /// The parameters as they are on the wire.
    pub const fn params(&self) -> &'a [u8] {
        self.params
    }

    /// The data types known here in ascending order: how the sender's updates are to be read.
    /// Types above them are sent behind and skipped with the end of the message.
    pub fn columns(&self) -> Result<Vec<Column>, BadParameters> {
        let mut params = Reader::new(self.params);
        let mut columns = Vec::new();
        for data_type in DataType::ALL.iter().copied() {
            if self.data_types >> data_type.number() & 1 == 0 {
                continue;
            }
            let mut column = Column { data_type, elements: 1, period_ms: 0 };
            let is_rate = data_type.kind() == Kind::Rate;
            if self.expire_ms.is_none() {
                if data_type.is_array() {
                    return Err(BadParameters);
                }
            } else if data_type.is_array() || is_rate {
                let mut next = || params.varint().map_err(|_| BadParameters);
                if next()? != u64::from(data_type.number()) {
                    return Err(BadParameters);
                }
                if data_type.is_array() {
                    column.elements = next()?;
                }
                if is_rate {
                    column.period_ms = next()?;
                }
            }
            columns.push(column);
        }
        Ok(columns)
    }

    /// Adds a definition.
    pub fn write(
        out: &mut Writer<'_>,
        table_id: u64,
        name: &[u8],
        key: (u64, u64),
        columns: &[Column],
        expire_ms: u64,
    ) -> bool {
        out.message(CLASS_TABLE, DEFINE, MESSAGE_MAX, |payload| {
            payload.varint(table_id);
            payload.varint(name.len() as u64);
            payload.bytes(name);
            payload.varint(key.0);
            payload.varint(key.1);
            let bits = |bits, column: &Column| bits | 1_u64 << column.data_type.number();
            payload.varint(columns.iter().fold(0, bits));
            payload.varint(expire_ms);
            for column in columns {
                let is_rate = column.data_type.kind() == Kind::Rate;
                if column.data_type.is_array() || is_rate {
                    payload.varint(u64::from(column.data_type.number()));
                }
                if column.data_type.is_array() {
                    payload.varint(column.elements);
                }
                if is_rate {
                    payload.varint(column.period_ms);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::wire::frame;

    #[test]
    fn the_definition_of_the_protocol_page_is_read_and_written() {
        let bytes = [
            0x0a, 0x82, 0x17, 0x01, 0x02, 0x74, 0x68, 0x04, 0x04, 0xf0, 0xf1, 0xfe, 0x6e, 0xf0,
            0xaf, 0x91, 0x00, 0x16, 0x03, 0x17, 0x02, 0x18, 0x02, 0xf0, 0xe2, 0x03,
        ];
        let (frame, len) = frame::read(&bytes).unwrap().unwrap();
        assert_eq!(len, bytes.len());
        let Ok(Message::Define(definition)) = Message::read(frame) else { panic!("{frame:?}") };
        assert_eq!((definition.table_id, definition.name), (1, &b"th"[..]));
        assert_eq!(definition.expire_ms, Some(300_000));
        let columns = definition.columns().unwrap();
        let column = |data_type, elements, period_ms| Column { data_type, elements, period_ms };
        let expected = [
            column(DataType::Gpt, 3, 0),
            column(DataType::Gpc, 2, 0),
            column(DataType::GpcRate, 2, 10_000),
        ];
        assert_eq!(columns, expected);
        let mut out = [0; 64];
        let mut writer = Writer::new(&mut out);
        assert!(Definition::write(&mut writer, 1, b"th", (4, 4), &columns, 300_000));
        let len = writer.len();
        assert_eq!(&out[..len], &bytes);
    }

    #[test]
    fn removals_read_back_as_they_were_written() {
        for key in [None, Some(&b""[..]), Some(&b"key"[..])] {
            let mut out = [0; 64];
            let mut writer = Writer::new(&mut out);
            assert!(write_removal(&mut writer, 300, key));
            let (frame, _) = frame::read(&out).unwrap().unwrap();
            assert_eq!(Message::read(frame), Ok(Message::Removal { table_id: 300, key }));
        }
    }

    #[test]
    fn parameters_that_are_missing_or_misplaced_are_noticed() {
        let definition = Definition {
            table_id: 1,
            name: b"t",
            key_type: 4,
            key_len: 4,
            data_types: 1 << 22,
            expire_ms: Some(0),
            params: &[],
        };
        assert_eq!(definition.columns(), Err(BadParameters));
        assert_eq!(Definition { params: &[23, 1], ..definition }.columns(), Err(BadParameters));
        assert_eq!(Definition { expire_ms: None, ..definition }.columns(), Err(BadParameters));
        let rate = Definition { data_types: 1 << 3 | 1 << 40, expire_ms: None, ..definition };
        assert_eq!(rate.columns().unwrap().len(), 1);
        let one = Definition { params: &[22, 1, 9, 9], ..definition };
        assert_eq!(one.columns().unwrap()[0].elements, 1);
    }
}
