//! Which updates may change an entry that is here already. It depends on who sends them, and on
//! whether the section has been taught everything.

use super::conflict::{Conflict, Meeting, Rivals};
use super::peer::PeerId;
use crate::table::{RowId, StickTable, UpdateId};

/// How long a push may be on its way. The time of an entry counts from when it has come.
const ON_THE_WAY_MS: u32 = 1000;

/// Where the updates of a session come from, and what may not be undone by them.
#[derive(Debug)]
pub(super) enum Precedence<'a> {
    /// From a peer, and the section's resync is over.
    UpToDate {
        /// What the peers have acknowledged.
        rivals: Rivals<'a>,
    },
    /// From a peer, while the section's resync is not over.
    Resync {
        /// What the peers have acknowledged.
        rivals: Rivals<'a>,
        /// From whom each row was received.
        sources: &'a mut RowSources,
        /// The resync adds to what a predecessor has handed over. So an entry that the peer has
        /// learned itself is taken only where there is none.
        adds: bool,
    },
    /// From the predecessor, in the handover.
    Handover,
    /// Late updates of a predecessor that has handed over. What has changed here since then is
    /// newer, unless it came from that predecessor.
    Late {
        /// By the section's tables: the end of the update log at the handover.
        origins: &'a [UpdateId],
    },
}

/// An update, and the row of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowUpdate<'t> {
    /// The position of the table in its section.
    pub(super) index: usize,
    pub(super) table: &'t StickTable,
    pub(super) row: RowId,
    /// The row was made for this update.
    pub(super) is_new: bool,
    /// The update belongs to a resync.
    pub(super) is_taught: bool,
    /// The update is no change that its sender has made: the sender sends the entry once more.
    pub(super) is_repeated: bool,
    /// The sender has changed the entry itself. Else it has learned the entry.
    pub(super) is_own: bool,
    /// The time to live that the update says, if it says one.
    pub(super) left_ms: Option<u32>,
}

impl Precedence<'_> {
    /// Whether an update is to be stored. Notes the source of the row while the resync is not over.
    #[inline]
    pub(super) fn takes(&mut self, update: RowUpdate<'_>, now_ms: u64) -> bool {
        let RowUpdate { index, table, row, is_new, is_taught, is_own, .. } = update;
        // A change that was made here is newer than what a resync says of the entry, unless the
        // teacher knows that change.
        let is_known = is_taught && !is_new;
        let may_change = |rivals: &Rivals<'_>| {
            !is_known || table.update_id(row).is_none_or(|place| rivals.knows(index, place))
        };
        match self {
            Self::Handover => true,
            Self::Late { origins } => {
                let origin = origins.get(index).copied().unwrap_or_default();
                is_new || !table.is_newer_than_late(row, origin)
            }
            Self::UpToDate { rivals } => may_change(rivals),
            Self::Resync { rivals, sources, adds } => {
                let from = rivals.from;
                if is_known && (!may_change(rivals) || sources.is_from_another(index, row, from)) {
                    return false;
                }
                // What the teacher says is older than what was touched here later. This holds for
                // what it has changed itself, too, unless it has sent it to this process before:
                // an entry that was kept or saved may come from a peer that the teacher does not
                // hear.
                let is_older_by = |by_ms: u32| {
                    let times = update.left_ms.zip(table.expires_in_ms(row, now_ms));
                    times.is_some_and(|(left_ms, own_ms)| left_ms.saturating_add(by_ms) < own_ms)
                };
                let is_older = || match is_own {
                    true => sources.is_unknown(index, row) && is_older_by(ON_THE_WAY_MS),
                    false => *adds || is_older_by(0),
                };
                if is_known && is_older() {
                    return false;
                }
                if is_own || is_new {
                    sources.set(index, table, row, Some(from).filter(|_| is_own));
                }
                true
            }
        }
    }

    /// Whether the row has a change that was made here and that the peer does not know.
    #[cold]
    pub(super) fn has_unknown_change(&self, index: usize, table: &StickTable, row: RowId) -> bool {
        let (Self::UpToDate { rivals } | Self::Resync { rivals, .. }) = self else { return false };
        table.update_id(row).is_some_and(|place| !rivals.knows(index, place))
    }

    /// How an update that may be stored meets a change that was made here.
    #[inline]
    pub(super) fn conflict(&self, update: RowUpdate<'_>, now_ms: u64) -> Option<Conflict> {
        let (Self::UpToDate { rivals } | Self::Resync { rivals, .. }) = self else { return None };
        if update.is_taught || update.is_new {
            return None;
        }
        let place = update.table.update_id(update.row)?;
        let met = Meeting {
            table: update.index,
            place,
            is_recent: update.table.is_recent(place),
            repeats: update.table.is_repeated(update.row),
            is_repeated: update.is_repeated,
        };
        rivals.conflict(met, now_ms)
    }
}

/// Which peer each row was received from, while the resync is not over. What a teacher has learned
/// from others may be out of date: it must not undo what the node concerned has sent itself.
///
/// One byte for each row of each table of the section, 0 for no peer.
#[derive(Debug)]
pub(super) struct RowSources {
    tables: Vec<Vec<u8>>,
}

impl RowSources {
    pub(super) fn new(tables: usize) -> Self {
        Self { tables: vec![Vec::new(); tables] }
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            *table = Vec::new();
        }
    }

    fn set(&mut self, index: usize, table: &StickTable, row: RowId, source: Option<PeerId>) {
        let Some(rows) = self.tables.get_mut(index) else { return };
        if rows.is_empty() {
            if source.is_none() {
                return;
            }
            rows.resize(table.size() as usize, 0);
        }
        if let Some(place) = rows.get_mut(row.number() as usize) {
            *place = source.map_or(0, mark);
        }
    }

    /// Whether the row was received from a peer other than `teacher`.
    fn is_from_another(&self, index: usize, row: RowId, teacher: PeerId) -> bool {
        !self.is_unknown(index, row) && self.source(index, row) != mark(teacher)
    }

    /// Whether no peer has sent the row what it had changed itself.
    fn is_unknown(&self, index: usize, row: RowId) -> bool {
        self.source(index, row) == 0
    }

    fn source(&self, index: usize, row: RowId) -> u8 {
        let rows = self.tables.get(index);
        rows.and_then(|rows| rows.get(row.number() as usize)).copied().unwrap_or(0)
    }
}

/// The byte that stands for a peer. The 255th peer and all behind it have the mark of no peer.
fn mark(peer: PeerId) -> u8 {
    u8::try_from(peer.0).ok().and_then(|number| number.checked_add(1)).unwrap_or(0)
}
