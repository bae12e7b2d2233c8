//! One listening socket: whether clients can come in at it, and whether any may be waiting.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::net::accept::{Accept, accept};
use crate::net::socket;
use crate::reactor::Reactor;

/// A listening socket that is registered edge-triggered. The kernel reports waiting clients once,
/// so this type remembers the report until accepting finds no client. A suspension does not change
/// that.
#[derive(Debug)]
pub struct ListeningSocket {
    /// None after it was closed for good.
    fd: Option<OwnedFd>,
    readable: bool,
    is_suspended: bool,
}

impl ListeningSocket {
    /// A socket that listens. It may have clients waiting.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd: Some(fd), readable: true, is_suspended: false }
    }

    /// The socket, unless it is closed or suspended.
    pub fn get(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().filter(|_| !self.is_suspended).map(AsFd::as_fd)
    }

    /// Remembers that clients may be waiting.
    pub fn mark_readable(&mut self) {
        self.readable = true;
    }

    /// Whether a client may be waiting and can be accepted.
    pub fn is_ready(&self) -> bool {
        self.readable && self.get().is_some()
    }

    /// Accepts one client.
    pub fn accept(&mut self) -> Accept {
        let accepted = self.get().map_or(Accept::Drained, accept);
        if matches!(accepted, Accept::Drained) {
            self.readable = false;
        }
        accepted
    }

    /// Refuses clients until [`ListeningSocket::resume`].
    ///
    /// # Errors
    /// What the system reports. A unix socket always fails, because it cannot stop listening.
    pub fn suspend(&mut self) -> io::Result<()> {
        if let Some(fd) = self.get() {
            socket::stop_listening(fd)?;
            self.is_suspended = true;
        }
        Ok(())
    }

    /// Lets clients in again after [`ListeningSocket::suspend`]; `backlog` says how many may wait.
    ///
    /// # Errors
    /// What listen(2) reports.
    pub fn resume(&mut self, backlog: u32) -> io::Result<()> {
        if let Some(fd) = self.fd.as_ref().filter(|_| self.is_suspended) {
            socket::listen_again(fd.as_fd(), backlog)?;
            self.is_suspended = false;
            self.readable = true;
        }
        Ok(())
    }

    /// Closes the socket for good. If a successor shares the socket, it goes on listening there.
    /// Messages call the socket `label`.
    pub fn close(&mut self, reactor: &Reactor, label: impl Display) {
        let Some(fd) = self.fd.take() else { return };
        // If a successor shares the socket, closing our descriptor does not end the registration.
        if let Err(error) = reactor.deregister(fd.as_fd()) {
            log::warn!("stop listening at {label}: {error}");
        }
    }

    /// Closes the socket for good, without a call of epoll_ctl(2). If a successor shares the
    /// socket, this process still gets its events, but finds no socket to accept from.
    pub fn drop_socket(&mut self) {
        self.fd = None;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn listening() -> (TcpListener, ListeningSocket) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let listening = ListeningSocket::new(socket.try_clone().unwrap().into());
        (socket, listening)
    }

    #[test]
    fn a_socket_is_ready_until_accepting_finds_no_client() {
        let (socket, mut listening) = listening();
        let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        assert!(matches!(listening.accept(), Accept::Client(..)));
        assert!(listening.is_ready());
        assert!(matches!(listening.accept(), Accept::Drained));
        assert!(!listening.is_ready());
        listening.mark_readable();
        assert!(listening.is_ready());
    }

    #[test]
    fn a_resumed_socket_is_ready_without_an_event() {
        let (socket, mut listening) = listening();
        assert!(matches!(listening.accept(), Accept::Drained));
        listening.suspend().unwrap();
        assert!(listening.get().is_none());
        assert!(TcpStream::connect(socket.local_addr().unwrap()).is_err());
        // Accepting from a suspended socket does not tell whether clients wait.
        listening.mark_readable();
        assert!(matches!(listening.accept(), Accept::Drained));
        listening.resume(10).unwrap();
        let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        assert!(listening.is_ready());
        assert!(matches!(listening.accept(), Accept::Client(..)));
    }

    #[test]
    fn a_closed_socket_stays_closed() {
        let (_socket, mut listening) = listening();
        listening.drop_socket();
        listening.suspend().unwrap();
        listening.resume(10).unwrap();
        listening.mark_readable();
        assert!(!listening.is_ready());
        assert!(matches!(listening.accept(), Accept::Drained));
    }
}
