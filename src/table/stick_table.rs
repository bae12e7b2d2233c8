//! One stick table: find, insert, touch, expire, and the changes. Keeps rows, index, lists and logs
//! in step.
//!
//! What always holds between calls:
//! - a row is occupied exactly if the index finds it by its key and one list contains it;
//! - a row that is over is never found, though it stays until it is expired or evicted;
//! - a row has at most one place in the update log.

use super::entry::{Cells, Entry};
use super::expiry::Expiry;
use super::handover_log::HandoverLog;
use super::index::{Index, KeyHash};
use super::layout::{Cell, Layout, UPDATE_ID};
use super::lending::Memory;
use super::provisional::Provisional;
use super::reserve::{TableError, origin_bytes, reserve};
use super::row_id::{RowId, RowStep};
use super::rows::Rows;
use super::saved::LastSave;
use super::server_uses::ServerUses;
use super::shown::{Author, Fill, Origin, Origins};
use super::takeover::Takeover;
use super::update_log::{Change, UpdateId, UpdateLog};
use crate::config;
use crate::config::data_type::DataType;

/// How long an entry lives whose server was forgotten, in milliseconds: long enough that peers are
/// told of it.
pub const END_SOON_MS: u32 = 1000;

/// The search for an entry to evict passes over so many held entries.
const HELD_MAX: usize = 64;

/// What a table has of its entries.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) rows: Rows,
    pub(super) index: Index,
    pub(super) expiry: Expiry,
    pub(super) update_log: UpdateLog,
    pub(super) server_uses: ServerUses,
}

/// One stick table.
#[derive(Debug)]
pub struct StickTable {
    declaration: config::StickTable,
    pub(super) rows: Rows,
    pub(super) index: Index,
    pub(super) expiry: Expiry,
    pub(super) update_log: UpdateLog,
    pub(super) handover: Option<HandoverLog>,
    pub(super) takeover: Option<Takeover>,
    pub(super) server_uses: ServerUses,
    /// How often each row is held; empty unless entries can be held.
    pub(super) holders: Vec<u32>,
    pub(super) provisional: Provisional,
    evictions: u64,
    expirations: u64,
    pub(super) fill: Fill,
    pub(super) last_save: LastSave,
    /// None unless the table is declared with `origins`.
    pub(super) origins: Option<Box<Origins>>,
}

impl StickTable {
    /// An empty table. Its memory is reserved here, but for a large table's index, which grows. The
    /// index and the first rows get their pages at once, the others when they are used.
    ///
    /// # Errors
    /// If there is no memory for the table.
    pub fn new(declaration: &config::StickTable) -> Result<Self, TableError> {
        Self::with_memory(declaration, Memory::Own)
    }

    /// The same with memory that other processes may have too.
    ///
    /// # Errors
    /// If there is no memory for the table.
    pub fn with_memory(
        declaration: &config::StickTable,
        memory: Memory,
    ) -> Result<Self, TableError> {
        let layout = Layout::new(declaration);
        let size = declaration.size;
        let bytes = reserve(declaration, layout.stride)?;
        let cells = (layout.cell(DataType::ServerKey), layout.cell(DataType::ServerId));
        let server_uses = ServerUses::new(cells.0, cells.1);
        let error = |_| TableError::new(declaration, bytes);
        Ok(Self {
            rows: Rows::new(declaration, memory.rows()).map_err(error)?,
            index: Index::new(size, memory.rest()).map_err(error)?,
            expiry: Expiry::new(declaration.expire_ms),
            update_log: UpdateLog::new(size, memory.rest()).map_err(error)?,
            handover: None,
            takeover: None,
            server_uses,
            holders: Vec::new(),
            provisional: Provisional::default(),
            evictions: 0,
            expirations: 0,
            fill: Fill::default(),
            last_save: LastSave::default(),
            origins: declaration.origins.then(|| Box::new(Origins::new(size))),
            declaration: declaration.clone(),
        })
    }

    /// Goes on with the entries of another table with the same declaration. Nobody holds any.
    pub(super) fn replace(&mut self, parts: Parts) {
        let Parts { rows, index, expiry, update_log, server_uses } = parts;
        (self.rows, self.index, self.expiry) = (rows, index, expiry);
        (self.update_log, self.server_uses) = (update_log, server_uses);
    }

