//! What is told of the entries of stick tables, and the keys that entries are found by.

use crate::config::TableId;
use crate::config::rules::{EntryFact, EntryTime};
use crate::proxy::rules::context::Context;
use crate::proxy::rules::entry;
use crate::proxy::rules::value::{Value, key_of};
use crate::table::key::{Key, address_key};

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
        let tracked = tracked?;
        match other {
            Some(other) if other != tracked.table => {
                let table = self.tables.get(tracked.table);
                let key = table.key(tracked.row).to_vec();
                let other = self.tables.get_mut(other);
                let row = other.find(&key, self.now_ms);
                entry::fact(other, row, fact, self.now_ms)
            }
            _ => {
                let table = self.tables.get_mut(tracked.table);
                entry::fact(table, Some(tracked.row), fact, self.now_ms)
            }
        }
    }

    /// What is told of the entry with this key. A fact that changes the entry makes a missing one.
    pub(in crate::proxy::rules) fn of_entry(
        &mut self,
        table: TableId,
        key: &[u8],
        fact: EntryFact,
    ) -> Option<i64> {
        let now_ms = self.now_ms;
        let table = self.tables.get_mut(table);
        let row = if entry::changes(fact) {
            Some(table.find_or_insert(key, now_ms)?.0)
        } else {
            table.find(key, now_ms)
        };
        // HAProxy counts the sample itself as a tracker of the entry.
        let itself = i64::from(fact == EntryFact::Trackers && row.is_some());
        entry::fact(table, row, fact, now_ms).map(|told| told + itself)
    }

    /// A time of the entry with this key, in milliseconds; 0 in a table without `expire`.
    pub(in crate::proxy::rules) fn time_of_entry(
        &self,
        table: TableId,
        key: &[u8],
        time: EntryTime,
    ) -> Option<i64> {
        let table = self.tables.get(table);
        let row = table.find(key, self.now_ms)?;
        let left = table.expires_in_ms(row, self.now_ms).unwrap_or(0);
        Some(match time {
            EntryTime::Left => left.into(),
            EntryTime::Idle => {
                table.declaration().expire_ms.unwrap_or(0).saturating_sub(left).into()
            }
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
