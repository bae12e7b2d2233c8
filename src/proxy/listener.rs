//! Accepting clients within a budget, and what to do when there is no place for them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::config::{Bind, FrontendId};
use crate::net::address::Address;
use crate::net::socket;

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

/// What accepting gave.
#[derive(Debug)]
pub enum Accept {
    /// A client.
    Client(OwnedFd, Option<SocketAddr>),
    /// Nobody is waiting.
    Drained,
    /// A client that was gone again; there may be others.
    Aborted,
    /// No descriptor or memory left, or the socket does not accept at all.
    Starved(io::Error),
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
        let error = match socket::accept(self.fd.as_fd()) {
            Ok((fd, client)) => return Accept::Client(fd, client),
            Err(error) => error,
        };
        match error.raw_os_error() {
            Some(libc::EAGAIN) => {
                self.readable = false;
                Accept::Drained
            }
            // What had happened to that one client before it was accepted is reported here too.
            Some(
                libc::ECONNABORTED
                | libc::EINTR
                | libc::EPERM
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
                | libc::ETIMEDOUT,
            ) => Accept::Aborted,
            // No descriptor or memory left, or something that trying again at once cannot help:
            // a listening socket that was shut down by another process, for instance.
            Some(_) | None => Accept::Starved(error),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::config::{BindAddress, BindTcp};

    #[test]
    fn a_socket_that_was_shut_down_elsewhere_is_not_tried_in_a_loop() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Ip(socket.local_addr().unwrap());
        socket.set_nonblocking(true).unwrap();
        nix::sys::socket::shutdown(
            std::os::fd::AsRawFd::as_raw_fd(&socket),
            nix::sys::socket::Shutdown::Both,
        )
        .unwrap();
        let bind = Bind {
            address: BindAddress::Address(address.clone()),
            name: None,
            id: None,
            backlog: None,
            maxconn: None,
            interface: None,
            v4v6: None,
            tcp: BindTcp::default(),
            mode: None,
            uid: None,
            gid: None,
            accept_proxy: false,
            place: "test:1".to_owned(),
        };
        let mut listener = Listener::new(socket.into(), FrontendId(0), bind, address);
        assert!(matches!(listener.accept(), Accept::Starved(_)));
    }
}
