//! The messages between a worker of `-W` and its supervisor, on a pair of sockets that keeps
//! messages apart. Each process sees its end closed when the other process is gone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socketpair, sockopt};

use crate::reload::child::Child;
use crate::reload::failure::Failure;
use crate::reload::inherit::pass::{receive_message, send_message};

/// The longest message, in bytes.
const MESSAGE_MAX: usize = 4096;

/// The version of the form in which a supervisor gives its state to the program that it becomes. A
/// supervisor becomes the program of its worker only if both have the same version.
pub const STATE_VERSION: u8 = 1;

/// One message.
#[derive(Debug)]
pub enum WorkerMessage {
    /// From a worker: it serves. The number is the [`STATE_VERSION`] of its program.
    Serves(u8),
    /// From a worker: it asks for a reload.
    Reload,
    /// From a worker: the reason why it does not come to serve.
    Failed(Failure),
    /// From the supervisor: the socket on which the next worker asks for the listening sockets.
    Next(UnixStream),
    /// The same, but this process has no free descriptor for that socket.
    NextWithoutRoom,
    /// From the supervisor to the worker that serves: why the next worker did not come to serve.
    ReloadFailed(Failure),
}

/// One end of the pair.
#[derive(Debug)]
pub struct WorkerLink {
    socket: UnixStream,
}

impl WorkerLink {
    /// Both ends of a new pair.
    ///
    /// # Errors
    /// What socketpair(2) reports.
    pub fn pair() -> io::Result<(Self, UnixStream)> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        Ok((Self::new(ours.into()), theirs.into()))
    }

    /// The end that another process has left to this one.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket }
    }

    /// The process id of the supervisor, which has made the pair.
    ///
    /// # Errors
    /// What getsockopt(2) reports.
    pub fn maker(&self) -> io::Result<i32> {
        Ok(getsockopt(&self.socket, sockopt::PeerCredentials)?.pid())
    }

    /// Sends `message` without waiting.
    ///
    /// # Errors
    /// What sendmsg(2) reports. `Unsupported` for a supervisor of version 0.2, which takes every
    /// byte for the message that the worker serves.
    pub fn send(&self, message: &WorkerMessage) -> io::Result<()> {
        let serves = matches!(message, WorkerMessage::Serves(_));
        if !serves && getsockopt(&self.socket, sockopt::SockType)? != SockType::SeqPacket {
            let why = "the supervisor is of an older version: restart the service";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let (kind, rest, fd): (u8, &[u8], _) = match message {
            WorkerMessage::Serves(version) => (b's', &[*version], None),
            WorkerMessage::Reload => (b'r', &[], None),
            WorkerMessage::Failed(failure) => (b'f', failure.as_bytes(), None),
            WorkerMessage::Next(socket) => (b'n', &[], Some(socket.as_fd())),
            WorkerMessage::NextWithoutRoom => (b'n', &[], None),
            WorkerMessage::ReloadFailed(failure) => (b'F', failure.as_bytes(), None),
        };
        send_message(&self.socket, &[&[kind], rest].concat(), fd)
    }

    /// The next message. `None` for a message that this version does not know.
    ///
    /// # Errors
    /// What recvmsg(2) reports; `WouldBlock` when there is nothing; `UnexpectedEof` when the other
    /// process is gone.
    pub fn receive(&self) -> io::Result<Option<WorkerMessage>> {
        let mut space = [0; MESSAGE_MAX];
        let (len, fd) = receive_message(&self.socket, &mut space)?;
        let (kind, rest) = space
            .get(..len)
            .and_then(|bytes| bytes.split_first())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(match (kind, fd) {
            (b's', _) => Some(WorkerMessage::Serves(rest.first().copied().unwrap_or(0))),
            (b'r', _) => Some(WorkerMessage::Reload),
            (b'f', _) => Some(WorkerMessage::Failed(Failure::from_bytes(rest))),
            (b'n', Some(fd)) => Some(WorkerMessage::Next(fd.into())),
            (b'n', None) => Some(WorkerMessage::NextWithoutRoom),
            (b'F', _) => Some(WorkerMessage::ReloadFailed(Failure::from_bytes(rest))),
            _ => None,
        })
    }

    /// Whether the other process is gone.
    pub fn is_closed(&self) -> bool {
        let mut polled = [nix::poll::PollFd::new(self.as_fd(), nix::poll::PollFlags::empty())];
        let found = nix::poll::poll(&mut polled, nix::poll::PollTimeout::ZERO);
        found.is_ok_and(|count| count > 0)
    }
}

impl AsFd for WorkerLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A process that serves clients, has served them, or will serve them.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) process: Child,
    pub(super) link: Option<WorkerLink>,
    /// Why it does not come to serve, in its own words.
    pub(super) failure: Option<Failure>,
}

impl Worker {
    pub(super) fn new(process: Child, link: Option<WorkerLink>) -> Self {
        Self { process, link, failure: None }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_supervisor_that_takes_every_byte_for_serving_hears_nothing_else() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ours = WorkerLink::new(ours);
        for message in [WorkerMessage::Reload, WorkerMessage::Failed(Failure::new("no"))] {
            assert_eq!(ours.send(&message).unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
        ours.send(&WorkerMessage::Serves(STATE_VERSION)).unwrap();
        drop(ours);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, [b's', STATE_VERSION]);
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let (ours, theirs) = WorkerLink::pair().unwrap();
        let theirs = WorkerLink::new(theirs);
        assert_eq!(theirs.receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let (mut near, far) = UnixStream::pair().unwrap();
        let failure = Failure::new("no such file");
        ours.send(&WorkerMessage::Serves(7)).unwrap();
        ours.send(&WorkerMessage::Reload).unwrap();
        ours.send(&WorkerMessage::Failed(failure.clone())).unwrap();
        ours.send(&WorkerMessage::Next(far)).unwrap();
        ours.send(&WorkerMessage::ReloadFailed(failure.clone())).unwrap();
        send_message(&ours.socket, b"?", None).unwrap();
        let receive = || theirs.receive().unwrap();
        assert!(matches!(receive(), Some(WorkerMessage::Serves(7))));
        assert!(matches!(receive(), Some(WorkerMessage::Reload)));
        assert!(matches!(receive(), Some(WorkerMessage::Failed(got)) if got == failure));
        let Some(WorkerMessage::Next(mut socket)) = receive() else { panic!() };
        assert!(matches!(receive(), Some(WorkerMessage::ReloadFailed(got)) if got == failure));
        assert!(receive().is_none(), "of another version");
        near.write_all(b"x").unwrap();
        socket.read_exact(&mut [0]).unwrap();
        assert!(!theirs.is_closed());
        drop(ours);
        assert!(theirs.is_closed());
        assert_eq!(theirs.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
