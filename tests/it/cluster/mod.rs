//! Several nodes that are peers of each other.

mod odd_peers;
mod peers;
