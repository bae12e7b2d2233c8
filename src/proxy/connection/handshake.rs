//! The TLS handshake with a client.

use super::entry_failure::{EntryFailure, HandshakeFailure};
use super::{Connection, Wanted};
use crate::proxy::shared::Turn;

impl Connection {
    /// Goes on with the handshake, and opens the session when it is over.
    pub(super) fn shake_hands(
        &mut self,
        until_ms: Option<u64>,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        let failure = match self.client.shake_hands() {
            Ok(true) => return self.open_session(turn),
            Ok(false) if !turn.has_reached(until_ms) => return Some(Wanted::Event),
            Ok(false) => HandshakeFailure::TimedOut,
            Err(error) => {
                log::trace!("{}: {error}", self.slot.generation);
                HandshakeFailure::of(&error)
            }
        };
        self.refuse_entry(EntryFailure::Handshake(failure))
    }
}
