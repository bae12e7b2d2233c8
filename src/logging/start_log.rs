//! The program's own messages of its start, kept for the process that waits for it.

use std::cell::Cell;

/// How many bytes are kept at most.
const KEPT_MAX: usize = 32 * 1024;

thread_local! {
    /// None while nothing is kept.
    static KEPT: Cell<Option<Vec<u8>>> = const { Cell::new(None) };
}

/// Keeps a copy of all messages that follow, until [`take`].
pub fn keep() {
    KEPT.set(Some(Vec::new()));
}

/// The messages since [`keep`]. Nothing more is kept.
pub fn take() -> Vec<u8> {
    KEPT.take().unwrap_or_default()
}

/// Keeps a whole message, if there is room.
pub(super) fn note(message: &[u8]) {
    let Some(mut kept) = KEPT.take() else { return };
    if kept.len() + message.len() <= KEPT_MAX {
        kept.extend_from_slice(message);
    }
    KEPT.set(Some(kept));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_messages_are_kept_up_to_a_limit() {
        note(b"before\n");
        keep();
        note(b"one\n");
        note(&[b'x'; KEPT_MAX]);
        note(b"two\n");
        assert_eq!(take(), b"one\ntwo\n");
        note(b"after\n");
        assert!(take().is_empty());
    }
}
