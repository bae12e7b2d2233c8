//! Addresses as they are typed: prefixes, hosts, ports and port ranges.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::{BindAddress, PeerAddress, ServerAddress, ServerPort};
use crate::net::address::Address;

/// Looks up the addresses of a host name; the list is empty when the name does not resolve.
pub type Hosts = fn(&str) -> Vec<IpAddr>;

/// Looks up a host name with the resolver of the system.
pub(in crate::config) fn system_hosts(name: &str) -> Vec<IpAddr> {
    let found = (name, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()));
    found.map(Iterator::collect).unwrap_or_default()
}

/// The longest path or name of a unix socket, in bytes.
const UNIX_NAME_MAX: usize = 107;

/// The longest path to listen on, in bytes, as in HAProxy. The socket is made under a temporary
/// name first, which is at most nine bytes longer.
pub(in crate::config) const UNIX_LISTEN_MAX: usize = 97;

/// The most addresses to listen on in a configuration.
pub(in crate::config) const LISTEN_MAX: usize = 1 << 18;

/// Why an address cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) enum AddressError {
    Empty,
    MissingPort,
    BadPort(String),
    BadPortRange(String),
    PortRange,
    PortOffset,
    NoHost,
    Unresolved(String),
    WrongFamily(&'static str),
    UnknownPrefix(String),
    Descriptor,
    BadDescriptor(String),
    UnixName,
    TooMany,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "is empty"),
            Self::MissingPort => write!(f, "has no port"),
            Self::BadPort(port) => write!(f, "has the invalid port '{port}'"),
            Self::BadPortRange(range) => write!(f, "has the invalid port range '{range}'"),
            Self::PortRange => write!(f, "has a port range, which cannot stand here"),
            Self::PortOffset => write!(f, "has a port offset, which cannot stand here"),
            Self::NoHost => write!(f, "names no host to connect to"),
            Self::Unresolved(host) => write!(f, "is invalid: '{host}' does not resolve"),
            Self::WrongFamily(family) => write!(f, "is not an {family} address"),
            Self::UnknownPrefix(prefix) => write!(
                f,
                "has the unknown prefix '{prefix}@' (known: ipv4@, ipv6@, unix@, abns@, fd@)"
            ),
            Self::Descriptor => write!(f, "is a descriptor, which cannot stand here"),
            Self::BadDescriptor(number) => write!(f, "has the invalid descriptor '{number}'"),
            Self::UnixName => {
                write!(
                    f,
                    "is not a unix socket's name (1 to {UNIX_NAME_MAX} bytes, {UNIX_LISTEN_MAX} \
                     where it is listened on)"
                )
            }
            Self::TooMany => write!(f, "is more than {LISTEN_MAX} addresses"),
        }
    }
}

/// The addresses of a `bind` line: a list separated by commas, with ports or port ranges.
pub(in crate::config) fn listening(
    text: &str,
    hosts: Hosts,
) -> Result<Vec<BindAddress>, AddressError> {
    let mut addresses = Vec::new();
    // HAProxy accepts a comma at the end, too.
    let text = text.strip_suffix(',').unwrap_or(text);
    for item in text.split(',') {
        if addresses.len() > LISTEN_MAX {
            return Err(AddressError::TooMany);
        }
        match split_prefix(item)? {
            Typed::Unix(address) => addresses.push(BindAddress::Address(address)),
            Typed::Fd(number) => addresses.push(BindAddress::Fd(number)),
            Typed::Ip(family, rest) => {
                let (host, ports) = split_port(rest)?;
                let (first, last) = port_range(ports)?;
                let ip = match host {
                    "" | "*" => family.any(),
                    host => family.resolve(host, hosts)?,
                };
                addresses.extend(
                    (first..=last)
                        .map(|port| BindAddress::Address(Address::Ip(SocketAddr::new(ip, port)))),
                );
            }
        }
    }
    Ok(addresses)
}

/// The address of a server: a host, with or without a port, or a unix socket. Without a host, and
/// without a port, those count that the client connected to.
pub(in crate::config) fn server(text: &str, hosts: Hosts) -> Result<ServerAddress, AddressError> {
    match split_prefix(text)? {
        Typed::Unix(address) => Ok(ServerAddress::Fixed(address)),
        Typed::Fd(_) => Err(AddressError::Descriptor),
        Typed::Ip(family, rest) => {
            let (host, port) = host_and_server_port(rest)?;
            let ip = match host {
                "" | "*" => family.any(),
                host => family.resolve(host, hosts)?,
            };
            Ok(ServerAddress::from_ip(ip, port))
        }
    }
}

