//! The connection of a check: how it is opened, and the PROXY header and the TLS handshake that it
//! begins with.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::attempt;
use super::attempt::Target;
use crate::config::{CheckTls, SendProxy, ServerIndex};
use crate::net::proxy_protocol;
use crate::net::proxy_protocol::{Ends, Version};
use crate::net::socket;
use crate::net::socket::ConnectOptions;
use crate::net::tcp::TcpOptions;
use crate::net::tls::TlsError;
use crate::net::tls::session::Session;
use crate::proxy::backend::Backend;
use crate::proxy::relay::side::Side;

/// Begins to connect.
///
/// # Errors
/// What the system reports, in HAProxy's words if the source address cannot be used.
pub(super) fn open(
    target: &Target,
    backend: &Backend,
    server: ServerIndex,
    now_ms: u64,
) -> io::Result<Side> {
    let server = &backend.server(server).config;
    let source = server.settings.source.as_ref().or(backend.config.source.as_ref());
    // There is no client here.
    let (address, is_foreign) = source.map(|source| source.towards_server(None)).unzip();
    let options = ConnectOptions {
        source: address,
        is_foreign: is_foreign.unwrap_or(false),
        interface: source.and_then(|source| source.interface.clone()),
        tcp: TcpOptions {
            // The last acknowledgment of the handshake waits for the first bytes or for the reset.
            // So the program of a server that is only connected to sees no client.
            lazy_ack: !target.server_speaks_first,
            ..TcpOptions::default()
        },
    };
    let connected = socket::connect(&target.address, &options);
    let fd = connected.map_err(|error| word_bind_error(error, options.source.is_some()))?;
    let is_tcp = target.address.ip().is_some();
    if is_tcp {
        // The bytes of a step leave at once: the reset at the end would drop bytes that wait.
        socket::set_no_delay(fd.as_fd())?;
    }
    Ok(Side::connecting(fd, is_tcp, now_ms))
}

/// HAProxy's words for a socket that cannot be bound to the configured source address.
fn word_bind_error(error: io::Error, has_source: bool) -> io::Error {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable};
    match error.kind() {
        AddrInUse | AddrNotAvailable if has_source => {
            let text = format!("Can't bind to source address ({})", attempt::cause(&error));
            io::Error::other(text)
        }
        _ => error,
    }
}

/// Begins a connection that is established. Returns the PROXY header that has to be sent first. If
/// the connection speaks TLS, the header is sent with the handshake.
///
/// # Errors
/// When TLS cannot be spoken.
pub(super) fn begin(
    side: &mut Side,
    target: &Target,
    tls: Option<&CheckTls>,
) -> Result<Vec<u8>, TlsError> {
    let header = target.send_proxy.map(|version| {
        let local = socket::local_address(side.as_fd()).ok();
        header(version, local.and_then(|local| local.ip()), target.address.ip())
    });
    let header = header.unwrap_or_default();
    let Some((offer, tls)) = target.tls.as_ref().zip(tls) else { return Ok(header) };
    let changed = offer.protocols.as_ref().map(|list| tls.connector.with_protocols(list));
    let connector = changed.as_ref().unwrap_or(&tls.connector);
    side.secure(Session::connecting(connector, offer.name.as_deref(), header)?);
    Ok(Vec::new())
}

/// HAProxy's words for a handshake that has failed.
pub(super) fn handshake_cause(error: &io::Error, tls: Option<&CheckTls>) -> &'static str {
    let is_about_name = TlsError::inside(error).is_some_and(TlsError::is_about_name);
    match is_about_name.then(|| tls.is_some_and(|tls| tls.has_fixed_name)) {
        Some(true) => "Server presented an SSL certificate different from the configured one",
        Some(false) => "Server presented an SSL certificate different from the expected one",
        None => HANDSHAKE_FAILED,
    }
}

/// HAProxy's words for most handshakes that have failed.
pub(super) const HANDSHAKE_FAILED: &str = "SSL handshake failure";

/// The PROXY header of a check. A check speaks for no client: the text form names the check's own
/// addresses, the binary form says that the connection is local.
fn header(version: SendProxy, local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Vec<u8> {
    let ends = local.zip(remote).map(|(source, destination)| Ends { source, destination });
    match version {
        SendProxy::V1 => proxy_protocol::write(Version::V1, ends),
        SendProxy::V2 => proxy_protocol::write(Version::V2, None),
    }
}
