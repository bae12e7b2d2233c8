//! One client of the Runtime API or the exporter: moves bytes between the client's socket and its
//! session, at most one slice of an answer in each turn.

use std::os::fd::{AsFd, BorrowedFd};

use mio::event::Event;

use super::session::Session;
use crate::admin::context::Context;
use crate::net::proxy_protocol::Header;
use crate::net::tls::acceptor::Acceptor;
use crate::net::tls::session::Session as TlsSession;
use crate::proxy::connection::entry_failure::HandshakeFailure;
use crate::proxy::relay::side::{Read, Side};

/// How many bytes are read at once.
const READ_LEN: usize = 4096;

/// One client's socket and session. The socket is registered once, edge-triggered, for both
/// directions. Its events are noted here; [`AdminClient::advance`] does the work.
#[derive(Debug)]
pub(super) struct AdminClient {
    side: Side,
    session: Box<dyn Session>,
    /// What TLS begins with once the PROXY header has come, which stands before it.
    behind_header: Option<Acceptor>,
    /// Why the TLS handshake has failed.
    failure: Option<HandshakeFailure>,
    /// The TLS handshake is over, and not counted yet.
    has_news: bool,
    /// The client sends nothing more.
    has_ended: bool,
    /// When the last byte was read or written, in the loop's milliseconds.
    moved_ms: u64,
    has_spoken: bool,
}

/// What a client needs after its share of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientState {
    /// The client has work for the next turn.
    Busy,
    /// The client waits for an event, or for [`AdminClient::deadline_ms`].
    Waiting,
    /// The client is to be removed.
    Finished,
}

impl AdminClient {
    /// A client that was accepted.
    pub(super) fn new(mut side: Side, session: Box<dyn Session>, now_ms: u64) -> Self {
        side.assume_readable();
        Self {
            side,
            session,
            behind_header: None,
            failure: None,
            has_news: false,
            has_ended: false,
            moved_ms: now_ms,
            has_spoken: false,
        }
    }

    /// The same client, who speaks TLS. With `expects_header` a PROXY header comes before.
    pub(super) fn secured(mut self, acceptor: &Acceptor, expects_header: bool) -> Self {
        if expects_header {
            self.behind_header = Some(acceptor.clone());
        } else {
            self.side.secure(TlsSession::accepting(acceptor));
        }
        self
    }

    /// Keeps what an event tells.
    pub(super) fn handle_event(&mut self, event: &Event) {
        self.side.handle_event(event);
    }

    /// When the client has been silent too long.
    pub(super) fn deadline_ms(&self) -> u64 {
        self.session.deadline_ms()
    }

    /// When the last byte was read or written, or the client was accepted.
    pub(super) fn moved_ms(&self) -> u64 {
        self.moved_ms
    }

    /// Whether the client has sent anything yet.
    pub(super) fn has_spoken(&self) -> bool {
        self.has_spoken
    }

    /// Whether the client waits for something that the process does.
    pub(super) fn is_waiting(&self) -> bool {
        self.session.is_waiting()
    }

    /// Whether the session has something to send or to do.
    pub(super) fn is_busy(&self) -> bool {
        self.session.is_busy() || self.side.has_unsent()
    }

    /// Another process serves from now on.
    pub(super) fn retire(&mut self) {
        self.session.retire();
    }

