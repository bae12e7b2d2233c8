//! The PROXY protocol, versions 1 and 2: a header at the start of a connection that names the real
//! client. This module reads and writes bytes only.
//!
//! ```text
//! v1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n            at most 107 bytes
//! v2   \r\n\r\n\0\r\nQUIT\n  command  family  length16  addresses  (type length16 value)*
//! ```
//!
//! As in HAProxy, a header must arrive whole.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, line end included.
const V1_LEN_MAX: usize = 107;
/// The first bytes of a header of version 1.
const V1_START: &[u8] = b"PROXY ";
/// The first bytes of a header of version 2.
const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The length of the signature, the command, the family and the length of the rest.
const V2_START_LEN: usize = 16;
/// The type of the host's name in the additions of version 2, and the longest name.
const AUTHORITY_TYPE: u8 = 2;
const AUTHORITY_LEN_MAX: usize = 255;
/// The type of the connection's id in the additions of version 2, and the longest id.
const UNIQUE_ID_TYPE: u8 = 5;
const UNIQUE_ID_LEN_MAX: usize = 128;
/// The type of the checksum in the additions of version 2.
const CRC32C_TYPE: u8 = 3;

/// The type of the application protocol (ALPN) in the additions of version 2, and the longest name.
const PROTOCOL_TYPE: u8 = 1;
const PROTOCOL_LEN_MAX: usize = 255;
/// The type of what is told of TLS, and the types of the texts in it.
const TLS_TYPE: u8 = 0x20;
const TLS_VERSION_TYPE: u8 = 0x21;
const TLS_COMMON_NAME_TYPE: u8 = 0x22;
const TLS_SUITE_TYPE: u8 = 0x23;
const TLS_SIGNATURE_TYPE: u8 = 0x24;
const TLS_KEY_TYPE: u8 = 0x25;
/// The longest text in what is told of TLS. A longer one is left out.
const TLS_TEXT_LEN_MAX: usize = 255;

/// The longest header that this module writes: one of version 2 with all additions.
pub const WRITTEN_LEN_MAX: usize = V2_START_LEN
    + 36
    + (3 + PROTOCOL_LEN_MAX)
    + (3 + AUTHORITY_LEN_MAX)
    + (3 + UNIQUE_ID_LEN_MAX)
    + (3 + 5 + 5 * (3 + TLS_TEXT_LEN_MAX))
    + (3 + 4);

/// The two ends of a connection, as the program that accepted the connection saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// The address that the client connected to.
    pub destination: SocketAddr,
}

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The length of the header. The client's own bytes follow.
    pub len: usize,
    /// The addresses in the header. None for a connection of the proxy itself (`LOCAL`, `UNKNOWN`)
    /// and for a connection between unix sockets.
    pub ends: Option<Ends>,
}

/// What a header of version 2 says beside the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// The name of the host that the client wants.
    pub authority: Option<Box<[u8]>>,
    /// The id that the program before has given to the connection.
    pub unique_id: Option<Box<[u8]>>,
}

impl Additions {
    /// The additions of the whole and valid header at the start of `bytes`.
    pub fn read(bytes: &[u8]) -> Self {
        let additions = || {
            let (start, rest) = bytes.split_first_chunk::<V2_START_LEN>()?;
            let [signature @ .., _, family, len_high, len_low] = *start;
            let len = usize::from(u16::from_be_bytes([len_high, len_low]));
            let body = rest.get(..len).filter(|_| signature == V2_SIGNATURE)?;
            read_ends(family, body).ok().map(|(_, additions)| additions)
        };
        let mut found = Self::default();
        let mut rest = additions().unwrap_or_default();
        while let Some((kind, value, after)) = split_addition(rest) {
            match kind {
                AUTHORITY_TYPE => found.authority = Some(value.into()),
                UNIQUE_ID_TYPE => found.unique_id = Some(value.into()),
                _ => {}
            }
            rest = after;
        }
        found
    }
}

/// The first addition: its type, its value, and the bytes after it.
fn split_addition(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([kind, len_high, len_low], after) = bytes.split_first_chunk::<3>()?;
    let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
    let (value, after) = after.split_at_checked(len)?;
    Some((*kind, value, after))
}

