//! Where a process that was not started by this one (`-sf <pid>`) asks to be its successor: a
//! unix socket in the abstract namespace, named after the process id.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Uid;

use super::inherit::{InheritedListener, receive_listeners};

/// How long a process that is asked may take to answer: it may have a reload of its own to finish.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

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
/// a predecessor of another kind is told. Also when another process listens under its name: the
/// listening sockets and tables of a stranger are not taken over.
pub fn ask(pid: u32) -> io::Result<UnixStream> {
    let stream = UnixStream::connect_addr(&name_of(pid)?)?;
    let listening = getsockopt(&stream, sockopt::PeerCredentials)?.pid();
    if u32::try_from(listening) != Ok(pid) {
        log::warn!("reload: process {listening} listens in the name of process {pid}; ignored");
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Waits until the process that was asked sends its listening sockets.
///
/// # Errors
/// What recvmsg(2) reports, with words for a process that says nothing or hangs up.
pub fn take_listeners(stream: &UnixStream) -> io::Result<Vec<InheritedListener>> {
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    receive_listeners(stream).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            let seconds = ANSWER_LIMIT.as_secs();
            io::Error::new(error.kind(), format!("no answer for {seconds} s"))
        }
        io::ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "it is stopping, it does not serve any more")
        }
        _ => error,
    })
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
    fn nobody_is_believed_to_be_another_process() {
        let _impostor = Control::bind(2).unwrap();
        assert_eq!(ask(2).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_process_that_does_not_listen_refuses() {
        assert_eq!(ask(1).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
