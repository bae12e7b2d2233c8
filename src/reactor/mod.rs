//! The mechanism of the loop: events, tokens, deadlines and signals. This folder knows nothing of
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

/// The poll descriptor, at which descriptors are registered and which reports their events.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
}

impl Reactor {
    /// Opens the poll descriptor.
    ///
    /// # Errors
    /// What epoll_create1(2) reports.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()? })
    }

    /// Registers a descriptor for reading and writing, edge-triggered. The owner must remember that
    /// the descriptor is readable or writable. Closing the descriptor ends the registration.
    ///
    /// Urgent data is reported too, because only urgent data can cause a short read from a TCP
    /// socket that is not drained.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn register(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        self.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), source.to_token(), interest)
    }

    /// Registers a descriptor for reading only, edge-triggered.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn register_readable(&self, fd: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&fd.as_raw_fd()), source.to_token(), Interest::READABLE)
    }

    /// Ends the registration of a descriptor that stays open here or in another process. Closing a
    /// descriptor does not end its registration while a child process shares the open socket.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    /// Waits for events, at most `timeout_ms` milliseconds, or without limit if it is `None`. A
    /// signal may end the wait early.
    ///
    /// # Errors
    /// What epoll_wait(2) reports.
    pub fn wait(&mut self, events: &mut Events, timeout_ms: Option<u64>) -> io::Result<()> {
        match self.poll.poll(events, timeout_ms.map(Duration::from_millis)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }
}
