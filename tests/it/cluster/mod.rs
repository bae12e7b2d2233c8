//! Several nodes that are peers of each other.

mod aggregate;
mod facts;
mod names;
mod odd_peers;
mod peers;
mod secured;
mod secured_strangers;
