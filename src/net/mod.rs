//! Addresses, sockets and pipes, without policy.
//!
//! This folder and `reload/` are the only ones that may contain `unsafe`: a few lines at a time,
//! each block with the fact that makes it sound.

pub mod accept;
pub mod address;
pub mod adopt;
pub mod closing;
mod int_option;
pub mod localtime;
pub mod lookup;
pub mod memory;
pub mod outlet;
pub mod own_address;
pub mod own_file;
pub mod pipe;
pub mod proxy_protocol;
pub mod regex;
pub mod reserve;
pub mod socket;
pub mod tcp;
pub mod unix_file;
