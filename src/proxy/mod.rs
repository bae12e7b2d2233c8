//! Proxied connections: where clients come in, what becomes of them, and the servers that they go
//! to.
//!
//! ```text
//!              clients            the loop's side: accepts, advances, removes
//!             /       \
//!   frontend            connection            one client, from accept to close
//!   listeners, rules    the states
//!   that let clients in   |
//!                         +--- rules          ACLs, samples, tracked entries
//!                         +--- backend        the choice of a server
//!                         |      stick        by stick entry
//!                         |      balance      by algorithm
//!                         |      slots, queue as many connections as a server takes
//!                         +--- relay          moves bytes between both sides
//!
//!   health              what checks and agents find out about servers
//!   log_line            what a line of the log says about a connection
//!   names               moves servers whose addresses follow from names
//!   elders              older processes that drain, and what they are asked
//!   counters, figures   what is counted, and what of it a successor goes on from
//!   shared              what all of them use: frontends, backends, tables, buffers, counters
//! ```
//!
//! To follow a client, read `clients.rs`, `frontend/listener.rs` and `connection/mod.rs`, which
//! draws the states of a connection, and from there each file that a state calls.

pub mod backend;
pub mod clients;
pub mod connection;
pub mod counters;
pub mod elders;
pub mod figures;
pub mod frontend;
pub mod health;
pub mod log_line;
pub mod names;
pub mod random;
pub mod relay;
pub mod rules;
pub mod shared;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use clients::Clients;
pub use shared::{Shared, Totals};
