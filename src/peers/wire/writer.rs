//! A cursor over a send buffer that cannot panic: what does not fit sets a mark instead.

use super::varint;

/// Where bytes to be sent are put.
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
            Ok(byte) if byte < varint::ONE_BYTE_END => self.u8(byte),
            _ => {
                let (bytes, len) = varint::encode(value);
                self.bytes(bytes.get(..len).unwrap_or_default());
            }
        }
    }

    /// Adds a message with a length: `fill` writes the payload. A message that does not fit or is
    /// longer than `message_max` is taken back as a whole; false says so.
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
            && len < varint::ONE_BYTE_END
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
        let (length, length_len) = varint::encode(payload_len as u64);
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

#[cfg(test)]
mod tests {
    use super::*;

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
