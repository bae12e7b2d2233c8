//! The PROXY header: receiving the one that a client has to send before anything else
//! (`accept-proxy`), and making the one that a server is sent (`send-proxy`).

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use crate::config::{ProxyV2Options, SendProxy};
use crate::net::proxy_protocol;
use crate::net::proxy_protocol::{
    Additions, Ends, Extras, Header, HeaderError, TlsExtras, Version,
};
use crate::net::socket;
use crate::net::tls::certificate::{CertificateFact, CertificateValue, Details};
use crate::net::tls::session::Session;
use crate::proxy::relay::side::{Read, Side};

/// Why a connection that had to begin with a header was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFailure {
    /// What the client sent is no valid header.
    Header(HeaderError),
    /// The client left without having sent anything.
    Closed,
    /// The client's connection broke.
    Aborted,
    /// The client was silent too long.
    TimedOut,
}

impl HeaderFailure {
    /// Whether the client had sent nothing, which `option dontlognull` keeps out of the log.
    pub fn is_silent(self) -> bool {
        match self {
            Self::Closed | Self::Aborted | Self::TimedOut => true,
            Self::Header(_) => false,
        }
    }
}

impl fmt::Display for HeaderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => write!(f, "{error}"),
            Self::Closed => {
                f.write_str("Connection closed while waiting for PROXY protocol header")
            }
            Self::Aborted => {
                f.write_str("Connection error while waiting for PROXY protocol header")
            }
            Self::TimedOut => f.write_str("Timeout while waiting for PROXY protocol header"),
        }
    }
}

/// What a client that has to send a header has sent so far.
#[derive(Debug)]
pub(super) enum Received {
    /// Nothing yet.
    Nothing,
    /// A header, which was taken. It need not name any addresses.
    Header(Option<Ends>, Box<Additions>),
}

/// Takes the header from the front of what a client sends. The whole header has to come in one
/// piece.
///
/// # Errors
/// When something else than a header came, or the client has left.
pub(super) fn receive(client: &mut Side, scratch: &mut [u8]) -> Result<Received, HeaderFailure> {
    match client.peek(scratch) {
        Ok(Read::Nothing) => Ok(Received::Nothing),
        Ok(Read::End) => Err(HeaderFailure::Closed),
        Err(_) => Err(HeaderFailure::Aborted),
        Ok(Read::Bytes(len)) => {
            let received = scratch.get(..len).unwrap_or_default();
            let header = Header::read(received).map_err(HeaderFailure::Header)?;
            let additions = Box::new(Additions::read(received));
            let room = scratch.get_mut(..header.len).unwrap_or_default();
            match client.read(room) {
                Ok(Read::Bytes(taken)) if taken == header.len => {
                    Ok(Received::Header(header.ends, additions))
                }
                Ok(_) | Err(_) => Err(HeaderFailure::Aborted),
            }
        }
    }
}

/// The header that a server is sent for a client. It names no addresses where one is unknown.
pub(super) fn for_server(
    version: SendProxy,
    extras: Extras<'_>,
    source: Option<SocketAddr>,
    destination: Option<SocketAddr>,
) -> Vec<u8> {
    let ends = source.zip(destination).map(|(source, destination)| Ends { source, destination });
    match version {
        SendProxy::V1 => proxy_protocol::write(Version::V1, ends),
        SendProxy::V2 => proxy_protocol::write_with(extras, ends),
    }
}

/// What a header tells of TLS with a client, beside what it tells of our own certificate.
pub(super) fn told_of(client: Option<&Session>, options: ProxyV2Options) -> TlsExtras<'_> {
    let Some(client) = client else { return TlsExtras::default() };
    let has_certificate = client.certificate().is_some();
    let certificate = client.certificate_details().filter(|_| options.common_name);
    TlsExtras {
        version: client.version().map(str::as_bytes),
        has_shown: has_certificate && !client.is_resumed(),
        has_certificate,
        common_name: certificate.and_then(Details::common_name).map(str::as_bytes),
        suite: client.suite().filter(|_| options.suite).map(str::as_bytes),
        ..TlsExtras::default()
    }
}

/// A text that the certificate has that a client was shown.
pub(super) fn text_of_own(client: &Session, fact: &CertificateFact) -> Option<Vec<u8>> {
    match client.own_certificate_details()?.fact(fact)? {
        CertificateValue::Text(text) => Some(text),
        CertificateValue::Number(_) | CertificateValue::Binary(_) => None,
    }
}

/// The address that a client connected to: what its header says, and else what its socket says.
pub(super) fn destination(client: &Side, header: Option<&SocketAddr>) -> Option<SocketAddr> {
    header.copied().or_else(|| socket::local_address(client.as_fd()).ok()?.ip())
}
