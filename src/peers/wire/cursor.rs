//! Two cursors that cannot panic, over received bytes and over a send buffer, and the encoded
//! integer of the protocol. It is not LEB128: the whole byte is added, its stop bit included.

use std::fmt;

/// Why a field could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The bytes end before the field does.
    Short,
    /// An encoded integer goes on after ten bytes.
    VarintTooLong,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the message ends within a field"),
            Self::VarintTooLong => f.write_str("an encoded integer is longer than ten bytes"),
        }
    }
}

/// What has not been read yet of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    ///
    /// # Errors
    /// If nothing is left.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, ReadError> {
        let (first, rest) = self.rest.split_first().ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next four bytes as a number, big-endian.
    ///
    /// # Errors
    /// If fewer are left.
    #[inline]
    pub fn be32(&mut self) -> Result<u32, ReadError> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// If fewer are left.
    #[inline]
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], ReadError> {
        let len = usize::try_from(len).map_err(|_| ReadError::Short)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next encoded integer.
    ///
    /// # Errors
    /// If its end is missing.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, ReadError> {
        let first = self.u8()?;
        if first < ONE_BYTE_END { Ok(u64::from(first)) } else { self.long_varint(first) }
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, ReadError> {
        let mut value = u64::from(first);
        let mut shift = 4;
        for _ in 1..VARINT_LEN_MAX {
            let byte = self.u8()?;
            value = value.wrapping_add(u64::from(byte) << shift);
            shift += 7;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ReadError::VarintTooLong)
    }
}

/// A cursor over a send buffer. Bytes that do not fit set a mark instead.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
    overflowed: bool,
}

impl<'a> Writer<'a> {
    /// Starts at the beginning of `out`.
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0, overflowed: false }
    }

    /// The bytes written.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes that still fit.
    pub const fn room(&self) -> usize {
        self.out.len() - self.len
    }

    /// Adds one byte.
    #[inline]
    pub fn u8(&mut self, byte: u8) {
        if let Some(place) = self.out.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        } else {
            self.overflowed = true;
        }
    }

    /// Adds `bytes`.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(place) = self.out.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end;
        } else {
            self.overflowed = true;
        }
    }

    /// Adds four bytes, big-endian.
    #[inline]
    pub fn be32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Adds an encoded integer.
    #[inline]
    pub fn varint(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(byte) if byte < ONE_BYTE_END => self.u8(byte),
            _ => {
                let (bytes, len) = encode_varint(value);
                self.bytes(bytes.get(..len).unwrap_or_default());
            }
        }
    }

    /// Adds a message with a length: `fill` writes the payload. A message that does not fit, or
    /// that is longer than `message_max`, is taken back as a whole. Returns whether the message
    /// was added.
    #[inline]
    pub fn message(
        &mut self,
        class: u8,
        kind: u8,
        message_max: usize,
        fill: impl FnOnce(&mut Self),
    ) -> bool {
        let start = self.len;
        self.u8(class);
        self.u8(kind);
        let length_at = self.len;
        self.u8(0);
        let payload_at = self.len;
        fill(self);
        let payload_len = self.len - payload_at;
        if let (Ok(len), false) = (u8::try_from(payload_len), self.overflowed)
            && len < ONE_BYTE_END
            && let Some(place) = self.out.get_mut(length_at)
        {
            *place = len;
        } else {
            self.insert_length(length_at, payload_len);
        }
        if self.overflowed || self.len - start > message_max {
            self.len = start;
            self.overflowed = false;
            return false;
        }
        true
    }

    /// Makes room for a length that takes more than the one byte set aside for it.
    #[cold]
    fn insert_length(&mut self, length_at: usize, payload_len: usize) {
        let (length, length_len) = encode_varint(payload_len as u64);
        let end = length_at + length_len + payload_len;
        if self.overflowed || end > self.out.len() {
            self.overflowed = true;
            return;
        }
        self.out.copy_within(length_at + 1..length_at + 1 + payload_len, length_at + length_len);
        self.len = length_at;
        self.bytes(length.get(..length_len).unwrap_or_default());
        self.len = end;
    }
}

