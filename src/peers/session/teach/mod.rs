//! What a session sends of the tables: live pushes from the update log, and resyncs. Each call
//! writes as much as fits, so a slow peer costs no memory.
//!
//! ```text
//! Live ──resync begins──> Walking ──> Draining ─────────> AwaitingConfirm ──confirmed──> Live
//!                            └─────> HandoverDraining ──────┘
//! ```

mod handover;

use crate::peers::entries::encode::{NameEncoder, SentNames};
use crate::peers::section::SectionTable;
use crate::peers::wire::message;
use crate::peers::wire::message::Control;
use crate::peers::wire::update::UpdateKind;
use crate::peers::wire::{MESSAGE_MAX, Writer};
use crate::table::{Change, END_SOON_MS, Removal, RowId, RowStep, StickTable, Tables, UpdateId};

/// The free rows that one step of a walk passes.
const WALK_ROWS_MAX: u32 = 1024;

/// What one session sends of the section's tables.
#[derive(Debug)]
pub(super) struct Teacher {
    tables: Vec<TableProgress>,
    state: State,
    /// The table whose definition was sent last.
    current: Option<usize>,
    names: SentNames,
    /// Whether the other side understands timed updates: version 2.1 has them.
    is_timed: bool,
    /// The table that live pushes go on with.
    next_table: usize,
    /// The entries sent in this resync.
    entries: u64,
    /// A handover is to be ended once everything is sent.
    ends_handover: bool,
    /// Nothing is sent yet: the successor has not said which tables it has to be taught.
    is_held: bool,
}

/// How far one table has been sent.
#[derive(Clone, Copy, Debug)]
struct TableProgress {
    pushed: UpdateId,
    /// The end of the update log when the resync began.
    origin: UpdateId,
    /// How far the resync has followed the log.
    drained: UpdateId,
    full: FullPush,
    /// The successor takes the table's memory over, so nothing is sent of it.
    is_lent: bool,
}

/// Pushing a table in full because the log does not reach back far enough. The ids then come out
/// of order, and may be acknowledged late for an earlier live push of the same rows. So the last
/// row goes out once more with an id of its own: only the acknowledgement of that id, or of a
/// change pushed behind it, says that all have arrived.
#[derive(Clone, Copy, Debug)]
enum FullPush {
    No,
    Walking(FullWalk),
    /// All rows are sent, and then the row with the id `end`, unless that row was gone by then.
    Sent {
        start: UpdateId,
        end: Option<UpdateId>,
    },
}

/// A full push under way.
#[derive(Clone, Copy, Debug)]
struct FullWalk {
    /// Rows up to this one are sent.
    cursor: Option<RowId>,
    /// Changes behind this id are left to the log.
    start: UpdateId,
    last_sent: Option<RowId>,
}

/// What a teacher does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Changes are pushed as they come.
    Live,
    /// A resync: all rows of all tables are sent, here from `cursor` of this table on.
    Walking { table: usize, cursor: Option<RowId> },
    /// A resync: the changes since it began are sent, here of this table.
    Draining { table: usize },
    /// A handover: changes are sent until the handover is to be ended.
    HandoverDraining,
    /// The end of the resync is sent. Nothing else may be sent before the confirmation.
    AwaitingConfirm,
}

/// The end of a resync that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taught {
    /// The entries sent.
    pub(super) entries: u64,
    /// Whether this process is not up to date itself.
    pub(super) partial: bool,
}

/// Who is taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A remote peer.
    Peer,
    /// A successor, over the local peer's address. It gets tables that are only received, too.
    LocalSuccessor,
    /// A successor, in a handover. It gets every row, with the row's place in the update log.
    Handover,
}

/// What a teacher works with in one call.
#[derive(Debug)]
pub(super) struct TeachTurn<'a, 'w> {
    pub(super) own: &'a [SectionTable],
    pub(super) tables: &'a mut Tables,
    pub(super) out: &'a mut Writer<'w>,
    pub(super) receiver: Receiver,
    /// Whether this process is up to date.
    pub(super) is_up_to_date: bool,
    /// The updates, or steps over free rows, that may still be made.
    pub(super) updates_left: u32,
    /// The updates made.
    pub(super) updates_sent: u64,
    pub(super) now_ms: u64,
}

impl TeachTurn<'_, '_> {
    /// Whether another update may be made and fits.
    fn has_room(&self) -> bool {
        self.updates_left > 0 && self.out.room() >= 2 * MESSAGE_MAX
    }

    fn is_handover(&self) -> bool {
        self.receiver == Receiver::Handover
    }

    fn is_taught(&self, own: &SectionTable) -> bool {
        self.receiver != Receiver::Peer || !own.recv_only
    }

    fn table(&self, index: usize) -> &StickTable {
        self.tables.get(self.own[index].id)
    }

