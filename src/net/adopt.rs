//! Listening sockets that another process opened: whether a socket is what a `bind` line asks for,
//! and how the socket gets the options that the line would give a new socket.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::sys::socket::{self as sys, sockopt};

use super::address::Address;
use super::int_option;
use super::socket;
use super::socket::{ListenError, ListenOptions, local_address, open, prepare, prepare_accepting};

/// Takes over a listening socket: makes it non-blocking and closed on exec.
///
/// # Errors
/// When the descriptor is not a listening stream socket.
pub fn adopt(owned: OwnedFd) -> Result<(OwnedFd, Address), ListenError> {
    let fd = owned.as_raw_fd();
    let fail = |action: &'static str| {
        move |source: io::Error| ListenError { action, subject: format!("descriptor {fd}"), source }
    };
    match sys::getsockopt(&owned, sockopt::AcceptConn) {
        Ok(true) => {}
        Ok(false) => {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "not a listening socket");
            return Err(fail("accept from")(source));
        }
        Err(errno) => return Err(fail("accept from")(errno.into())),
    }
    set_flags(&owned).map_err(fail("set flags of"))?;
    let address = local_address(owned.as_fd()).map_err(fail("ask the address of"))?;
    // Sockets of other programs may lack `TCP_NODELAY`, which our own sockets have from the
    // beginning. Unix sockets refuse the option.
    match address {
        Address::Ip(_) => {
            socket::set_no_delay(owned.as_fd()).map_err(fail("set options of"))?;
        }
        Address::Unix(_) | Address::Abstract(_) => socket::refuse_descriptors(owned.as_fd()),
    }
    Ok((owned, address))
}

fn set_flags(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(())
}

/// Whether the unchangeable properties of a listening socket are as `options` ask for: the network
/// interface, and whether an IPv6 address takes IPv4 too. If `options` leave the latter open, the
/// socket must be like a new socket. A socket of another program (`foreign`) may then be either.
///
/// # Errors
/// What getsockopt(2) or socket(2) report.
pub fn is_as_wanted(
    fd: BorrowedFd<'_>,
    ip: &SocketAddr,
    options: &ListenOptions,
    foreign: bool,
) -> io::Result<bool> {
    let interface = sys::getsockopt(&fd, sockopt::BindToDevice)?;
    let interface = interface.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
    let wanted = options.interface.as_deref().unwrap_or_default();
    if OsStr::from_bytes(interface) != wanted {
        return Ok(false);
    }
    if ip.is_ipv4() {
        return Ok(true);
    }
    let is_v6_only = sys::getsockopt(&fd, sockopt::Ipv6V6Only)?;
    match options.v4v6 {
        Some(v4v6) => Ok(is_v6_only != v4v6),
        None if foreign => Ok(true),
        None => {
            let model = open(&Address::Ip(*ip))?;
            Ok(is_v6_only == sys::getsockopt(&model, sockopt::Ipv6V6Only)?)
        }
    }
}

/// Whether a listening IPv6 socket takes IPv4 too.
pub fn takes_ipv4(fd: BorrowedFd<'_>) -> bool {
    sys::getsockopt(&fd, sockopt::Ipv6V6Only).is_ok_and(|is_v6_only| !is_v6_only)
}

/// Gives the socket of another program the options that `options` ask for, and leaves the other
/// options as they are. The queue length changes only if the configuration gives a `backlog`.
///
/// # Errors
/// What setsockopt(2) or listen(2) report.
pub fn ask_for(
    fd: BorrowedFd<'_>,
    address: &Address,
    options: &ListenOptions,
    backlog: Option<u32>,
) -> io::Result<()> {
    if let Address::Ip(ip) = address {
        options.tcp.apply(fd)?;
        prepare_accepting(fd, ip, options)?;
    }
    backlog.map_or(Ok(()), |backlog| socket::listen_again(fd, backlog))
}