/// Values below this take one byte, the value itself.
pub const ONE_BYTE_END: u8 = 0xF0;

/// The most bytes of an encoded 64-bit number.
pub const VARINT_LEN_MAX: usize = 10;

/// The encoded form of `value`: the bytes and how many of them count.
pub fn encode_varint(value: u64) -> ([u8; VARINT_LEN_MAX], usize) {
    let mut bytes = [0; VARINT_LEN_MAX];
    let mut len = 0;
    let mut put = |byte: u8| {
        if let Some(place) = bytes.get_mut(len) {
            *place = byte;
            len += 1;
        }
    };
    if value < u64::from(ONE_BYTE_END) {
        put(low_byte(value));
    } else {
        put(0xF0 | (low_byte(value) & 0x0F));
        let mut rest = (value - u64::from(ONE_BYTE_END)) >> 4;
        while rest >= 0x80 {
            put(0x80 | low_byte(rest));
            rest = (rest - 0x80) >> 7;
        }
        put(low_byte(rest));
    }
    (bytes, len)
}

/// How many bytes the encoded form of `value` takes.
pub fn varint_len(value: u64) -> usize {
    encode_varint(value).1
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low_byte(value: u64) -> u8 {
    value as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u64, expected: &[u8]) {
        let (bytes, len) = encode_varint(value);
        assert_eq!(&bytes[..len], expected, "encoding {value}");
        let mut reader = Reader::new(expected);
        assert_eq!(reader.varint(), Ok(value));
        assert!(reader.is_empty());
        for cut in 0..expected.len() {
            assert_eq!(Reader::new(&expected[..cut]).varint(), Err(ReadError::Short));
        }
    }

    #[test]
    fn the_values_of_the_protocol_page_come_out_as_written_there() {
        check(0, &[0]);
        check(239, &[0xef]);
        check(240, &[0xf0, 0]);
        check(255, &[0xff, 0]);
        check(256, &[0xf0, 1]);
        check(2287, &[0xff, 0x7f]);
        check(2288, &[0xf0, 0x80, 0]);
        check(4660, &[0xf4, 0x94, 1]);
        check(264_431, &[0xff, 0xff, 0x7f]);
        check(264_432, &[0xf0, 0x80, 0x80, 0]);
        check(33_818_863, &[0xff, 0xff, 0xff, 0x7f]);
        check(u64::from(u32::MAX), &[0xff, 0xf0, 0xfe, 0xfe, 0x7e]);
        check(4_328_786_160, &[0xf0, 0x80, 0x80, 0x80, 0x80, 0]);
        check(u64::MAX, &[0xff, 0xf0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x0e]);
    }

    #[test]
    fn both_sides_of_every_power_of_two_survive_the_round_trip() {
        for bit in 0..64 {
            for value in [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1] {
                let (bytes, len) = encode_varint(value);
                assert_eq!(Reader::new(&bytes[..len]).varint(), Ok(value));
            }
        }
    }

    #[test]
    fn an_integer_without_end_is_an_error() {
        assert_eq!(Reader::new(&[0xff; 20]).varint(), Err(ReadError::VarintTooLong));
    }

    #[test]
    fn a_length_of_two_bytes_moves_the_payload() {
        let mut out = [0; 512];
        let mut writer = Writer::new(&mut out);
        assert!(writer.message(10, 130, 512, |payload| payload.bytes(&[7; 300])));
        let len = writer.len();
        assert_eq!(&out[..5], &[10, 130, 0xfc, 3, 7]);
        assert_eq!(len, 304);
        assert!(out[4..304].iter().all(|byte| *byte == 7));
    }

    #[test]
    fn what_does_not_fit_is_taken_back() {
        let mut out = [0; 16];
        let mut writer = Writer::new(&mut out);
        assert!(!writer.message(10, 130, 512, |payload| payload.bytes(&[7; 14])));
        assert!(!writer.message(10, 130, 4, |payload| payload.bytes(&[7; 2])));
        assert_eq!(writer.len(), 0);
        assert!(writer.message(10, 130, 16, |payload| payload.bytes(&[7; 13])));
        assert_eq!(writer.len(), 16);
    }
}