/// Why the bytes are not a whole and valid header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// The bytes end before the header ends.
    Truncated,
    /// The bytes are not a header.
    NotAHeader,
    /// The header is of version 1, and its protocol is neither TCP nor unknown.
    UnhandledProtocol,
    /// A field of the header is invalid, or its checksum is wrong.
    Invalid,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "Truncated PROXY protocol header received",
            Self::NotAHeader => {
                "Received something which does not look like a PROXY protocol header"
            }
            Self::UnhandledProtocol => {
                "Received an unhandled protocol in the PROXY protocol header"
            }
            Self::Invalid => "Received an invalid PROXY protocol header",
        })
    }
}

impl Header {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// If `bytes` do not begin with a whole and valid header.
    pub fn read(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.starts_with(V1_START) {
            return read_v1(bytes);
        }
        let (start, rest) =
            bytes.split_first_chunk::<V2_START_LEN>().ok_or(HeaderError::Truncated)?;
        let [signature @ .., command, family, len_high, len_low] = *start;
        if signature != V2_SIGNATURE || command >> 4 != 2 {
            return Err(HeaderError::NotAHeader);
        }
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let body = rest.get(..len).ok_or(HeaderError::Truncated)?;
        let header = |ends| Self { len: V2_START_LEN + len, ends };
        match command & 0xf {
            0 => Ok(header(None)),
            1 => {
                let (ends, additions) = read_ends(family, body)?;
                let is_intact = check_additions(start, body, additions)?;
                if is_intact { Ok(header(ends)) } else { Err(HeaderError::Invalid) }
            }
            _ => Err(HeaderError::Invalid),
        }
    }
}

fn read_v1(bytes: &[u8]) -> Result<Header, HeaderError> {
    let window = bytes.get(..V1_LEN_MAX).unwrap_or(bytes);
    let end = window.iter().position(|byte| *byte == b'\n').ok_or(HeaderError::Truncated)?;
    let line = window.get(V1_START.len()..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(HeaderError::Invalid)?;
    let line = std::str::from_utf8(line).map_err(|_| HeaderError::Invalid)?;
    let mut words = line.split(' ');
    let ends = match words.next() {
        Some("UNKNOWN") => None, // the rest of the line is ignored
        Some("TCP4") => Some(read_v1_ends::<Ipv4Addr>(words)?),
        Some("TCP6") => Some(read_v1_ends::<Ipv6Addr>(words)?),
        Some(_) | None => return Err(HeaderError::UnhandledProtocol),
    };
    Ok(Header { len: end + 1, ends })
}

fn read_v1_ends<'a, A: std::str::FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Result<Ends, HeaderError> {
    let mut word = || words.next().ok_or(HeaderError::Invalid);
    let (source, destination, source_port, destination_port) = (word()?, word()?, word()?, word()?);
    if words.next().is_some() {
        return Err(HeaderError::Invalid);
    }
    let end = |address: &str, port: &str| -> Result<SocketAddr, HeaderError> {
        let address: A = address.parse().map_err(|_| HeaderError::Invalid)?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or(HeaderError::Invalid)?;
        Ok(SocketAddr::new(address.into(), port))
    };
    Ok(Ends { source: end(source, source_port)?, destination: end(destination, destination_port)? })
}

/// The addresses at the start of a body of version 2, and the bytes after them.
fn read_ends(family: u8, body: &[u8]) -> Result<(Option<Ends>, &[u8]), HeaderError> {
    /// The length of two paths of 108 bytes each.
    const UNIX_LEN: usize = 216;
    match family {
        0x00 => Ok((None, &[])), // the rest has no known form
        0x11 => {
            let (addresses, rest) = body.split_first_chunk::<12>().ok_or(HeaderError::Invalid)?;
            let [s0, s1, s2, s3, d0, d1, d2, d3, ports @ ..] = *addresses;
            let source = Ipv4Addr::new(s0, s1, s2, s3).into();
            let destination = Ipv4Addr::new(d0, d1, d2, d3).into();
            Ok((Some(with_ports(source, destination, ports)), rest))
        }
        0x21 => {
            let wrong = HeaderError::Invalid;
            let (source, rest) = body.split_first_chunk::<16>().ok_or(wrong)?;
            let (destination, rest) = rest.split_first_chunk::<16>().ok_or(wrong)?;
            let (ports, rest) = rest.split_first_chunk::<4>().ok_or(wrong)?;
            let source = Ipv6Addr::from(*source).into();
            let destination = Ipv6Addr::from(*destination).into();
            Ok((Some(with_ports(source, destination, *ports)), rest))
        }
        0x31 => Ok((None, body.get(UNIX_LEN..).ok_or(HeaderError::Invalid)?)),
        _ => Err(HeaderError::Invalid),
    }
}

