//! The figures of the process: the columns of `show stat` and the fields of `show info`. Each
//! figure is one row with its name, its type, its meaning and the function that gives its value.
//! The metrics show the same figures.
//!
//! ```text
//!   columns.rs   the columns of `show stat`, with a value for each kind of object
//!   column.rs    the form of such a row
//!   figures.rs   makes the lists of columns and fields from their tables
//!   object.rs    the objects: frontends, backends and servers
//!   health.rs    the values about health
//!   fields.rs    the fields of `show info`
//!   rows.rs      the rows of `show stat`, and which of them a client asks for
//!   export.rs    these rows as comma-separated values, in the typed form, or as JSON
//!   typed.rs     HAProxy's typed and JSON forms of a figure
//!   value.rs     the value of a figure
//! ```

pub mod columns;
pub mod fields;

mod column;
pub(super) mod export;
mod figures;
mod health;
pub(super) mod object;
pub(super) mod rows;
pub(super) mod typed;
pub(super) mod value;
