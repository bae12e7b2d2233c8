//! The sockets of the Runtime API and the exporter: moves bytes between a socket and its session,
//! a bounded number in each turn.

pub mod conversation;
mod links;
pub mod output;
pub mod session;

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use links::{AdminLinks, Purpose, Service};

use super::World;
use crate::net::socket;
use conversation::Conversation;

/// The most bytes read at once.
const READ_LEN: usize = 4096;
/// The most slices produced and sent in one turn: with the bound on a slice, well under 1 ms.
const SLICES_PER_TURN: usize = 2;

/// One client's socket and session. The process registers the socket once, edge-triggered, for
/// both directions, notes its events here, and calls [`AdminLink::advance`] while it is not asked
/// to wait.
#[derive(Debug)]
pub struct AdminLink {
    fd: OwnedFd,
    session: Box<dyn Conversation>,
    readable: bool,
    writable: bool,
    /// When a byte passed, either way.
    moved_ms: u64,
    has_spoken: bool,
}

/// What the process must do for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Advance it again in the next turn.
    Again,
    /// Wait for an event, or for [`AdminLink::deadline_ms`].
    Wait,
    /// Remove it.
    Closed,
}

impl AdminLink {
    /// A client that was accepted.
    pub fn new(fd: OwnedFd, session: Box<dyn Conversation>, now_ms: u64) -> Self {
        Self { fd, session, readable: true, writable: true, moved_ms: now_ms, has_spoken: false }
    }

    /// Notes that the socket may be read or written.
    pub fn note_ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// When it has been silent too long.
    pub fn deadline_ms(&self) -> u64 {
        self.session.deadline_ms()
    }

    /// When it was accepted, or a byte passed since.
    pub fn moved_ms(&self) -> u64 {
        self.moved_ms
    }

    /// Whether the client has said anything yet.
    pub fn has_spoken(&self) -> bool {
        self.has_spoken
    }

    /// Whether it waits for the process.
    pub fn is_waiting(&self) -> bool {
        self.session.is_waiting()
    }

    /// Whether it has something to send or to work on.
    pub fn is_busy(&self) -> bool {
        self.session.is_busy()
    }

    /// Another process serves from now on.
    pub fn retire(&mut self) {
        self.session.retire();
    }

    /// Goes on as far as a turn's share allows.
    pub fn advance(&mut self, world: &mut World<'_>) -> Step {
        let step = self.exchange(world);
        self.session.count(world);
        step
    }

    fn exchange(&mut self, world: &mut World<'_>) -> Step {
        let is_late = self.deadline_ms() <= world.now_ms && !self.is_waiting();
        if is_late && !self.session.handle_timeout(world.now_ms) {
            return Step::Closed;
        }
        if !self.receive(world.now_ms) {
            return Step::Closed;
        }
        for _ in 0..SLICES_PER_TURN {
            if !self.transmit(world) {
                return Step::Closed;
            }
        }
        if self.session.is_finished() {
            return Step::Closed;
        }
        let may_write = self.session.is_busy() && !self.is_waiting() && self.writable;
        let may_read = self.session.receive_max() > 0 && self.readable;
        if may_write || may_read { Step::Again } else { Step::Wait }
    }

    /// Reads once. False if the client is gone.
    fn receive(&mut self, now_ms: u64) -> bool {
        let mut buffer = [0; READ_LEN];
        let wanted = self.session.receive_max().min(READ_LEN);
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return true;
        };
        if !self.readable {
            return true;
        }
        match socket::receive(self.fd.as_fd(), buffer) {
            Ok(0) => {
                self.readable = false;
                self.session.handle_end_of_input();
            }
            Ok(count) => {
                self.moved_ms = now_ms;
                self.has_spoken = true;
                let received = buffer.get(..count).unwrap_or_default();
                self.session.handle_received(received, now_ms);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
        true
    }

    /// Produces and sends one slice. False if the client is gone.
    fn transmit(&mut self, world: &mut World<'_>) -> bool {
        if !self.writable {
            return true;
        }
        let bytes = self.session.poll_transmit(world);
        if bytes.is_empty() {
            return true;
        }
        match socket::send(self.fd.as_fd(), bytes) {
            Ok(count) => {
                self.moved_ms = world.now_ms;
                self.session.handle_sent(count, world.now_ms);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
        true
    }
}

impl AsFd for AdminLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::admin::Session;
    use crate::admin::testing::{Fixture, NOW_MS};
    use crate::config::Level;

    fn pair() -> (UnixStream, AdminLink) {
        let (client, server) = UnixStream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let session = Session::new(Level::Admin, 10_000, NOW_MS);
        (client, AdminLink::new(server.into(), Box::new(session), NOW_MS))
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
            link.note_ready(true, true);
            match link.advance(&mut fixture.world()) {
                Step::Again => turns += 1,
                Step::Wait => {
                    let mut buffer = [0; 30_000];
                    let count = client.read(&mut buffer).unwrap();
                    text.extend_from_slice(&buffer[..count]);
                }
                Step::Closed => break,
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
        assert_eq!(link.advance(&mut fixture.world()), Step::Wait);
        drop(client);
        link.note_ready(true, true);
        assert_eq!(link.advance(&mut fixture.world()), Step::Closed);
    }

    #[test]
    fn a_silent_client_is_let_go_at_its_deadline() {
        let mut fixture = Fixture::new();
        let (mut client, mut link) = pair();
        client.write_all(b"prompt\n").unwrap();
        assert_eq!(link.advance(&mut fixture.world()), Step::Again);
        assert_eq!(link.advance(&mut fixture.world()), Step::Wait);
        fixture.now_ms = link.deadline_ms();
        assert_eq!(link.advance(&mut fixture.world()), Step::Closed);
    }
}
