//! What is told of the entries of stick tables, and the keys that entries are found by.

use crate::config::TableId;
use crate::config::rules::{EntryFact, EntryTime};
use crate::proxy::rules::context::Context;
use crate::proxy::rules::entry;
use crate::proxy::rules::value::{Value, key_of};
use crate::table::key::{Key, address_key};
use crate::table::{RowId, sum_of_parts};

impl Context<'_, '_> {
    /// What is told of an entry that the connection tracks; with another table, of the entry with
    /// the same key there.
    pub(super) fn of_tracked(
        &mut self,
        slot: u8,
        other: Option<TableId>,
        fact: EntryFact,
    ) -> Option<i64> {
        let tracked = self.memory.tracks.as_ref().and_then(|tracks| tracks.get(slot));
        if fact == EntryFact::Exists {
            return Some(i64::from(tracked.is_some()));
        }
        let (own, row) = tracked.map(|tracked| (tracked.table, tracked.row))?;
        let table = other.unwrap_or(own);
        if table == own && self.tables.get(own).declaration().other_parts().is_empty() {
            return entry::fact(self.tables.get_mut(own), Some(row), fact, self.now_ms);
        }
        let key = self.tables.get(own).key(row).to_vec();
        self.tables.at_key_of_parts(table, &key, self.now_ms);
        let row =
            if table == own { Some(row) } else { self.tables.get(table).find(&key, self.now_ms) };
        self.told(table, row, &key, fact)
    }

    /// What is told of an entry, with what other nodes have counted of it.
    fn told(
        &mut self,
        table: TableId,
        row: Option<RowId>,
        key: &[u8],
        fact: EntryFact,
    ) -> Option<i64> {
        // The value before it is cleared.
        let sum = match fact {
            EntryFact::Clear(..) => self.sum(table, key, fact),
            _ => None,
        };
        let told = entry::fact(self.tables.get_mut(table), row, fact, self.now_ms)?;
        Some(sum.or_else(|| self.sum(table, key, fact)).unwrap_or(told))
    }

    /// What is told of a key where other nodes have parts of the table; nothing where they have
    /// none, or where the fact is of this node alone.
    fn sum(&self, table: TableId, key: &[u8], fact: EntryFact) -> Option<i64> {
        let own = self.tables.get(table);
        if own.declaration().other_parts().is_empty() {
            return None;
        }
        let mut parts = self.tables.entries_of_parts(table, key, self.now_ms);
        if fact == EntryFact::Exists {
            return Some(parts.next().is_some().into());
        }
        let (cell, element) = entry::told_cell(own, fact)?;
        let sum = sum_of_parts(parts, cell, element, self.now_ms);
        let sum = i64::try_from(sum).unwrap_or(i64::MAX);
        Some(if let EntryFact::Kilobytes(_) = fact { sum >> 10 } else { sum })
    }

    /// What is told of the entry with this key. A fact that changes the entry makes a missing one.
    pub(in crate::proxy::rules) fn of_entry(
        &mut self,
        table: TableId,
        key: &[u8],
        fact: EntryFact,
    ) -> Option<i64> {
        let now_ms = self.now_ms;
        self.tables.at_key_of_parts(table, key, now_ms);
        let own = self.tables.get_mut(table);
        let row = if entry::changes(fact) {
            Some(own.find_or_insert(key, now_ms)?.0)
        } else {
            own.find(key, now_ms)
        };
        // HAProxy counts the sample itself as a tracker of the entry.
        let itself = i64::from(fact == EntryFact::Trackers && row.is_some());
        self.told(table, row, key, fact).map(|told| told + itself)
    }

    /// A time of the entry with this key, in milliseconds; 0 in a table without `expire`.
    pub(in crate::proxy::rules) fn time_of_entry(
        &mut self,
        table: TableId,
        key: &[u8],
        time: EntryTime,
    ) -> Option<i64> {
        self.tables.at_key_of_parts(table, key, self.now_ms);
        let parts = self.tables.entries_of_parts(table, key, self.now_ms);
        let left = parts.map(|(table, row)| table.expires_in_ms(row, self.now_ms).unwrap_or(0));
        let left = left.max()?;
        Some(match time {
            EntryTime::Left => left.into(),
            EntryTime::Idle => self
                .tables
                .get(table)
                .declaration()
                .expire_ms
                .unwrap_or(0)
                .saturating_sub(left)
                .into(),
        })
    }

    /// The client's address as a key of a table.
    pub(in crate::proxy::rules) fn source_key(&self, table: TableId) -> Option<Key> {
        let key_type = self.tables.get(table).declaration().key_type;
        address_key(self.facts.client?.ip().to_canonical(), key_type).map(Key::Address)
    }

    /// A value as a key of a table.
    pub(in crate::proxy::rules) fn key(&self, value: &Value<'_>, table: TableId) -> Option<Key> {
        key_of(value, self.tables.get(table).declaration().key_type)
    }
}
