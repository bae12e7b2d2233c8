//! What a worker of `-W` and its supervisor tell each other, on a pair of sockets that keeps
//! messages apart and closes when either of them is gone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socketpair, sockopt};

use crate::reload::failure::LastWords;
use crate::reload::inherit::pass::{receive_message, send_message};

/// The longest message, in bytes.
const MESSAGE_MAX: usize = 4096;

/// The form in which this version hands a supervisor's state to the program that replaces it. A
/// supervisor becomes the program of its worker only where both have the same.
pub const STATE_VERSION: u8 = 1;

/// One message.
#[derive(Debug)]
pub enum Message {
    /// From a worker: it serves. With the [`STATE_VERSION`] of its program.
    Serves(u8),
    /// From a worker: it was asked for a reload.
    Reload,
    /// From a worker: it does not come to serve, for this reason.
    Failed(LastWords),
    /// From the supervisor: where the next worker asks for the listening sockets.
    Next(UnixStream),
    /// The same, but this process has no descriptor free for that socket.
    NextWithoutRoom,
    /// From the supervisor to the worker that serves: the next one did not come to serve.
    ReloadFailed(LastWords),
}

/// One end.
#[derive(Debug)]
pub struct WorkerLink {
    socket: UnixStream,
}

impl WorkerLink {
    /// Both ends.
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

    /// The same end once more.
    ///
    /// # Errors
    /// What dup(2) reports.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::new(self.socket.try_clone()?))
    }

    /// The process that made the pair, which is the supervisor.
    ///
    /// # Errors
    /// What getsockopt(2) reports.
    pub fn maker(&self) -> io::Result<i32> {
        Ok(getsockopt(&self.socket, sockopt::PeerCredentials)?.pid())
    }

    /// Sends `message` without waiting.
    ///
    /// # Errors
    /// What sendmsg(2) reports. `Unsupported` for a supervisor of version 0.2, to whom every byte
    /// means that the worker serves.
    pub fn send(&self, message: &Message) -> io::Result<()> {
        let serves = matches!(message, Message::Serves(_));
        if !serves && getsockopt(&self.socket, sockopt::SockType)? != SockType::SeqPacket {
            let why = "the supervisor is of an older version: restart the service";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let (kind, rest, fd): (u8, &[u8], _) = match message {
            Message::Serves(version) => (b's', &[*version], None),
            Message::Reload => (b'r', &[], None),
            Message::Failed(words) => (b'f', words.as_bytes(), None),
            Message::Next(socket) => (b'n', &[], Some(socket.as_fd())),
            Message::NextWithoutRoom => (b'n', &[], None),
            Message::ReloadFailed(words) => (b'F', words.as_bytes(), None),
        };
        send_message(&self.socket, &[&[kind], rest].concat(), fd)
    }

    /// The next message; none of one that this version does not know.
    ///
    /// # Errors
    /// What recvmsg(2) reports; `WouldBlock` when there is nothing; `UnexpectedEof` when the other
    /// process is gone.
    pub fn receive(&self) -> io::Result<Option<Message>> {
        let mut space = [0; MESSAGE_MAX];
        let (len, fd) = receive_message(&self.socket, &mut space)?;
        let (kind, rest) = space
            .get(..len)
            .and_then(|bytes| bytes.split_first())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(match (kind, fd) {
            (b's', _) => Some(Message::Serves(rest.first().copied().unwrap_or(0))),
            (b'r', _) => Some(Message::Reload),
            (b'f', _) => Some(Message::Failed(LastWords::from_bytes(rest))),
            (b'n', Some(fd)) => Some(Message::Next(fd.into())),
            (b'n', None) => Some(Message::NextWithoutRoom),
            (b'F', _) => Some(Message::ReloadFailed(LastWords::from_bytes(rest))),
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

impl From<OwnedFd> for WorkerLink {
    fn from(fd: OwnedFd) -> Self {
        Self::new(fd.into())
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
        for message in [Message::Reload, Message::Failed(LastWords::new("no"))] {
            assert_eq!(ours.send(&message).unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
        ours.send(&Message::Serves(STATE_VERSION)).unwrap();
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
        let words = LastWords::new("no such file");
        ours.send(&Message::Serves(7)).unwrap();
        ours.send(&Message::Reload).unwrap();
        ours.send(&Message::Failed(words.clone())).unwrap();
        ours.send(&Message::Next(far)).unwrap();
        ours.send(&Message::ReloadFailed(words.clone())).unwrap();
        send_message(&ours.socket, b"?", None).unwrap();
        let receive = || theirs.receive().unwrap();
        assert!(matches!(receive(), Some(Message::Serves(7))));
        assert!(matches!(receive(), Some(Message::Reload)));
        assert!(matches!(receive(), Some(Message::Failed(got)) if got == words));
        let Some(Message::Next(mut socket)) = receive() else { panic!() };
        assert!(matches!(receive(), Some(Message::ReloadFailed(got)) if got == words));
        assert!(receive().is_none(), "of another version");
        near.write_all(b"x").unwrap();
        socket.read_exact(&mut [0]).unwrap();
        assert!(!theirs.is_closed());
        drop(ours);
        assert!(theirs.is_closed());
        assert_eq!(theirs.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
