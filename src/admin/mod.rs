//! The Runtime API and the metrics: text commands and HTTP requests in, text out, in HAProxy's
//! words and formats. Both read and change the process through the public functions of the parts
//! below.
//!
//! ```text
//!   link/           the sockets: listeners, clients, and their sessions
//!     │
//!     ├─ commands/  the commands of the Runtime API: one table, one function for each command
//!     ├─ metrics/   the metrics for Prometheus
//!     ├─ page/      the statistics page
//!     │    │
//!     │   stats/    HAProxy's figures, which all of these show
//!     │   status/   what HAProxy does not show: the mesh, the tables, one sentence on all
//!     │    │
//!     └─ context/   the parts of the process that a command may use
//! ```
//!
//! Each part uses the parts below it. `slice.rs` says how much of a long answer is produced at
//! once, and `json.rs` writes JSON.

pub mod commands;
pub mod context;
#[cfg(test)]
mod fixture;
mod json;
pub mod link;
pub mod metrics;
mod page;
mod slice;
pub mod stats;
pub mod status;