/// The port of the address of a server.
pub(in crate::config) fn server_port(text: &str) -> Result<ServerPort, AddressError> {
    let host = text.split_once('@').map_or(text, |(_, rest)| rest);
    host_and_server_port(host).map(|(_, port)| port)
}

/// The address to connect to: a host with one port, or a unix socket.
pub(in crate::config) fn connecting(text: &str, hosts: Hosts) -> Result<Address, AddressError> {
    match split_prefix(text)? {
        Typed::Unix(address) => Ok(address),
        Typed::Fd(_) => Err(AddressError::Descriptor),
        Typed::Ip(family, rest) => {
            let (host, port) = host_and_port(rest)?;
            let ip = family.resolve(host, hosts)?;
            if ip.is_unspecified() {
                return Err(AddressError::NoHost);
            }
            Ok(Address::Ip(SocketAddr::new(ip, port)))
        }
    }
}

/// The address of a peer. A host name that does not resolve now may resolve later. As with HAProxy,
/// a peer without a host is on this machine, and one without a port (0 here) cannot be called.
pub(in crate::config) fn peer(text: &str, hosts: Hosts) -> Result<PeerAddress, AddressError> {
    let (family, rest) = match split_prefix(text)? {
        Typed::Unix(address) => return Ok(PeerAddress::Known(address)),
        Typed::Fd(_) => return Err(AddressError::Descriptor),
        Typed::Ip(family, rest) => (family, rest),
    };
    let (host, port) = match rest.strip_suffix(':').or_else(|| rest.strip_suffix(":0")) {
        Some(host) => (host, 0),
        None => optional_port(rest)?,
    };
    if matches!(host, "" | "*") {
        return Ok(PeerAddress::Known(Address::Ip(SocketAddr::new(family.any(), port))));
    }
    match family.resolve(host, hosts) {
        Ok(ip) => Ok(PeerAddress::Known(Address::Ip(SocketAddr::new(ip, port)))),
        Err(AddressError::Unresolved(host)) if is_host_name(&host) => {
            Ok(PeerAddress::Unresolved { host, port })
        }
        Err(error) => Err(error),
    }
}

/// The address to connect from. The port may be missing.
pub(in crate::config) fn source(text: &str, hosts: Hosts) -> Result<Address, AddressError> {
    match split_prefix(text)? {
        Typed::Unix(_) => Err(AddressError::WrongFamily("IP")),
        Typed::Fd(_) => Err(AddressError::Descriptor),
        Typed::Ip(family, rest) => {
            let (host, port) = optional_port(rest)?;
            let ip = match host {
                "" | "*" => family.any(),
                host => family.resolve(host, hosts)?,
            };
            Ok(Address::Ip(SocketAddr::new(ip, port)))
        }
    }
}

/// How log lines are sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Transport {
    Datagram,
    Stream,
}

/// The prefixes that only log targets and nameservers have: how messages are sent, and the prefix
/// that other addresses have.
const LOG_PREFIXES: [(&str, Transport, &str); 8] = [
    ("udp", Transport::Datagram, ""),
    ("udp4", Transport::Datagram, "ipv4@"),
    ("udp6", Transport::Datagram, "ipv6@"),
    ("uxdg", Transport::Datagram, "unix@"),
    ("tcp", Transport::Stream, ""),
    ("tcp4", Transport::Stream, "ipv4@"),
    ("tcp6", Transport::Stream, "ipv6@"),
    ("uxst", Transport::Stream, "unix@"),
];

/// Takes the prefix that says how to send from an address.
fn split_transport(text: &str) -> (Transport, String) {
    match (text.strip_prefix("dgram+"), text.strip_prefix("stream+")) {
        (Some(rest), _) => (Transport::Datagram, rest.to_owned()),
        (_, Some(rest)) => (Transport::Stream, rest.to_owned()),
        (None, None) => {
            let (prefix, rest) = text.split_once('@').unwrap_or(("", text));
            match LOG_PREFIXES.iter().find(|(name, ..)| *name == prefix) {
                Some((_, transport, family)) => (*transport, format!("{family}{rest}")),
                None => (Transport::Datagram, text.to_owned()),
            }
        }
    }
}

/// The address of a nameserver: a host with a port.
pub(in crate::config) fn nameserver(
    text: &str,
    hosts: Hosts,
) -> Result<(Address, Transport), AddressError> {
    let (transport, text) = split_transport(text);
    Ok((connecting(&text, hosts)?, transport))
}

