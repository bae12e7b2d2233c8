//! The TLS handshake with a client.

use std::io;

use super::entry_failure::{EntryFailure, HandshakeFailure, ServerFailure};
use super::{Connection, Target, Wanted};
use crate::proxy::relay::side::Side;
use crate::proxy::shared::Turn;

impl Connection {
    fn count_handshake(&self, turn: &mut Turn<'_>) {
        let Some(session) = self.client.session() else { return };
        if !session.is_resumed() {
            turn.shared.totals.tls.client_keys.count(turn.now_ms);
        }
        turn.shared.frontend_mut(self.route.frontend).counters.tls.count(session);
    }

    /// Counts the handshake with a server that has been reached.
    pub(super) fn count_server_handshake(&self, target: Target, turn: &mut Turn<'_>) {
        let Some(session) = self.server().and_then(Side::session) else { return };
        if !session.is_resumed() {
            turn.shared.totals.tls.server_keys.count(turn.now_ms);
        }
        let backend = turn.shared.backend_mut(target.backend);
        backend.count(target.server, |counters| counters.tls.count(session));
    }

    /// Keeps why the handshake with a server has failed, if that was it.
    pub(super) fn keep_server_failure(
        &mut self,
        target: Target,
        error: &io::Error,
        turn: &Turn<'_>,
    ) {
        if self.server().is_some_and(|server| server.session().is_some() && server.is_writable()) {
            let server = turn.shared.backend(target.backend).server(target.server);
            let was_asked = server.config.settings.tls.as_ref().is_some_and(|it| it.sni.is_some());
            self.server_failure = Some(ServerFailure::of(error, was_asked));
        }
    }

    /// Goes on with the handshake, and opens the session when it is over.
    pub(super) fn shake_hands(
        &mut self,
        until_ms: Option<u64>,
        turn: &mut Turn<'_>,
    ) -> Option<Wanted> {
        let failure = match self.client.shake_hands() {
            Ok(true) => {
                self.count_handshake(turn);
                return self.open_session(turn);
            }
            Ok(false) if !turn.has_reached(until_ms) => return Some(Wanted::Event),
            Ok(false) => HandshakeFailure::TimedOut,
            Err(error) => {
                log::trace!("{}: {error}", self.slot.generation);
                HandshakeFailure::of(&error, &self.client)
            }
        };
        turn.shared.frontend_mut(self.route.frontend).counters.tls.count_failure(failure);
        self.refuse_entry(EntryFailure::Handshake(failure))
    }
}
