//! How the entries of one table are written into updates and read from them. A plan is made once
//! for each definition of a table, so that an update is written and read without a decision that
//! all updates of the table have in common.

pub(super) mod decode;
pub(super) mod encode;
