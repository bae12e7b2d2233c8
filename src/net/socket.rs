//! Listening, accepting and connecting, with the options that each socket needs.
#![expect(
    unsafe_code,
    reason = "accept4(2) with an address, listen(2) of a socket that listens, and ioctl(2)"
)]

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self as sys, sockopt};
use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage, UnixAddr,
};

use super::address::Address;
use super::files::unix_file;
use super::files::unix_file::Permissions;
use super::int_option;
use super::tcp::TcpOptions;

/// The option by which a unix socket refuses descriptors, which the C library has no name for yet.
const SO_PASSRIGHTS: i32 = 83;

/// The default length of the kernel's queue of clients that are not accepted yet.
pub const BACKLOG: u32 = 4096;

/// The options of a listening socket. Accepted TCP sockets inherit them.
#[derive(Clone, Debug, Default)]
pub struct ListenOptions {
    /// The length of the kernel's queue of clients that are not accepted yet.
    pub backlog: u32,
    /// For an IPv6 address: whether it takes IPv4 too. For `None` the system decides.
    pub v4v6: Option<bool>,
    /// The network interface to bind to.
    pub interface: Option<String>,
    /// The TCP options of the clients' sockets.
    pub tcp: TcpOptions,
    /// The largest segment size that is announced to clients, in bytes.
    pub mss: Option<u32>,
    /// Report a client only after its first bytes.
    pub defer_accept: bool,
    /// Accept data in a client's first packet.
    pub fast_open: bool,
    /// Bind to an address even if this machine does not own it.
    pub transparent: bool,
    /// No other process may listen at the address too.
    pub is_exclusive: bool,
    /// Poll the device for this many microseconds before sleeping (`SO_BUSY_POLL`).
    pub busy_poll_us: Option<u32>,
    /// For a unix socket: who may use it.
    pub file: Permissions,
}

/// Why listening at an address failed.
#[derive(Debug)]
pub struct ListenError {
    /// The step that failed.
    pub action: &'static str,
    /// The address or descriptor.
    pub subject: String,
    /// The system's error.
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.subject, self.source)
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Opens a listening socket, non-blocking and closed on exec.
///
/// # Errors
/// When a system call fails; the error says which step failed.
pub fn listen(address: &Address, options: &ListenOptions) -> Result<OwnedFd, ListenError> {
    let fail = |action: &'static str| {
        move |source: io::Error| ListenError { action, subject: address.to_string(), source }
    };
    let fd = open(address).map_err(fail("open a socket for"))?;
    prepare(&fd, address, options).map_err(fail("set options for"))?;
    match address {
        Address::Unix(path) => {
            let bind = |fd: &OwnedFd, path: &Path| bind(fd, &Address::Unix(path.to_owned()));
            let listen = |fd: BorrowedFd<'_>| start_listening(fd, options.backlog);
            unix_file::make(&fd, path, &options.file, bind, listen).map_err(fail("bind"))?;
        }
        Address::Ip(_) | Address::Abstract(_) => {
            bind(&fd, address).map_err(fail("bind"))?;
            start_listening(fd.as_fd(), options.backlog).map_err(fail("listen on"))?;
        }
    }
    Ok(fd)
}

/// Sets the options that a socket must have before it is bound.
pub(super) fn prepare(fd: &OwnedFd, address: &Address, options: &ListenOptions) -> io::Result<()> {
    if let Address::Ip(ip) = address {
        sys::setsockopt(fd, sockopt::ReuseAddr, &true)?;
        sys::setsockopt(fd, sockopt::ReusePort, &!options.is_exclusive)?;
        sys::setsockopt(fd, sockopt::TcpNoDelay, &true)?;
        options.tcp.apply(fd.as_fd())?;
        prepare_accepting(fd.as_fd(), ip, options)?;
        if let (SocketAddr::V6(_), Some(v4v6)) = (ip, options.v4v6) {
            sys::setsockopt(fd, sockopt::Ipv6V6Only, &!v4v6)?;
        }
        if let Some(interface) = &options.interface {
            sys::setsockopt(fd, sockopt::BindToDevice, &OsString::from(interface))?;
        }
        if let Some(busy_poll_us) = options.busy_poll_us {
            int_option::set(fd.as_fd(), libc::SOL_SOCKET, libc::SO_BUSY_POLL, busy_poll_us)?;
        }
    }
    Ok(())
}

