//! Where a server is: at an address of its own, or at one that follows from where the client
//! connected to.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::net::address::Address;

/// The port of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerPort {
    /// This port.
    Fixed(u16),
    /// The port that the client connected to plus this number, -65535 to 65535.
    OfClient(i32),
}

/// Where the clients of a server are sent. There is no way to an address to connect to without
/// saying where the client connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// All clients are sent there.
    Fixed(Address),
    /// The address follows from where the client connected to.
    OfClient(RelativeAddress),
}

/// An address that follows from where the client connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelativeAddress {
    /// The host; the unspecified address stands for the address that the client connected to.
    ip: IpAddr,
    port: ServerPort,
}

impl ServerAddress {
    /// Where the client connected to.
    pub const OF_CLIENT: Self = Self::OfClient(RelativeAddress {
        ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: ServerPort::OfClient(0),
    });

    /// A host and its port. The unspecified address (`0.0.0.0`, `::`) stands for the address that
    /// the client connected to.
    pub fn from_ip(ip: IpAddr, port: ServerPort) -> Self {
        match port {
            ServerPort::Fixed(port) if !ip.is_unspecified() => {
                Self::Fixed(Address::Ip(SocketAddr::new(ip, port)))
            }
            ServerPort::Fixed(_) | ServerPort::OfClient(_) => {
                Self::OfClient(RelativeAddress { ip, port })
            }
        }
    }

    /// Where a client is sent that connected to `destination`. None if the destination is needed
    /// and not known: the client came through a unix socket.
    pub fn for_client(
        &self,
        destination: impl FnOnce() -> Option<SocketAddr>,
    ) -> Option<Cow<'_, Address>> {
        match self {
            Self::Fixed(address) => Some(Cow::Borrowed(address)),
            Self::OfClient(relative) => {
                let address = Address::Ip(relative.towards(destination()?));
                Some(Cow::Owned(address))
            }
        }
    }

    /// The host and the port, unless this is a unix socket.
    pub fn ip(&self) -> Option<(IpAddr, ServerPort)> {
        match self {
            Self::Fixed(address) => {
                address.ip().map(|address| (address.ip(), ServerPort::Fixed(address.port())))
            }
            Self::OfClient(RelativeAddress { ip, port }) => Some((*ip, *port)),
        }
    }

    /// The address as statistics show it: without a sign before what is added to the client's port.
    pub fn shown(&self) -> String {
        match self.ip() {
            Some((IpAddr::V4(ip), port)) => format!("{ip}:{}", port.number()),
            Some((IpAddr::V6(ip), port)) => format!("[{ip}]:{}", port.number()),
            None => "unix".to_owned(),
        }
    }

    /// The port, if it is the same for all clients.
    pub fn fixed_port(&self) -> Option<u16> {
        match self.ip()?.1 {
            ServerPort::Fixed(port) => Some(port),
            ServerPort::OfClient(_) => None,
        }
    }
}

impl RelativeAddress {
    /// The host; the unspecified address stands for the address that the client connected to.
    pub fn ip(self) -> IpAddr {
        self.ip
    }

    /// The port.
    pub fn port(self) -> ServerPort {
        self.port
    }

    fn towards(self, destination: SocketAddr) -> SocketAddr {
        let ip = if self.ip.is_unspecified() { destination.ip() } else { self.ip };
        let port = match self.port {
            ServerPort::Fixed(port) => port,
            ServerPort::OfClient(offset) => wrapped(i32::from(destination.port()) + offset),
        };
        SocketAddr::new(ip, port)
    }
}

/// The port of this number. As in HAProxy, port 0 follows port 65535.
fn wrapped(number: i32) -> u16 {
    let ports = 1 << 16;
    u16::try_from(number.rem_euclid(ports)).expect("the remainder is below 65536")
}

impl ServerPort {
    /// The number that HAProxy shows: the port, or what is added to the client's port.
    pub fn number(self) -> i32 {
        match self {
            Self::Fixed(port) => port.into(),
            Self::OfClient(offset) => offset,
        }
    }
}

/// As it is typed: with a sign if it is relative to the client's port.
impl fmt::Display for ServerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(port) => write!(f, "{port}"),
            Self::OfClient(offset) => write!(f, "{offset:+}"),
        }
    }
}

impl FromStr for ServerPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let number: u16 = digits.parse().map_err(drop)?;
        Ok(match text.as_bytes().first() {
            Some(b'+') => Self::OfClient(number.into()),
            Some(b'-') => Self::OfClient(-i32::from(number)),
            _ => Self::Fixed(number),
        })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(address) => address.fmt(f),
            Self::OfClient(RelativeAddress { ip: IpAddr::V4(ip), port }) => {
                write!(f, "{ip}:{port}")
            }
            Self::OfClient(RelativeAddress { ip: IpAddr::V6(ip), port }) => {
                write!(f, "[{ip}]:{port}")
            }
        }
    }
}

/// Reads what [`ServerAddress`] shows of an IP address.
impl FromStr for ServerAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ip, port) = text.rsplit_once(':').ok_or(())?;
        let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
        let ip = bare.unwrap_or(ip).parse().map_err(drop)?;
        Ok(Self::from_ip(ip, port.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_address_follows_the_destination_of_the_client() {
        let destination: SocketAddr = "192.0.2.1:1000".parse().unwrap();
        for (address, meant) in [
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("10.0.0.1:+0", "10.0.0.1:1000"),
            ("10.0.0.1:+5", "10.0.0.1:1005"),
            ("10.0.0.1:-5", "10.0.0.1:995"),
            ("10.0.0.1:-1001", "10.0.0.1:65535"),
            ("10.0.0.1:+65535", "10.0.0.1:999"),
            ("0.0.0.0:80", "192.0.2.1:80"),
            ("0.0.0.0:+0", "192.0.2.1:1000"),
            ("[::]:-1", "192.0.2.1:999"),
            ("[::1]:-1", "[::1]:999"),
        ] {
            let server: ServerAddress = address.parse().unwrap();
            assert_eq!(server.to_string(), address);
            let found = server.for_client(|| Some(destination)).unwrap();
            assert_eq!(found.to_string(), meant, "{address}");
            let is_relative = server.for_client(|| None).is_none();
            assert_eq!(is_relative, matches!(server, ServerAddress::OfClient(_)), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_read() {
        for text in ["10.0.0.1", "10.0.0.1:", "10.0.0.1:+", "10.0.0.1:x", "10.0.0.1:+-1", "x:1"] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }
}
