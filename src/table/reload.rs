//! A table's part in a reload: the changes that its successor lacks, and what is taken over from
//! its predecessor.

use super::handover_log::{HandoverLog, Removal};
use super::row_id::RowId;
use super::stick_table::StickTable;
use super::takeover::Takeover;
use super::update_log::UpdateId;

impl StickTable {
    // To the successor.

    /// From now on every changed entry is noted for the successor.
    pub fn start_handover_log(&mut self) {
        self.handover = Some(HandoverLog::new(self.size()));
    }

    /// Forgets what was noted for the successor and stops noting.
    pub fn stop_handover_log(&mut self) {
        self.handover = None;
    }

    /// Notes that an entry's values have changed, for the successor too. The `touch` functions do
    /// this themselves; this is for a change that is not sent to peers.
    pub fn note_changed(&mut self, row: RowId) {
        self.rows.end_change();
        if let Some(log) = &mut self.handover {
            log.push(row.0);
        }
    }

    /// Notes every entry for the successor.
    pub(super) fn note_all_changed(&mut self) {
        let Some(log) = &mut self.handover else { return };
        let rows = 0..self.rows.fresh();
        rows.filter(|row| self.rows.is_occupied(*row)).for_each(|row| log.push(row));
    }

    /// Whether there is a change that the successor lacks.
    pub fn has_handover_changes(&self) -> bool {
        self.handover.as_ref().is_some_and(|log| !log.is_empty())
    }

    /// The next entry that the successor must remove. To be asked for before
    /// [`StickTable::next_handover_change`].
    pub fn next_handover_removal(&mut self) -> Option<Removal> {
        self.handover.as_mut()?.pop_removal()
    }

    /// Puts back what [`StickTable::next_handover_removal`] gave last.
    pub fn put_back_removal(&mut self, removal: Removal) {
        if let Some(log) = &mut self.handover {
            log.put_back_removal(removal);
        }
    }

    /// The next entry that has changed since it was sent to the successor, each at most once.
    pub fn next_handover_change(&mut self) -> Option<RowId> {
        let log = self.handover.as_mut()?;
        while let Some(row) = log.pop() {
            if self.rows.is_occupied(row) {
                return Some(RowId(row));
            }
        }
        None
    }

    /// The entries at the end of each of the last minutes, oldest first; an hour at most.
    pub fn last_hour(&self) -> impl Iterator<Item = u32> {
        self.fill.samples()
    }

    // From the predecessor.

    /// Goes on with how full the predecessor's table was.
    pub fn adopt_fill(&mut self, last_hour: &[u32], now_ms: u64) {
        self.fill.adopt(last_hour, now_ms);
    }

    /// Gives the entry the place that it had in the predecessor's update log. Entries may come in
    /// any order; [`StickTable::adopt_last_update`] must follow before anything changes here.
    pub fn adopt(&mut self, row: RowId, id: UpdateId) {
        if self.rows.is_occupied(row.0) {
            self.update_log.adopt(&mut self.rows, row.0, id);
            self.note_changed(row);
        }
    }

    /// Goes on counting at the end of the predecessor's update log, which is at or behind every
    /// adopted place.
    pub fn adopt_last_update(&mut self, id: UpdateId) {
        self.update_log.adopt_last(id);
    }

    /// Removes what the predecessor has removed, in a handover.
    pub fn adopt_removal(&mut self, removal: &Removal, now_ms: u64) {
        match removal {
            Removal::Entry(key) => {
                if let Some(row) = self.find(key, now_ms) {
                    self.remove(row);
                }
            }
            Removal::All => self.clear(),
        }
    }

    /// From now on a predecessor that has handed over may send late updates.
    pub fn begin_late_updates(&mut self) {
        self.takeover = Some(Takeover::new(self.size()));
    }

    /// No predecessor sends late updates any more.
    pub fn end_late_updates(&mut self) {
        self.takeover = None;
    }

    /// Gives the entry the time to live of a late update, as [`StickTable::touch_learned`] does.
    /// For peers and for a successor this is a local change.
    pub fn touch_late(&mut self, row: RowId, ttl_ms: Option<u32>, now_ms: u64) {
        if self.renew(row, ttl_ms, now_ms) {
            self.update_log.append(&mut self.rows, row.0, self.expiry.clock_ms());
            self.note_changed(row);
            if let Some(takeover) = &mut self.takeover {
                takeover.note_late(row.0);
            }
        }
    }

    /// Removes the entry that a predecessor has removed late, unless the entry is newer here.
    pub fn remove_late(&mut self, key: &[u8], origin: UpdateId, now_ms: u64) {
        if let Some(row) = self.find(key, now_ms)
            && !self.is_newer_than_late(row, origin)
        {
            self.remove(row);
        }
    }

    /// Whether the entry has changed here since a predecessor handed over, and not by a late
    /// update. The predecessor's late updates are older then. `origin` is the end of its update log
    /// at the handover.
    pub fn is_newer_than_late(&self, row: RowId, origin: UpdateId) -> bool {
        let place = self.update_id(row);
        self.takeover.as_ref().is_some_and(|takeover| takeover.is_newer(row.0, place, origin))
    }
}
