//! A temporary directory and a loopback address that one test has for itself, so that tests can
//! run side by side without taking each other's ports.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static PLACES: AtomicU32 = AtomicU32::new(0);

/// A directory that vanishes with this value, and addresses that nobody else uses.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    ip: Ipv4Addr,
    given: Mutex<HashSet<SocketAddr>>,
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
        // Clients of the tests come from 127.0.0.0 to 127.99.255.255: see `source`.
        let ip = Ipv4Addr::new(127, 100 + (low ^ high) % 150, third, 1 + low % 250);
        Self { dir, ip, given: Mutex::new(HashSet::new()) }
    }

    /// The place's own loopback address.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// A free port of the place's address, never given twice.
    pub fn address(&self) -> SocketAddr {
        self.free((self.ip, 0).into())
    }

    /// A free port of `::1`, or nothing on a machine without IPv6.
    pub fn address_v6(&self) -> Option<SocketAddr> {
        let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        TcpListener::bind(any).ok().map(|_| self.free(any))
    }

    /// A path in the place's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file into the place's directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A UDP socket to send log lines to.
    pub fn log_receiver(&self) -> UdpSocket {
        let socket = UdpSocket::bind((self.ip, 0)).unwrap();
        socket.set_read_timeout(Some(super::SOON)).unwrap();
        socket
    }

    fn free(&self, any: SocketAddr) -> SocketAddr {
        let mut given = self.given.lock().unwrap();
        loop {
            let address = TcpListener::bind(any).unwrap().local_addr().unwrap();
            if given.insert(address) {
                return address;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}
