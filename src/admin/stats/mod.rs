//! The figures of the process: the columns of `show stat` and the fields of `show info`. The
//! metrics show the same figures.

pub(super) mod columns;
pub(super) mod health_columns;
pub(super) mod info_fields;
pub(super) mod typed;
pub(super) mod values;