    /// The entries, as [`StickTable::replace`] takes them.
    pub(super) fn into_parts(self) -> Parts {
        let Self { rows, index, expiry, update_log, server_uses, .. } = self;
        Parts { rows, index, expiry, update_log, server_uses }
    }

    /// How the table was declared.
    pub fn declaration(&self) -> &config::StickTable {
        &self.declaration
    }

    /// The most entries.
    pub fn size(&self) -> u32 {
        self.rows.size()
    }

    /// Occupied rows, those included that are over but not yet expired.
    pub fn used(&self) -> u32 {
        self.rows.used()
    }

    /// Entries that had to go for new ones before their time was over.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Entries whose time was over.
    pub fn expirations(&self) -> u64 {
        self.expirations
    }

    /// The bytes reserved for rows, index and update log.
    pub fn allocated_bytes(&self) -> usize {
        self.rows.allocated_bytes()
            + self.index.allocated_bytes()
            + self.update_log.allocated_bytes()
            + self.origins.as_ref().map_or(0, |_| origin_bytes(&self.declaration))
    }

    /// What is stored, in ascending data type.
    pub fn cells(&self) -> &[Cell] {
        &self.rows.layout().cells
    }

    /// Where a data type is stored, if it is.
    pub fn cell(&self, data_type: DataType) -> Option<Cell> {
        self.rows.layout().cell(data_type)
    }

    /// Notes how full the table is. To be called about once a second.
    pub fn note_fill(&mut self, now_ms: u64) {
        self.fill.note(self.used(), now_ms);
    }

    /// Says who makes entries name servers from now on.
    #[inline]
    pub fn set_author(&mut self, author: Author) {
        if let Some(origins) = &mut self.origins {
            origins.set_author(author);
        }
    }

    /// Since when an entry names its server and who has said so, if the table keeps that.
    pub fn origin(&self, row: RowId) -> Option<Origin> {
        self.origins.as_ref()?.get(row.0)
    }

    // Entries.

    /// The live entry with this key.
    pub fn find(&self, key: &[u8], now_ms: u64) -> Option<RowId> {
        let key = self.rows.layout().stored_key(key)?;
        let row = RowId(self.index.find(&self.rows, self.index.hash(&key), &key)?);
        self.is_live(row, now_ms).then_some(row)
    }

    /// The live entry with this key, or a new one, with the full time to live and all values
    /// zero; `true` if it is new. A full table gives up the oldest entry for it. `None` if the
    /// table is full and declared `nopurge`, or if such a key cannot be in this table.
    ///
    /// Strings are cut to the table's limit, binary keys are padded with zeros; keys of the other
    /// types must have their exact length. A new entry is not logged: touch it once it has its
    /// values.
    pub fn find_or_insert(&mut self, key: &[u8], now_ms: u64) -> Option<(RowId, bool)> {
        let hash = self.hash(key)?;
        self.find_or_insert_hashed(hash, key, None, now_ms)
    }

    /// The hash of a key, for [`StickTable::find_or_insert_hashed`].
    pub fn hash(&self, key: &[u8]) -> Option<KeyHash> {
        self.rows.layout().stored_key(key).map(|key| self.index.hash(&key))
    }

    /// Begins to fetch what a search for this hash looks at first. For many keys: hash a batch of
    /// about 32, touch all their slots in a loop that does nothing else, and then find the keys. So
    /// the memory's latencies pass at the same time.
    pub fn touch_slot(&self, hash: KeyHash) {
        self.index.touch(hash);
    }

    /// [`StickTable::find_or_insert`] with the key's [`StickTable::hash`] known. A new entry gets
    /// the time to live `ttl_ms`, at most the table's own. An entry that is found is not changed.
    pub fn find_or_insert_hashed(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        ttl_ms: Option<u32>,
        now_ms: u64,
    ) -> Option<(RowId, bool)> {
        self.advance(now_ms);
        let key = self.rows.layout().stored_key(key)?;
        if let Some(row) = self.index.find(&self.rows, hash, &key).map(RowId) {
            if self.is_live(row, now_ms) {
                return Some((row, false));
            }
            self.expirations += 1;
            self.discard(row);
        } else if self.used() == self.size() || !self.index.make_room(self.used()) {
            self.evict(now_ms)?;
        }
        let row = self.rows.insert(&key)?;
        self.index.insert(&self.rows, hash, row);
        self.server_uses.add_row(&self.rows, row);
        self.expiry.link(&mut self.rows, row, ttl_ms);
        Some((RowId(row), true))
    }

