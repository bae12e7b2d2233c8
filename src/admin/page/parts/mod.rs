//! The parts of the page that HAProxy's page has not. Each writes its rows in both forms: for the
//! page, and for the script that keeps the page up to date.
//!
//! ```text
//!   mesh.rs      the peers, their links, and each table with each peer
//!     └─ picture.rs   the links as a picture
//!   tables.rs    the stick tables, and the entries of each server
//!   stuck.rs     who is stuck where, and what may be done about it
//!   past.rs      the last reloads and the last events
//!   frame.rs     what stands around the rows of a table
//! ```

mod frame;
pub(super) mod mesh;
pub(super) mod past;
mod picture;
pub(super) mod stuck;
pub(super) mod tables;
