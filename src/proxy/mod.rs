//! One proxied connection, and the servers it may go to.

pub mod cause;
pub mod counters;
pub mod record;
