//! Keyword tables: one row for each keyword, whether it is understood, has no effect here, or is
//! known to HAProxy and refused.
//!
//! `form` says what a row is, `table` finds a row by its name. The rows of what is understood stand
//! in the files of the sections that they belong to; `inert` and `refused` hold all others.

mod form;
pub(super) mod inert;
pub(super) mod refused;
pub(super) mod refused_samples;
pub(super) mod table;
pub(super) mod words;

pub use form::{Arity, Keyword, Refusal, Scope};
pub(super) use form::{Handling, SECTIONS, at_least, exactly, rows_of};
