//! Numbers one after the other, as one process writes them and its successor reads them: both run
//! on the same machine, so the order of the bytes is the machine's.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use crate::table::kept::invalid;

const MAGIC: &[u8; 8] = b"stickd S";
/// What the numbers mean. Another order, or another layout of index or ring, gets another number.
const FORMAT: u32 = 1;

/// Writes numbers.
#[derive(Debug, Default)]
pub(in crate::table) struct StateWriter(Vec<u8>);

impl StateWriter {
    pub(in crate::table) fn word(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_ne_bytes());
    }

    pub(in crate::table) fn wide(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_ne_bytes());
    }

    /// How many of something follow.
    pub(in crate::table) fn count(&mut self, count: usize) {
        self.wide(count as u64);
    }

    /// What was written, behind a head that says what it is.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_ne_bytes());
        bytes.extend_from_slice(&xxh3_64(&self.0).to_ne_bytes());
        bytes.extend_from_slice(&self.0);
        bytes
    }
}

/// Reads what a [`StateWriter`] has written. Each error is `InvalidData`.
#[derive(Debug)]
pub(in crate::table) struct StateReader<'s>(&'s [u8]);

impl<'s> StateReader<'s> {
    /// Looks at the head first.
    pub(super) fn new(bytes: &'s [u8]) -> io::Result<Self> {
        let mut reader = Self(bytes.strip_prefix(MAGIC).ok_or_else(|| invalid("no state"))?);
        if reader.word()? != FORMAT {
            return Err(invalid("a state of another version"));
        }
        let sum = reader.wide()?;
        if xxh3_64(reader.0) != sum {
            return Err(invalid("a damaged state"));
        }
        Ok(reader)
    }

    pub(in crate::table) fn word(&mut self) -> io::Result<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    /// A number that is at most so large.
    pub(in crate::table) fn word_up_to(&mut self, max: u32) -> io::Result<u32> {
        let value = self.word()?;
        if value > max { Err(invalid("a state with a number out of range")) } else { Ok(value) }
    }

    pub(in crate::table) fn wide(&mut self) -> io::Result<u64> {
        self.take().map(u64::from_ne_bytes)
    }

    /// How many of something follow, at most so many.
    pub(in crate::table) fn count(&mut self, max: usize) -> io::Result<usize> {
        let count = usize::try_from(self.wide()?).ok().filter(|count| *count <= max);
        count.ok_or_else(|| invalid("a state with too much of something"))
    }

    /// Nothing follows.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(invalid("a state that is too long")) }
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (value, rest) =
            self.0.split_first_chunk().ok_or_else(|| invalid("a state that is too short"))?;
        self.0 = rest;
        Ok(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written_and_nothing_else_is() {
        let mut writer = StateWriter::default();
        writer.word(7);
        writer.wide(u64::MAX);
        writer.count(3);
        let bytes = writer.finish();
        let mut reader = StateReader::new(&bytes).unwrap();
        assert_eq!(reader.word_up_to(7).unwrap(), 7);
        assert_eq!(reader.wide().unwrap(), u64::MAX);
        assert!(StateReader(&bytes).count(2).is_err());
        assert_eq!(reader.count(3).unwrap(), 3);
        assert!(reader.word().is_err());
        reader.finish().unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(StateReader::new(&other).is_err(), "byte {at}");
            assert!(StateReader::new(&bytes[..at]).is_err(), "{at} bytes");
        }
    }
}
