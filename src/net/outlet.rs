//! Writing lines of text, without ever waiting, to a descriptor that another program opened:
//! standard error, or a descriptor that a `log` line names.
//!
//! `O_NONBLOCK` belongs to the open file, and other programs, such as the shell, share that file.
//! So this program does not set the flag. The kind of the descriptor decides how to avoid waiting:
//!
//! ```text
//! socket            each send says MSG_DONTWAIT
//! pipe, terminal    opened anew through /proc, which gives an open file of our own
//! pipe that may     lines go through a pipe of our own and splice(2), which can be
//!   not be opened     told not to wait
//! anything else     a file never makes a writer wait; a device must poll as writable
//! ```
#![expect(unsafe_code, reason = "a descriptor that was open at the start is known by number")]

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::write;

use super::pipe::Pipe;

/// The longest line in bytes, line end included.
pub const LINE_MAX: usize = 65_536;

/// A descriptor to write lines to.
#[derive(Debug)]
pub struct Outlet {
    fd: OwnedFd,
    way: Way,
    /// The rest of a line that was written in part. It must be written before the next line.
    rest: Vec<u8>,
}

#[derive(Debug)]
enum Way {
    Socket,
    /// An open file of our own, which does not wait.
    OwnFile,
    /// A pipe that other programs may fill between our poll and our write.
    Spliced(Pipe),
    Polled,
}

impl Outlet {
    /// A copy of the standard stream `number`, which was open when this process started.
    ///
    /// # Errors
    /// What fcntl(2), fstat(2) or pipe(2) report. `EBADF` too if this process opened the descriptor
    /// itself: all such descriptors are close-on-exec.
    pub fn inherited(number: RawFd) -> io::Result<Self> {
        if number < 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        // SAFETY: the borrow ends with this function; fcntl reports a descriptor that is not open,
        // and the program has one thread, so nothing closes it meanwhile.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let flags = FdFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFD)?);
        if flags.contains(FdFlag::FD_CLOEXEC) {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        Self::new(fd.try_clone_to_owned()?)
    }

    /// Writes to a descriptor, which may share its open file with other programs.
    ///
    /// # Errors
    /// What fstat(2) or pipe(2) report.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        let kind = SFlag::from_bits_truncate(fstat(&fd)?.st_mode) & SFlag::S_IFMT;
        let is_terminal = io::IsTerminal::is_terminal(&fd);
        let (fd, way) = if kind == SFlag::S_IFSOCK {
            (fd, Way::Socket)
        } else if kind == SFlag::S_IFIFO || is_terminal {
            match open_anew(fd.as_fd()) {
                Ok(own) => (own, Way::OwnFile),
                Err(_) if is_terminal => (fd, Way::Polled),
                Err(_) => (fd, Way::Spliced(Pipe::new(LINE_MAX)?)),
            }
        } else {
            (fd, Way::Polled)
        };
        Ok(Self { fd, way, rest: Vec::new() })
    }

    /// Takes a line whole, or not at all. If the system takes only a part of the line, the rest is
    /// written before the next line.
    ///
    /// # Errors
    /// `WouldBlock` when the system takes nothing at present, and what write(2), splice(2) or
    /// send(2) report.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.flush()?;
        let taken = self.write_some(line)?;
        self.rest.extend_from_slice(line.get(taken..).unwrap_or_default());
        Ok(())
    }

    /// Writes the rest of the last line.
    ///
    /// # Errors
    /// `WouldBlock` if a part of the rest is still left, and what write(2), splice(2) or send(2)
    /// report.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Way::Spliced(pipe) = &mut self.way {
            while !pipe.is_empty() {
                if pipe.drain(self.fd.as_fd())? == 0 {
                    return Err(ErrorKind::WouldBlock.into());
                }
            }
        }
        while !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let result = self.write_some(&rest);
            let taken = *result.as_ref().unwrap_or(&0);
            self.rest = rest.get(taken..).unwrap_or_default().to_vec();
            result?;
        }
        Ok(())
    }

    /// Whether a part of a line is still to be written.
    pub fn is_behind(&self) -> bool {
        let is_in_pipe = matches!(&self.way, Way::Spliced(pipe) if !pipe.is_empty());
        is_in_pipe || !self.rest.is_empty()
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fd = self.fd.as_fd();
        match &mut self.way {
            Way::Socket => {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                Ok(send(fd.as_raw_fd(), bytes, flags)?)
            }
            Way::OwnFile => Ok(write(fd, bytes)?),
            Way::Spliced(pipe) => {
                let taken = pipe.write(bytes)?;
                match pipe.drain(fd) {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                    Ok(_) | Err(_) => Ok(taken),
                }
            }
            Way::Polled => {
                let mut polled = [PollFd::new(fd, PollFlags::POLLOUT)];
                if poll(&mut polled, PollTimeout::ZERO)? == 0 {
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(write(fd, bytes)?)
            }
        }
    }
}

impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens the file of a descriptor again, so that its flags are our own.
fn open_anew(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let file = OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use nix::fcntl::OFlag;

    use super::*;

    fn reads(from: impl Into<OwnedFd>) -> std::fs::File {
        let fd: OwnedFd = from.into();
        fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        std::fs::File::from(fd)
    }

    /// All bytes that can be read now.
    fn read(from: &mut std::fs::File) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Reading ends with `WouldBlock`, because the writer is still there.
        from.read_to_end(&mut bytes).ok();
        bytes
    }

    /// Writes lines of `len` bytes until no more are taken. Then reads, and checks that all lines
    /// that were taken arrive whole, with the next line behind them.
    fn fill_and_read(mut outlet: Outlet, mut reader: std::fs::File, len: usize) {
        let line = |n: usize| format!("{n:0width$}\n", width = len - 1).into_bytes();
        let mut taken = 0;
        let error = loop {
            match outlet.write_line(&line(taken)) {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
            assert!(taken < 100_000, "it takes everything");
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(taken > 0);
        let mut got = read(&mut reader);
        while outlet.flush().is_err() {
            got.extend(read(&mut reader));
        }
        outlet.write_line(b"the next\n").unwrap();
        got.extend(read(&mut reader));
        let expected: Vec<u8> = (0..taken).flat_map(line).chain(*b"the next\n").collect();
        assert_eq!(got.len(), expected.len());
        assert!(got == expected, "lines were mixed");
        assert!(!outlet.is_behind());
    }

    #[test]
    fn a_full_pipe_does_not_block_and_cuts_no_line() {
        for len in [100, 4096, 5000, 60_000] {
            let (output, input) = nix::unistd::pipe().unwrap();
            let outlet = Outlet::new(input).unwrap();
            assert!(matches!(outlet.way, Way::OwnFile), "{outlet:?}");
            fill_and_read(outlet, reads(output), len);
        }
    }

    #[test]
    fn a_full_pipe_that_may_not_be_opened_does_not_block() {
        for len in [100, 4096, 5000, 60_000] {
            let (output, input) = nix::unistd::pipe().unwrap();
            let way = Way::Spliced(Pipe::new(LINE_MAX).unwrap());
            let outlet = Outlet { fd: input, way, rest: Vec::new() };
            fill_and_read(outlet, reads(output), len);
        }
    }

    #[test]
    fn a_full_socket_does_not_block() {
        for len in [100, 5000, 60_000] {
            let (reader, writer) = UnixStream::pair().unwrap();
            fill_and_read(Outlet::new(writer.into()).unwrap(), reads(reader), len);
        }
    }

    #[test]
    fn the_flags_of_a_shared_open_file_are_not_changed() {
        let (_output, input) = nix::unistd::pipe().unwrap();
        let shared = input.try_clone().unwrap();
        let mut outlet = Outlet::new(input).unwrap();
        outlet.write_line(b"x\n").unwrap();
        let flags = OFlag::from_bits_truncate(fcntl(&shared, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn a_datagram_socket_gets_a_line_each_time() {
        let (reader, writer) = UnixDatagram::pair().unwrap();
        let mut outlet = Outlet::new(writer.into()).unwrap();
        outlet.write_line(b"one\n").unwrap();
        outlet.write_line(b"two\n").unwrap();
        let mut buffer = [0; 100];
        for line in ["one\n", "two\n"] {
            let len = reader.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], line.as_bytes());
        }
    }

    #[test]
    fn only_descriptors_open_at_the_start_count_as_inherited() {
        let (_output, input) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
        let bad = Some(libc::EBADF);
        assert_eq!(Outlet::inherited(input.as_raw_fd()).unwrap_err().raw_os_error(), bad);
        for number in [-1, 1_000_000] {
            assert_eq!(Outlet::inherited(number).unwrap_err().raw_os_error(), bad, "{number}");
        }
        assert!(Outlet::inherited(2).is_ok());
    }
}
