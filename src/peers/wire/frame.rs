//! Messages cut out of the byte stream: class, type, length, and the receive buffer they lie in.

use std::fmt;

use super::{PAYLOAD_MAX, varint};

/// Messages of this type and above carry a length and a payload.
pub const FIRST_WITH_PAYLOAD: u8 = 128;

/// The class that no one may use.
const CLASS_RESERVED: u8 = 255;

/// The most bytes of a message's length.
const LENGTH_LEN_MAX: usize = 5;

/// One whole message.
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

/// Reads the frame at the beginning of `bytes`, and says how long it is with its header. None
/// when more bytes are needed.
#[inline]
pub fn read(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
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
        Some(first) if *first < varint::ONE_BYTE_END => return Ok(Some((u64::from(*first), 1))),
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

/// The bytes received and not yet handled.
///
/// ```text
/// 0        start            end             bytes.len()
/// | handled | to be handled  | space         |
/// ```
///
/// `start <= end <= bytes.len()` always. Bytes move only in [`ReceiveBuffer::space`], when what is
/// free at the end is less than the longest message.
#[derive(Debug)]
pub struct ReceiveBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    handled: u64,
}

impl ReceiveBuffer {
    /// The bytes it holds.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_needs_all_its_bytes() {
        let bytes = [10, 132, 5, 1, 0, 0, 0, 5, 0, 4];
        for cut in 0..8 {
            assert_eq!(read(&bytes[..cut]), Ok(None));
        }
        let (frame, len) = read(&bytes).unwrap().unwrap();
        assert_eq!((frame.class, frame.kind, frame.payload, len), (10, 132, &bytes[3..8], 8));
        let (frame, len) = read(&bytes[8..]).unwrap().unwrap();
        assert_eq!((frame.class, frame.kind, frame.payload.len(), len), (0, 4, 0, 2));
    }

    #[test]
    fn a_bad_header_is_refused_without_its_payload() {
        assert_eq!(read(&[255, 0]), Err(FrameError::ReservedClass));
        assert_eq!(read(&[10, 128, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(FrameError::LengthTooLong));
        assert_eq!(read(&[10, 128, 0xf1, 0xf1, 0x06]), Err(FrameError::TooLarge { len: 16_385 }));
    }

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
