//! Files that the process makes: its own, and those of unix sockets.

pub mod own_file;
pub mod replaced;
pub mod unix_file;
