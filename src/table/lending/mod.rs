//! A table passes to the next process with its memory, in a reload: what that costs does not depend
//! on the number of entries.
//!
//! ```text
//! rows, ring of the update log,    files without names that both processes map: the same memory
//! slots of the index, names        (net/memory)
//! all that lies beside             numbers that the predecessor writes into one more file
//!                                  (coding): heads of lists, free rows, update ids, secrets of
//!                                  the hash, sums
//! ```
//! Who may write:
//! 1. The predecessor, until it lends the table ([`Tables::lend`](super::Tables::lend)): it writes
//!    the state, and goes on with a small table of its own.
//! 2. Nobody, while the successor maps the memory
//!    ([`Tables::take_over`](super::Tables::take_over)), but for names that the successor adds.
//! 3. The successor, once its "confirm" is in the socket. If the predecessor gives up before that,
//!    nothing has changed, and it goes on with the table
//!    ([`Tables::reclaim`](super::Tables::reclaim)).
//!
//! The predecessor drains with the small table. It gets the entries that connections track, and
//! what is asked for by key: then the predecessor looks into the memory of its successor with
//! pread(2), and takes an entry only if its row holds still (glance). What changes in the small
//! table goes to the successor as late updates, as if the table had been taught.
//!
//! A successor wants a table if the header in front of the rows is that of its own declaration. A
//! state that does not fit, or a predecessor that is gone, costs time and no entry: the successor
//! then reads the rows, as after a crash (`kept/`).

mod awaited;
pub(super) mod coding;
mod glance;
mod lender;
mod lent;
mod loan;
mod memory;
mod names;
mod take_over;

#[cfg(test)]
mod tests;

pub(super) use awaited::Awaited;
pub(super) use lender::Lender;
pub use lent::LentMemory;
pub use loan::{Loan, WalkStep};
pub use memory::Memory;
