//! What is listened on.

use super::socket::BindTcp;
use crate::net::address::Address;
use crate::net::tls::acceptor::Acceptor;

/// One address to listen on. A port range or a list of addresses gives several.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Where.
    pub address: BindAddress,
    /// The listener's `id` in statistics; always there in frontends.
    pub id: Option<u32>,
    /// The other words of the line.
    pub settings: BindSettings,
    /// `file:line` for messages about it.
    pub place: String,
}

impl Bind {
    /// Its name, or else its number.
    pub fn label(&self) -> String {
        let name = self.settings.name.clone();
        name.unwrap_or_else(|| self.id.unwrap_or_default().to_string())
    }
}

/// The words of a `bind` line that the running listener reads. All addresses of the line have them.
#[derive(Clone, Debug, Default)]
pub struct BindSettings {
    /// The listener's name in statistics.
    pub name: Option<String>,
    /// The length of the kernel's accept queue.
    pub backlog: Option<u32>,
    /// Whether it has statistics of its own (`option socket-stats`).
    pub has_statistics: bool,
    /// The most connections through this listener.
    pub maxconn: Option<u32>,
    /// Whether every client has to begin with a PROXY header (`accept-proxy`).
    pub accept_proxy: bool,
    /// The network interface to bind to.
    pub interface: Option<String>,
    /// For an IPv6 address: take IPv4 too (`v4v6`, `Some(false)` for `v6only`).
    pub v4v6: Option<bool>,
    /// What ends TLS on it (`ssl`).
    pub tls: Option<Acceptor>,
    /// The options of its TCP socket.
    pub tcp: BindTcp,
    /// For a unix socket: the file's mode.
    pub mode: Option<u32>,
    /// For a unix socket: the file's owner.
    pub uid: Option<u32>,
    /// For a unix socket: the file's group.
    pub gid: Option<u32>,
}

/// What a `bind` line names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BindAddress {
    /// An address to bind.
    Address(Address),
    /// A listening descriptor that was inherited (`fd@N`).
    Fd(i32),
}