/// The name of a host in place of the address of a server, if there is one.
pub(in crate::config) fn server_host(text: &str) -> Option<&str> {
    let Ok(Typed::Ip(_, rest)) = split_prefix(text) else { return None };
    let (host, _) = host_and_server_port(rest).ok()?;
    is_host_name(host).then_some(host)
}

/// The address of a log target: a host (port 514 by default) or a unix socket. As with HAProxy, a
/// target without a host is this machine, and a port may be left out after the colon.
pub(in crate::config) fn log_target(
    text: &str,
    hosts: Hosts,
) -> Result<(Address, Transport), AddressError> {
    let (transport, text) = split_transport(text);
    let address = match split_prefix(&text)? {
        Typed::Unix(address) => address,
        Typed::Fd(_) => return Err(AddressError::Descriptor),
        Typed::Ip(family, rest) => {
            let (host, port) = match rest.strip_suffix(':') {
                Some(host) => (host, 0),
                None => optional_port(rest)?,
            };
            let ip = match host {
                "" | "*" => family.any(),
                host => family.resolve(host, hosts)?,
            };
            Address::Ip(SocketAddr::new(ip, if port == 0 { 514 } else { port }))
        }
    };
    Ok((address, transport))
}

enum Typed<'a> {
    Unix(Address),
    Fd(i32),
    Ip(Family, &'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Either,
    V4,
    V6,
}

