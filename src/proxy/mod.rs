//! One proxied connection, and the servers it may go to.
//!
//! To follow a connection, read `listener.rs`, `connection.rs`, `inspect.rs`, `decide.rs`,
//! `stick.rs`, `connect.rs`, `relaying.rs`, `relay.rs`, `cause.rs`, in this order. `ready.rs` says
//! whose turn it is, `deadline.rs` when nothing may happen no longer; what is found out about
//! servers comes through `findings.rs` to `health.rs`. Its states:
//!
//! ```text
//!  accept
//!    |
//!    v
//!  Inspecting, where a PROXY header has to come
//!    |
//!    v
//!  Deciding, where rules choose
//!    |
//!    v                 no server
//!  Choosing --------------------------------+
//!    |  ^  \                                |
//!    |  |   Queued, where all are full      |
//!    v  | redispatch                        |
//!  Opening <-------- TurnAround             |
//!    |  \                ^                  |
//!    v   \ failed        | retry            |
//!  Connecting -----------+------ gave up ---+
//!    |                                      |
//!    v                                      v
//!  Relaying ---- end, fault, timeout ----> Closed
//! ```

pub mod backend;
pub mod clients;
pub mod connection;
pub mod counters;
pub mod frontend;
pub mod health;
pub mod random;
pub mod relay;
pub mod rules;
pub mod shared;
#[cfg(test)]
mod tests;
pub mod times;

pub use backend::Backend;
pub use clients::Clients;
pub use shared::{Shared, Totals};
