//! HAProxy's peers protocol as a sans-IO engine: bytes and time in, bytes and table updates out.
//!
//! ```text
//!                section.rs   who the peers are, whom to call when, what survives a session
//!                 │      │
//!          resync.rs   peer.rs
//!                 │
//!   bytes ──> session.rs      one connection: handshake, timers, errors
//!                 │
//!             exchange.rs     what each message means, what is owed
//!              │       │
//!        learn.rs    teach.rs ──> bytes
//!              │       │
//!     plan.rs, names.rs       how entries are read and written; misfit.rs: which are not
//!                 │
//!               wire/         bytes only
//! ```
//! told.rs is what an old process tells a new one behind a handover: packets, without a session.
//!
//! A driver reads into [`Session::receive_space`], calls [`Session::handle_received`], drains
//! [`Session::poll_event`], sends what [`Session::poll_transmit`] offers, and asks
//! [`Session::poll_timeout`]. The section says with [`Section::poll_call`] whom to call.

pub mod link;
mod peer;
pub mod resync;
mod row_sources;
mod section;
mod session;
#[cfg(test)]
mod tests;
pub mod told;
pub mod wire;

pub use peer::{Contact, Counters, Peer, PeerId};
pub use resync::Start;
pub use section::{LocalTeaching, Options, Section, SectionEvent, SectionTable};
pub use session::error::{Fault, Reply, SessionError};
pub use session::exchange::Event;
pub use session::mismatch::Misfit;
pub use session::{Closed, Session, TableView};
pub use wire::hello::Version;
