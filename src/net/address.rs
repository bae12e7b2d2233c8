//! Addresses as configured and as used: an IP address with a port, or a unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a socket listens or connects to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IPv4 or IPv6 address with its port.
    Ip(SocketAddr),
    /// A unix socket in the file system.
    Unix(PathBuf),
    /// A unix socket in the abstract namespace, without the leading zero byte.
    Abstract(String),
}

impl Address {
    /// The IP address with its port, unless this is a unix socket.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) | Self::Abstract(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix@{}", path.display()),
            Self::Abstract(name) => write!(f, "abns@{name}"),
        }
    }
}
