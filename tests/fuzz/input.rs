//! The bytes of one run, taken apart.

/// The bytes that are left.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte; 0 where there is none.
    pub(crate) fn byte(&mut self) -> u8 {
        let [first, rest @ ..] = self.0 else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next bytes, as many of them as there are.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// How a stream is cut on its way: a number for [`Pieces::of`].
#[derive(Clone, Copy)]
pub(crate) struct Pieces(u8);

impl Pieces {
    /// All at once where the number is 0, else in pieces of about this length.
    pub(crate) fn of(number: u8) -> Self {
        Self(number)
    }

    /// The first piece of `bytes`, and the rest.
    pub(crate) fn split(self, bytes: &[u8], most: usize) -> (&[u8], &[u8]) {
        let len = if self.0 == 0 { most } else { usize::from(self.0).min(most) };
        bytes.split_at(len.min(bytes.len()))
    }
}

/// A seed: the bytes that control the run, and the bytes of the stranger.
pub(crate) fn seed(control: &[u8], bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [control, bytes.as_ref()].concat()
}
