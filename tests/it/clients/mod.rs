//! Clients: their bytes, their servers, their limits.

mod limits;
mod queue;
mod relay;
mod stick;
mod timeouts;
mod tls;
