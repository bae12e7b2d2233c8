//! One listening socket of a frontend: whose clients come in at it, and whether it accepts.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::config::{Bind, FrontendId};
use crate::net::accept::Accept;
use crate::net::address::Address;
use crate::reactor::Reactor;
use crate::reactor::listen::listening::ListeningSocket;

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
    socket: ListeningSocket,
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
            socket: ListeningSocket::new(fd),
            state: ListenerState::Accepting,
        }
    }

    /// Notes that clients may be waiting.
    pub fn note_readable(&mut self) {
        self.socket.mark_readable();
    }

    /// Whether accepting may give a client.
    pub fn is_ready(&self) -> bool {
        self.state == ListenerState::Accepting && self.socket.is_ready()
    }

    /// The socket, while clients can come in at it.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.get()
    }

    /// Has clients refused until [`Listener::resume`].
    ///
    /// # Errors
    /// What the system reports; for a unix socket, which cannot do this, always.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.socket.suspend()
    }

    /// Lets clients in again after [`Listener::suspend`].
    ///
    /// # Errors
    /// What listen(2) reports.
    pub fn resume(&mut self, backlog: u32) -> io::Result<()> {
        self.socket.resume(backlog)
    }

    /// Closes it for good, in a process that shares it with no other.
    pub fn drop_socket(&mut self) {
        self.socket.drop_socket();
    }

    /// Closes it for good. What a successor shares goes on listening there.
    pub fn close(&mut self, reactor: &Reactor) {
        self.socket.close(reactor, &self.address);
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
        self.socket.accept()
    }
}
