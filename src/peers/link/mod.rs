//! The sockets of the peers. [`Peers`] has all sections with their listeners and connections, and
//! each [`Connection`] drives one session on one socket.
//!
//! ```text
//!           Peers (peers.rs)         one turn: accept, call, move bytes
//!          /      |        \
//!  dialer.rs  callers.rs  connection.rs ──> Session
//!  calls one  limits the  receives and
//!  peer       unnamed     sends
//!                              |
//!                         channel.rs      the socket, with TLS or without
//! ```
//! `carry.rs` takes sessions from one process to the next, and `lent.rs` says what became of their
//! sockets if that fails. `report.rs` has the log lines,
//! `names.rs` asks nameservers for peers.

mod callers;
pub mod carry;
mod channel;
mod connection;
mod dialer;
mod lent;
mod names;
mod peers;
mod report;

pub use connection::{CloseReason, Connection, TurnResult};
pub use names::PeerNames;
pub use peers::{Peers, PeersOptions, Purpose};
