//! What a configuration says of TCP sockets.

use crate::net::address::Address;
use crate::net::tcp::KernelBuffers;

/// What a `bind` line says of TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindTcp {
    /// How long what was sent may stay unacknowledged, in milliseconds (`tcp-ut`).
    pub user_timeout_ms: Option<u32>,
    /// The largest segment that clients may send (`mss`).
    pub mss: Option<u32>,
    /// Accept a client only once it has sent something.
    pub defer_accept: bool,
    /// Take data that comes with a client's first packet (`tfo`).
    pub fast_open: bool,
    /// Bind to an address even if it is not this machine's.
    pub transparent: bool,
}

/// Where connections to servers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address.
    pub address: Address,
    /// The network interface.
    pub interface: Option<String>,
}

/// What `global` says of the kernel's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunedBuffers {
    /// The buffers of sockets to clients.
    pub client: KernelBuffers,
    /// The buffers of sockets to servers.
    pub server: KernelBuffers,
}

/// The version of the PROXY header that a server is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProxy {
    /// Text (`send-proxy`).
    V1,
    /// Binary (`send-proxy-v2`), also where both are asked for.
    V2,
}
