//! Looking a host name up without waiting for it: the system's resolver blocks, so a child
//! process asks it and writes down what it finds.

use std::io::{self, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::{Child, Command, Stdio};

/// The option that makes this program a lookup, with the name and port as its value.
pub const OPTION: &str = "--resolve";

/// How long a lookup may take.
pub const LIMIT_MS: u64 = 30_000;

/// The longest answer that is read: addresses are shorter.
const ANSWER_MAX: u64 = 256;

/// A lookup under way. Its end is announced by SIGCHLD.
#[derive(Debug)]
pub struct Lookup {
    child: Child,
    until_ms: u64,
}

impl Lookup {
    /// Starts to look up `host`, by this program in another process.
    ///
    /// # Errors
    /// What fork(2) and exec(2) report.
    pub fn start(host: &str, port: u16, now_ms: u64) -> io::Result<Self> {
        // This very program, even where its file has been replaced since.
        let mut command = Command::new("/proc/self/exe");
        command.arg(OPTION).arg(format!("{host}:{port}"));
        Self::by(command, now_ms)
    }

    /// Starts to look up by `command`, which writes the address to its standard output.
    ///
    /// # Errors
    /// What fork(2) and exec(2) report.
    pub fn by(mut command: Command, now_ms: u64) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Self { child: command.spawn()?, until_ms: now_ms + LIMIT_MS })
    }

    /// The address, or why there is none, once that is known.
    pub fn poll(&mut self, now_ms: u64) -> Option<io::Result<SocketAddr>> {
        match self.child.try_wait() {
            Ok(Some(_)) => Some(self.answer()),
            Ok(None) if now_ms >= self.until_ms => Some(Err(io::ErrorKind::TimedOut.into())),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// When to ask [`Lookup::poll`] even if no child has ended.
    pub fn deadline_ms(&self) -> u64 {
        self.until_ms
    }

    /// What the child wrote before it ended; so this does not wait.
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
        // Both fail only where it has ended by itself and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the child does: asks the system for `host_and_port`. Blocking.
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
