//! Rules and the samples they are about: evaluated on what is known of a connection, on the
//! tables and the time.
//!
//! `sample.rs` fetches and converts, `number.rs` fetches what is a number by itself, `entry.rs`
//! knows what samples say of entries, `test.rs` compares and combines, `actions.rs` does what a
//! rule says, `track.rs` keeps the counters of tracked entries, `admit.rs` runs the rules for a
//! client that has just come in.

pub(in crate::proxy) mod actions;
mod convert;
pub mod entry;
mod hello;
mod number;
mod sample;
mod test;
pub mod track;
mod value;

use std::net::SocketAddr;

use super::backend::Backend;
use super::frontend::Frontend;
use crate::config::rules::expression::Test;
use crate::config::{BackendId, FrontendId};
use crate::table::Tables;

pub use actions::{Verdict, run};
pub use test::{Truth, holds};
pub use track::Tracks;
pub use value::{Key, key_of};

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
    /// Whether nothing more is waited for.
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
    /// What random numbers are made from.
    pub random: &'t mut u64,
    /// The entries that the connection tracks.
    pub tracks: &'t mut Option<Box<Tracks>>,
    /// Whether a rule has asked for a PROXY header.
    pub expects_header: bool,
    /// The time.
    pub now_ms: u64,
}
