//! The bytes that a client is to be sent, and how many of them were sent.

/// The bytes for one client: `sent < bytes.len()`, or both are 0.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    /// The buffer to which output is appended.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many bytes were appended since all output was sent.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether all output was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes to be sent next.
    pub(super) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Notes that `count` bytes of [`Output::unsent`] were sent.
    pub(super) fn handle_sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_lent_again() {
        let mut output = Output::default();
        output.end().extend_from_slice(b"first");
        output.handle_sent(2);
        output.end().extend_from_slice(b" last");
        assert_eq!(output.unsent(), b"rst last");
        output.handle_sent(8);
        assert!(output.is_empty());
        assert_eq!((output.unsent(), output.len()), (&[][..], 0));
        output.end().push(b'x');
        assert_eq!(output.unsent(), b"x");
    }
}
