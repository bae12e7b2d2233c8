//! Closing many sockets with few system calls.
#![expect(unsafe_code, reason = "close_range(2) takes numbers")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// Descriptors that are closed together. The system gives a new descriptor the lowest free number.
/// So descriptors that are opened in one turn and closed in one turn often have consecutive
/// numbers, and one call closes such a row. When 64 connections end in a turn, that saves two calls
/// for each connection.
#[derive(Debug, Default)]
pub struct Closing {
    fds: Vec<OwnedFd>,
}

impl Closing {
    /// Takes a descriptor. The next [`Closing::close`] closes it.
    pub fn push(&mut self, fd: OwnedFd) {
        self.fds.push(fd);
    }

    /// Closes all descriptors that were taken.
    pub fn close(&mut self) {
        self.fds.sort_unstable_by_key(OwnedFd::as_raw_fd);
        let mut fds = self.fds.drain(..).peekable();
        while let Some(fd) = fds.next() {
            let first = fd.into_raw_fd();
            let mut last = first;
            while let Some(next) = fds.next_if(|next| next.as_raw_fd() == last + 1) {
                last = next.into_raw_fd();
            }
            close_row(first, last);
        }
    }
}

fn close_row(first: RawFd, last: RawFd) {
    if first == last || close_range(first, last).is_err() {
        close_each(first, last);
    }
}

fn close_each(first: RawFd, last: RawFd) {
    for fd in first..=last {
        // SAFETY: every descriptor of the row was owned by `Closing`, and none is closed yet.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}

/// Closes the descriptors from `first` to `last`. Before Linux 5.9 the call fails and closes
/// nothing.
fn close_range(first: RawFd, last: RawFd) -> io::Result<()> {
    // SAFETY: the caller owns every descriptor of the row, and no other code uses them.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn those_that_follow_one_another_and_those_that_do_not_are_closed_and_no_others() {
        let pairs: Vec<_> = (0..20).map(|_| UnixStream::pair().unwrap()).collect();
        let (mut closing, mut closed, mut kept) = (Closing::default(), Vec::new(), Vec::new());
        for (number, (ours, theirs)) in pairs.into_iter().enumerate().rev() {
            theirs.set_nonblocking(true).unwrap();
            match number {
                3 | 4 | 10 => kept.push((ours, theirs)),
                5..8 => {
                    // Both ends, so that a row is longer.
                    closing.push(ours.into());
                    closing.push(theirs.into());
                }
                _ => {
                    closing.push(ours.into());
                    closed.push(theirs);
                }
            }
        }
        closing.close();
        for mut theirs in closed {
            assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        }
        for (_ours, mut theirs) in kept {
            let error = theirs.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
        closing.close();
    }

    #[test]
    fn a_row_is_closed_one_by_one_where_the_system_cannot_do_it_at_once() {
        assert!(close_range(2, 1).is_err(), "an impossible row");
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let fd = OwnedFd::from(ours).into_raw_fd();
        close_each(fd, fd);
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
    }
}
