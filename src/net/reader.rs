//! Reads parts from the front of bytes that came from elsewhere.

/// More bytes have to come before what was asked for can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incomplete;

/// What has not been read yet.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// So many bytes, if there are as many.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number of so many bytes, 8 at most, the highest one first.
    pub fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A part with its length before it.
    pub fn part(&mut self, len_bytes: usize) -> Option<Self> {
        let len = self.number(len_bytes)?;
        self.take(len).map(Self)
    }

    /// Takes these bytes if the next bytes are the same but for their case.
    pub fn skip(&mut self, text: &[u8]) -> Option<()> {
        let mut rest = *self;
        let is_same = rest.take(text.len())?.eq_ignore_ascii_case(text);
        *self = rest;
        is_same.then_some(())
    }

    /// Takes the bytes before the first one for which `is_end` holds, if there is one.
    pub fn until(&mut self, is_end: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let len = self.0.iter().position(|byte| is_end(*byte))?;
        self.take(len)
    }
}
