//! What is known in figures: the columns of `show stat` and the fields of `show info`. The
//! exporter shows the same figures.

pub mod columns;
pub mod health_columns;
pub mod info_fields;
pub mod peers_status;
pub mod typed;
pub mod values;
