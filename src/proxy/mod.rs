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

mod account;
mod adjust;
pub mod backend;
pub mod balance;
pub mod buffers;
pub mod by_agent;
pub mod cause;
pub mod check;
pub mod clients;
pub mod connect;
pub mod connection;
pub mod counters;
pub mod deadline;
pub mod decide;
mod findings;
pub mod frontend;
pub mod health;
mod health_lines;
pub mod inspect;
pub mod listener;
pub mod places;
pub mod queue;
mod ready;
pub mod record;
pub mod relay;
mod relaying;
pub mod rules;
pub mod server;
pub mod shared;
pub mod shown;
pub mod side;
pub mod stick;
pub mod times;

#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use clients::Clients;
pub use shared::{Shared, Totals};
