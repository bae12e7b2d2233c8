//! Tells other processes to stop: those of `-sf` and `-st`. They are told late, when this process
//! serves, and a process that has given up its privileges by then may not signal them any more. So
//! a child keeps the privileges, and does nothing but send the signals that it is told to send.
#![expect(unsafe_code, reason = "fork(2), and closing what the child has no use for")]

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, fork};

use crate::reload::child::Successor;
use crate::reload::inherit::FIRST_FD;

/// A process id and a signal, as the child is told.
const ORDER_LEN: usize = 8;

/// Whoever sends the signals.
#[derive(Debug, Default)]
pub struct Herald {
    /// The way to the child, where there is one. It ends when this is closed.
    child: Option<UnixStream>,
}

impl Herald {
    /// One that goes on being allowed to send signals when this process is not. The child is to be
    /// waited for when it ends. This process must have one thread.
    ///
    /// # Errors
    /// What socketpair(2) or fork(2) report.
    pub fn start() -> io::Result<(Self, Successor)> {
        let (ours, theirs) = UnixStream::pair()?;
        // SAFETY: this process has one thread, so the child may do everything that it could do
        // itself, allocation included.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                let herald = Self { child: Some(ours) };
                Ok((herald, Successor::of_child(child.as_raw())))
            }
            ForkResult::Child => {
                close_all_but(&theirs);
                obey(theirs);
                // SAFETY: _exit takes any status and does not return; it runs no destructor that
                // belongs to the parent.
                unsafe { libc::_exit(0) }
            }
        }
    }

    /// Sends `signal` to process `pid`.
    pub fn send(&mut self, pid: i32, signal: Signal) {
        let sent = match &mut self.child {
            None => kill(Pid::from_raw(pid), signal).map_err(io::Error::from),
            Some(child) => child.write_all(&order(pid, signal)),
        };
        if let Err(error) = sent {
            log::warn!("send {signal} to process {pid}: {error}");
        }
    }
}

fn order(pid: i32, signal: Signal) -> [u8; ORDER_LEN] {
    let mut order = [0; ORDER_LEN];
    let bytes = pid.to_ne_bytes().into_iter().chain((signal as i32).to_ne_bytes());
    order.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    order
}

/// Closes everything that this process has not made for itself, listening sockets above all: they
/// would go on taking clients for as long as it lives.
fn close_all_but(kept: &UnixStream) {
    let kept = kept.as_raw_fd().unsigned_abs();
    let ranges = [(FIRST_FD.unsigned_abs(), kept.saturating_sub(1)), (kept + 1, u32::MAX)];
    for (from, to) in ranges.into_iter().filter(|(from, to)| from <= to) {
        let (from, to) = (libc::c_ulong::from(from), libc::c_ulong::from(to));
        // SAFETY: the values that own these descriptors are the parent's; the child never uses
        // them, and runs none of their destructors.
        unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) };
    }
}

/// Sends what is asked for, until nobody asks any more.
fn obey(mut orders: UnixStream) {
    let mut order = [0; ORDER_LEN];
    while orders.read_exact(&mut order).is_ok() {
        let [a, b, c, d, e, f, g, h] = order;
        let pid = Pid::from_raw(i32::from_ne_bytes([a, b, c, d]));
        let Ok(signal) = Signal::try_from(i32::from_ne_bytes([e, f, g, h])) else { continue };
        if let Err(errno) = kill(pid, signal) {
            log::warn!("send {signal} to process {pid}: {errno}");
        }
    }
}
