//! What a configuration says of TCP sockets.

use std::net::SocketAddr;

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
    /// The address that is used instead where the client allows that (`usesrc`).
    pub foreign: Option<ForeignSource>,
}

/// An address to connect from that need not be this machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignSource {
    /// The client's address and port.
    Client,
    /// The client's address, with any port.
    ClientIp,
    /// This address.
    Address(Address),
}

impl Source {
    /// The address to connect from, and whether it need not be this machine's. `client` is the
    /// address of the client, if there is a client and it has an address.
    pub fn towards_server(&self, client: Option<SocketAddr>) -> (Address, bool) {
        let foreign = match &self.foreign {
            Some(ForeignSource::Client) => client.map(Address::Ip),
            Some(ForeignSource::ClientIp) => {
                client.map(|client| Address::Ip(SocketAddr::new(client.ip(), 0)))
            }
            Some(ForeignSource::Address(address)) => Some(address.clone()),
            None => None,
        };
        let is_foreign = foreign.is_some();
        (foreign.unwrap_or_else(|| self.address.clone()), is_foreign)
    }
}

/// What `global` says of the kernel's buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunedBuffers {
    /// The buffers of sockets to clients.
    pub client: KernelBuffers,
    /// The buffers of sockets to servers.
    pub server: KernelBuffers,
}

/// What a PROXY header in binary form says beside the addresses (`proxy-v2-options`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the configuration")]
pub struct ProxyV2Options {
    /// The host that the client wants, if its own header or its TLS hello names one.
    pub authority: bool,
    /// The unique id of the connection.
    pub unique_id: bool,
    /// A checksum.
    pub crc32c: bool,
    /// The version of TLS with the client, and whether the client has shown a certificate.
    pub tls: bool,
    /// The same, and the common name in the client's certificate.
    pub common_name: bool,
    /// The same as `tls`, and the cipher suite.
    pub suite: bool,
    /// The same as `tls`, and the algorithm of the signature of our own certificate.
    pub signature: bool,
    /// The same as `tls`, and the key of our own certificate.
    pub key: bool,
}

impl ProxyV2Options {
    /// Whether anything is told of TLS.
    pub fn tells_tls(self) -> bool {
        self.tls || self.common_name || self.suite || self.signature || self.key
    }
}

/// The version of the PROXY header that a server is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProxy {
    /// Text (`send-proxy`).
    V1,
    /// Binary (`send-proxy-v2`), also where both are asked for.
    V2,
}
