//! How much of a long answer is produced at once. A long answer is made in slices, so that the
//! process serves its clients between two of them.

/// A slice ends when this many bytes wait to be sent.
pub(super) const SLICE_LEN_MAX: usize = 16_384;

/// The most rows of a stick table, or connections, that one slice looks at.
pub(super) const SLICE_ROWS_MAX: u32 = 1024;