/// Gives a socket that a predecessor opened at `address` all options of a new socket.
///
/// # Errors
/// What socket(2), getsockopt(2), setsockopt(2) or listen(2) report.
pub fn renew(fd: BorrowedFd<'_>, address: &Address, options: &ListenOptions) -> io::Result<()> {
    if let Address::Ip(ip) = address {
        let model = open(address)?;
        prepare(&model, address, options)?;
        for (level, name) in NUMBERS {
            let wanted = int_option::get(model.as_fd(), level, name)?;
            if int_option::get(fd, level, name)? != wanted {
                int_option::set(fd, level, name, wanted)?;
            }
        }
        // For this option a new socket reports another number than the one that was set.
        int_option::set(fd, libc::IPPROTO_TCP, libc::TCP_MAXSEG, options.mss.unwrap_or(0))?;
        renew_transparency(fd, ip, options)?;
        renew_buffers(fd, model.as_fd(), options)?;
    }
    socket::listen_again(fd, options.backlog)
}

/// The options that are copied from a new socket.
const NUMBERS: [(i32, i32); 9] = [
    (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
    (libc::SOL_SOCKET, libc::SO_REUSEPORT),
    (libc::IPPROTO_TCP, libc::TCP_KEEPCNT),
    (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE),
    (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL),
    (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
    (libc::IPPROTO_TCP, libc::TCP_NODELAY),
    (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
    (libc::IPPROTO_TCP, libc::TCP_FASTOPEN),
];

/// Sets or clears the transparent mode. This process may lack the right to set it, so a mode that
/// the predecessor set stays if the line wants it.
fn renew_transparency(
    fd: BorrowedFd<'_>,
    ip: &SocketAddr,
    options: &ListenOptions,
) -> io::Result<()> {
    let (level, names) = match ip {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, [libc::IP_TRANSPARENT, libc::IP_FREEBIND]),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, [libc::IPV6_TRANSPARENT, libc::IPV6_FREEBIND]),
    };
    let mut set = Vec::new();
    for name in names {
        if int_option::get(fd, level, name)? != 0 {
            set.push(name);
        }
    }
    if options.transparent {
        return if set.is_empty() { prepare_accepting(fd, ip, options) } else { Ok(()) };
    }
    set.into_iter().try_for_each(|name| int_option::set(fd, level, name, 0))
}

/// Sets the buffer sizes that the line gives. If the line gives none, a size that the predecessor
/// had set becomes the system's default.
fn renew_buffers(
    fd: BorrowedFd<'_>,
    model: BorrowedFd<'_>,
    options: &ListenOptions,
) -> io::Result<()> {
    let locked = int_option::get(fd, libc::SOL_SOCKET, libc::SO_BUF_LOCK)?;
    let mut keep = 0;
    let (own, buffers) = (libc::SOL_SOCKET, options.tcp.buffers);
    for (lock, name, size) in
        [(1, libc::SO_SNDBUF, buffers.send), (2, libc::SO_RCVBUF, buffers.receive)]
    {
        if let Some(size) = size {
            keep |= lock;
            int_option::set(fd, own, name, size)?;
        } else if locked & lock != 0 {
            // The kernel doubles every size that it is given.
            int_option::set(fd, own, name, int_option::get(model, own, name)? / 2)?;
        }
    }
    if locked & !keep != 0 {
        int_option::set(fd, own, libc::SO_BUF_LOCK, keep)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tcp::{KernelBuffers, Probes, TcpOptions};

    fn all() -> ListenOptions {
        ListenOptions {
            backlog: 16,
            mss: Some(1000),
            defer_accept: true,
            fast_open: true,
            transparent: true,
            is_exclusive: true,
            tcp: TcpOptions {
                keepalive: true,
                probes: Probes { count: Some(3), idle_s: Some(40), interval_s: Some(5) },
                user_timeout_ms: Some(7000),
                lazy_ack: true,
                buffers: KernelBuffers { receive: Some(10_000), send: Some(20_000) },
            },
            ..ListenOptions::default()
        }
    }

    /// All properties in which two sockets can differ.
    fn state(fd: BorrowedFd<'_>, ip: SocketAddr) -> Vec<u32> {
        let level = if ip.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
        let names = match ip {
            SocketAddr::V4(_) => [libc::IP_TRANSPARENT, libc::IP_FREEBIND],
            SocketAddr::V6(_) => [libc::IPV6_TRANSPARENT, libc::IPV6_FREEBIND],
        };
        let buffers = [libc::SO_BUF_LOCK, libc::SO_SNDBUF, libc::SO_RCVBUF];
        let buffers = buffers.map(|name| (libc::SOL_SOCKET, name));
        let mut options = NUMBERS.to_vec();
        options.extend(names.map(|name| (level, name)));
        options.extend(buffers);
        options.push((libc::IPPROTO_TCP, libc::TCP_MAXSEG));
        options.into_iter().map(|(level, name)| int_option::get(fd, level, name).unwrap()).collect()
    }

    #[test]
    fn an_inherited_socket_gets_exactly_the_options_of_its_line() {
        for ip in ["127.0.0.1:0", "[::]:0"] {
            let ip: SocketAddr = ip.parse().unwrap();
            let address = Address::Ip(ip);
            let Ok(socket) = socket::listen(&address, &ListenOptions::default()) else {
                assert!(ip.is_ipv6(), "IPv4 is there");
                continue;
            };
            let bare = state(socket.as_fd(), ip);
            let full = socket::listen(&address, &all()).unwrap();
            let full = state(full.as_fd(), ip);
            assert!(bare.iter().zip(&full).filter(|(bare, full)| bare != full).count() >= 12);
            for _ in 0..2 {
                renew(socket.as_fd(), &address, &all()).unwrap();
                assert_eq!(state(socket.as_fd(), ip), full, "{ip}");
                renew(socket.as_fd(), &address, &ListenOptions::default()).unwrap();
                assert_eq!(state(socket.as_fd(), ip), bare, "{ip}");
            }
        }
    }

    #[test]
    fn unchangeable_properties_are_compared() {
        let any: SocketAddr = "[::]:0".parse().unwrap();
        let with = |v4v6| ListenOptions { backlog: 1, v4v6, ..ListenOptions::default() };
        let Ok(both) = socket::listen(&Address::Ip(any), &with(Some(true))) else { return };
        let alone = socket::listen(&Address::Ip(any), &with(Some(false))).unwrap();
        let wanted = |fd: &OwnedFd, options: &ListenOptions, foreign| {
            is_as_wanted(fd.as_fd(), &any, options, foreign).unwrap()
        };
        assert!(
            wanted(&both, &with(Some(true)), false) && !wanted(&both, &with(Some(false)), false)
        );
        assert!(
            !wanted(&alone, &with(Some(true)), true) && wanted(&alone, &with(Some(false)), true)
        );
        assert!(wanted(&both, &with(None), true) && wanted(&alone, &with(None), true));
        assert_ne!(wanted(&both, &with(None), false), wanted(&alone, &with(None), false));
        let there = ListenOptions { interface: Some("lo".to_owned()), ..with(None) };
        assert!(!wanted(&both, &there, true));
        assert!(takes_ipv4(both.as_fd()) && !takes_ipv4(alone.as_fd()));
    }

    #[test]
    fn only_a_listening_socket_is_adopted() {
        let any = Address::Ip("127.0.0.1:0".parse().unwrap());
        let listener = socket::listen(&any, &ListenOptions::default()).unwrap();
        let bound = local_address(listener.as_fd()).unwrap();
        let (listener, address) = adopt(listener).unwrap();
        assert_eq!(address, bound);
        let client = socket::connect(&bound, &socket::ConnectOptions::default()).unwrap();
        let error = adopt(client).unwrap_err();
        assert!(error.to_string().ends_with("not a listening socket"), "{error}");
        drop(listener);
    }
}