    fn table_mut(&mut self, index: usize) -> &mut StickTable {
        self.tables.get_mut(self.own[index].id)
    }

    fn write_position(&mut self, index: usize) {
        let last = self.table(index).last_update();
        message::write_position(self.out, index as u64 + 1, last.0);
    }
}

impl Teacher {
    /// `acked` is what the peer had acknowledged when its last session ended.
    pub(super) fn new(acked: &[UpdateId], is_timed: bool) -> Self {
        let progress = |acked: &UpdateId| TableProgress {
            pushed: *acked,
            origin: *acked,
            drained: *acked,
            full: FullPush::No,
            is_lent: false,
        };
        Self {
            tables: acked.iter().map(progress).collect(),
            state: State::Live,
            current: None,
            names: SentNames::new(),
            is_timed,
            next_table: 0,
            entries: 0,
            ends_handover: false,
            is_held: false,
        }
    }

    /// Begins a resync, or begins it anew.
    pub(super) fn begin_resync(
        &mut self,
        own: &[SectionTable],
        tables: &mut Tables,
        receiver: Receiver,
    ) {
        for (progress, own) in self.tables.iter_mut().zip(own) {
            let table = tables.get_mut(own.id);
            progress.origin = table.last_update();
            progress.drained = progress.origin;
            progress.full = FullPush::No;
            // A change from here on needs a place behind the beginning of the resync.
            table.note_pushed(progress.origin);
            if receiver == Receiver::Handover {
                table.start_handover_log();
            }
        }
        self.entries = 0;
        self.state = State::Walking { table: 0, cursor: None };
    }

    /// The learner has confirmed: it has everything up to the beginning of the resync. The changes
    /// since then are pushed live. False if there was no resync.
    pub(super) fn handle_confirm(&mut self, acked: &mut [UpdateId]) -> bool {
        if self.state != State::AwaitingConfirm {
            return false;
        }
        for (progress, acked) in self.tables.iter_mut().zip(acked) {
            progress.pushed = progress.origin;
            *acked = progress.origin;
        }
        self.state = State::Live;
        true
    }

    /// An acknowledgement of the table with this number. An id outside (acked, pushed] is ignored,
    /// because some senders acknowledge nonsense. During a resync every id is ignored.
    pub(super) fn handle_ack(&mut self, table_id: u64, id: UpdateId, acked: &mut [UpdateId]) {
        let index = usize::try_from(table_id).ok().and_then(|number| number.checked_sub(1));
        let Some(index) = index.filter(|_| self.state == State::Live) else { return };
        let (Some(progress), Some(acked)) = (self.tables.get_mut(index), acked.get_mut(index))
        else {
            return;
        };
        let is_pushed = id.is_after(*acked) && !id.is_after(progress.pushed);
        match progress.full {
            FullPush::No if is_pushed => *acked = id,
            FullPush::No | FullPush::Walking(_) => {}
            FullPush::Sent { start, end } if Some(id) == end => {
                *acked = start;
                progress.full = FullPush::No;
            }
            FullPush::Sent { start, .. } => {
                if id.is_after(start) && !id.is_after(progress.pushed) {
                    *acked = id;
                    progress.full = FullPush::No;
                }
            }
        }
    }

    /// Whether a resync has begun and is not confirmed.
    pub(super) fn is_teaching(&self) -> bool {
        self.state != State::Live
    }

    /// Whether nothing is under way but the live push from the update log.
    pub(super) fn is_quiet(&self) -> bool {
        let is_pushed = |progress: &TableProgress| matches!(progress.full, FullPush::No);
        self.state == State::Live && self.tables.iter().all(is_pushed)
    }

    /// Goes on where the predecessor has pushed the tables to.
    pub(super) fn go_on(&mut self, pushed: &[UpdateId]) {
        for (progress, pushed) in self.tables.iter_mut().zip(pushed) {
            progress.pushed = *pushed;
        }
    }

    /// Whether the other side understands timed updates, and sends them: version 2.1 does.
    pub(super) fn is_timed(&self) -> bool {
        self.is_timed
    }

    /// The names that the other side knows.
    pub(super) fn names(&self) -> &SentNames {
        &self.names
    }

    /// How far the table has been pushed.
    pub(super) fn pushed(&self, index: usize) -> UpdateId {
        self.tables.get(index).map_or(UpdateId(0), |progress| progress.pushed)
    }

    /// Writes the part of the resync that fits. Says when the end has been written.
    pub(super) fn teach(&mut self, turn: &mut TeachTurn<'_, '_>) -> Option<Taught> {
        while turn.has_room() && !self.is_held {
            match self.state {
                State::Live | State::AwaitingConfirm => return None,
                State::Walking { table, cursor } => self.walk(turn, table, cursor),
                State::Draining { table } => self.drain(turn, table),
                State::HandoverDraining => {
                    if self.drain_handover(turn) {
                        continue;
                    }
                    if self.ends_handover && turn.updates_left > 0 {
                        return Some(self.end(turn));
                    }
                    return None;
                }
            }
            if self.state == (State::Draining { table: self.tables.len() }) {
                return Some(self.end(turn));
            }
        }
        None
    }

