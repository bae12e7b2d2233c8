//! Options of TCP sockets that a configuration can ask for, at listening and connecting sockets.

use std::io;
use std::os::fd::BorrowedFd;

use nix::sys::socket::{self as sys, sockopt};

use super::int_option;

/// The options of a TCP socket. A connection inherits the options of its listening socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Probe the other end when it is silent (`SO_KEEPALIVE`).
    pub keepalive: bool,
    /// The rhythm of the probes.
    pub probes: Probes,
    /// How long sent data may stay unacknowledged before the connection breaks, in milliseconds.
    pub user_timeout_ms: Option<u32>,
    /// Send acknowledgments together with data, not at once (no `TCP_QUICKACK`).
    pub lazy_ack: bool,
    /// The sizes of the kernel's buffers.
    pub buffers: KernelBuffers,
}

/// How a silent other end is probed. The system's default applies where the value is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// How many unanswered probes break the connection.
    pub count: Option<u32>,
    /// The silence before the first probe, in seconds.
    pub idle_s: Option<u32>,
    /// The time between two probes, in seconds.
    pub interval_s: Option<u32>,
}

/// The sizes of the kernel's buffers of a socket, in bytes. The system's default applies where the
/// value is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelBuffers {
    /// The buffer for received data.
    pub receive: Option<u32>,
    /// The buffer for data to be sent.
    pub send: Option<u32>,
}

impl TcpOptions {
    /// Sets the options at a socket.
    ///
    /// # Errors
    /// What setsockopt(2) reports.
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
