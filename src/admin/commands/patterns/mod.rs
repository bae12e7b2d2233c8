//! The commands about lists of patterns: maps, and the patterns of acl lines.
//!
//! ```text
//!   rows.rs      the rows of the table of commands
//!   naming.rs    which list and which version a command names
//!   show.rs      what is in a list, and what a value would find there
//!   change.rs    one entry more, changed or less
//!   versions.rs  whole lists: emptied, prepared, put into effect
//! ```

mod change;
mod naming;
pub(super) mod rows;
mod show;
mod versions;

#[cfg(test)]
mod tests;
