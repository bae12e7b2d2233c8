//! TLS on a side: what the socket carries is ciphertext, and what the relay sees is plaintext.

use crate::net::tls::session::Session;

/// TLS on a side.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) session: Session,
    /// The socket has ended. Plaintext may still be unread.
    pub(super) has_ended: bool,
    /// The socket is to be shut once everything is sent.
    pub(super) is_closing: bool,
}

impl Secured {
    pub(super) fn new(session: Session) -> Self {
        Self { session, has_ended: false, is_closing: false }
    }

    /// Whether a read finds something although the socket has nothing.
    pub(super) fn has_news(&self) -> bool {
        self.session.readable_len() > 0 || self.session.has_ended() || self.has_ended
    }

    /// Whether no more plaintext will come.
    pub(super) fn is_over(&self) -> bool {
        self.session.readable_len() == 0 && (self.session.has_ended() || self.has_ended)
    }

    /// Whether something waits to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.is_closing || !self.session.unsent().is_empty()
    }
}
