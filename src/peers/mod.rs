//! HAProxy's peers protocol: nodes that share stick tables send each other every change.
//!
//! The engine does no input or output. Bytes and the time go in, bytes and changes of the tables
//! come out. A node *teaches* when it sends entries and *learns* when it receives them. A *resync*
//! is the teaching of everything: a node asks for it when it starts.
//!
//! ```text
//!                     link/          sockets, listeners, log lines
//!                       │
//!        ┌──────────────┼──────────────────┐
//!   section.rs       session/         late_updates.rs
//!   which peers,     one connection   after a handover
//!   whom to call     to one peer           │
//!    │  │  │            │  │               │
//!    │  │  │            │  └── entries/ ───┘   how entries are written and read
//!    │  │  └ peer.rs ───┤          │
//!    │  └ resync.rs     │          │
//!    │     └ precedence.rs         │      which updates may change an entry
//!    │        └ conflict.rs        │      changes of one entry at the same moment
//!    ├ local_teaching.rs           │      teaching a successor as HAProxy does
//!    └ saved_parts.rs              │      what a file had of this node's own counts
//!                       └── wire/ ─┘      bytes
//! ```
//! An update comes in through `link/`, [`Session::handle_received`], `session/learn.rs` and
//! `entries/decode.rs`, and `precedence.rs` decides whether it changes a row. A changed row goes
//! out through [`Session::poll_transmit`], `session/teach.rs` and `entries/encode.rs`.
//!
//! A driver reads into [`Session::receive_space`], calls [`Session::handle_received`], drains
//! [`Session::poll_event`], sends what [`Session::poll_transmit`] offers, and asks
//! [`Session::poll_timeout`]. [`Section::poll_call`] says which peer to call.

mod conflict;
mod entries;
mod events;
pub mod late_updates;
pub mod link;
mod local_teaching;
mod peer;
mod precedence;
pub mod resync;
mod saved_parts;
mod section;
mod session;
#[cfg(test)]
mod tests;
pub mod wire;

pub use events::{SectionEvent, SessionEvent, TableMismatch};
pub use local_teaching::LocalTeaching;
pub use peer::{Caller, Counters, Peer, PeerId, PeerSession};
pub use resync::Start;
pub use section::{Lesson, Options, Section, SectionTable, Taught};
pub use session::carry::CarriedSession;
pub use session::error::{Reply, SessionError, SessionErrorKind};
pub use session::learn::{LearnerState, Received};
pub use session::remote_tables::DefinitionCopy;
pub use session::{Closed, Session, TableView};
pub use wire::hello::Version;
