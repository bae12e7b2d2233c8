//! Maps: files of keys with values. `read` reads a file, `files` keeps what was read, and `map` is
//! what converters look values up in.

mod files;
mod map;
mod read;

pub use map::{Map, MapKeys, MapValue};

pub(in crate::config) use files::MapFiles;
pub(super) use read::{Matching, Output, constant};
