//! What nodes have in common that hold the same entries in a table.

use std::fmt;

use crate::admin::context::Context;
use crate::config::TableId;

/// A number that tables have in common when they hold the same keys with the same servers, see
/// [`StickTable::digest`](crate::table::StickTable::digest). Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The digest of a table.
pub fn digest(id: TableId, context: &Context<'_>) -> Digest {
    let tables = &context.shared.tables;
    Digest(tables.get(id).digest(tables.names()))
}
