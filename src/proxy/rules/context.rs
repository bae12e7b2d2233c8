//! What rules look at and change.

use std::net::SocketAddr;

use super::tracked::TrackedEntries;
use crate::config::rules::Test;
use crate::config::{BackendId, FrontendId};
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;
use crate::proxy::random::RandomNumbers;
use crate::table::Tables;

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The address that the client connected to; known only where a rule asks for it.
    pub destination: Option<SocketAddr>,
    /// The frontend.
    pub frontend: FrontendId,
    /// The backend, once there is one.
    pub backend: Option<BackendId>,
    /// What the client has sent so far.
    pub payload: &'a [u8],
    /// Whether the rules wait for nothing more: they decide by what is known now.
    pub is_final: bool,
}

/// Everything that rules look at and change.
#[derive(Debug)]
pub struct Context<'a, 't> {
    /// What is known of the connection.
    pub facts: Facts<'a>,
    /// The access lists.
    pub acls: &'a [Vec<Test>],
    /// The frontends.
    pub frontends: &'a [Frontend],
    /// The backends.
    pub backends: &'a [Backend],
    /// The stick tables.
    pub tables: &'t mut Tables,
    /// The source of random numbers.
    pub random: &'t mut RandomNumbers,
    /// The entries that the connection tracks.
    pub tracks: &'t mut Option<Box<TrackedEntries>>,
    /// Whether a rule has asked for a PROXY header.
    pub expects_header: bool,
    /// The time.
    pub now_ms: u64,
}