fn with_ports(source: IpAddr, destination: IpAddr, ports: [u8; 4]) -> Ends {
    let [s0, s1, d0, d1] = ports;
    Ends {
        source: SocketAddr::new(source, u16::from_be_bytes([s0, s1])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([d0, d1])),
    }
}

/// Whether the checksum in the additions of a header of version 2, if there is one, is right. The
/// additions fill the rest of the header. Their other values are ignored, but their form is
/// checked.
fn check_additions(start: &[u8], body: &[u8], additions: &[u8]) -> Result<bool, HeaderError> {
    let mut rest = additions;
    let mut is_intact = true;
    while !rest.is_empty() {
        let (kind, value, after) = split_addition(rest).ok_or(HeaderError::Invalid)?;
        let is_too_long = match kind {
            AUTHORITY_TYPE => value.len() > AUTHORITY_LEN_MAX,
            UNIQUE_ID_TYPE => value.len() > UNIQUE_ID_LEN_MAX,
            _ => false,
        };
        if is_too_long {
            return Err(HeaderError::Invalid);
        }
        if kind == CRC32C_TYPE {
            let sent: [u8; 4] = value.try_into().map_err(|_| HeaderError::Invalid)?;
            // The checksum is computed with zeros in its own place.
            let before = body.len() - after.len() - sent.len();
            let before = body.get(..before).unwrap_or_default();
            let parts = [start, before, &[0; 4], after];
            is_intact &= crc32c(parts) == u32::from_be_bytes(sent);
        }
        rest = after;
    }
    Ok(is_intact)
}

/// The checksum of the bytes of all `parts`.
fn crc32c(parts: [&[u8]; 4]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.into_iter().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            // The Castagnoli polynomial with its bits reversed.
            let polynomial = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = (crc >> 1) ^ polynomial;
        }
    }
    !crc
}

/// The version of a header to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text (version 1).
    V1,
    /// Bytes (version 2).
    V2,
}

/// The header that tells a server the ends of a connection. `ends` is none for a connection that
/// did not come over TCP.
pub fn write(version: Version, ends: Option<Ends>) -> Vec<u8> {
    match version {
        Version::V1 => write_v1(ends),
        Version::V2 => write_v2(ends),
    }
}

/// What a header of version 2 is to say beside the addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// The name of the host that the client wants.
    pub authority: Option<&'a [u8]>,
    /// The id of the connection.
    pub unique_id: Option<&'a [u8]>,
    /// The application protocol that was agreed on with the client.
    pub protocol: Option<&'a [u8]>,
    /// What is told of TLS with the client.
    pub tls: Option<TlsExtras<'a>>,
    /// A checksum of the header.
    pub has_checksum: bool,
}

/// What a header of version 2 tells of TLS with the client.
#[derive(Clone, Copy, Debug, Default)]
pub struct TlsExtras<'a> {
    /// The version; none if the client speaks no TLS.
    pub version: Option<&'a [u8]>,
    /// Whether the client has shown a certificate in this connection.
    pub has_shown: bool,
    /// Whether it has shown one in this session, or in the one that it continues.
    pub has_certificate: bool,
    /// The common name in that certificate.
    pub common_name: Option<&'a [u8]>,
    /// The cipher suite.
    pub suite: Option<&'a [u8]>,
    /// The algorithm of the signature of the certificate that the client was shown.
    pub signature: Option<&'a [u8]>,
    /// The key of that certificate.
    pub key: Option<&'a [u8]>,
}

