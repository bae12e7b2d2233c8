//! Where a process that was not started by this one (`-sf <pid>`) asks to be its successor: a
//! unix socket in the abstract namespace, named after the process id.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Uid;

/// The listening side, in the running process.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
}

impl Control {
    /// Listens under the name of process `pid`, which is this process.
    ///
    /// # Errors
    /// What bind(2) reports.
    pub fn bind(pid: u32) -> io::Result<Self> {
        let listener = UnixListener::bind_addr(&name_of(pid)?)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// The next process that wants to succeed this one. One of another user is turned away:
    /// whoever holds the listening sockets has the clients.
    ///
    /// # Errors
    /// What accept(2) reports; `WouldBlock` when nobody asks.
    pub fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept()?;
            let credentials = getsockopt(&stream, sockopt::PeerCredentials)?;
            let uid = Uid::from_raw(credentials.uid());
            if uid.is_root() || uid == Uid::effective() {
                return Ok(stream);
            }
            log::warn!("reload: process {} of user {uid} turned away", credentials.pid());
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Asks process `pid` to hand over. Blocking.
///
/// # Errors
/// What connect(2) reports; `ConnectionRefused` when the process is not a stickd, which is how
/// a predecessor of another kind is told.
pub fn ask(pid: u32) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&name_of(pid)?)
}

fn name_of(pid: u32) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("stickd-{pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_of_the_same_user_is_let_in() {
        let pid = std::process::id();
        let control = Control::bind(pid).unwrap();
        let asking = ask(pid).unwrap();
        let accepted = control.accept().unwrap();
        drop(asking);
        assert_eq!(io::Read::read(&mut &accepted, &mut [0; 1]).unwrap(), 0);
        assert_eq!(control.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_process_that_does_not_listen_refuses() {
        assert_eq!(ask(1).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
