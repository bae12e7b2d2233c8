//! Waiting for the PROXY header that a client has to send before anything else
//! (`bind ... accept-proxy`), and making the one that a server is sent (`send-proxy`).

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use crate::config::SendProxy;
use crate::net::proxy_protocol;
use crate::net::proxy_protocol::{Ends, Header, HeaderError, Version};
use crate::net::socket;
use crate::proxy::relay::side::{Read, Side};
use crate::proxy::shared::Shared;

/// Why a connection that had to begin with a header was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFailure {
    /// The header.
    Header(HeaderError),
    /// The client left without having sent anything.
    Closed,
    /// Its connection broke.
    Aborted,
    /// It was silent too long.
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

/// What a header, or its absence, tells of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    /// What the client connected to, if a header said so.
    pub destination: Option<SocketAddr>,
    /// Why the connection was ended at its header.
    pub failure: Option<HeaderFailure>,
}

/// What has become of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// Nothing has come yet.
    Wait,
    /// It was taken. What it says counts from now on.
    Passed,
    /// There is none and will be none, for the reason that was noted.
    Failed,
}

/// Takes the header from the front of what a client sends, in one piece, with what it tells of
/// the client's address.
pub fn take_header(
    client: &mut Side,
    address: &mut Option<SocketAddr>,
    carried: &mut Option<Box<Carried>>,
    is_late: bool,
    shared: &mut Shared,
) -> Inspection {
    let failure = match take_ends(client, &mut shared.buffers.scratch) {
        Ok(Some(ends)) => {
            if let Some(ends) = ends {
                *address = Some(ends.source);
                carried.get_or_insert_default().destination = Some(ends.destination);
            }
            return Inspection::Passed;
        }
        Ok(None) if !is_late => return Inspection::Wait,
        Ok(None) => HeaderFailure::TimedOut,
        Err(failure) => failure,
    };
    carried.get_or_insert_default().failure = Some(failure);
    Inspection::Failed
}

/// Nothing while there is nothing to read; else the ends, if the header carries any.
fn take_ends(client: &mut Side, scratch: &mut [u8]) -> Result<Option<Option<Ends>>, HeaderFailure> {
    match client.peek(scratch) {
        Ok(Read::Nothing) => Ok(None),
        Ok(Read::End) => Err(HeaderFailure::Closed),
        Err(_) => Err(HeaderFailure::Aborted),
        Ok(Read::Bytes(len)) => {
            let received = scratch.get(..len).unwrap_or_default();
            let header = Header::read(received).map_err(HeaderFailure::Header)?;
            let room = scratch.get_mut(..header.len).unwrap_or_default();
            match client.read(room) {
                Ok(Read::Bytes(taken)) if taken == header.len => Ok(Some(header.ends)),
                Ok(_) | Err(_) => Err(HeaderFailure::Aborted),
            }
        }
    }
}

/// The header that a server is sent for a client.
pub fn header_for(
    version: SendProxy,
    client: &Side,
    source: Option<SocketAddr>,
    carried: Option<&Carried>,
) -> Vec<u8> {
    let ends = source.and_then(|source| {
        let destination = destination(client, carried)?;
        Some(Ends { source, destination })
    });
    let version = match version {
        SendProxy::V1 => Version::V1,
        SendProxy::V2 => Version::V2,
    };
    proxy_protocol::write(version, ends)
}

/// What a client connected to: asked of its socket where no header has told it.
pub fn destination(client: &Side, carried: Option<&Carried>) -> Option<SocketAddr> {
    let told = carried.and_then(|carried| carried.destination);
    told.or_else(|| socket::local_address(client.as_fd()).ok()?.ip())
}

/// When a wait that begins now is over.
pub fn deadline(now_ms: u64, timeout_ms: Option<u32>) -> Option<u64> {
    timeout_ms.map(|timeout_ms| now_ms + u64::from(timeout_ms))
}