    /// Removes an entry, unless it is held. Returns whether the entry is gone. The removal is noted
    /// for a successor, but not for peers: there an entry goes when its time is over.
    pub fn remove(&mut self, row: RowId) -> bool {
        if self.holders(row) > 0 {
            return false;
        }
        if self.rows.is_occupied(row.0) {
            let is_noted = self.handover.as_mut().is_none_or(|log| {
                let key = self.rows.key(row.0);
                log.push_removal(key)
            });
            self.discard(row);
            if !is_noted {
                self.note_all_changed();
            }
        }
        true
    }

    /// Removes an entry whose time is over or whose room is needed, unless it is held. A successor
    /// does the same by itself, so nothing is noted for it.
    fn discard(&mut self, row: RowId) {
        if self.rows.is_occupied(row.0) && self.holders(row) == 0 {
            self.expiry.unlink(&mut self.rows, row.0);
            self.free(row.0);
        }
    }

    /// Removes all entries. Takes as long as zeroing the index.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.index.clear();
        self.server_uses.clear();
        self.expiry.clear();
        self.holders.fill(0);
        self.provisional.clear();
        self.update_log.clear();
        if let Some(origins) = &mut self.origins {
            origins.clear();
        }
    }

    /// The entry's key: 4 bytes, 16 bytes, 4 bytes big-endian, the string, or `len` bytes.
    pub fn key(&self, row: RowId) -> &[u8] {
        self.rows.key(row.0)
    }

    /// Whether all stored values of the entry are zero.
    pub fn is_blank(&self, row: RowId) -> bool {
        let cells = self.rows.layout().cells_start();
        self.rows.row(row.0).iter().skip(cells).all(|byte| *byte == 0)
    }

    /// The live entry in this row.
    #[inline]
    pub fn entry(&self, row: RowId, now_ms: u64) -> Option<Entry<'_>> {
        let (bytes, head) = self.rows.occupied(row.0)?;
        let left_ms = self.expiry.remaining_until(head.expiry, now_ms);
        if left_ms.is_some_and(|left_ms| left_ms <= 0) && self.holders(row) == 0 {
            return None;
        }
        Some(Entry {
            key: self.rows.key_in(bytes),
            cells: Cells(bytes),
            update_id: Some(UpdateId(head.update_id)).filter(|id| id.0 != 0),
            expires_in_ms: left_ms.map(|left_ms| u32::try_from(left_ms.max(0)).unwrap_or(u32::MAX)),
        })
    }

    /// The first occupied row behind `from`, in memory order. A walk may be resumed at any time
    /// with the row it last saw, whatever happened in between; it sees each entry that was there
    /// all along exactly once.
    pub fn next_row(&self, from: Option<RowId>) -> Option<RowId> {
        let first = from.map_or(0, |row| row.0 + 1);
        (first..self.rows.fresh()).find(|row| self.rows.is_occupied(*row)).map(RowId)
    }

    /// [`StickTable::next_row`], but looking at no more than `rows_max` rows.
    pub fn next_row_within(&self, from: Option<RowId>, rows_max: u32) -> RowStep {
        let first = from.map_or(0, |row| row.0 + 1);
        let end = self.rows.fresh().min(first.saturating_add(rows_max.max(1)));
        match (first..end).find(|row| self.rows.is_occupied(*row)) {
            Some(row) => RowStep::Row(RowId(row)),
            None if end < self.rows.fresh() => RowStep::Pause(RowId(end - 1)),
            None => RowStep::End,
        }
    }

    /// The entry to give up first. Held entries are moved behind all others.
    fn oldest_not_held(&mut self) -> Option<RowId> {
        for _ in 0..HELD_MAX {
            let oldest = RowId(self.expiry.oldest()?);
            if self.holders(oldest) == 0 {
                return Some(oldest);
            }
            self.expiry.relink(&mut self.rows, oldest.0, None);
        }
        None
    }

    fn is_over(&self, row: RowId, now_ms: u64) -> bool {
        self.expiry.remaining_ms(&self.rows, row.0, now_ms).is_some_and(|left| left <= 0)
    }

    // Time.

    /// Whether the row is occupied and its time is not over.
    pub fn is_live(&self, row: RowId, now_ms: u64) -> bool {
        self.rows.is_occupied(row.0)
            && (self.holders(row) > 0
                || self.expiry.remaining_ms(&self.rows, row.0, now_ms).is_none_or(|left| left > 0))
    }

    /// The entry's time to live, 0 when it is over; `None` in a table without `expire`.
    pub fn expires_in_ms(&self, row: RowId, now_ms: u64) -> Option<u32> {
        let left = self.expiry.remaining_ms(&self.rows, row.0, now_ms)?;
        Some(u32::try_from(left.max(0)).unwrap_or(u32::MAX))
    }

    /// Gives the entry its full time to live again and logs a local change, for all peers.
    pub fn touch_local(&mut self, row: RowId, now_ms: u64) {
        if self.renew(row, None, now_ms) {
            self.log_local_change(row);
        }
    }

    #[inline]
    fn log_local_change(&mut self, row: RowId) {
        self.update_log.append(&mut self.rows, row.0, self.expiry.clock_ms());
        self.note_changed(row);
        if let Some(takeover) = &mut self.takeover {
            takeover.note_own(row.0);
        }
    }

    /// Gives the entry the time to live that a peer sent, at most the table's own. Without one it
    /// gets the full time. The change is not logged for peers: a learned change is not pushed on,
    /// and the entry keeps its place in the update log.
    pub fn touch_learned(&mut self, row: RowId, ttl_ms: Option<u32>, now_ms: u64) {
        self.settle(row); // another node has decided
        if self.renew(row, ttl_ms, now_ms) {
            self.note_changed(row);
            if let Some(takeover) = &mut self.takeover {
                takeover.note_learned(row.0);
            }
        }
    }

    /// Sends the entry as it is now to all peers once more. It is no change that was made here.
    pub fn send_again(&mut self, row: RowId) {
        if self.rows.is_occupied(row.0) {
            self.update_log.repeat(&mut self.rows, row.0, self.expiry.clock_ms());
            self.note_changed(row);
        }
    }

    /// Sends a change that was made here to all peers once more. What is a repetition stays one.
    pub fn send_kept(&mut self, row: RowId) {
        if self.is_repeated(row) {
            self.send_again(row);
        } else if self.rows.is_occupied(row.0) {
            self.log_local_change(row);
        }
    }

    /// Whether what peers are sent of the entry now is a repetition, see
    /// [`StickTable::send_again`].
    pub fn is_repeated(&self, row: RowId) -> bool {
        self.update_log.is_repeated(row.0)
    }

    /// Gives the entry its full time to live again. This is noted for a successor, not for peers.
    pub fn refresh(&mut self, row: RowId, now_ms: u64) {
        if self.renew(row, None, now_ms) {
            self.note_changed(row);
        }
    }

    /// Lets the entry live so long, if that is longer and the entry was not given up. Returns
    /// whether it lives longer.
    pub fn extend(&mut self, row: RowId, ttl_ms: Option<u32>, now_ms: u64) -> bool {
        let own_ms = self.expires_in_ms(row, now_ms).filter(|own_ms| *own_ms > END_SOON_MS);
        let is_longer = ttl_ms.zip(own_ms).is_some_and(|(ttl_ms, own_ms)| ttl_ms > own_ms);
        is_longer && self.renew(row, ttl_ms, now_ms)
    }

    /// Removes entries whose time is over, at most `budget`. Returns how many; fewer than
    /// `budget` means that no more are due.
    pub fn expire(&mut self, now_ms: u64, budget: usize) -> usize {
        self.advance(now_ms);
        for done in 0..budget {
            let Some(row) = self.expiry.oldest().map(RowId) else { return done };
            if self.is_over(row, now_ms) && self.holders(row) > 0 {
                self.expiry.relink(&mut self.rows, row.0, None);
                continue;
            }
            if self.is_live(row, now_ms) {
                return done;
            }
            self.discard(row);
            self.expirations += 1;
        }
        budget
    }

    /// When to call [`StickTable::expire`] next; a time in the past means now.
    #[cfg(test)]
    pub(super) fn next_expiry_ms(&self) -> Option<u64> {
        self.expiry.next_expiry_ms(&self.rows)
    }

    /// The entry, whose server is forgotten, is over very soon. Peers are told of it: they give
    /// the entry as little time. In a table without `expire` the entry is removed, and peers keep
    /// theirs.
    pub fn end_soon(&mut self, row: RowId, now_ms: u64) {
        if self.declaration.expire_ms.is_none() {
            self.remove(row);
        } else if self.renew(row, Some(END_SOON_MS), now_ms) {
            self.log_local_change(row);
        }
    }

    // Changes.

    /// The latest place given out in the update log.
    pub fn last_update(&self) -> UpdateId {
        self.update_log.last()
    }

    /// An update id that no entry has had and no other entry will have.
    pub fn take_update_id(&mut self) -> UpdateId {
        self.update_log.take()
    }

    /// The next change behind a reader's position. Looks at a bounded number of positions.
    pub fn next_change(&self, after: UpdateId) -> Change {
        self.update_log.next(&self.rows, after)
    }

    /// Some reader's position is now `upto`. An entry with a place up to there gets a new place
    /// when it changes again. Another entry keeps its place, where it is read in its latest state.
    ///
    /// To be called whenever a reader's position moves forward, also when a resync begins that will
    /// go on from [`StickTable::last_update`].
    pub fn note_pushed(&mut self, upto: UpdateId) {
        self.update_log.note_pushed(upto);
        self.rows.note_pushed(upto.0);
    }

    /// The entry's place in the update log, none if it never changed here.
    pub fn update_id(&self, row: RowId) -> Option<UpdateId> {
        match self.rows.get(row.0, UPDATE_ID) {
            0 => None,
            id => Some(UpdateId(id)),
        }
    }

    /// Whether the change with this place was made in the last few seconds.
    pub fn is_recent(&self, place: UpdateId) -> bool {
        self.update_log.is_recent(place)
    }

    /// Asserts what always holds between calls.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.index.check(&self.rows);
        self.expiry.check(&self.rows);
        self.update_log.check(&self.rows);
        self.provisional.check(|row| self.rows.is_occupied(row));
        self.server_uses.check(&self.rows);
    }

    /// The entry was given a server, another one if `is_other` says so.
    #[inline]
    pub(super) fn note_server(&mut self, row: RowId, is_other: bool) {
        if let Some(origins) = self.origins.as_mut().filter(|_| is_other) {
            origins.note(row.0, self.expiry.clock_ms());
        }
    }

    pub(super) fn renew(&mut self, row: RowId, ttl_ms: Option<u32>, now_ms: u64) -> bool {
        self.advance(now_ms);
        if !self.rows.is_occupied(row.0) {
            return false;
        }
        self.expiry.relink(&mut self.rows, row.0, ttl_ms);
        self.rows.end_change();
        true
    }

    /// Makes room for one entry in a full table.
    fn evict(&mut self, now_ms: u64) -> Option<()> {
        let oldest = self.oldest_not_held()?;
        if !self.is_live(oldest, now_ms) {
            self.expirations += 1;
        } else if self.declaration.nopurge {
            return None;
        } else {
            self.evictions += 1;
        }
        self.discard(oldest);
        Some(())
    }

    #[inline]
    fn advance(&mut self, now_ms: u64) {
        if self.expiry.advance(&mut self.rows, now_ms) {
            self.remove_overdue();
        }
    }

    fn remove_overdue(&mut self) {
        while let Some(row) = self.expiry.pop_over(&mut self.rows) {
            if self.holders(RowId(row)) > 0 {
                self.expiry.link(&mut self.rows, row, None);
            } else {
                self.free(row);
                self.expirations += 1;
            }
        }
    }

    /// Gives back a row that is in no list any more.
    fn free(&mut self, row: u32) {
        self.provisional.remove(row);
        self.update_log.forget_repeated(row);
        self.index.remove(&self.rows, row);
        self.server_uses.release_row(&self.rows, row);
        self.rows.remove(row);
        if let Some(origins) = &mut self.origins {
            origins.forget(row);
        }
        if let Some(takeover) = &mut self.takeover {
            takeover.note_own(row);
        }
    }
}
