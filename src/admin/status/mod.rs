//! What stickd shows of itself and HAProxy has not: facts as values, which commands, the page and
//! its JSON write. Each fact is gathered from the [`Context`](super::context::Context) at the
//! moment of the question.
//!
//! ```text
//!   summary.rs   one sentence on how things stand
//!   mesh.rs      peers sections, the links with their peers, and the tables that they share
//!   tables.rs    stick tables: fill, room, and the entries of each server
//!   digest.rs    what nodes have in common that hold the same entries
//!   dump.rs      the mesh and the tables, piece by piece
//!   stuck.rs     the server that a key's entries name, since when and by whom
//!   history.rs   the last reloads and events, written
//! ```

pub mod digest;
pub(in crate::admin) mod dump;
pub mod history;
pub mod mesh;
pub mod stuck;
pub mod summary;
pub mod tables;
