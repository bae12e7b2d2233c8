//! The Prometheus exporter: HAProxy's metrics under HAProxy's names, and a few of our own.
//!
//! ```text
//!   endpoint.rs   a frontend of `mode http` at run time: its limits and counters
//!   session.rs    one client, without its socket: requests in, answers out a slice at a time
//!   request.rs    the head of a request, and what it asks for
//!   page.rs       the metrics, in slices: what comes next
//!   object.rs     the values of one family for one frontend, backend, server or table
//!   families.rs   HAProxy's metrics: names, types, and the columns that they show
//!   own.rs        the metrics that HAProxy does not have
//!   text.rs       Prometheus' text format
//! ```

mod endpoint;
mod families;
mod object;
mod own;
mod page;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod text;

pub use endpoint::{Change, Endpoint, EndpointId, EndpointState};
pub(super) use session::HttpSession;
