//! The part of the peers protocol that the load needs. It is written independently of stickd's own
//! code: so the measured program does not make its own load, and mistakes do not cancel out.

use std::net::Ipv4Addr;

/// The class and type of control messages, and the types of messages about stick tables.
pub const RESYNC_REQUEST: [u8; 2] = [0, 0];
pub const RESYNC_FINISHED: [u8; 2] = [0, 1];
pub const RESYNC_PARTIAL: [u8; 2] = [0, 2];
pub const RESYNC_CONFIRM: [u8; 2] = [0, 3];
pub const HEARTBEAT: [u8; 2] = [0, 4];
pub const STICK_TABLE: u8 = 10;
pub const UPDATE: u8 = 128;
pub const INCREMENTAL: u8 = 129;
pub const DEFINITION: u8 = 130;
pub const ACK: u8 = 132;
pub const TIMED: u8 = 133;
pub const INCREMENTAL_TIMED: u8 = 134;

/// The number of the table in definitions and acknowledgments. The load uses only one table.
const TABLE_NUMBER: u8 = 1;
const KEY_TYPE_IPV4: u64 = 4;
const KEY_LEN: u64 = 4;
/// The data types server_id and server_key.
const DATA_TYPES: u64 = 1 | 1 << 19;
const EXPIRE_MS: u64 = 3_600_000;
/// The first entry defines the server's name. Later entries refer to the name by its number.
const NAMED: [u8; 5] = [4, 1, 2, b's', b'1'];
const REFERRED: [u8; 2] = [1, 1];
const SERVER_ID: u8 = 1;

/// Appends the definition of a table with type ip, server_id and server_key.
pub fn put_definition(to: &mut Vec<u8>, table: &str) {
    let mut payload = vec![TABLE_NUMBER];
    put_varint(&mut payload, u64::try_from(table.len()).unwrap());
    payload.extend(table.as_bytes());
    for value in [KEY_TYPE_IPV4, KEY_LEN, DATA_TYPES, EXPIRE_MS] {
        put_varint(&mut payload, value);
    }
    put_message(to, DEFINITION, &payload);
}

/// Appends one update. The first update of a session has the number 1 and defines the server's
/// name.
pub fn put_update(to: &mut Vec<u8>, number: u32, key: Ipv4Addr) {
    let value: &[u8] = if number == 1 { &NAMED } else { &REFERRED };
    let len = 4 + 4 + 1 + value.len();
    to.extend([STICK_TABLE, UPDATE, len.to_le_bytes()[0]]);
    to.extend(number.to_be_bytes());
    to.extend(key.octets());
    to.push(SERVER_ID);
    to.extend(value);
}

/// Appends an acknowledgment.
pub fn put_ack(to: &mut Vec<u8>, number: u32) {
    let mut payload = vec![TABLE_NUMBER];
    payload.extend(number.to_be_bytes());
    put_message(to, ACK, &payload);
}

fn put_message(to: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    to.extend([STICK_TABLE, kind]);
    put_varint(to, u64::try_from(payload.len()).unwrap());
    to.extend(payload);
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    let low_byte = |value: u64| value.to_le_bytes()[0];
    if value < 240 {
        to.push(low_byte(value));
        return;
    }
    to.push(low_byte(value | 0xf0));
    value = (value - 240) >> 4;
    while value >= 128 {
        to.push(low_byte(value | 0x80));
        value = (value - 128) >> 7;
    }
    to.push(low_byte(value));
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub head: [u8; 2],
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// Whether the message is an update of an entry.
    pub fn is_update(self) -> bool {
        matches!(self.head, [STICK_TABLE, UPDATE | INCREMENTAL | TIMED | INCREMENTAL_TIMED])
    }

    /// The number of the update, if the message is an update with a number.
    pub fn update_number(self) -> Option<u32> {
        matches!(self.head, [STICK_TABLE, UPDATE | TIMED]).then(|| be32(self.payload))
    }

    /// The key of an update.
    pub fn key(self) -> Ipv4Addr {
        let place = match self.head[1] {
            INCREMENTAL => 0,
            TIMED => 8,
            _ => 4,
        };
        Ipv4Addr::from(be32(&self.payload[place..]))
    }

    /// The number that the message acknowledges, if it is an acknowledgment.
    pub fn acked(self) -> Option<u32> {
        (self.head == [STICK_TABLE, ACK]).then(|| be32(&self.payload[self.payload.len() - 4..]))
    }
}

fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The first message of `bytes` and its length. None if the message is incomplete.
pub fn read_message(bytes: &[u8]) -> Option<(Message<'_>, usize)> {
    let head: [u8; 2] = bytes.get(..2)?.try_into().ok()?;
    if head[1] < 128 {
        return Some((Message { head, payload: &[] }, 2));
    }
    let (len, start) = read_varint(bytes, 2)?;
    let end = start + usize::try_from(len).unwrap();
    Some((Message { head, payload: bytes.get(start..end)? }, end))
}

fn read_varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut byte = *bytes.get(at)?;
    at += 1;
    let mut value = u64::from(byte);
    let (mut shift, mut is_last) = (4, byte < 240);
    while !is_last {
        byte = *bytes.get(at)?;
        at += 1;
        value = value.wrapping_add(u64::from(byte) << shift);
        shift += 7;
        is_last = byte < 128;
    }
    Some((value, at))
}
