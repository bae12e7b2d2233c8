//! Looking a host name up without blocking the loop: the system's resolver blocks, so a child
//! process calls it and writes the address to a pipe.

use std::io::{self, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::{Child, Command, Stdio};

/// The command-line option that makes this program look a name up; its value is `NAME:PORT`.
pub const OPTION: &str = "--resolve";

/// The longest time that a lookup may take.
pub const LIMIT_MS: u64 = 30_000;

/// The most bytes of the child's output that are read. An address is shorter.
const ANSWER_MAX: u64 = 256;

/// A lookup under way. The end of its child raises SIGCHLD, which wakes the loop; the loop then
/// calls [`Lookup::poll`].
#[derive(Debug)]
pub struct Lookup {
    child: Child,
    until_ms: u64,
}

impl Lookup {
    /// Starts to look `host` up, in a child process that runs this program.
    ///
    /// # Errors
    /// What fork(2) and exec(2) report.
    pub fn start(host: &str, port: u16, now_ms: u64) -> io::Result<Self> {
        // `/proc/self/exe` is this very program, even if its file was replaced since.
        let mut command = Command::new("/proc/self/exe");
        command.arg(OPTION).arg(format!("{host}:{port}"));
        Self::by(command, now_ms)
    }

    /// Starts to look a name up with `command`, which writes the address to its standard output.
    ///
    /// # Errors
    /// What fork(2) and exec(2) report.
    pub fn by(mut command: Command, now_ms: u64) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Self { child: command.spawn()?, until_ms: now_ms + LIMIT_MS })
    }

    /// The address, or the reason why there is no address. None while the child still runs.
    pub fn poll(&mut self, now_ms: u64) -> Option<io::Result<SocketAddr>> {
        match self.child.try_wait() {
            Ok(Some(_)) => Some(self.answer()),
            Ok(None) if now_ms >= self.until_ms => Some(Err(io::ErrorKind::TimedOut.into())),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// When [`Lookup::poll`] must be called even if no child has ended.
    pub fn deadline_ms(&self) -> u64 {
        self.until_ms
    }

    /// Reads the child's output. The child has ended, so reading does not block.
    fn answer(&mut self) -> io::Result<SocketAddr> {
        let mut text = String::new();
        if let Some(output) = self.child.stdout.take() {
            output.take(ANSWER_MAX).read_to_string(&mut text)?;
        }
        text.trim().parse().map_err(|_| io::Error::other("the name does not resolve"))
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // Both calls fail only if the child has ended and `poll` has waited for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The work of the child process: asks the system's resolver for `host_and_port`, and blocks until
/// it answers.
///
/// # Errors
/// When the name does not resolve.
pub fn resolve(host_and_port: &str) -> io::Result<SocketAddr> {
    let mut addresses = host_and_port.to_socket_addrs()?;
    addresses.next().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_this_host_resolves() {
        assert!(resolve("localhost:80").unwrap().ip().is_loopback());
        assert!(resolve("nosuch.invalid:80").is_err());
    }
}
