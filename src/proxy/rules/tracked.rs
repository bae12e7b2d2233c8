//! The entries that a connection tracks, and what is counted in them.

use super::entry;
use crate::config::TableId;
use crate::config::data_type::DataType;
use crate::config::rules::SLOTS;
use crate::table::{RowId, Tables};

/// The entries that a connection tracks, one in each slot: `sc0` to `sc2`. They are held until
/// [`TrackedEntries::finish`], so that they neither expire nor are evicted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrackedEntries {
    slots: [Option<TrackedEntry>; SLOTS as usize],
}

/// One tracked entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrackedEntry {
    /// The table.
    pub(super) table: TableId,
    /// The entry.
    pub(super) row: RowId,
}

impl TrackedEntries {
    /// The entry that a slot tracks.
    pub(super) fn get(&self, slot: u8) -> Option<TrackedEntry> {
        self.slots.get(usize::from(slot)).copied().flatten()
    }

    /// Begins to track the entry of a key in a slot, and counts the connection in the entry. A
    /// slot that tracks an entry already keeps that one.
    pub(super) fn start(
        &mut self,
        slot: u8,
        table_id: TableId,
        key: &[u8],
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return };
        if place.is_some() {
            return;
        }
        let table = tables.at_key(table_id, key, now_ms);
        let Some((row, _)) = table.find_or_insert(key, now_ms) else { return };
        table.hold(row);
        entry::count(table, row, DataType::ConnCur, 0, 1, now_ms);
        entry::count(table, row, DataType::ConnCnt, 0, 1, now_ms);
        table.touch_local(row, now_ms);
        *place = Some(TrackedEntry { table: table_id, row });
    }

    /// The entries have moved: `follow` knows where to. An entry without a new place is tracked no
    /// more.
    pub(super) fn follow(&mut self, follow: &mut impl FnMut(TableId, RowId) -> Option<RowId>) {
        for place in &mut self.slots {
            *place = place.take().and_then(|TrackedEntry { table, row }| {
                follow(table, row).map(|row| TrackedEntry { table, row })
            });
        }
    }

    /// Counts a session in every tracked entry: the rules have let the connection in.
    pub(super) fn count_session(&self, tables: &mut Tables, now_ms: u64) {
        for TrackedEntry { table, row } in self.slots.iter().copied().flatten() {
            let table = tables.get_mut(table);
            if entry::count(table, row, DataType::SessCnt, 0, 1, now_ms) {
                table.touch_local(row, now_ms);
            }
        }
    }

    /// Counts the bytes that the connection has moved, and ends all tracking.
    pub(super) fn finish(self, bytes_in: u64, bytes_out: u64, tables: &mut Tables, now_ms: u64) {
        for TrackedEntry { table, row } in self.slots.into_iter().flatten() {
            let table = tables.get_mut(table);
            if bytes_in > 0 {
                entry::count(table, row, DataType::BytesInCnt, 0, bytes_in, now_ms);
            }
            if bytes_out > 0 {
                entry::count(table, row, DataType::BytesOutCnt, 0, bytes_out, now_ms);
            }
            entry::count_down(table, row, DataType::ConnCur);
            table.touch_local(row, now_ms);
            table.release(row);
        }
    }
}
