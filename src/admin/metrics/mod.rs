//! The metrics for Prometheus: HAProxy's metrics under HAProxy's names, and a few of our own.
//!
//! ```text
//!   page.rs       all metrics as text, in slices
//!   families.rs   HAProxy's families: names, types, and the figures that they show
//!   object.rs     the values of one family for one frontend, backend or server
//!   own.rs        the families that HAProxy does not have
//!   text.rs       Prometheus' text format
//! ```

mod families;
mod object;
mod own;
mod page;
mod text;

pub use page::{FamilyReference, reference};
pub(super) use page::{Page, Scopes};
