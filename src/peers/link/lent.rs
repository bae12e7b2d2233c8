//! Copies of our sockets that a successor has: whether it is gone, and whether it has used them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::net::connection::{BytesMoved, bytes_moved};

/// How long a successor that was killed a moment ago may take to end, in milliseconds. Nobody is
/// served while this process waits for that.
const END_WAIT_MS: u16 = 100;

/// Pipes by which a process learns that its successor is gone, and all copies with it.
#[derive(Debug, Default)]
pub(super) struct Lifelines {
    /// The end that tells our predecessor of this process.
    kept: Option<OwnedFd>,
    /// The end that tells of our successor.
    watched: Option<OwnedFd>,
}

impl Lifelines {
    /// Makes a pipe for a successor. Returns the end that it is to keep.
    ///
    /// # Errors
    /// What pipe2(2) reports.
    pub(super) fn begin(&mut self) -> io::Result<OwnedFd> {
        let (watched, given) = io::pipe()?;
        self.watched = Some(watched.into());
        Ok(given.into())
    }

    /// Keeps the end that our predecessor has given us, as long as this process lives.
    pub(super) fn keep(&mut self, given: OwnedFd) {
        self.kept = Some(given);
    }

    /// The successor serves, or is given up. Whether it is gone.
    pub(super) fn end(&mut self) -> bool {
        let Some(watched) = self.watched.take() else { return false };
        let mut asked = [PollFd::new(watched.as_fd(), PollFlags::empty())];
        // A signal or a fault means that this is not known.
        poll(&mut asked, PollTimeout::from(END_WAIT_MS)).is_ok_and(|found| found > 0)
    }

    /// The successor serves.
    pub(super) fn forget(&mut self) {
        self.watched = None;
    }
}

/// A socket that a successor was given a copy of.
#[derive(Debug)]
pub(super) struct Lent {
    /// What had been read and written then; none if the kernel does not say it.
    moved: Option<BytesMoved>,
}

impl Lent {
    /// Nobody is reading or writing it.
    pub(super) fn new(socket: BorrowedFd<'_>) -> Self {
        Self { moved: bytes_moved(socket).ok() }
    }

    /// Whether nobody has read or written it since then.
    pub(super) fn is_untouched(&self, socket: BorrowedFd<'_>) -> bool {
        self.moved.is_some() && self.moved == bytes_moved(socket).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    /// A socket, and the other end of its connection.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (own, listener.accept().unwrap().0)
    }

    #[test]
    fn a_socket_is_touched_by_who_reads_or_writes_a_copy_and_not_by_its_other_end() {
        let (mut own, mut other) = pair();
        // What has happened before does not count.
        own.write_all(b"before").unwrap();
        other.read_exact(&mut [0; 6]).unwrap();
        other.write_all(b"unread").unwrap();
        own.read_exact(&mut [0; 2]).unwrap();
        let lent = Lent::new(own.as_fd());
        let mut copy = own.try_clone().unwrap();
        other.write_all(b"while it is lent").unwrap();
        copy.peek(&mut [0; 20]).unwrap();
        assert!(lent.is_untouched(own.as_fd()));
        copy.read_exact(&mut [0; 1]).unwrap();
        assert!(!lent.is_untouched(own.as_fd()));
        let lent = Lent::new(own.as_fd());
        copy.write_all(b"!").unwrap();
        assert!(!lent.is_untouched(own.as_fd()));
        other.read_exact(&mut [0; 1]).unwrap();
        assert!(!lent.is_untouched(own.as_fd()), "it is still written when that has arrived");
    }

    #[test]
    fn a_socket_of_another_kind_counts_as_touched() {
        let (own, _other) = UnixStream::pair().unwrap();
        assert!(!Lent::new(own.as_fd()).is_untouched(own.as_fd()));
    }

    #[test]
    fn a_successor_is_gone_when_all_copies_of_its_end_are_closed() {
        let mut lifelines = Lifelines::default();
        assert!(!lifelines.end(), "there is no successor");
        let given = lifelines.begin().unwrap();
        let copy = given.try_clone().unwrap();
        drop(given);
        assert!(!lifelines.end());
        let given = lifelines.begin().unwrap();
        drop((given, copy));
        assert!(lifelines.end());
    }
}
