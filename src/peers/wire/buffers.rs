//! The receive buffer and the send buffer of a session.

use super::cursor::Writer;

/// The bytes received and not yet handled.
///
/// ```text
/// 0        start            end             bytes.len()
/// | handled | to be handled  | space         |
/// ```
///
/// `start <= end <= bytes.len()` always. Bytes move only in [`ReceiveBuffer::space`], when the
/// space at the end is shorter than the longest message.
#[derive(Debug)]
pub struct ReceiveBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    handled: u64,
}

impl ReceiveBuffer {
    /// The bytes that the buffer holds.
    pub const LEN: usize = 65_536;

    /// Below this much space at the end, what is left moves to the front.
    const SPACE_MIN: usize = 20_480;

    /// An empty buffer.
    pub fn new() -> Self {
        Self { bytes: vec![0; Self::LEN].into_boxed_slice(), start: 0, end: 0, handled: 0 }
    }

    /// Where to put received bytes. Empty only when that much input waits to be handled.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.bytes.len() - self.end < Self::SPACE_MIN {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// `len` bytes were put into the space.
    pub fn fill(&mut self, len: usize) {
        self.end += len;
        assert!(self.end <= self.bytes.len(), "BUG: more was received than there was space for");
    }

    /// What waits to be handled.
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `len` waiting bytes have been handled.
    pub fn consume(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.end, "BUG: more was handled than there was");
        self.handled += len as u64;
    }

    /// The position in the stream of the first waiting byte.
    pub const fn offset(&self) -> u64 {
        self.handled
    }
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes written and not yet sent: `start <= end <= bytes.len()`. The buffer is refilled only
/// when it is empty, but for the reply that a session sends before it ends.
#[derive(Debug)]
pub struct SendBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl SendBuffer {
    /// The bytes that the buffer holds.
    pub const LEN: usize = 65_536;

    /// An empty buffer.
    pub fn new() -> Self {
        Self { bytes: vec![0; Self::LEN].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Adds what `fill` writes.
    pub fn write(&mut self, fill: impl FnOnce(&mut Writer<'_>)) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        let mut out = Writer::new(self.bytes.get_mut(self.end..).unwrap_or_default());
        fill(&mut out);
        self.end += out.len();
    }

    /// The bytes that are to be sent.
    pub fn unsent(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `len` of these bytes have been sent.
    pub fn sent(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.end, "BUG: more was sent than was offered");
    }

    /// Whether everything has been sent.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

impl Default for SendBuffer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_what_is_unread_when_it_moves() {
        let mut buffer = ReceiveBuffer::new();
        let mut next = 0_u8;
        let mut expected = 0_u8;
        for round in 0..2000_usize {
            let len = (round * 37 % 9000).min(buffer.space().len());
            for place in buffer.space().iter_mut().take(len) {
                *place = next;
                next = next.wrapping_add(1);
            }
            buffer.fill(len);
            let handled = buffer.unread().len().saturating_sub(round % 1500);
            for byte in &buffer.unread()[..handled] {
                assert_eq!(*byte, expected);
                expected = expected.wrapping_add(1);
            }
            buffer.consume(handled);
        }
    }
}
