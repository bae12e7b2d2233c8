//! The mechanism of the loop: waiting for events, tokens, deadlines, signals. It knows nothing of
//! proxies or peers.

pub mod clock;
pub mod listen;
pub mod run_queue;
pub mod signals;
pub mod token;
pub mod turns;
pub mod wheel;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use token::Source;

/// Where descriptors are registered and events come from.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
}

impl Reactor {
    /// Opens the poll descriptor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()? })
    }

    /// Registers a descriptor for both directions, edge-triggered, once and for all: readiness is
    /// kept by its owner, and closing the descriptor ends the registration.
    ///
    /// Urgent data is asked for too, because it is the one case in which a short read does not
    /// mean that a TCP socket is drained.
    pub fn register(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        self.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), source.to_token(), interest)
    }

    /// Registers a descriptor that is only read from, edge-triggered.
    pub fn register_readable(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&fd.as_raw_fd()), source.to_token(), Interest::READABLE)
    }

    /// Ends a registration whose descriptor stays open or was given to another process: a
    /// registration lives as long as the open socket, and that is shared with a child.
    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    /// Waits for events, at most `timeout_ms` milliseconds; without end when it is `None`.
    pub fn wait(&mut self, events: &mut Events, timeout_ms: Option<u64>) -> io::Result<()> {
        match self.poll.poll(events, timeout_ms.map(Duration::from_millis)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }
}
