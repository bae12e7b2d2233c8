//! Accepting clients within a budget, and what to do when there is no place for them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::config::{Bind, FrontendId};
use crate::net::accept::{Accept, accept};
use crate::net::address::Address;
use crate::net::socket;
use crate::reactor::Reactor;

/// How long a listener pauses when the system has no descriptor or memory left.
pub const PAUSE_MS: u64 = 100;

/// One listening socket of a frontend.
#[derive(Debug)]
pub struct Listener {
    /// The frontend that its clients belong to.
    pub frontend: FrontendId,
    /// Its line in the configuration.
    pub bind: Bind,
    /// The address that it listens on.
    pub address: Address,
    /// Whether it waits in the run queue.
    pub queued: bool,
    /// Connections open now that it accepted.
    pub current: u32,
    /// None after it was closed for good.
    fd: Option<OwnedFd>,
    readable: bool,
    is_suspended: bool,
    state: ListenerState,
}

/// Whether a listener accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerState {
    /// It does.
    Accepting,
    /// Not while a limit of connections is reached. Clients wait in the kernel's queue.
    Full,
    /// Not until then: the system has no descriptor or memory left, or a second has seen as many
    /// connections as it may.
    Starved {
        /// When to try again.
        until_ms: u64,
    },
    /// Not until it is told to. Clients wait in the kernel's queue.
    Paused,
}

impl Listener {
    /// A listening socket. It may have clients waiting.
    pub fn new(fd: OwnedFd, frontend: FrontendId, bind: Bind, address: Address) -> Self {
        Self {
            frontend,
            bind,
            address,
            queued: false,
            current: 0,
            fd: Some(fd),
            readable: true,
            is_suspended: false,
            state: ListenerState::Accepting,
        }
    }

    /// Notes that clients may be waiting.
    pub fn note_readable(&mut self) {
        self.readable = true;
    }

    /// Whether accepting may give a client.
    pub fn is_ready(&self) -> bool {
        self.readable
            && self.state == ListenerState::Accepting
            && !self.is_suspended
            && self.fd.is_some()
    }

    /// The socket, while clients can come in at it.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().filter(|_| !self.is_suspended).map(AsFd::as_fd)
    }

    /// Has clients refused until [`Listener::resume`].
    ///
    /// # Errors
    /// What the system reports; for a unix socket, which cannot do this, always.
    pub fn suspend(&mut self) -> io::Result<()> {
        if let Some(fd) = self.socket() {
            socket::stop_listening(fd)?;
        }
        self.is_suspended = true;
        Ok(())
    }

    /// Lets clients in again after [`Listener::suspend`].
    ///
    /// # Errors
    /// What listen(2) reports.
    pub fn resume(&mut self, backlog: u32) -> io::Result<()> {
        if let Some(fd) = self.fd.as_ref().filter(|_| self.is_suspended) {
            socket::listen_again(fd.as_fd(), backlog)?;
        }
        self.is_suspended = false;
        self.readable = true;
        Ok(())
    }

    /// Closes it for good, in a process that shares it with no other. Where a successor is being
    /// started it is shared after all: then events of it still come, and find nothing to accept.
    pub fn drop_socket(&mut self) {
        self.fd = None;
    }

    /// Closes it for good. What a successor shares goes on listening there.
    pub fn close(&mut self, reactor: &Reactor) {
        let Some(fd) = self.fd.take() else { return };
        // A registration outlives our descriptor where a successor shares the socket.
        if let Err(error) = reactor.deregister(fd.as_fd()) {
            log::warn!("stop listening on {}: {error}", self.address);
        }
    }

    /// Whether it accepts.
    pub fn state(&self) -> ListenerState {
        self.state
    }

    /// Changes whether it accepts.
    pub fn set_state(&mut self, state: ListenerState) {
        self.state = state;
    }

    /// Whether it has as many connections as it may.
    pub fn is_full(&self) -> bool {
        self.bind.maxconn.is_some_and(|maxconn| self.current >= maxconn)
    }

    /// Accepts one client.
    pub fn accept(&mut self) -> Accept {
        let accepted = self.socket().map_or(Accept::Drained, accept);
        if matches!(accepted, Accept::Drained) {
            self.readable = false;
        }
        accepted
    }
}