/// Sets the options that a listening socket can get at any time.
pub(super) fn prepare_accepting(
    fd: BorrowedFd<'_>,
    address: &SocketAddr,
    options: &ListenOptions,
) -> io::Result<()> {
    if let Some(mss) = options.mss {
        int_option::set(fd, libc::IPPROTO_TCP, libc::TCP_MAXSEG, mss)?;
    }
    if options.defer_accept {
        int_option::set(fd, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 1)?;
    }
    if options.fast_open {
        int_option::set(fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, options.backlog)?;
    }
    if options.transparent {
        allow_foreign(fd, address)?;
    }
    Ok(())
}

/// Lets the socket be bound to an address that this machine does not own.
fn allow_foreign(fd: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    let (level, transparent, free) = match address {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_TRANSPARENT, libc::IP_FREEBIND),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT, libc::IPV6_FREEBIND),
    };
    // Only `IP_TRANSPARENT` also lets traffic pass, but it needs privileges.
    int_option::set(fd, level, transparent, 1).or_else(|_| int_option::set(fd, level, free, 1))
}

/// Checks whether this process may send from addresses that this machine does not own.
///
/// # Errors
/// What setsockopt(2) reports: `PermissionDenied` without the capability `CAP_NET_ADMIN`.
pub fn may_send_from_foreign() -> io::Result<()> {
    let fd = open(&Address::Ip((Ipv4Addr::UNSPECIFIED, 0).into()))?;
    int_option::set(fd.as_fd(), libc::IPPROTO_IP, libc::IP_TRANSPARENT, 1)
}

fn start_listening(fd: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog.max(1)).unwrap_or(i32::MAX);
    // SAFETY: the call takes two numbers; the descriptor is open for as long as it is borrowed.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

/// Makes a listening TCP socket refuse clients. The socket keeps its address.
///
/// # Errors
/// What shutdown(2) reports. `Unsupported` for a unix socket, which could not listen again.
pub fn stop_listening(fd: BorrowedFd<'_>) -> io::Result<()> {
    if local_address(fd)?.ip().is_none() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a unix socket cannot be paused"));
    }
    Ok(sys::shutdown(fd.as_raw_fd(), Shutdown::Both)?)
}

/// Makes a socket accept clients again after [`stop_listening`].
///
/// # Errors
/// What listen(2) reports.
pub fn listen_again(fd: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    start_listening(fd, backlog)
}

/// Accepts one client. The new socket is non-blocking and closed on exec. The address is the
/// client's; it is `None` for a unix socket.
///
/// # Errors
/// What accept4(2) reports.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    // SAFETY: every bit pattern of `sockaddr_storage` is a valid value, zeros included.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sockaddr_storage>();
    let mut len = libc::socklen_t::try_from(size).expect("the storage has 128 bytes");
    // SAFETY: `storage` and `len` outlive the call and `len` is the size of `storage`, so the
    // kernel writes no further.
    let accepted = check(unsafe {
        libc::accept4(
            listener.as_raw_fd(),
            (&raw mut storage).cast(),
            &raw mut len,
            libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        )
    })?;
    // SAFETY: the kernel has just created this descriptor, and nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(accepted) };
    // SAFETY: `storage` is initialised for its whole length, and `len` was set by the kernel.
    let from = unsafe { SockaddrStorage::from_raw((&raw const storage).cast(), Some(len)) };
    Ok((fd, from.as_ref().and_then(ip_address)))
}

fn ip_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}

/// The options of a connecting socket.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The address to connect from.
    pub source: Option<Address>,
    /// The address to connect from need not be this machine's.
    pub is_foreign: bool,
    /// The network interface to connect through.
    pub interface: Option<String>,
    /// The TCP options.
    pub tcp: TcpOptions,
}

