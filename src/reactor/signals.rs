//! Signals that are read from a descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that the process handles.
pub const HANDLED: [Signal; 6] = [
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGCHLD,
];

/// The signal descriptor. To be created before anything can send a signal. From then on, signals
/// wait in the descriptor and do not end the process.
///
/// `SIGPIPE` is ignored by the standard library's start-up. `std::process::Command` gives its
/// children an empty signal mask and the default `SIGPIPE`.
///
/// `SIGXFSZ` is blocked and never looked at: a file that may not grow any more (`ulimit -f`) is an
/// error of the write, as a full disk is, and must not end the process.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// Blocks the ordinary delivery of the [`HANDLED`] signals and opens the descriptor.
    ///
    /// # Errors
    /// What pthread_sigmask(3) or signalfd(2) report.
    pub fn new() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        for signal in HANDLED {
            mask.add(signal);
        }
        mask.thread_block()?;
        SigSet::from(Signal::SIGXFSZ).thread_block()?;
        let fd = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { fd })
    }

    /// The next signal that has arrived, if any.
    pub fn take(&mut self) -> Option<Signal> {
        let info = self.fd.read_signal().ok().flatten()?;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_instead_of_ending_the_process() {
        let mut signals = Signals::new().unwrap();
        nix::sys::signal::raise(Signal::SIGUSR1).unwrap();
        assert_eq!(signals.take(), Some(Signal::SIGUSR1));
        assert_eq!(signals.take(), None);
    }
}