    /// Gives the client its share of a turn.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) -> ClientState {
        let state = self.exchange(context);
        self.session.count(context);
        state
    }

    fn exchange(&mut self, context: &mut Context<'_>) -> ClientState {
        let is_late = self.deadline_ms() <= context.now_ms && !self.is_waiting();
        if self.side.is_handshaking()
            && let Some(state) = self.shake_hands(is_late)
        {
            return state;
        }
        if is_late && !self.session.handle_timeout(context.now_ms) {
            return ClientState::Finished;
        }
        if !self.receive(context.now_ms) {
            return ClientState::Finished;
        }
        if !self.transmit(context) {
            return ClientState::Finished;
        }
        if self.session.is_finished() {
            return self.finish();
        }
        let may_write = self.session.is_busy() && !self.is_waiting() && self.side.is_writable();
        let may_read = self.session.receive_max() > 0 && !self.has_ended && self.side.is_readable();
        if may_write || may_read { ClientState::Busy } else { ClientState::Waiting }
    }

    /// Goes on with the TLS handshake. Returns what the client needs before the handshake is over.
    fn shake_hands(&mut self, is_late: bool) -> Option<ClientState> {
        let failure = match self.side.shake_hands() {
            Ok(true) => {
                self.has_news = true;
                return None;
            }
            Ok(false) if is_late => HandshakeFailure::TimedOut,
            Ok(false) if self.side.is_readable() => return Some(ClientState::Busy),
            Ok(false) => return Some(ClientState::Waiting),
            Err(error) => HandshakeFailure::of(&error, &self.side),
        };
        self.failure = Some(failure);
        Some(ClientState::Finished)
    }

    /// Why the TLS handshake has failed, if that has ended the connection.
    pub(super) fn failure(&self) -> Option<HandshakeFailure> {
        self.failure
    }

    /// The TLS session, once after its handshake.
    pub(super) fn take_new_session(&mut self) -> Option<&TlsSession> {
        std::mem::take(&mut self.has_news).then(|| self.side.session()).flatten()
    }

    /// Ends the connection once everything is sent.
    fn finish(&mut self) -> ClientState {
        if self.side.session().is_some() {
            self.side.shut_write();
        }
        match self.side.flush() {
            Ok(false) => ClientState::Waiting,
            Ok(true) | Err(_) => ClientState::Finished,
        }
    }

    /// Reads once. Returns false if the client is gone.
    fn receive(&mut self, now_ms: u64) -> bool {
        if self.has_ended {
            return true;
        }
        let mut buffer = [0; READ_LEN];
        let mut wanted = self.session.receive_max().min(READ_LEN);
        if self.behind_header.is_some() {
            // What follows the header is for TLS.
            wanted = match self.side.peek(&mut buffer) {
                Ok(Read::Bytes(len)) => match Header::read(buffer.get(..len).unwrap_or_default()) {
                    Ok(header) => header.len,
                    Err(_) => return false,
                },
                Ok(Read::Nothing) => return true,
                Ok(Read::End) | Err(_) => return false,
            };
        }
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return true;
        };
        match self.side.read(buffer) {
            Ok(Read::Nothing) => {}
            Ok(Read::End) => {
                self.has_ended = true;
                self.session.handle_end_of_input();
            }
            Ok(Read::Bytes(count)) => {
                self.moved_ms = now_ms;
                self.has_spoken = true;
                let received = buffer.get(..count).unwrap_or_default();
                self.session.handle_received(received, now_ms);
                if let Some(acceptor) = self.behind_header.take() {
                    self.side.secure(TlsSession::accepting(&acceptor));
                }
            }
            Err(_) => return false,
        }
        true
    }

    /// Produces and sends one slice. Returns false if the client is gone.
    fn transmit(&mut self, context: &mut Context<'_>) -> bool {
        if self.side.is_handshaking() || !self.side.is_writable() {
            return true;
        }
        if self.side.flush().is_err() {
            return false;
        }
        let bytes = self.session.poll_transmit(context);
        if bytes.is_empty() {
            return true;
        }
        match self.side.write(bytes) {
            Ok(0) => {}
            Ok(count) => {
                self.moved_ms = context.now_ms;
                self.session.handle_sent(count, context.now_ms);
            }
            Err(_) => return false,
        }
        true
    }
}

impl AsFd for AdminClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.side.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::admin::fixture::{Fixture, NOW_MS};
    use crate::admin::link::command_session::CommandSession;
    use crate::config::Level;

    fn pair() -> (UnixStream, AdminClient) {
        let (client, server) = UnixStream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        let side = Side::accepted(server.into(), false, NOW_MS);
        (client, AdminClient::new(side, Box::new(session), NOW_MS))
    }

    #[test]
    fn a_client_that_reads_late_gets_everything() {
        let mut fixture = Fixture::new();
        for key in 0..20_000_u32 {
            fixture.insert(4, &key.to_be_bytes());
        }
        let (mut client, mut link) = pair();
        client.write_all(b"show table t_int\n").unwrap();
        let mut text = Vec::new();
        let mut turns = 0;
        loop {
            link.side.look();
            match link.advance(&mut fixture.context()) {
                ClientState::Busy => turns += 1,
                ClientState::Waiting => {
                    let mut buffer = [0; 30_000];
                    let count = client.read(&mut buffer).unwrap();
                    text.extend_from_slice(&buffer[..count]);
                }
                ClientState::Finished => break,
            }
        }
        drop(link);
        client.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().count(), 20_002);
        assert!(text.ends_with("\n\n"));
        assert!(turns > 10, "{turns}");
    }

    #[test]
    fn a_client_that_goes_away_is_let_go() {
        let mut fixture = Fixture::new();
        let (client, mut link) = pair();
        assert_eq!(link.advance(&mut fixture.context()), ClientState::Waiting);
        drop(client);
        link.side.look();
        assert_eq!(link.advance(&mut fixture.context()), ClientState::Finished);
    }

    #[test]
    fn a_silent_client_is_let_go_at_its_deadline() {
        let mut fixture = Fixture::new();
        let (mut client, mut link) = pair();
        client.write_all(b"prompt\n").unwrap();
        assert_eq!(link.advance(&mut fixture.context()), ClientState::Busy);
        assert_eq!(link.advance(&mut fixture.context()), ClientState::Waiting);
        fixture.now_ms = link.deadline_ms();
        assert_eq!(link.advance(&mut fixture.context()), ClientState::Finished);
    }
}
