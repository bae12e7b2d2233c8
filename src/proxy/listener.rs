//! Accepting clients within a budget, and what to do when there is no place for them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::config::{self, Bind, BindAddress, FrontendId};
use crate::net::address::Address;
use crate::net::socket::{self, ListenError, ListenOptions};

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
    /// Not until then: the system has no descriptor or memory left.
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
    /// No descriptor or memory left.
    Starved(io::Error),
}

/// The longest queue of clients not yet accepted, where the configuration gives none.
const BACKLOG: u32 = 4096;

impl Listener {
    /// Opens the listening socket that `bind` describes.
    pub fn open(
        frontend: FrontendId,
        config: &config::Frontend,
        bind: &Bind,
    ) -> Result<Self, ListenError> {
        let backlog = bind.backlog.or(config.backlog).or(bind.maxconn).or(config.maxconn);
        let options = ListenOptions {
            backlog: backlog.unwrap_or(BACKLOG),
            v4v6: bind.v4v6,
            interface: bind.interface.clone(),
            keepalive: config.options.client_keepalive,
            busy_poll_us: None,
            mode: bind.mode,
            uid: bind.uid,
            gid: bind.gid,
        };
        let (fd, address) = match &bind.address {
            BindAddress::Address(address) => {
                let fd = socket::listen(address, &options)?;
                // With port 0 the system has chosen one.
                let bound = socket::local_address(fd.as_fd()).ok();
                let ip = bound.filter(|bound| bound.ip().is_some());
                (fd, ip.unwrap_or_else(|| address.clone()))
            }
            BindAddress::Fd(fd) => socket::adopt_listener(*fd)?,
        };
        Ok(Self::new(fd, frontend, bind.clone(), address))
    }

    /// Takes over a listening socket of a predecessor.
    pub fn inherit(frontend: FrontendId, bind: &Bind, fd: OwnedFd) -> Result<Self, ListenError> {
        let (fd, address) = socket::adopt(fd)?;
        Ok(Self::new(fd, frontend, bind.clone(), address))
    }

    /// What a successor finds this socket by: the address as configured.
    pub fn inherit_name(bind: &Bind) -> String {
        match &bind.address {
            BindAddress::Address(address) => address.to_string(),
            BindAddress::Fd(fd) => format!("fd@{fd}"),
        }
    }

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
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                Accept::Starved(error)
            }
            // What had happened to that one client before it was accepted is reported here too.
            Some(_) | None => Accept::Aborted,
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
