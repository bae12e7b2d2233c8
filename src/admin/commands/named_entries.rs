//! The entries that the name of a table stands for: those of one table, or of a table with
//! `aggregate`, where an entry is the sum over the parts of all nodes.

use std::iter::once;

use crate::config::TableId;
use crate::config::data_type::Kind;
use crate::table::{Cell, RowId, StickTable, Tables, sum_of_parts};

/// What the name of a table stands for.
#[derive(Clone, Debug)]
pub(super) struct NamedTables {
    /// The first table, which has the declaration of all.
    pub(super) first: TableId,
    /// The parts of other nodes, if the name is that of the sum.
    others: Option<Vec<TableId>>,
}

impl NamedTables {
    /// What the name stands for, if there is such a table.
    pub(super) fn find(name: &str, tables: &Tables) -> Option<Self> {
        if let Some(first) = tables.by_name(name) {
            return Some(Self::one(first));
        }
        let first = tables.sum_by_name(name)?;
        Some(Self { first, others: Some(tables.parts(first).skip(1).collect()) })
    }

    /// One table.
    pub(super) fn one(first: TableId) -> Self {
        Self { first, others: None }
    }

    /// Whether the name is that of a table, and not that of the sum of some.
    pub(super) fn is_one_table(&self) -> bool {
        self.others.is_none()
    }

    /// The tables, this node's part first.
    pub(super) fn ids(&self) -> impl Iterator<Item = TableId> {
        once(self.first).chain(self.others.iter().flatten().copied())
    }

    /// The table at this position.
    pub(super) fn at(&self, position: usize) -> Option<TableId> {
        self.ids().nth(position)
    }

    /// Fetches the entries with this key, where the tables are lent.
    pub(super) fn fetch(&self, key: &[u8], tables: &mut Tables, now_ms: u64) {
        for id in self.ids() {
            tables.at_key(id, key, now_ms);
        }
    }

    /// The entry with this key.
    pub(super) fn entry<'t>(
        &self,
        key: &[u8],
        tables: &'t Tables,
        now_ms: u64,
    ) -> Option<NamedEntry<'t>> {
        let mut found = self.ids().filter_map(|id| {
            let table = tables.get(id);
            Some((table, table.find(key, now_ms)?))
        });
        let first = found.next()?;
        Some(NamedEntry { first, others: found.collect() })
    }
}

/// An entry, or the entries with the same key in the parts of several nodes.
#[derive(Debug)]
pub(super) struct NamedEntry<'t> {
    pub(super) first: (&'t StickTable, RowId),
    others: Vec<(&'t StickTable, RowId)>,
}

impl<'t> NamedEntry<'t> {
    /// The entry in this row alone.
    pub(super) fn of_row(table: &'t StickTable, row: RowId) -> Self {
        Self { first: (table, row), others: Vec::new() }
    }

    fn parts(&self) -> impl Iterator<Item = (&'t StickTable, RowId)> {
        once(self.first).chain(self.others.iter().copied())
    }

    /// How many connections of this node track it.
    pub(super) fn holders(&self) -> u32 {
        self.parts().map(|(table, row)| table.holders(row)).sum()
    }

    /// How long it lives still, without another use.
    pub(super) fn expires_in_ms(&self, now_ms: u64) -> u32 {
        let left = self.parts().filter_map(|(table, row)| table.expires_in_ms(row, now_ms));
        left.max().unwrap_or(0)
    }

    /// A stored value as a number; none for the name of a server.
    pub(super) fn value(&self, cell: Cell, number: u32, now_ms: u64) -> Option<i128> {
        let (table, row) = self.first;
        Some(match cell.kind() {
            Kind::Signed => table.get_u32(row, cell, number).cast_signed().into(),
            Kind::Unsigned | Kind::Wide | Kind::Rate => {
                sum_of_parts(self.parts(), cell, number, now_ms).into()
            }
            Kind::Name => return None,
        })
    }
}
