//! What the log is told of connections, before the lines are written.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::proxy_header::HeaderFailure;
use super::termination::Termination;
use crate::config::{BackendId, FrontendId, ServerIndex};
use crate::net::address::Address;

/// A connection that has ended, or that relays since now (`option logasap`).
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// The frontend that accepted it.
    pub frontend: FrontendId,
    /// The backend that was chosen, if one was.
    pub backend: Option<BackendId>,
    /// The last server that was chosen, if one was.
    pub server: Option<ServerIndex>,
    /// `Tw`: milliseconds from accept until it left the queue for a server; none if it never did.
    pub queued_ms: Option<u32>,
    /// `Tc`: milliseconds from there until the server accepted; none if it never did.
    pub connect_ms: Option<u32>,
    /// `Tt`: milliseconds from accept to end.
    pub total_ms: u32,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// How it ended.
    pub termination: Termination,
    /// Whether the connection goes on (`option logasap`).
    pub is_early: bool,
    /// The address that the client connected to, where the line names it.
    pub local: Option<SocketAddr>,
    /// The address that the server sees as the client's, where the line names it.
    pub source: Option<SocketAddr>,
    /// Where the server was connected to, where the line names it.
    pub target: Option<Address>,
    /// Connections of the process when it ended, itself included.
    pub process_connections: u32,
    /// Connections of the frontend when it ended, itself included.
    pub frontend_connections: u32,
    /// Connections of the backend when it ended, itself included.
    pub backend_connections: u32,
    /// Connections of the server when it ended, itself included.
    pub server_connections: u32,
    /// Connects tried again.
    pub retries: u32,
    /// Whether it was moved to another server.
    pub redispatched: bool,
    /// Connections that were before it in the server's queue.
    pub server_queue: u32,
    /// Connections that were before it in the backend's queue.
    pub backend_queue: u32,
}

impl LogRecord {
    /// Whether anything went wrong, which `option dontlog-normal` still logs.
    pub fn is_failure(&self) -> bool {
        self.termination != Termination::NORMAL || self.retries > 0 || self.redispatched
    }
}

/// A client that was just accepted, for frontends that log that instead of the end.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The frontend that accepted it.
    pub frontend: FrontendId,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The address it connected to; none for a unix socket.
    pub local: Option<SocketAddr>,
}

/// A client that was refused because of its PROXY header.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The frontend that accepted it.
    pub frontend: FrontendId,
    /// The listener that accepted it: its name or number.
    pub listener: String,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// Why it was refused.
    pub why: HeaderFailure,
}
