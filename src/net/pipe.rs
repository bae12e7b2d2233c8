//! Pipes that carry bytes from socket to socket inside the kernel.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};

/// A pipe, and the number of bytes in it.
#[derive(Debug)]
pub struct Pipe {
    output: OwnedFd,
    input: OwnedFd,
    len: usize,
    capacity: usize,
}

impl Pipe {
    /// Opens a pipe that holds `capacity` bytes, or the system's default if that is over the user's
    /// limit.
    ///
    /// # Errors
    /// What pipe2(2) or fcntl(2) report.
    pub fn new(capacity: usize) -> io::Result<Self> {
        let (output, input) = nix::unistd::pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        let wanted = i32::try_from(capacity).unwrap_or(i32::MAX);
        let granted = match fcntl(&input, FcntlArg::F_SETPIPE_SZ(wanted)) {
            Ok(granted) => granted,
            // `capacity` is over the user's limit. The pipe keeps its default size, which works
            // too.
            Err(_) => fcntl(&input, FcntlArg::F_GETPIPE_SZ)?,
        };
        let capacity = usize::try_from(granted).unwrap_or(capacity);
        Ok(Self { output, input, len: 0, capacity })
    }

    /// How many bytes are in the pipe.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the pipe is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the pipe can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Moves bytes from `from` into the pipe, and returns how many. 0 means that `from` has ended.
    ///
    /// # Errors
    /// What splice(2) reports. Small segments fill a pipe before its capacity is reached. So
    /// `WouldBlock` means that `from` is drained or, if the pipe is not empty, that the pipe may be
    /// full.
    pub fn fill(&mut self, from: BorrowedFd<'_>) -> io::Result<usize> {
        let room = self.capacity.saturating_sub(self.len);
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let moved = splice(from, None, self.input.as_fd(), None, room, flags)?;
        self.len += moved;
        Ok(moved)
    }

    /// Writes as many of `bytes` as fit into the pipe, and returns how many.
    ///
    /// # Errors
    /// What write(2) reports; `WouldBlock` if the pipe is full.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = nix::unistd::write(&self.input, bytes)?;
        self.len += taken;
        Ok(taken)
    }

    /// Moves bytes from the pipe to `to`, and returns how many `to` took.
    ///
    /// # Errors
    /// What splice(2) reports; `WouldBlock` if `to` takes nothing at present.
    pub fn drain(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let moved = splice(self.output.as_fd(), None, to, None, self.len, flags)?;
        self.len = self.len.saturating_sub(moved);
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_pass_through_in_order() {
        let (mut writer, from) = UnixStream::pair().unwrap();
        let (to, mut reader) = UnixStream::pair().unwrap();
        writer.write_all(b"hello").unwrap();
        let mut pipe = Pipe::new(1 << 16).unwrap();
        assert_eq!(pipe.fill(from.as_fd()).unwrap(), 5);
        assert_eq!(pipe.len(), 5);
        assert_eq!(pipe.drain(to.as_fd()).unwrap(), 5);
        assert!(pipe.is_empty());
        let mut got = [0; 5];
        reader.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
    }

    #[test]
    fn the_end_is_zero_and_an_empty_socket_would_block() {
        let (writer, from) = UnixStream::pair().unwrap();
        from.set_nonblocking(true).unwrap();
        let mut pipe = Pipe::new(1 << 16).unwrap();
        let empty = pipe.fill(from.as_fd()).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        drop(writer);
        assert_eq!(pipe.fill(from.as_fd()).unwrap(), 0);
    }
}
