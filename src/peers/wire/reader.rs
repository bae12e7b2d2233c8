//! A cursor over received bytes that cannot panic.

use std::fmt;

use super::varint;

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
    #[inline]
    pub fn u8(&mut self) -> Result<u8, ReadError> {
        let (first, rest) = self.rest.split_first().ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next four bytes as a number, big-endian.
    #[inline]
    pub fn be32(&mut self) -> Result<u32, ReadError> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], ReadError> {
        let len = usize::try_from(len).map_err(|_| ReadError::Short)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(ReadError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next encoded integer.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, ReadError> {
        let first = self.u8()?;
        if first < varint::ONE_BYTE_END { Ok(u64::from(first)) } else { self.long_varint(first) }
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, ReadError> {
        let mut value = u64::from(first);
        let mut shift = 4;
        for _ in 1..varint::LEN_MAX {
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
