//! The entries that a connection tracks, and what is counted of it in them.

use super::entry;
use crate::config::data_type::DataType;
use crate::config::rules::expression::Action;
use crate::config::{Config, TableId};
use crate::table::{RowId, Tables};

/// The entries that a connection tracks: `sc0` to `sc2`. They are held, so that they neither
/// expire nor are evicted, until [`Tracks::finish`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracks {
    slots: [Option<Track>; 3],
}

/// One tracked entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// The table.
    pub table: TableId,
    /// The entry.
    pub row: RowId,
}

impl Tracks {
    /// What a counter tracks.
    pub fn get(&self, slot: u8) -> Option<Track> {
        self.slots.get(usize::from(slot)).copied().flatten()
    }

    /// Begins to track an entry, which counts a connection there; a counter that tracks already
    /// goes on as it does.
    pub fn start(
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
        let table = tables.get_mut(table_id);
        let Some((row, _)) = table.find_or_insert(key, now_ms) else { return };
        table.hold(row);
        entry::count(table, row, DataType::ConnCur, 0, 1, now_ms);
        entry::count(table, row, DataType::ConnCnt, 0, 1, now_ms);
        table.touch_local(row, now_ms);
        *place = Some(Track { table: table_id, row });
    }

    /// Counts a session: the rules have let the connection in.
    pub fn count_session(&self, tables: &mut Tables, now_ms: u64) {
        for Track { table, row } in self.slots.iter().copied().flatten() {
            let table = tables.get_mut(table);
            if entry::count(table, row, DataType::SessCnt, 0, 1, now_ms) {
                table.touch_local(row, now_ms);
            }
        }
    }

    /// Ends all tracking, with the bytes that the connection has moved. To be called once.
    pub fn finish(self, bytes_in: u64, bytes_out: u64, tables: &mut Tables, now_ms: u64) {
        for Track { table, row } in self.slots.into_iter().flatten() {
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

/// The tables that rules track entries of.
pub fn tracked_tables(config: &Config) -> impl Iterator<Item = TableId> {
    let frontends = config.frontends.iter().map(|frontend| &frontend.rules);
    let rules = frontends.chain(config.backends.iter().map(|backend| &backend.rules));
    let lists = rules.flat_map(|rules| [&rules.connection, &rules.session, &rules.content]);
    lists.flatten().filter_map(|rule| match &rule.action {
        Action::Track { table, .. } => Some(*table),
        _ => None,
    })
}
