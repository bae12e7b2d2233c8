//! A temporary directory and a loopback address for one test. So tests can run at the same time
//! without taking each other's ports.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, setsockopt, socket, sockopt,
};

static PLACES: AtomicU32 = AtomicU32::new(0);

/// A directory that is removed when this value is dropped, and addresses that no other test uses.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    ip: Ipv4Addr,
    /// Sockets that keep the given ports. They are bound but do not listen. So a server with
    /// SO_REUSEADDR can listen at the port, and the kernel does not give the port to other
    /// programs.
    kept: Mutex<Vec<OwnedFd>>,
}

impl Place {
    /// A new place.
    pub fn new() -> Self {
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let dir = std::env::temp_dir().join(format!("stickd-test-{pid}-{number}"));
        std::fs::create_dir_all(&dir).unwrap();
        let [_, _, high, low] = pid.to_be_bytes();
        let third = u8::try_from(number % 250).unwrap();
        // The tests' clients have addresses from 127.0.0.0 to 127.99.255.255: see `source`.
        let ip = Ipv4Addr::new(127, 100 + (low ^ high) % 150, third, 1 + low % 250);
        Self { dir, ip, kept: Mutex::new(Vec::new()) }
    }

    /// The place's own loopback address.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// A free port at the place's address. Each call gives another port.
    pub fn address(&self) -> SocketAddr {
        self.keep((self.ip, 0).into()).unwrap()
    }

    /// The first of `count` consecutive free ports at the place's address.
    pub fn addresses_in_a_row(&self, count: u16) -> SocketAddr {
        loop {
            let first = self.address();
            let ports = (1..count).map(|n| first.port().checked_add(n));
            let mut rest = ports.map(|port| Some(self.keep((self.ip, port?).into())));
            if rest.all(|kept| matches!(kept, Some(Ok(_)))) {
                return first;
            }
        }
    }

    /// The first of `count` consecutive ports that are free both here and at the address of
    /// `other`.
    pub fn ports_in_both(&self, other: &Self, count: u16) -> u16 {
        loop {
            let first = self.addresses_in_a_row(count).port();
            let kept = |n| other.keep((other.ip, first + n).into()).is_ok();
            if (0..count).all(kept) {
                return first;
            }
        }
    }

    /// A free port at `::1`. None on a machine without IPv6.
    pub fn address_v6(&self) -> Option<SocketAddr> {
        self.keep((Ipv6Addr::LOCALHOST, 0).into()).ok()
    }

    /// A port that is free at every address. None on a machine without IPv6.
    pub fn port_of_all(&self) -> Option<u16> {
        self.address_v6()?;
        self.keep((Ipv6Addr::UNSPECIFIED, 0).into()).ok().map(|address| address.port())
    }

    /// A path inside the place's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file into the place's directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The place's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A UDP socket that receives log lines.
    pub fn log_receiver(&self) -> UdpSocket {
        let socket = UdpSocket::bind((self.ip, 0)).unwrap();
        socket.set_read_timeout(Some(super::SOON)).unwrap();
        socket
    }

    fn keep(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::from(bound(address)?); // only to read its address
        let address = listener.local_addr()?;
        self.kept.lock().unwrap().push(listener.into());
        Ok(address)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// A socket that is bound to `address` but does not listen.
pub fn bound(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    match address {
        SocketAddr::V4(address) => bind(fd.as_raw_fd(), &SockaddrIn::from(address))?,
        SocketAddr::V6(address) => bind(fd.as_raw_fd(), &SockaddrIn6::from(address))?,
    }
    Ok(fd)
}