    /// Pushes what changed here since the peer's position.
    pub(super) fn push(&mut self, turn: &mut TeachTurn<'_, '_>, acked: &mut [UpdateId]) {
        if self.state != State::Live {
            return;
        }
        let count = self.tables.len();
        for _ in 0..count {
            let index = self.next_table % count;
            let is_done =
                turn.own[index].recv_only || self.push_table(turn, &mut acked[index], index);
            self.next_table = (index + 1) % count;
            if !is_done {
                break;
            }
        }
    }

    /// True if the table is up to date; false if the turn's room was used up before.
    fn push_table(
        &mut self,
        turn: &mut TeachTurn<'_, '_>,
        acked: &mut UpdateId,
        index: usize,
    ) -> bool {
        let is_done = loop {
            if !turn.has_room() {
                break false;
            }
            if let FullPush::Walking(walk) = self.tables[index].full {
                self.tables[index].full = self.walk_in_full(turn, index, walk, *acked);
                if let FullPush::No = self.tables[index].full {
                    // Not one row had to be sent.
                    *acked = walk.start;
                }
                continue;
            }
            match turn.table(index).next_change(self.tables[index].pushed) {
                Change::Row { row, id } => {
                    self.write(turn, index, row, id, UpdateKind::LIVE);
                    self.tables[index].pushed = id;
                }
                Change::Skipped { upto } => {
                    turn.updates_left -= 1;
                    self.tables[index].pushed = upto;
                }
                Change::UpToDate => break true,
                Change::Lapped => {
                    let table = turn.table_mut(index);
                    let start = table.last_update();
                    table.note_pushed(start);
                    self.tables[index].full =
                        FullPush::Walking(FullWalk { cursor: None, start, last_sent: None });
                }
            }
        };
        turn.table_mut(index).note_pushed(self.tables[index].pushed);
        is_done
    }

    /// One step of a full push. A change that the peer has acknowledged is not sent again: the peer
    /// may know a newer one of another node by now, which does not change the row's place here.
    fn walk_in_full(
        &mut self,
        turn: &mut TeachTurn<'_, '_>,
        index: usize,
        mut walk: FullWalk,
        acked: UpdateId,
    ) -> FullPush {
        let table = turn.table(index);
        match table.next_row_within(walk.cursor, WALK_ROWS_MAX) {
            RowStep::Row(row) => {
                walk.cursor = Some(row);
                match table.update_id(row) {
                    Some(id) if !id.is_after(walk.start) && !is_acked(id, acked, walk.start) => {
                        if self.write(turn, index, row, id, UpdateKind::LIVE) {
                            walk.last_sent = Some(row);
                        }
                    }
                    _ => turn.updates_left -= 1,
                }
            }
            RowStep::Pause(row) => {
                turn.updates_left -= 1;
                walk.cursor = Some(row);
            }
            RowStep::End => {
                self.tables[index].pushed = walk.start;
                let Some(row) = walk.last_sent else { return FullPush::No };
                // The last row once more, with an id of its own.
                let end = turn.table_mut(index).take_update_id();
                let is_sent = self.write(turn, index, row, end, UpdateKind::LIVE);
                return FullPush::Sent { start: walk.start, end: is_sent.then_some(end) };
            }
        }
        FullPush::Walking(walk)
    }

    /// Sends rows of one table from `cursor` on.
    fn walk(&mut self, turn: &mut TeachTurn<'_, '_>, index: usize, mut cursor: Option<RowId>) {
        let own = turn.own;
        let is_taught = |own: &&SectionTable| turn.is_taught(own) && !self.is_lent(index);
        let Some(own) = own.get(index).filter(is_taught) else {
            self.state = self.after_walk(turn, index);
            return;
        };
        self.define(turn.out, own, index);
        // It tells places in the log from the ids of learned rows.
        if cursor.is_none() {
            turn.write_position(index);
        }
        let (is_handover, kind) = (turn.is_handover(), self.resync_kind());
        while turn.has_room() {
            let table = turn.tables.get(own.id);
            match table.next_row_within(cursor, WALK_ROWS_MAX) {
                RowStep::Row(row) => {
                    let id = taught_id(table, row, is_handover);
                    self.write(turn, index, row, id, kind);
                    cursor = Some(row);
                }
                RowStep::Pause(row) => {
                    turn.updates_left -= 1;
                    cursor = Some(row);
                }
                RowStep::End => {
                    self.state = self.after_walk(turn, index);
                    return;
                }
            }
        }
        self.state = State::Walking { table: index, cursor };
    }

