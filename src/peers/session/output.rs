//! The send buffer of a session.

use crate::peers::wire::Writer;

/// Its size.
const LEN: usize = 65_536;

/// The bytes written and not yet sent: `start <= end <= bytes.len()`. Refilled only when empty,
/// but for the last words of a session.
#[derive(Debug)]
pub(crate) struct Output {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; LEN].into_boxed_slice(), start: 0, end: 0 }
    }

    pub(crate) fn write(&mut self, fill: impl FnOnce(&mut Writer<'_>)) {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        let mut out = Writer::new(&mut self.bytes[self.end..]);
        fill(&mut out);
        self.end += out.len();
    }

    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn sent(&mut self, len: usize) {
        self.start += len;
        assert!(self.start <= self.end, "BUG: more was sent than was offered");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }
}
