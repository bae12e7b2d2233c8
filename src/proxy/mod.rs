//! One proxied connection, and the servers it may go to.

pub mod counters;
