//! A descriptor that somebody else opened, and that lines of text are written to without ever
//! waiting: standard error, or one that a `log` line names.
//!
//! `O_NONBLOCK` belongs to the open file, which the shell's other programs share, so it is not
//! set. Instead, by what the descriptor is:
//!
//! ```text
//! socket            each send says MSG_DONTWAIT
//! pipe, terminal    opened anew through /proc, which gives an open file of our own
//! pipe that may     through a pipe of our own and splice(2), which can be told not to wait
//!   not be opened
//! anything else     a file takes what it is given; a device has to poll as writable
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

/// The longest line, its end included.
pub const LINE_MAX: usize = 65_536;

/// A descriptor to write lines to.
#[derive(Debug)]
pub struct Outlet {
    fd: OwnedFd,
    way: Way,
    /// What is left of a line that was taken in part: the next one must not come before it.
    rest: Vec<u8>,
}

#[derive(Debug)]
enum Way {
    Socket,
    /// An open file of our own, which does not wait.
    OwnFile,
    /// A pipe that others may fill between our poll and our write.
    Spliced(Pipe),
    Polled,
}

impl Outlet {
    /// The standard stream `number`, which whoever started this process left open. It stays open;
    /// this is a copy.
    ///
    /// # Errors
    /// What fcntl(2) reports; `EBADF` too for a descriptor that this process opened itself, which
    /// all are close-on-exec.
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

    /// A descriptor, which may share its open file with other programs.
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

    /// Writes a line, or nothing of it. What is left of a line that was taken in part goes before
    /// the next one.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is taken at present, and what write(2) or send(2) report.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.flush()?;
        let taken = self.write_some(line)?;
        self.rest.extend_from_slice(line.get(taken..).unwrap_or_default());
        Ok(())
    }

    /// Writes what is left of the last line.
    ///
    /// # Errors
    /// `WouldBlock` while not all of it is taken, and what write(2) or send(2) report.
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

    /// Whether part of a line is left to write.
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

/// The file of a descriptor, opened once more: its flags are then our own.
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

    /// Everything that can be read now.
    fn read(from: &mut std::fs::File) -> Vec<u8> {
        let mut bytes = Vec::new();
        // It ends with `WouldBlock`: the writer is still there.
        from.read_to_end(&mut bytes).ok();
        bytes
    }

    /// Lines of `len` bytes until no more are taken; then the reader reads, and all that were taken
    /// arrive whole, with the next one behind them.
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
    fn a_full_pipe_makes_nobody_wait_and_no_line_is_cut() {
        for len in [100, 4096, 5000, 60_000] {
            let (output, input) = nix::unistd::pipe().unwrap();
            let outlet = Outlet::new(input).unwrap();
            assert!(matches!(outlet.way, Way::OwnFile), "{outlet:?}");
            fill_and_read(outlet, reads(output), len);
        }
    }

    #[test]
    fn a_pipe_that_may_not_be_opened_makes_nobody_wait_either() {
        for len in [100, 4096, 5000, 60_000] {
            let (output, input) = nix::unistd::pipe().unwrap();
            let way = Way::Spliced(Pipe::new(LINE_MAX).unwrap());
            let outlet = Outlet { fd: input, way, rest: Vec::new() };
            fill_and_read(outlet, reads(output), len);
        }
    }

    #[test]
    fn a_socket_that_nobody_reads_makes_nobody_wait() {
        for len in [100, 5000, 60_000] {
            let (reader, writer) = UnixStream::pair().unwrap();
            fill_and_read(Outlet::new(writer.into()).unwrap(), reads(reader), len);
        }
    }

    #[test]
    fn the_flags_that_others_share_are_not_changed() {
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
    fn only_what_was_open_at_the_start_is_taken_for_inherited() {
        let (_output, input) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
        let bad = Some(libc::EBADF);
        assert_eq!(Outlet::inherited(input.as_raw_fd()).unwrap_err().raw_os_error(), bad);
        for number in [-1, 1_000_000] {
            assert_eq!(Outlet::inherited(number).unwrap_err().raw_os_error(), bad, "{number}");
        }
        assert!(Outlet::inherited(2).is_ok());
    }
}
