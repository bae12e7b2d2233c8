//! Addresses, sockets, pipes and other services of the system, without policy.
//!
//! Only this folder and `reload/` may contain `unsafe`. Each block is a few lines long and says why
//! it is sound.

pub mod accept;
pub mod address;
pub mod adopt;
pub mod closing;
pub mod confine;
pub mod connection;
pub mod descriptors;
pub mod dns;
pub mod files;
mod int_option;
pub mod localtime;
pub mod lookup;
pub mod memory;
pub mod outlet;
pub mod own_address;
pub mod password;
pub mod pipe;
pub mod program;
pub mod proxy_protocol;
pub mod reader;
pub mod regex;
pub mod reserve;
pub mod socket;
pub mod tcp;
pub mod tls;
