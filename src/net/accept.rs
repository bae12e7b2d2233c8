//! Accepting one client, and the meaning of the errors that accept(2) reports.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::{reserve, socket};

/// The result of accepting.
#[derive(Debug)]
pub enum Accept {
    /// A client's socket, and the client's address. A client of a unix socket has no address.
    Client(OwnedFd, Option<SocketAddr>),
    /// No client is waiting.
    Drained,
    /// The client left before it was accepted. Other clients may be waiting.
    Aborted,
    /// The system has no descriptor or memory left, or the socket does not accept at all.
    Shortage(io::Error),
}

/// Accepts one client, unless memory is short.
pub fn accept(listener: BorrowedFd<'_>) -> Accept {
    if reserve::is_short() {
        return Accept::Shortage(io::Error::from_raw_os_error(libc::ENOMEM));
    }
    let error = match socket::accept(listener) {
        Ok((fd, client)) => return Accept::Client(fd, client),
        Err(error) => error,
    };
    match error.raw_os_error() {
        Some(libc::EAGAIN) => Accept::Drained,
        // accept(2) also reports errors that the client's connection had before.
        Some(
            libc::ECONNABORTED
            | libc::EINTR
            | libc::EPERM
            | libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::EOPNOTSUPP
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ENONET
            | libc::ETIMEDOUT,
        ) => Accept::Aborted,
        // The system has no descriptor or memory left, or another process shut the listening socket
        // down, for instance. To try again at once would fail again.
        Some(_) | None => Accept::Shortage(error),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::{AsFd, AsRawFd};

    use nix::sys::socket::{Shutdown, shutdown};

    use super::*;

    #[test]
    fn a_socket_that_was_shut_down_elsewhere_is_not_tried_in_a_loop() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        assert!(matches!(accept(socket.as_fd()), Accept::Drained));
        shutdown(socket.as_raw_fd(), Shutdown::Both).unwrap();
        assert!(matches!(accept(socket.as_fd()), Accept::Shortage(_)));
    }
}
