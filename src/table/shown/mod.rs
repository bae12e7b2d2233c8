//! What a table keeps for people to look at, and never for its own work.

mod fill;
mod origins;

pub(super) use fill::Fill;
pub(super) use origins::Origins;
pub use origins::{Author, Origin};