/// Starts to connect. The socket is non-blocking and closed on exec. It becomes writable when it is
/// connected or has failed; [`take_error`] tells which.
///
/// # Errors
/// When a system call fails at once.
pub fn connect(to: &Address, options: &ConnectOptions) -> io::Result<OwnedFd> {
    let fd = open(to)?;
    if matches!(to, Address::Ip(_)) {
        options.tcp.apply(fd.as_fd())?;
        if let Some(interface) = &options.interface {
            sys::setsockopt(&fd, sockopt::BindToDevice, &OsString::from(interface))?;
        }
    }
    if let Some(source) = &options.source {
        if let (true, Address::Ip(source)) = (options.is_foreign, source) {
            allow_foreign(fd.as_fd(), source)?;
        }
        if source.ip().is_some_and(|ip| ip.port() == 0) {
            sys::setsockopt(&fd, sockopt::IpBindAddressNoPort, &true)?;
        } else {
            sys::setsockopt(&fd, sockopt::ReuseAddr, &true)?;
        }
        bind(&fd, source)?;
    }
    match with_sockaddr(to, |sockaddr| sys::connect(fd.as_raw_fd(), sockaddr)) {
        Ok(()) => Ok(fd),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(fd),
        Err(error) => Err(error),
    }
}

/// Lets nobody pass descriptors to this unix socket, or to the sockets that it accepts.
///
/// Whoever receives bytes closes the descriptors beside them that he does not take. If that is the
/// last one of a socket with `SO_LINGER`, closing waits as long as its owner wants, even where
/// receiving does not wait. Linux can refuse descriptors from version 6.16 on.
pub fn refuse_descriptors(fd: BorrowedFd<'_>) {
    // An older system has no such option.
    let _ = int_option::set(fd, libc::SOL_SOCKET, SO_PASSRIGHTS, 0);
}

/// Makes the socket send small writes at once (`TCP_NODELAY`).
///
/// # Errors
/// What setsockopt(2) reports.
pub fn set_no_delay(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(sys::setsockopt(&fd, sockopt::TcpNoDelay, &true)?)
}

