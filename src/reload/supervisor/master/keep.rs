//! What a supervisor writes for the program that it becomes, beside the words of its variable:
//! numbers, texts and descriptors, one after the other, in a file without a name.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::reload::inherit::Inherited;

/// Writes.
#[derive(Debug, Default)]
pub struct Keeper<'a> {
    bytes: Vec<u8>,
    /// The descriptors that stay open for the program that follows.
    descriptors: Vec<BorrowedFd<'a>>,
}

impl<'a> Keeper<'a> {
    /// A number.
    pub fn number(&mut self, number: impl Into<i64>) {
        self.bytes.extend_from_slice(&number.into().to_be_bytes());
    }

    /// A number that is never negative.
    pub fn count(&mut self, count: u64) {
        self.number(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A time, or none.
    pub fn moment(&mut self, at_ms: Option<u64>) {
        self.number(at_ms.map_or(-1, |at_ms| i64::try_from(at_ms).unwrap_or(i64::MAX)));
    }

    /// A text, with its length before it.
    pub fn text(&mut self, text: &[u8]) {
        self.number(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.bytes.extend_from_slice(text);
    }

    /// A descriptor, which has to stay open.
    pub fn descriptor(&mut self, fd: &'a OwnedFd) {
        self.number(fd.as_raw_fd());
        self.descriptors.push(fd.as_fd());
    }

    /// What was written, and the descriptors in it.
    pub fn finish(self) -> (Vec<u8>, Vec<BorrowedFd<'a>>) {
        (self.bytes, self.descriptors)
    }
}

/// Reads.
#[derive(Debug)]
pub struct Kept<'a> {
    bytes: &'a [u8],
}

impl<'a> Kept<'a> {
    /// What was written.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next number.
    ///
    /// # Errors
    /// `InvalidData` when there is none, or one that does not fit.
    pub fn number<N: TryFrom<i64>>(&mut self) -> io::Result<N> {
        let (number, rest) = self.bytes.split_first_chunk().ok_or_else(invalid)?;
        self.bytes = rest;
        N::try_from(i64::from_be_bytes(*number)).map_err(|_| invalid())
    }

    /// The next time, or none.
    ///
    /// # Errors
    /// As for [`Kept::number`].
    pub fn moment(&mut self) -> io::Result<Option<u64>> {
        Ok(u64::try_from(self.number::<i64>()?).ok())
    }

    /// The next text.
    ///
    /// # Errors
    /// As for [`Kept::number`].
    pub fn text(&mut self) -> io::Result<&'a [u8]> {
        let len = self.number()?;
        let (text, rest) = self.bytes.split_at_checked(len).ok_or_else(invalid)?;
        self.bytes = rest;
        Ok(text)
    }

    /// The next text, of characters.
    ///
    /// # Errors
    /// As for [`Kept::number`].
    pub fn string(&mut self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(self.text()?).into_owned())
    }

    /// The next descriptor, which is taken from `inherited`.
    ///
    /// # Errors
    /// As for [`Kept::number`]; `NotFound` when it is not open.
    pub fn descriptor(&mut self, inherited: &mut Inherited) -> io::Result<OwnedFd> {
        inherited.take_descriptor(self.number()?)
    }
}

/// The error for what no supervisor has written.
pub(super) fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what the supervisor has kept makes no sense")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_and_nothing_else() {
        let mut keeper = Keeper::default();
        keeper.number(-7);
        keeper.count(u64::from(u32::MAX));
        keeper.moment(None);
        keeper.moment(Some(5));
        keeper.text(b"\xff text\n");
        let (bytes, descriptors) = keeper.finish();
        assert!(descriptors.is_empty());
        let mut kept = Kept::new(&bytes);
        assert_eq!(kept.number::<i32>().unwrap(), -7);
        assert_eq!(kept.number::<u64>().unwrap(), u64::from(u32::MAX));
        assert_eq!((kept.moment().unwrap(), kept.moment().unwrap()), (None, Some(5)));
        assert_eq!(kept.text().unwrap(), b"\xff text\n");
        assert!(kept.number::<i32>().is_err());
        for len in 0..bytes.len() {
            let mut kept = Kept::new(&bytes[..len]);
            let read = (0..4).try_for_each(|_| kept.number::<i64>().map(drop));
            assert!(read.and_then(|()| kept.text().map(drop)).is_err(), "{len}");
        }
    }
}
