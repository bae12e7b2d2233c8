//! How a server is chosen for a client without a usable entry: one file per algorithm.

pub mod round_robin;
