//! One TCP connection as the kernel has it: what is measured of it, and what its packets carry.
#![expect(unsafe_code, reason = "TCP_INFO is a structure that nix lacks")]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket as sys;

use super::{int_option, socket};

/// What the kernel has measured of a TCP connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// The time of a round trip, in microseconds.
    pub rtt_us: u32,
    /// How much that time varies, in microseconds.
    pub rtt_variance_us: u32,
    /// Segments that are not acknowledged.
    pub unacked: u32,
    /// Segments that are acknowledged selectively.
    pub sacked: u32,
    /// Segments that are taken for lost.
    pub lost: u32,
    /// Segments that were sent again and are not acknowledged.
    pub retransmitted: u32,
    /// Segments up to the last one that is acknowledged selectively; current kernels say 0.
    pub forward_acked: u32,
    /// How far segments may come out of order.
    pub reordering: u32,
}

/// What the kernel has measured of a connection (`TCP_INFO`).
///
/// # Errors
/// What getsockopt(2) reports: the socket may be none of TCP.
pub fn measured(fd: BorrowedFd<'_>) -> io::Result<TcpInfo> {
    // SAFETY: the structure has numbers only, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = libc::socklen_t::try_from(size_of::<libc::tcp_info>())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: `info` has as many bytes as `len` says, and both outlive the call.
    let got = unsafe {
        let info = (&raw mut info).cast();
        libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, info, &raw mut len)
    };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(TcpInfo {
        rtt_us: info.tcpi_rtt,
        rtt_variance_us: info.tcpi_rttvar,
        unacked: info.tcpi_unacked,
        sacked: info.tcpi_sacked,
        lost: info.tcpi_lost,
        retransmitted: info.tcpi_retrans,
        forward_acked: info.tcpi_fackets,
        reordering: info.tcpi_reordering,
    })
}

/// How many bytes all processes that have a TCP socket have read from it and written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesMoved {
    /// Read, by whoever has the socket.
    pub read: u64,
    /// Written.
    pub written: u64,
}

/// What has been read from a TCP socket and written to it so far.
///
/// # Errors
/// What getsockopt(2) and ioctl(2) report: the socket may be none of TCP. `Unsupported` if the
/// kernel does not count, `WouldBlock` if so much moves that no moment can be looked at.
pub fn bytes_moved(fd: BorrowedFd<'_>) -> io::Result<BytesMoved> {
    let mut before = counted(fd)?;
    for _ in 0..LOOKS_MAX {
        let (unread, unacked) = (queued(fd, libc::FIONREAD)?, queued(fd, libc::TIOCOUTQ)?);
        let after = counted(fd)?;
        // What came or was acknowledged in between would count once too often, or not at all.
        if before == after {
            let (acked, received) = after;
            let read = received.saturating_sub(unread);
            return Ok(BytesMoved { read, written: acked.saturating_add(unacked) });
        }
        before = after;
    }
    Err(io::ErrorKind::WouldBlock.into())
}

/// How often it is looked for a moment in which nothing moves.
const LOOKS_MAX: u32 = 16;
/// Where `TCP_INFO` has the bytes that the other end has acknowledged, and those that have come:
/// the libc crate does not know these fields everywhere. In words of eight bytes.
const ACKED: usize = 15;
const RECEIVED: usize = 16;

/// The bytes that the other end has acknowledged, and those that have come.
fn counted(fd: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let mut words = [0_u64; RECEIVED + 1];
    let mut len = libc::socklen_t::try_from(size_of_val(&words))
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: `words` has as many bytes as `len` says, and both outlive the call. Any bytes make
    // numbers.
    let got = unsafe {
        let words = (&raw mut words).cast();
        libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, words, &raw mut len)
    };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    if len as usize != size_of_val(&words) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok((words[ACKED], words[RECEIVED]))
}

/// The bytes in one of the socket's queues.
fn queued(fd: BorrowedFd<'_>, queue: libc::Ioctl) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: the call writes one number, to a variable that outlives it.
    let got = unsafe { libc::ioctl(fd.as_raw_fd(), queue, &raw mut count) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    u64::try_from(count).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// How many connections wait at a listening socket to be accepted.
///
/// # Errors
/// What getsockopt(2) reports: the socket may be none of TCP.
pub fn waiting(listener: BorrowedFd<'_>) -> io::Result<u32> {
    // For a listening socket, the kernel counts them there.
    measured(listener).map(|info| info.unacked)
}

/// Has the packets of a connection carry a mark, which the rules of this machine's routes and its
/// firewall can ask for.
///
/// # Errors
/// What setsockopt(2) reports: without the capability `CAP_NET_ADMIN` it is not permitted.
pub fn set_mark(fd: BorrowedFd<'_>, mark: u32) -> io::Result<()> {
    int_option::set(fd, libc::SOL_SOCKET, libc::SO_MARK, mark)
}

/// Has the packets of a connection carry a type of service (`DSCP` and `ECN`).
///
/// # Errors
/// What setsockopt(2) reports.
pub fn set_tos(fd: BorrowedFd<'_>, tos: u8) -> io::Result<()> {
    let is_six = matches!(socket::peer(fd), Some(SocketAddr::V6(peer))
        if peer.ip().to_ipv4_mapped().is_none());
    match is_six {
        true => int_option::set(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, tos.into()),
        false => int_option::set(fd, libc::IPPROTO_IP, libc::IP_TOS, tos.into()),
    }
}

/// Whether this process may set marks.
///
/// # Errors
/// When it may not, or has no socket left.
pub fn may_mark() -> io::Result<()> {
    let (family, kind) = (sys::AddressFamily::Inet, sys::SockType::Stream);
    let fd = sys::socket(family, kind, sys::SockFlag::SOCK_CLOEXEC, None)?;
    set_mark(fd.as_fd(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_type_of_service_is_that_of_the_family() {
        let options = [
            ("127.0.0.1:0", libc::IPPROTO_IP, libc::IP_TOS),
            ("[::1]:0", libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        ];
        for (address, level, name) in options {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            set_tos(client.as_fd(), 0x10).unwrap();
            assert_eq!(int_option::get(client.as_fd(), level, name).unwrap(), 0x10, "{address}");
        }
    }
}
