//! The servers of a backend.

use super::health::ServerHealth;
use super::socket::{SendProxy, Source};
use crate::net::address::Address;

/// One `server` line.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its number in stick tables and statistics (peers protocol, section 12).
    pub id: u32,
    /// Where it is.
    pub address: Address,
    /// The share of the server, 0 to 256. With 0 only clients with an entry go there.
    pub weight: u32,
    /// The most connections at a time, 0 for no limit.
    pub maxconn: u32,
    /// The lowest limit, which applies while the backend has few connections; 0 for a fixed limit.
    pub minconn: u32,
    /// The most connections in its queue, 0 for no limit.
    pub maxqueue: u32,
    /// Starts in maintenance.
    pub disabled: bool,
    /// Used only when no other server is usable.
    pub backup: bool,
    /// The address to connect from; the backend's when absent.
    pub source: Option<Source>,
    /// How long what was sent to it may stay unacknowledged, in milliseconds (`tcp-ut`).
    pub user_timeout_ms: Option<u32>,
    /// No stick table remembers it.
    pub non_stick: bool,
    /// How its health is learned.
    pub health: ServerHealth,
    /// The PROXY header that it is sent first, if any.
    pub send_proxy: Option<SendProxy>,
}
