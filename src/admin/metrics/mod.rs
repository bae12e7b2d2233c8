//! The Prometheus exporter: HAProxy's metrics under HAProxy's names, and a few of our own.
//!
//! ```text
//!   page.rs       the metrics, in slices: what comes next
//!   object.rs     the values of one family for one frontend, backend, server or table
//!   families.rs   HAProxy's metrics: names, types, and the columns that they show
//!   own.rs        the metrics that HAProxy does not have
//!   text.rs       Prometheus' text format
//! ```

mod families;
mod object;
mod own;
mod page;
mod text;

pub(super) use page::{Page, Scopes};
