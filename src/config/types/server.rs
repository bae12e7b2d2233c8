//! The servers of a backend.

use super::health::{HealthSettings, ServerHealth};
use super::resolvers::Resolution;
use super::server_address::ServerAddress;
use crate::config::rules::Expression;
use crate::net::tls::connector::Connector;

use super::socket::{ProxyV2Options, SendProxy, Source};

/// One `server` line.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its number in stick tables and statistics (peers protocol, section 12).
    pub id: u32,
    /// Its address.
    pub address: ServerAddress,
    /// How its address follows from a name, if `resolvers` look it up.
    pub resolution: Option<Box<Resolution>>,
    /// The words of the line.
    pub settings: ServerSettings,
    /// What follows from the words about its health.
    pub health: ServerHealth,
    /// A rule or a sample names it.
    pub is_named: bool,
}

impl Server {
    /// Whether it begins without an address, because its name leads to none yet.
    pub fn has_no_address(&self) -> bool {
        let is_named = self.resolution.as_ref().is_some_and(|resolution| resolution.host.is_some());
        is_named && self.address.ip().is_some_and(|(ip, _)| ip.is_unspecified())
    }

    /// Where the line says that it is: the name in place of the address if `resolvers` look it
    /// up, and the port.
    pub fn place(&self) -> String {
        let host = self.resolution.as_ref().and_then(|resolution| resolution.host.as_ref());
        match (host, self.address.ip()) {
            (Some(host), Some((_, port))) => format!("{}:{port}", host.name()),
            _ => self.address.to_string(),
        }
    }
}

/// The words of a `server` line whose values need no other line to be understood. A
/// `default-server` line gives them to the lines after it.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Its share of new clients, 0 to 256. A server with 0 gets stored clients only.
    pub weight: u32,
    /// The most connections at a time, 0 for no limit. At least `minconn`.
    pub maxconn: u32,
    /// The lowest limit, which applies while the backend has few connections; 0 for a fixed limit.
    pub minconn: u32,
    /// The most connections in its queue, 0 for no limit.
    pub maxqueue: u32,
    /// The server starts in maintenance.
    pub disabled: bool,
    /// The server is used only when no other server is usable.
    pub backup: bool,
    /// The address to connect from; the backend's when absent.
    pub source: Option<Source>,
    /// How long what was sent to it may stay unacknowledged, in milliseconds (`tcp-ut`).
    pub user_timeout_ms: Option<u32>,
    /// What its places on the ring of `hash-type consistent` follow from.
    pub hash_key: HashKey,
    /// No stick table remembers it.
    pub non_stick: bool,
    /// Connections begin with a PROXY header in text.
    pub send_proxy: bool,
    /// Connections begin with a PROXY header in binary form, also where both forms are asked for.
    pub send_proxy_v2: bool,
    /// What a PROXY header in binary form says beside the addresses.
    pub proxy_v2: ProxyV2Options,
    /// TLS with it (`ssl`).
    pub tls: Option<ServerTls>,
    /// The words about its health.
    pub health: HealthSettings,
}

/// TLS with a server.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// What its connections are made with.
    pub connector: Connector,
    /// The name that the server is asked for (`sni`).
    pub sni: Option<Expression>,
}

/// What the places of a server on the ring follow from (`hash-key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// Its `id`.
    Id,
    /// Its IP address.
    Address,
    /// Its IP address and port.
    AddressAndPort,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            weight: 1,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            disabled: false,
            backup: false,
            source: None,
            user_timeout_ms: None,
            hash_key: HashKey::Id,
            non_stick: false,
            send_proxy: false,
            send_proxy_v2: false,
            proxy_v2: ProxyV2Options::default(),
            tls: None,
            health: HealthSettings::default(),
        }
    }
}

impl ServerSettings {
    /// The PROXY header that the server is sent first, if any.
    pub fn proxy_header(&self) -> Option<SendProxy> {
        // As with HAProxy, what a header is to say asks for a header, if only for one in text.
        let has_options = self.proxy_v2 != ProxyV2Options::default();
        let text = (self.send_proxy || has_options).then_some(SendProxy::V1);
        self.send_proxy_v2.then_some(SendProxy::V2).or(text)
    }
}
