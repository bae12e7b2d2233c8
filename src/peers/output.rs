//! The send buffer of a session.

use super::wire::Writer;

/// Its size.
const LEN: usize = 65_536;

/// The bytes written and not yet sent: `start <= end <= bytes.len()`. Refilled only when empty,
/// but for the last words of a session.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; LEN].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(super) fn write(&mut self, fill: impl FnOnce(&mut Writer<'_>)) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        let mut out = Writer::new(&mut self.bytes[self.end..]);
        fill(&mut out);
        self.end += out.len();
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn sent(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.end, "BUG: more was sent than was offered");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }
}