impl Family {
    fn any(self) -> IpAddr {
        match self {
            Self::Either | Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::Either => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    /// The IP address of a host, which is written as a name or as an address.
    fn resolve(self, host: &str, hosts: Hosts) -> Result<IpAddr, AddressError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(ip) = bare.map_or_else(|| host.parse().ok(), parse_ipv6) {
            return if self.takes(ip) { Ok(ip) } else { Err(self.mismatch()) };
        }
        if host.is_empty() || host == "*" {
            return Err(AddressError::NoHost);
        }
        let unresolved = || AddressError::Unresolved(host.to_owned());
        if !is_host_name(host) {
            return Err(unresolved());
        }
        hosts(host).into_iter().find(|ip| self.takes(*ip)).ok_or_else(unresolved)
    }

    fn mismatch(self) -> AddressError {
        AddressError::WrongFamily(if self == Self::V4 { "IPv4" } else { "IPv6" })
    }
}

fn parse_ipv6(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(IpAddr::V6)
}

/// Whether the text can be a host name. Anything else is a mistyped address, and a look-up would
/// only cost time.
pub(in crate::config) fn is_host_name(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.bytes().all(is_name) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn split_prefix(text: &str) -> Result<Typed<'_>, AddressError> {
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if text.starts_with('/') {
        return Ok(Typed::Unix(unix(text)?));
    }
    let Some((prefix, rest)) = text.split_once('@') else {
        return Ok(Typed::Ip(Family::Either, text));
    };
    Ok(match prefix {
        "ipv4" => Typed::Ip(Family::V4, rest),
        "ipv6" => Typed::Ip(Family::V6, rest),
        "unix" => Typed::Unix(unix(rest)?),
        "abns" => Typed::Unix(Address::Abstract(unix_name(rest)?.to_owned())),
        "fd" => {
            let number = rest.parse().ok().filter(|number| *number >= 0);
            Typed::Fd(number.ok_or_else(|| AddressError::BadDescriptor(rest.to_owned()))?)
        }
        _ => return Err(AddressError::UnknownPrefix(prefix.to_owned())),
    })
}

fn unix(path: &str) -> Result<Address, AddressError> {
    Ok(Address::Unix(PathBuf::from(unix_name(path)?)))
}

fn unix_name(name: &str) -> Result<&str, AddressError> {
    let fits = (1..=UNIX_NAME_MAX).contains(&name.len());
    if fits { Ok(name) } else { Err(AddressError::UnixName) }
}

/// The last colon separates the port, so that `::1:80` is the host `::1`; `[::1]` has no port.
fn split_port(text: &str) -> Result<(&str, &str), AddressError> {
    match text.rsplit_once(':') {
        Some((_, port)) if port.is_empty() || port.ends_with(']') => Err(AddressError::MissingPort),
        Some(parts) => Ok(parts),
        None => Err(AddressError::MissingPort),
    }
}

fn host_and_port(text: &str) -> Result<(&str, u16), AddressError> {
    let (host, port) = split_port(text)?;
    if port.starts_with(['+', '-']) {
        return Err(AddressError::PortOffset);
    }
    if port.contains('-') {
        return Err(AddressError::PortRange);
    }
    Ok((host, parse_port(port)?))
}

/// Splits a host and the port of a server. A missing port is that of the client.
fn host_and_server_port(text: &str) -> Result<(&str, ServerPort), AddressError> {
    const OF_CLIENT: ServerPort = ServerPort::OfClient(0);
    if text.ends_with(']') {
        return Ok((text, OF_CLIENT));
    }
    match text.rsplit_once(':') {
        None => Ok((text, OF_CLIENT)),
        Some((host, "" | "0")) => Ok((host, OF_CLIENT)),
        Some((_, port)) if port.find('-').is_some_and(|at| at > 0) => Err(AddressError::PortRange),
        Some((host, port)) => match port.parse() {
            Ok(port) => Ok((host, port)),
            Err(()) => Err(AddressError::BadPort(port.to_owned())),
        },
    }
}

/// Splits a host and a port. The port is 0 when the text has no port.
fn optional_port(text: &str) -> Result<(&str, u16), AddressError> {
    if text.ends_with(']') || !text.contains(':') { Ok((text, 0)) } else { host_and_port(text) }
}

fn port_range(text: &str) -> Result<(u16, u16), AddressError> {
    if text.starts_with(['+', '-']) {
        return Err(AddressError::PortOffset);
    }
    let Some((first, last)) = text.split_once('-') else {
        let port = parse_port(text)?;
        return Ok((port, port));
    };
    let (first, last) = (parse_port(first)?, parse_port(last)?);
    if first > last {
        return Err(AddressError::BadPortRange(text.to_owned()));
    }
    Ok((first, last))
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let bad = || AddressError::BadPort(text.to_owned());
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    text.parse().ok().filter(|port| *port > 0).ok_or_else(bad)
}

/// A network, or an address that stands for itself alone.
pub(in crate::config) fn network(text: &str) -> Option<IpNet> {
    let network: Option<IpNet> = text.parse().ok();
    network.or_else(|| text.parse().ok().map(|ip: IpAddr| IpNet::from(ip)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(name: &str) -> Vec<IpAddr> {
        if name == "localhost" { vec![Ipv4Addr::LOCALHOST.into()] } else { Vec::new() }
    }

    fn listens(text: &str) -> Vec<String> {
        let shown = |address: BindAddress| match address {
            BindAddress::Address(address) => address.to_string(),
            BindAddress::Fd(number) => format!("fd@{number}"),
        };
        listening(text, hosts).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn bind_takes_every_form_of_haproxy() {
        for (typed, address) in [
            ("*:80", "0.0.0.0:80"),
            (":80", "0.0.0.0:80"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::]:80", "[::]:80"),
            (":::80", "[::]:80"),
            ("::1:80", "[::1]:80"),
            ("ipv4@:80", "0.0.0.0:80"),
            ("ipv6@*:80", "[::]:80"),
            ("ipv6@:::80", "[::]:80"),
            ("unix@/tmp/a", "unix@/tmp/a"),
            ("/tmp/a", "unix@/tmp/a"),
            ("abns@a", "abns@a"),
            ("fd@3", "fd@3"),
            ("localhost:80", "127.0.0.1:80"),
        ] {
            assert_eq!(listens(typed), [address], "{typed}");
        }
        assert_eq!(
            listens("127.0.0.1:80-82,:90"),
            ["127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:82", "0.0.0.0:90"]
        );
    }

    #[test]
    fn what_bind_does_not_take_says_why() {
        use AddressError as Error;
        let fails = |text: &str| listening(text, hosts).unwrap_err();
        assert_eq!(fails("*"), Error::MissingPort);
        assert_eq!(fails("127.0.0.1:"), Error::MissingPort);
        assert_eq!(fails(":0"), Error::BadPort("0".to_owned()));
        assert_eq!(fails(":70000"), Error::BadPort("70000".to_owned()));
        assert_eq!(fails(":+5"), Error::PortOffset);
        assert_eq!(fails(":20-10"), Error::BadPortRange("20-10".to_owned()));
        assert_eq!(fails(":abc"), Error::BadPort("abc".to_owned()));
        assert_eq!(fails(","), Error::Empty);
        assert_eq!(fails("ipv6@127.0.0.1:80"), Error::WrongFamily("IPv6"));
        assert_eq!(fails("foo@127.0.0.1:80"), Error::UnknownPrefix("foo".to_owned()));
        assert_eq!(fails("300.1.1.1:80"), Error::Unresolved("300.1.1.1".to_owned()));
        assert_eq!(fails("fd@x"), Error::BadDescriptor("x".to_owned()));
        assert_eq!(fails("unix@"), Error::UnixName);
    }

    #[test]
    fn a_server_needs_neither_a_host_nor_a_port() {
        for (typed, address) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("127.0.0.1", "127.0.0.1:+0"),
            ("127.0.0.1:", "127.0.0.1:+0"),
            ("127.0.0.1:0", "127.0.0.1:+0"),
            ("127.0.0.1:+10", "127.0.0.1:+10"),
            ("127.0.0.1:-10", "127.0.0.1:-10"),
            ("localhost:+1", "127.0.0.1:+1"),
            ("ipv4@localhost", "127.0.0.1:+0"),
            ("[::1]", "[::1]:+0"),
            ("::1:80", "[::1]:80"),
            ("*", "0.0.0.0:+0"),
            (":80", "0.0.0.0:80"),
            ("ipv6@:+1", "[::]:+1"),
            ("/a", "unix@/a"),
        ] {
            assert_eq!(server(typed, hosts).unwrap().to_string(), address, "{typed}");
        }
        use AddressError as Error;
        assert_eq!(server("127.0.0.1:1-2", hosts), Err(Error::PortRange));
        assert_eq!(server("127.0.0.1:+x", hosts), Err(Error::BadPort("+x".to_owned())));
        assert_eq!(server("127.0.0.1:-65536", hosts), Err(Error::BadPort("-65536".to_owned())));
        assert_eq!(server("::1", hosts), Err(Error::Unresolved(":".to_owned())));
        assert_eq!(server("fd@3", hosts), Err(Error::Descriptor));
    }

    #[test]
    fn what_is_connected_to_wants_a_host_and_one_port() {
        use AddressError as Error;
        assert_eq!(connecting("::1:80", hosts).unwrap().to_string(), "[::1]:80");
        assert_eq!(connecting("[::1]:80", hosts).unwrap().to_string(), "[::1]:80");
        assert_eq!(connecting("/a", hosts).unwrap().to_string(), "unix@/a");
        assert_eq!(connecting("127.0.0.1", hosts), Err(Error::MissingPort));
        assert_eq!(connecting("127.0.0.1:0", hosts), Err(Error::BadPort("0".to_owned())));
        assert_eq!(connecting("127.0.0.1:1-2", hosts), Err(Error::PortRange));
        assert_eq!(connecting("127.0.0.1:+1", hosts), Err(Error::PortOffset));
        assert_eq!(connecting(":80", hosts), Err(Error::NoHost));
        assert_eq!(connecting("*:80", hosts), Err(Error::NoHost));
        assert_eq!(connecting("0.0.0.0:80", hosts), Err(Error::NoHost));
        assert_eq!(connecting("fd@3", hosts), Err(Error::Descriptor));
    }

    #[test]
    fn a_peer_may_fail_to_resolve_and_a_source_needs_no_port() {
        assert_eq!(
            peer("nosuch.invalid:1024", hosts),
            Ok(PeerAddress::Unresolved { host: "nosuch.invalid".to_owned(), port: 1024 })
        );
        assert!(peer("300.1.1.1:1024", hosts).is_err());
        assert_eq!(source("1.2.3.4", hosts).unwrap().to_string(), "1.2.3.4:0");
        assert_eq!(source("1.2.3.4:5", hosts).unwrap().to_string(), "1.2.3.4:5");
        assert_eq!(source("*", hosts).unwrap().to_string(), "0.0.0.0:0");
        let target = |text| log_target(text, hosts).map(|(to, how)| (to.to_string(), how));
        let datagram = |text: &str| Ok((text.to_owned(), Transport::Datagram));
        let stream = |text: &str| Ok((text.to_owned(), Transport::Stream));
        assert_eq!(target("127.0.0.1"), datagram("127.0.0.1:514"));
        assert_eq!(target("127.0.0.1:"), datagram("127.0.0.1:514"));
        assert_eq!(target("::1:"), datagram("[::1]:514"));
        assert_eq!(target(":"), datagram("0.0.0.0:514"));
        assert_eq!(target(":99"), datagram("0.0.0.0:99"));
        assert_eq!(target("*"), datagram("0.0.0.0:514"));
        assert_eq!(target("tcp6@:"), stream("[::]:514"));
        assert_eq!(target("udp4@127.0.0.1:1"), datagram("127.0.0.1:1"));
        assert_eq!(target("/dev/log"), datagram("unix@/dev/log"));
        assert_eq!(target("dgram+unix@/dev/log"), datagram("unix@/dev/log"));
        assert_eq!(target("tcp@127.0.0.1"), stream("127.0.0.1:514"));
        assert_eq!(target("stream+ipv4@127.0.0.1:9"), stream("127.0.0.1:9"));
        assert_eq!(target("uxst@/dev/log"), stream("unix@/dev/log"));
    }
}