impl TlsExtras<'_> {
    /// The bytes of the addition: who has shown what, whether the certificate was taken (always:
    /// else there is no connection), and the texts.
    fn bytes(&self) -> Vec<u8> {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags = flag(self.version.is_some(), 1) | flag(self.has_shown, 2);
        let mut bytes = vec![flags | flag(self.has_certificate, 4), 0, 0, 0, 0];
        for (kind, text) in [
            (TLS_VERSION_TYPE, self.version),
            (TLS_COMMON_NAME_TYPE, self.common_name),
            (TLS_KEY_TYPE, self.key),
            (TLS_SIGNATURE_TYPE, self.signature),
            (TLS_SUITE_TYPE, self.suite),
        ] {
            let text = text.filter(|text| text.len() <= TLS_TEXT_LEN_MAX);
            if let Some((text, len)) = text.and_then(|it| Some((it, u8::try_from(it.len()).ok()?)))
            {
                bytes.extend_from_slice(&[kind, 0, len]);
                bytes.extend_from_slice(text);
            }
        }
        bytes
    }
}

/// The header of version 2 that tells a server the ends of a connection, and more.
pub fn write_with(extras: Extras<'_>, ends: Option<Ends>) -> Vec<u8> {
    let mut header = write_v2(ends);
    if let Some(protocol) = extras.protocol {
        push_addition(&mut header, PROTOCOL_TYPE, protocol);
    }
    if let Some(authority) = extras.authority {
        push_addition(&mut header, AUTHORITY_TYPE, authority);
    }
    if let Some(id) = extras.unique_id {
        push_addition(&mut header, UNIQUE_ID_TYPE, id);
    }
    if let Some(tls) = extras.tls {
        push_addition(&mut header, TLS_TYPE, &tls.bytes());
    }
    if extras.has_checksum {
        push_addition(&mut header, CRC32C_TYPE, &[0; 4]);
        let sum = crc32c([&header, &[], &[], &[]]).to_be_bytes();
        let at = header.len() - sum.len();
        header.truncate(at);
        header.extend_from_slice(&sum);
    }
    header
}

fn push_addition(header: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let len = u16::try_from(value.len()).expect("an addition is short");
    header.push(kind);
    header.extend_from_slice(&len.to_be_bytes());
    header.extend_from_slice(value);
    let len = u16::try_from(header.len() - V2_START_LEN).expect("a header is short");
    if let [high, low] = &mut header[V2_START_LEN - 2..V2_START_LEN] {
        [*high, *low] = len.to_be_bytes();
    }
}

fn write_v1(ends: Option<Ends>) -> Vec<u8> {
    let Some(Ends { source, destination }) = ends else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let family = match (source, destination) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => "TCP4",
        (SocketAddr::V6(_), SocketAddr::V6(_)) => "TCP6",
        (SocketAddr::V4(_), SocketAddr::V6(_)) | (SocketAddr::V6(_), SocketAddr::V4(_)) => {
            return b"PROXY UNKNOWN\r\n".to_vec();
        }
    };
    let (from, to) = (source.ip(), destination.ip());
    let ports = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {} {}\r\n", ports.0, ports.1).into_bytes()
}

fn write_v2(ends: Option<Ends>) -> Vec<u8> {
    let mut header = V2_SIGNATURE.to_vec();
    match ends.map(|ends| (ends, ends.source.ip(), ends.destination.ip())) {
        None => header.extend_from_slice(&[0x20, 0, 0, 0]),
        Some((ends, IpAddr::V4(source), IpAddr::V4(destination))) => {
            header.extend_from_slice(&[0x21, 0x11, 0, 12]);
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            write_ports(&mut header, ends);
        }
        Some((ends, source, destination)) => {
            header.extend_from_slice(&[0x21, 0x21, 0, 36]);
            header.extend_from_slice(&as_v6(source).octets());
            header.extend_from_slice(&as_v6(destination).octets());
            write_ports(&mut header, ends);
        }
    }
    header
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn write_ports(header: &mut Vec<u8>, ends: Ends) {
    header.extend_from_slice(&ends.source.port().to_be_bytes());
    header.extend_from_slice(&ends.destination.port().to_be_bytes());
}
