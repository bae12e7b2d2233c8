//! What is left of the tables when a process has crashed: the rows and the names lie in memory that
//! another process keeps ([`Storage::Kept`](crate::net::memory::region::Storage)). The process that
//! follows reads them, and writes each entry into tables of its own.
//!
//! ```text
//! the file of a table                         the file of the names
//!  0        header.rs: how rows are laid out,  0    what it is, the highest number
//!           how many, what was being changed   260  name 1: length, up to 256 bytes
//!  4096     row 0                              520  name 2
//!  + stride row 1 ...                          ...
//! ```
//! Only the process that has made the memory writes to it. Whoever reads it takes nothing for
//! granted: the process may have been ended between any two writes, or may have been another
//! program. `header.rs` and `names.rs` write and read the two files, `image.rs` reads rows, and
//! `restore.rs` makes entries of them.

pub(super) mod header;
pub(super) mod image;
pub(super) mod names;
pub(super) mod restore;
#[cfg(test)]
pub(super) mod tests;

use std::io;
use std::os::fd::OwnedFd;

pub use restore::Restored;

/// The files that a process has left behind.
#[derive(Debug, Default)]
pub struct KeptTables {
    /// The names.
    pub names: Option<OwnedFd>,
    /// The rows of each table, with the table's name.
    pub tables: Vec<(String, OwnedFd)>,
}

/// Something that is not what this version writes.
pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
