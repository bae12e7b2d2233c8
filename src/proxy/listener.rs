//! Accepting clients within a budget, and what to do when there is no place for them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::config::{Bind, FrontendId};
use crate::net::accept::{Accept, accept};
use crate::net::address::Address;

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
    fd: OwnedFd,
    readable: bool,
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
            fd,
            readable: true,
            state: ListenerState::Accepting,
        }
    }

    /// Notes that clients may be waiting.
    pub fn note_readable(&mut self) {
        self.readable = true;
    }

    /// Whether accepting may give a client.
    pub fn is_ready(&self) -> bool {
        self.readable && self.state == ListenerState::Accepting
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
        let accepted = accept(self.fd.as_fd());
        if matches!(accepted, Accept::Drained) {
            self.readable = false;
        }
        accepted
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
