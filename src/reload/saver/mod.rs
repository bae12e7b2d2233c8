//! The saver: a small child of the process that serves, which writes the tables to files, beside
//! the loop and never in it.
//!
//! ```text
//!   owner (owner.rs)                              saver (child.rs)
//!     fork, before there are tables                 closes all but its socket and directories,
//!                                                   gives up privileges, is confined
//!                                                   waits
//!     this process serves: the memory of the
//!     tables, and begin --------------------------> saves at once, and every so often
//!     <------------------------------------ reports after each save
//!     save -------------------------------------> saves now
//!     finish: this process stops -----------------> saves once more, and ends
//!     quit: a successor serves ------------------->  ends
//!     (the owner is gone) ------------------------> saves once more, and ends
//! ```
//! Each process that serves has its own saver, with a supervisor and without: so there is one way,
//! and the saver ends with the tables that it knows. Before its owner serves, their memory may be
//! that of a predecessor. It is forked before the tables are made. Later
//! a fork would share the memory of the index with the process that serves, which would then copy
//! each page that it writes to.
//!
//! In a reload two savers know the same files. The old one is told to quit when the successor
//! serves. It may be in the middle of a save at that moment: so a saver replaces no file of a
//! process that serves since a later time (`since_ns`), and looks while no other saver can replace
//! it (`net/files/replaced.rs`). The newest process wins, whoever is slow.
//!
//! In a reload it is forked while its owner lets the kernel end it first when memory ends
//! (`expendable.rs`), and stays so: without a saver nothing is lost yet.
//!
//! A saver that was never told to begin has nothing to say: its process has not served. Signals to
//! the whole group are for its owner, so it takes none. It ends when its socket is closed.

mod child;
mod order;
mod owner;
mod place;
mod report;

pub use owner::{Heard, Saver};
pub use place::Place;
