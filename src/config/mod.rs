//! Text to typed configuration. Reads files, opens nothing else.

pub mod data_type;
mod types;

pub use types::*;
