//! Options of TCP sockets that a configuration can ask for, whichever end opened them.

use std::io;
use std::os::fd::BorrowedFd;

use nix::sys::socket::{self as sys, sockopt};

use super::int_option;

/// What a TCP socket is given; a connection that a listening socket accepts inherits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Probe a silent other end (`SO_KEEPALIVE`).
    pub keepalive: bool,
    /// How, where the system's own way is not wanted.
    pub probes: Probes,
    /// How long what was sent may stay unacknowledged before the connection breaks.
    pub user_timeout_ms: Option<u32>,
    /// Acknowledge together with what is sent, not at once (no `TCP_QUICKACK`).
    pub lazy_ack: bool,
    /// The kernel's buffers.
    pub buffers: KernelBuffers,
}

/// How a silent other end is probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// Probes without an answer that break the connection.
    pub count: Option<u32>,
    /// The silence before the first probe, in seconds.
    pub idle_s: Option<u32>,
    /// The time between two probes, in seconds.
    pub interval_s: Option<u32>,
}

/// The sizes of the kernel's buffers of a socket, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelBuffers {
    /// For what is received.
    pub receive: Option<u32>,
    /// For what is to be sent.
    pub send: Option<u32>,
}

impl TcpOptions {
    /// Gives them to a socket.
    pub fn apply(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if self.keepalive {
            sys::setsockopt(&fd, sockopt::KeepAlive, &true)?;
            self.probes.apply(fd)?;
        }
        if let Some(timeout_ms) = self.user_timeout_ms {
            sys::setsockopt(&fd, sockopt::TcpUserTimeout, &timeout_ms)?;
        }
        if self.lazy_ack {
            int_option::set(fd, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 0)?;
        }
        if let Some(size) = self.buffers.receive {
            sys::setsockopt(&fd, sockopt::RcvBuf, &(size as usize))?;
        }
        if let Some(size) = self.buffers.send {
            sys::setsockopt(&fd, sockopt::SndBuf, &(size as usize))?;
        }
        Ok(())
    }
}

impl Probes {
    fn apply(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if let Some(count) = self.count {
            sys::setsockopt(&fd, sockopt::TcpKeepCount, &count)?;
        }
        if let Some(idle_s) = self.idle_s {
            sys::setsockopt(&fd, sockopt::TcpKeepIdle, &idle_s)?;
        }
        if let Some(interval_s) = self.interval_s {
            sys::setsockopt(&fd, sockopt::TcpKeepInterval, &interval_s)?;
        }
        Ok(())
    }
}
