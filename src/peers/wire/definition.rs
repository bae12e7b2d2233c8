//! The definition of a table: what its sender stores in each entry, and how updates are to be read.

use super::cursor::{ReadError, Reader, Writer};
use super::numbers::{CLASS_TABLE, DEFINE, MESSAGE_MAX};
use crate::config::data_type::{DataType, Kind};

/// A table definition that was received.
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
    /// The data type.
    pub data_type: DataType,
    /// The number of elements, 1 unless the type is an array.
    pub elements: u64,
    /// The period of a rate in milliseconds, else 0.
    pub period_ms: u64,
}

/// The error when the parameters of a definition do not fit its data types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParameters;

impl<'a> Definition<'a> {
    pub(super) fn read(payload: &mut Reader<'a>) -> Result<Self, ReadError> {
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

    /// A definition without a time to live and parameters.
    pub const fn new(
        table_id: u64,
        name: &'a [u8],
        [key_type, key_len]: [u64; 2],
        data_types: u64,
    ) -> Self {
        Self { table_id, name, key_type, key_len, data_types, expire_ms: None, params: &[] }
    }

    /// The same with a time to live and these parameters.
    #[must_use]
    pub const fn with_params(self, expire_ms: Option<u64>, params: &'a [u8]) -> Self {
        Self { expire_ms, params, ..self }
    }

    /// The parameters as they are on the wire.
    pub const fn params(&self) -> &'a [u8] {
        self.params
    }

    /// The data types that are known here, in ascending order. Updates have their values in this
    /// order. Values of higher types follow them and are skipped with the rest of the message.
    ///
    /// # Errors
    /// If a parameter is missing or belongs to another data type.
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
}

/// A table definition to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OwnDefinition<'a> {
    /// Our number of the table.
    pub table_id: u64,
    /// The table's name.
    pub name: &'a [u8],
    /// The number of the key type on the wire.
    pub key_type: u64,
    /// The length of a key.
    pub key_len: u64,
    /// What the table stores, in ascending data type.
    pub columns: &'a [Column],
    /// The time to live in milliseconds, 0 for a table without.
    pub expire_ms: u64,
}

impl OwnDefinition<'_> {
    /// Adds the message. False if it is too long to be sent.
    pub fn write(&self, out: &mut Writer<'_>) -> bool {
        out.message(CLASS_TABLE, DEFINE, MESSAGE_MAX, |payload| {
            payload.varint(self.table_id);
            payload.varint(self.name.len() as u64);
            payload.bytes(self.name);
            payload.varint(self.key_type);
            payload.varint(self.key_len);
            let bits = |bits, column: &Column| bits | 1_u64 << column.data_type.number();
            payload.varint(self.columns.iter().fold(0, bits));
            payload.varint(self.expire_ms);
            for column in self.columns {
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

    #[test]
    fn the_definition_of_the_protocol_page_is_read_and_written() {
        let bytes = [
            0x0a, 0x82, 0x17, 0x01, 0x02, 0x74, 0x68, 0x04, 0x04, 0xf0, 0xf1, 0xfe, 0x6e, 0xf0,
            0xaf, 0x91, 0x00, 0x16, 0x03, 0x17, 0x02, 0x18, 0x02, 0xf0, 0xe2, 0x03,
        ];
        let (message, payload) = bytes.split_at(3);
        assert_eq!(message, [CLASS_TABLE, DEFINE, u8::try_from(payload.len()).unwrap()]);
        let definition = Definition::read(&mut Reader::new(payload)).unwrap();
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
        let own = OwnDefinition {
            table_id: 1,
            name: b"th",
            key_type: 4,
            key_len: 4,
            columns: &columns,
            expire_ms: 300_000,
        };
        assert!(own.write(&mut writer));
        let len = writer.len();
        assert_eq!(&out[..len], &bytes);
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