    fn after_walk(&self, turn: &TeachTurn<'_, '_>, index: usize) -> State {
        if index + 1 < self.tables.len() {
            State::Walking { table: index + 1, cursor: None }
        } else if turn.is_handover() {
            State::HandoverDraining
        } else {
            State::Draining { table: 0 }
        }
    }

    /// Sends what has changed in one table since the resync began.
    fn drain(&mut self, turn: &mut TeachTurn<'_, '_>, index: usize) {
        let is_taught = turn.is_taught(&turn.own[index]);
        while turn.has_room() {
            let change = turn.table(index).next_change(self.tables[index].drained);
            self.tables[index].drained = match change {
                Change::Row { row, id } if is_taught => {
                    self.write(turn, index, row, id, self.resync_kind());
                    id
                }
                Change::Row { id: passed, .. } | Change::Skipped { upto: passed } => {
                    turn.updates_left -= 1;
                    passed
                }
                // If the log is lapped, the live push will notice and push in full.
                Change::UpToDate | Change::Lapped => {
                    self.state = State::Draining { table: index + 1 };
                    break;
                }
            };
        }
        turn.table_mut(index).note_pushed(self.tables[index].drained);
    }

    fn end(&mut self, turn: &mut TeachTurn<'_, '_>) -> Taught {
        let partial = !turn.is_up_to_date;
        if turn.is_handover() {
            let taught = (0..self.tables.len()).filter(|index| !self.is_lent(*index));
            taught.for_each(|index| turn.write_position(index));
        }
        let end = if partial { Control::ResyncPartial } else { Control::ResyncFinished };
        end.write(turn.out);
        self.state = State::AwaitingConfirm;
        Taught { entries: self.entries, partial }
    }

    fn resync_kind(&self) -> UpdateKind {
        if self.is_timed { UpdateKind::TIMED } else { UpdateKind::LIVE }
    }

    /// Sends a row unless its time is over. False if it was not sent.
    #[inline]
    fn write(
        &mut self,
        turn: &mut TeachTurn<'_, '_>,
        index: usize,
        row: RowId,
        id: UpdateId,
        kind: UpdateKind,
    ) -> bool {
        turn.updates_left -= 1;
        let own = &turn.own[index];
        let (table, dictionary) = (turn.tables.get(own.id), turn.tables.names());
        let Some(entry) = table.entry(row, turn.now_ms) else { return false };
        self.define(turn.out, own, index);
        // An entry that was given up is to be given up there too. A repetition shows by its time.
        let ends_soon = entry.expires_in_ms.is_some_and(|left_ms| left_ms <= END_SOON_MS);
        let is_special = (ends_soon && own.plan.lives_longer()) || table.is_repeated(row);
        let is_timed = kind.timed || (is_special && self.is_timed);
        let kind = UpdateKind { timed: is_timed, ..kind };
        let names = NameEncoder { sent: &mut self.names, dictionary };
        let is_written = own.plan.write_update(turn.out, kind, id.0, &entry, names, turn.now_ms);
        if is_written {
            turn.updates_sent += 1;
            self.entries += 1;
        } else {
            self.names.forget();
        }
        is_written
    }

    /// Makes the table the current one of this direction.
    #[inline]
    fn define(&mut self, out: &mut Writer<'_>, own: &SectionTable, index: usize) {
        if self.current != Some(index) {
            own.plan.write_definition(out, index as u64 + 1, &own.name);
            self.current = Some(index);
        }
    }
}

/// Whether the peer has acknowledged this place, as far as that can be told: an `acked` that is far
/// behind the end of the log says nothing, and neither does the 0 of a peer that was never here.
fn is_acked(id: UpdateId, acked: UpdateId, end: UpdateId) -> bool {
    let is_near = end.0.wrapping_sub(acked.0) < 1 << 30;
    acked != UpdateId(0) && is_near && !id.is_after(acked)
}

/// Adds the message that entries were removed. False if it is too long.
pub(in crate::peers) fn write_removal(
    out: &mut Writer<'_>,
    table_id: u64,
    removal: &Removal,
) -> bool {
    let key = match removal {
        Removal::Entry(key) => Some(&**key),
        Removal::All => None,
    };
    message::write_removal(out, table_id, key)
}

/// The id of a row in a resync: its place in the log. A learned row has no place, and gets an id
/// that is half the circle away, where no live push will ever be. A successor gets 0 instead.
#[inline]
fn taught_id(table: &StickTable, row: RowId, is_handover: bool) -> UpdateId {
    match table.update_id(row) {
        Some(id) => id,
        None if is_handover => UpdateId(0),
        None => UpdateId(table.last_update().0.wrapping_add(1 << 31)),
    }
}
