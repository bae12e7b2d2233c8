//! What a process looks into that has lent tables.

use super::glance::Glance;
use super::names::LentNames;
use crate::config::TableId;

/// The memory of a successor.
#[derive(Debug)]
pub(in crate::table) struct Lender {
    pub(super) tables: Vec<(TableId, Glance)>,
    pub(super) names: LentNames,
}

impl Lender {
    /// The memory of this table, if it is lent.
    pub(super) fn glance(&self, id: TableId) -> Option<&Glance> {
        self.tables.iter().find(|(lent, _)| *lent == id).map(|(_, glance)| glance)
    }
}
