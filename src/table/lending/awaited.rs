//! Tables that a predecessor is going to lend. Until then they are empty.

use std::os::fd::OwnedFd;

use super::lent::is_memory_of;
use crate::config;
use crate::config::TableId;
use crate::table::kept::KeptTables;

/// The tables that a predecessor is going to lend.
#[derive(Debug, Default)]
pub(in crate::table) struct Awaited {
    /// The rows of each.
    pub(super) tables: Vec<(TableId, OwnedFd)>,
    /// The rows of those that were taken over, until the predecessor knows it.
    pub(super) taken: Vec<(TableId, OwnedFd)>,
    pub(super) names: Option<OwnedFd>,
}

impl Awaited {
    /// Chooses from what a predecessor offers: the tables that are declared alike.
    pub(in crate::table) fn of(offered: KeptTables, declared: &[config::StickTable]) -> Self {
        let KeptTables { names: Some(names), tables: offered } = offered else {
            return Self::default();
        };
        let wanted = offered.into_iter().filter_map(|(name, rows)| {
            let at = declared.iter().position(|declaration| declaration.name == name)?;
            // Since when entries name their servers is told by teaching only.
            let declaration = declared.get(at).filter(|declaration| !declaration.origins)?;
            let id = TableId(u16::try_from(at).ok()?);
            is_memory_of(&rows, declaration).ok()?.then_some((id, rows))
        });
        Self { tables: wanted.collect(), taken: Vec::new(), names: Some(names) }
    }

    pub(in crate::table) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub(in crate::table) fn has(&self, id: TableId) -> bool {
        self.tables.iter().any(|(awaited, _)| *awaited == id)
    }
}
