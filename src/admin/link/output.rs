//! What a client is to be sent, and what of it was.

/// Output is produced while less than this waits to be sent.
pub(crate) const OUTPUT_LEN_MAX: usize = 16_384;

/// The bytes for one client: `sent < bytes.len()`, or both are 0.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    sent: usize,
}

impl Output {
    /// Where to append what is to be sent.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How much was appended since everything was sent.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether everything was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is to be sent next.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// `count` bytes of [`Output::unsent`] were sent.
    pub(crate) fn handle_sent(&mut self, count: usize) {
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