/// Checks whether a connect or a connection has failed. The call clears the error.
///
/// # Errors
/// The error of the socket, or what getsockopt(2) reports.
pub fn take_error(fd: BorrowedFd<'_>) -> io::Result<()> {
    match sys::getsockopt(&fd, sockopt::SocketError)? {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Reads the bytes that have arrived, and returns how many. 0 means the end.
///
/// # Errors
/// What recv(2) reports; `WouldBlock` if no byte has arrived.
pub fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(sys::recv(fd.as_raw_fd(), buffer, MsgFlags::empty())?)
}

/// Reads the bytes that have arrived without removing them. 0 means the end.
///
/// # Errors
/// What recv(2) reports; `WouldBlock` if no byte has arrived.
pub fn peek(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(sys::recv(fd.as_raw_fd(), buffer, MsgFlags::MSG_PEEK)?)
}

/// How many bytes that were sent on a unix socket the other end has not read yet, or more than 0 if
/// there are any: the kernel counts its own memory.
///
/// # Errors
/// What ioctl(2) reports.
pub fn unread(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let mut count = 0;
    // SAFETY: the call writes one number, to a variable that outlives it.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) })?;
    Ok(count)
}

/// Whether the socket can be read, and whether it can be written or a connect is over. Does not
/// wait.
pub fn readiness(fd: BorrowedFd<'_>) -> (bool, bool) {
    let ended = PollFlags::POLLERR | PollFlags::POLLHUP;
    let mut asked = [PollFd::new(fd, PollFlags::POLLIN | PollFlags::POLLOUT)];
    // A socket that cannot be polled counts as not ready.
    let found = match poll(&mut asked, PollTimeout::ZERO) {
        Ok(_) => asked[0].revents().unwrap_or(PollFlags::empty()),
        Err(_) => PollFlags::empty(),
    };
    let is = |flag| found.intersects(flag | ended);
    (is(PollFlags::POLLIN), is(PollFlags::POLLOUT))
}

/// Whether the other end has ended its half of the connection, or the connection has failed. Reads
/// and drops the bytes that came before, at most 256 KiB.
pub fn has_peer_ended(fd: BorrowedFd<'_>) -> bool {
    const ROUNDS: usize = 64;
    let mut thrown_away = [0; 4096];
    for _ in 0..ROUNDS {
        match receive(fd, &mut thrown_away) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
    false
}

/// Writes as many of `bytes` as the kernel takes, and returns how many.
///
/// # Errors
/// What send(2) reports; `WouldBlock` if the kernel takes nothing at present.
pub fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(sys::send(fd.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?)
}

/// Ends our half of the connection: nothing more will be sent.
///
/// # Errors
/// What shutdown(2) reports.
pub fn shutdown_write(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(sys::shutdown(fd.as_raw_fd(), Shutdown::Write)?)
}

/// Ends the other end's half of a connection between two processes: from now on it can send
/// nothing. What it has sent before can be received.
///
/// # Errors
/// What shutdown(2) reports.
pub fn shutdown_read(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(sys::shutdown(fd.as_raw_fd(), Shutdown::Read)?)
}

/// Makes closing the socket reset the connection.
///
/// # Errors
/// What setsockopt(2) reports.
pub fn set_reset_on_close(fd: BorrowedFd<'_>) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    Ok(sys::setsockopt(&fd, sockopt::Linger, &linger)?)
}

/// Makes closing the socket send nothing to the other end. If the process has the right, the kernel
/// forgets the connection. Otherwise it sends a reset that the first router drops.
///
/// # Errors
/// What setsockopt(2) reports.
pub fn silence(fd: BorrowedFd<'_>) -> io::Result<()> {
    if int_option::set(fd, libc::IPPROTO_TCP, libc::TCP_REPAIR, 1).is_ok() {
        return Ok(());
    }
    let hops = int_option::set(fd, libc::IPPROTO_IP, libc::IP_TTL, 1);
    hops.or_else(|_| int_option::set(fd, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, 1))?;
    set_reset_on_close(fd)
}

/// The IP address of the other end of a connection; none for a unix socket, or once it is over.
pub fn peer(fd: BorrowedFd<'_>) -> Option<SocketAddr> {
    ip_address(&sys::getpeername(fd.as_raw_fd()).ok()?)
}

/// The socket's own address.
///
/// # Errors
/// What getsockname(2) reports. `Unsupported` if the socket is neither an IP nor a named unix
/// socket.
pub fn local_address(fd: BorrowedFd<'_>) -> io::Result<Address> {
    let storage: SockaddrStorage = sys::getsockname(fd.as_raw_fd())?;
    if let Some(ip) = ip_address(&storage) {
        return Ok(Address::Ip(ip));
    }
    let unsupported = || io::Error::new(io::ErrorKind::Unsupported, "not an IP or unix socket");
    let unix = storage.as_unix_addr().ok_or_else(unsupported)?;
    if let Some(path) = unix.path() {
        return Ok(Address::Unix(path.to_owned()));
    }
    let name = unix.as_abstract().ok_or_else(unsupported)?;
    Ok(Address::Abstract(String::from_utf8_lossy(name).into_owned()))
}

pub(super) fn open(address: &Address) -> io::Result<OwnedFd> {
    let family = match address {
        Address::Ip(SocketAddr::V4(_)) => AddressFamily::Inet,
        Address::Ip(SocketAddr::V6(_)) => AddressFamily::Inet6,
        Address::Unix(_) | Address::Abstract(_) => AddressFamily::Unix,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = sys::socket(family, SockType::Stream, flags, None)?;
    if family == AddressFamily::Unix {
        refuse_descriptors(fd.as_fd());
    }
    Ok(fd)
}

fn bind(fd: &OwnedFd, address: &Address) -> io::Result<()> {
    with_sockaddr(address, |sockaddr| sys::bind(fd.as_raw_fd(), sockaddr))
}

fn with_sockaddr<T>(
    address: &Address,
    call: impl FnOnce(&dyn SockaddrLike) -> Result<T, Errno>,
) -> io::Result<T> {
    let done = match address {
        Address::Ip(SocketAddr::V4(v4)) => call(&SockaddrIn::from(*v4)),
        Address::Ip(SocketAddr::V6(v6)) => call(&SockaddrIn6::from(*v6)),
        Address::Unix(path) => call(&UnixAddr::new(path.as_os_str().as_bytes())?),
        Address::Abstract(name) => call(&UnixAddr::new_abstract(name.as_bytes())?),
    };
    Ok(done?)
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::net::TcpStream;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn poll_in(fd: BorrowedFd<'_>, flags: PollFlags) {
        let mut fds = [PollFd::new(fd, flags)];
        poll(&mut fds, 5000u16).unwrap();
    }

    fn loopback() -> Address {
        Address::Ip("127.0.0.1:0".parse().unwrap())
    }

    fn listening(address: &Address) -> (OwnedFd, Address) {
        let options = ListenOptions { backlog: 16, ..ListenOptions::default() };
        let fd = listen(address, &options).unwrap();
        let bound = local_address(fd.as_fd()).unwrap();
        (fd, bound)
    }

    #[test]
    fn an_accepted_socket_inherits_no_delay_and_knows_its_client() {
        let (listener, address) = listening(&loopback());
        let client = connect(&address, &ConnectOptions::default()).unwrap();
        poll_in(listener.as_fd(), PollFlags::POLLIN);
        let (accepted, from) = accept(listener.as_fd()).unwrap();
        assert_eq!(local_address(client.as_fd()).unwrap(), Address::Ip(from.unwrap()));
        assert!(sys::getsockopt(&accepted, sockopt::TcpNoDelay).unwrap());
    }

    #[test]
    fn accepting_without_a_client_would_block() {
        let (listener, _) = listening(&loopback());
        assert_eq!(accept(listener.as_fd()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn nobody_passes_descriptors_to_a_unix_socket() {
        let name = format!("stickd-descriptors-{}", std::process::id());
        let (listener, address) = listening(&Address::Abstract(name));
        let client = connect(&address, &ConnectOptions::default()).unwrap();
        let (server, _) = accept(listener.as_fd()).unwrap();
        // What is set on a listening socket holds for those that it accepts.
        for end in [&client, &server] {
            match int_option::get(end.as_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS) {
                Ok(passes) => assert_eq!(passes, 0),
                Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOPROTOOPT)),
            }
        }
    }

    #[test]
    fn a_refused_connect_is_reported_by_take_error() {
        let (listener, address) = listening(&loopback());
        drop(listener);
        match connect(&address, &ConnectOptions::default()) {
            Ok(fd) => {
                poll_in(fd.as_fd(), PollFlags::POLLOUT);
                let error = take_error(fd.as_fd()).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused),
        }
    }

    #[test]
    fn a_connect_may_choose_its_source() {
        let (_listener, address) = listening(&loopback());
        let source = Some(Address::Ip("127.0.0.7:0".parse().unwrap()));
        let fd =
            connect(&address, &ConnectOptions { source, ..ConnectOptions::default() }).unwrap();
        let local = local_address(fd.as_fd()).unwrap().ip().unwrap();
        assert_eq!(local.ip().to_string(), "127.0.0.7");
    }

    #[test]
    fn a_unix_socket_is_replaced_and_has_its_mode() {
        let path = std::env::temp_dir().join(format!("stickd-socket-{}", std::process::id()));
        let address = Address::Unix(path.clone());
        let file = Permissions { mode: Some(0o600), ..Permissions::default() };
        let options = ListenOptions { backlog: 4, file, ..ListenOptions::default() };
        let first = listen(&address, &options).unwrap();
        let second = listen(&address, &options).unwrap();
        drop(first);
        let _client = connect(&address, &ConnectOptions::default()).unwrap();
        let (_accepted, from) = accept(second.as_fd()).unwrap();
        assert_eq!(from, None);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_not_a_socket_is_not_replaced() {
        let path = std::env::temp_dir().join(format!("stickd-file-{}", std::process::id()));
        fs::write(&path, "keep me").unwrap();
        let error = listen(&Address::Unix(path.clone()), &ListenOptions::default()).unwrap_err();
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"keep me");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn reset_on_close_resets() {
        let (listener, address) = listening(&loopback());
        let mut client = TcpStream::connect(address.ip().unwrap()).unwrap();
        poll_in(listener.as_fd(), PollFlags::POLLIN);
        let (accepted, _) = accept(listener.as_fd()).unwrap();
        set_reset_on_close(accepted.as_fd()).unwrap();
        drop(accepted);
        let error = client.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_bind_error_names_the_address() {
        let address = Address::Ip("192.0.2.1:80".parse().unwrap());
        let error = listen(&address, &ListenOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with("bind 192.0.2.1:80: "), "{error}");
    }
}
