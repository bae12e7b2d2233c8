//! The connection of a check: how it is opened, and the PROXY header that it begins with.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use super::attempt;
use super::attempt::Target;
use crate::config::{SendProxy, ServerIndex};
use crate::net::proxy_protocol;
use crate::net::proxy_protocol::{Ends, Version};
use crate::net::socket;
use crate::net::socket::ConnectOptions;
use crate::net::tcp::TcpOptions;
use crate::proxy::backend::Backend;

/// Begins to connect.
///
/// # Errors
/// What the system reports, in HAProxy's words if the source address cannot be used.
pub(super) fn open(target: &Target, backend: &Backend, server: ServerIndex) -> io::Result<OwnedFd> {
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
    if target.address.ip().is_some() {
        // The bytes of a step leave at once: the reset at the end would drop bytes that wait.
        socket::set_no_delay(fd.as_fd())?;
    }
    Ok(fd)
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

/// The PROXY header of a check. A check speaks for no client: the text form names the check's own
/// addresses, the binary form says that the connection is local.
pub(super) fn header(
    version: SendProxy,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
) -> Vec<u8> {
    let ends = local.zip(remote).map(|(source, destination)| Ends { source, destination });
    match version {
        SendProxy::V1 => proxy_protocol::write(Version::V1, ends),
        SendProxy::V2 => proxy_protocol::write(Version::V2, None),
    }
}
