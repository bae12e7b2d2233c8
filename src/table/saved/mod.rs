//! A table in a file on a disk, from which the next process reads it after a stop or when the
//! machine has started anew.
//!
//! ```text
//!  0        head: format.rs. When and by whom it was saved, how many entries, how rows are laid
//!           out (the header of kept memory), a sum
//!  4096     block of rows 0: sum, kind, number, count; then as many whole rows as fit
//!  ...      block of rows 1 ...
//!           block of names 0: sum, kind, number, bytes; then numbers with their names
//!           ...
//! ```
//! Where a block begins follows from the head alone. So a damaged block costs what is in it, and
//! none that follow. A damaged head costs the file.
//!
//! `write.rs` writes such a file from kept memory, while the owner of the memory goes on to change
//! it. `read.rs` reads one, and takes nothing for granted. `last_save.rs` says how the last saves
//! went, and `noted.rs` notes it. [`kept::restore`](super::kept) makes the entries, as after a
//! crash.

mod format;
mod last_save;
mod noted;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use format::{HEAD, Stamp, Standing};
pub use last_save::{LastSave, SaveReport};
pub use read::{SavedResult, SavedTable};
pub use write::{Written, write_table};
