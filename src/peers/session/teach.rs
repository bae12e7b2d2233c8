//! What a session sends of the tables: live pushes from the update log, and lessons. Pulled: each
//! call writes as much as fits, so a slow peer costs no memory.

use super::names::SentNames;
use crate::peers::section::SectionTable;
use crate::peers::wire::message;
use crate::peers::wire::message::{Control, UpdateKind};
use crate::peers::wire::{MESSAGE_MAX, Writer};
use crate::table::{Change, Removal, RowId, RowStep, StickTable, Tables, UpdateId};

/// The free rows that one step of a walk passes.
const WALK_ROWS_MAX: u32 = 1024;

/// What one call may do.
#[derive(Debug)]
pub(super) struct Budget {
    /// Updates, or steps over nothing, that may still be made.
    pub(crate) left: u32,
    /// The updates made.
    pub(crate) sent: u64,
}

/// What one session sends of the section's tables.
#[derive(Debug)]
pub(super) struct Teacher {
    tables: Vec<TableProgress>,
    mode: Mode,
    /// The table whose definition was sent last.
    current: Option<usize>,
    names: SentNames,
    timed: bool,
    /// The table that live pushes go on with.
    turn: usize,
    entries: u64,
    /// A handover is to be ended once everything is sent.
    finishes: bool,
}

/// How far one table has been sent.
#[derive(Clone, Copy, Debug)]
struct TableProgress {
    pushed: UpdateId,
    /// `last_update` when the lesson began.
    origin: UpdateId,
    /// How far the lesson has followed the log.
    drained: UpdateId,
    full: Full,
}

/// Pushing a table in full because the log does not reach back far enough. The ids then come out
/// of order, and may be acknowledged late for an earlier live push of the same rows. So the last
/// row goes out once more with an id of its own: only the acknowledgement of that one, or of a
/// change pushed behind it, says that all have arrived.
#[derive(Clone, Copy, Debug)]
enum Full {
    No,
    /// Rows up to `cursor` are sent; what changes after `start` is left to the log.
    Walking {
        cursor: Option<RowId>,
        start: UpdateId,
        last_sent: Option<RowId>,
    },
    /// All rows are sent, and then the one with the id `end`, unless it was gone by then.
    Sent {
        start: UpdateId,
        end: Option<UpdateId>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Changes are pushed as they come.
    Live,
    /// A lesson: all rows of all tables.
    Walking { table: usize, cursor: Option<RowId> },
    /// A lesson: what changed since it began.
    Draining { table: usize },
    /// A handover: the same, until told to finish.
    HandoverDraining,
    /// The end of the lesson is sent, nothing else may be before the confirmation.
    AwaitingConfirm,
}

/// What became of a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taught {
    /// Nothing to tell.
    Nothing,
    /// The end was sent.
    Ended {
        /// The entries sent.
        entries: u64,
        /// Whether this process is not up to date itself.
        partial: bool,
    },
}

/// What a teacher works with.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) own: &'a [SectionTable],
    pub(crate) tables: &'a mut Tables,
    pub(crate) now_ms: u64,
    pub(super) up_to_date: bool,
    /// Every row goes to the successor, with its place in the log.
    pub(crate) handover: bool,
    /// The other side is a successor: what is only received goes there too.
    pub(crate) successor: bool,
}

impl Teacher {
    /// `acked` is what the peer had acknowledged when its last session ended.
    pub(crate) fn new(acked: &[UpdateId], timed: bool) -> Self {
        let progress = |acked: &UpdateId| TableProgress {
            pushed: *acked,
            origin: *acked,
            drained: *acked,
            full: Full::No,
        };
        Self {
            tables: acked.iter().map(progress).collect(),
            mode: Mode::Live,
            current: None,
            names: SentNames::new(),
            timed,
            turn: 0,
            entries: 0,
            finishes: false,
        }
    }

    /// Begins a lesson, or begins it anew.
    pub(super) fn begin_lesson(&mut self, source: &mut Source<'_>) {
        for (progress, own) in self.tables.iter_mut().zip(source.own) {
            let table = source.tables.get_mut(own.id);
            progress.origin = table.last_update();
            progress.drained = progress.origin;
            progress.full = Full::No;
            // What changes from here on needs a place behind the lesson's beginning.
            table.note_pushed(progress.origin);
            if source.handover {
                table.start_handover_log();
            }
        }
        self.entries = 0;
        self.mode = Mode::Walking { table: 0, cursor: None };
    }

    /// The learner has confirmed: it has everything up to the lesson's beginning. What changed
    /// since is pushed live. False if there was no lesson.
    pub(super) fn handle_confirm(&mut self, acked: &mut [UpdateId]) -> bool {
        if self.mode != Mode::AwaitingConfirm {
            return false;
        }
        for (progress, acked) in self.tables.iter_mut().zip(acked) {
            progress.pushed = progress.origin;
            *acked = progress.origin;
        }
        self.mode = Mode::Live;
        true
    }

    /// An acknowledgement of the table with this number. One outside (acked, pushed] is ignored,
    /// as some senders acknowledge nonsense, and so is any during a lesson.
    pub(super) fn handle_ack(&mut self, table_id: u64, id: UpdateId, acked: &mut [UpdateId]) {
        let index = usize::try_from(table_id).ok().and_then(|number| number.checked_sub(1));
        let Some(index) = index.filter(|_| self.mode == Mode::Live) else { return };
        let (Some(progress), Some(acked)) = (self.tables.get_mut(index), acked.get_mut(index))
        else {
            return;
        };
        let is_pushed = id.is_after(*acked) && !id.is_after(progress.pushed);
        match progress.full {
            Full::No if is_pushed => *acked = id,
            Full::No | Full::Walking { .. } => {}
            Full::Sent { start, end } if Some(id) == end => {
                *acked = start;
                progress.full = Full::No;
            }
            Full::Sent { start, .. } => {
                if id.is_after(start) && !id.is_after(progress.pushed) {
                    *acked = id;
                    progress.full = Full::No;
                }
            }
        }
    }

    /// Whether a lesson has begun and is not confirmed.
    pub(super) fn is_teaching(&self) -> bool {
        self.mode != Mode::Live
    }

    /// Whether the successor has been sent everything that has changed so far.
    pub(crate) fn is_drained(&self, own: &[SectionTable], tables: &Tables) -> bool {
        self.mode == Mode::HandoverDraining
            && !own.iter().any(|own| tables.get(own.id).has_handover_changes())
    }

    /// Whether there is something for a successor to be told now.
    pub(crate) fn has_lesson_to_send(&self, own: &[SectionTable], tables: &Tables) -> bool {
        match self.mode {
            Mode::Walking { .. } | Mode::Draining { .. } => true,
            Mode::HandoverDraining => self.finishes || !self.is_drained(own, tables),
            Mode::Live | Mode::AwaitingConfirm => false,
        }
    }

    /// Whether timed updates are understood on the other side, and come from there: in 2.1.
    pub(super) fn is_timed(&self) -> bool {
        self.timed
    }

    /// End the handover once everything is sent.
    pub(crate) fn finish_handover(&mut self) {
        self.finishes = true;
    }

    /// The names that the other side knows.
    pub(crate) fn names(&self) -> &SentNames {
        &self.names
    }

    /// How far the table has been pushed.
    pub(crate) fn pushed(&self, index: usize) -> UpdateId {
        self.tables.get(index).map_or(UpdateId(0), |progress| progress.pushed)
    }

    /// Writes the part of the lesson that fits.
    pub(crate) fn teach(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
    ) -> Taught {
        while budget.left > 0 && out.room() >= 2 * MESSAGE_MAX {
            match self.mode {
                Mode::Live | Mode::AwaitingConfirm => break,
                Mode::Walking { table, cursor } => {
                    self.walk(source, out, budget, table, cursor);
                }
                Mode::Draining { table } => self.drain(source, out, budget, table),
                Mode::HandoverDraining => {
                    if self.drain_handover(source, out, budget) {
                        continue;
                    }
                    if self.finishes && budget.left > 0 {
                        return self.end(source, out);
                    }
                    break;
                }
            }
            if self.mode == (Mode::Draining { table: self.tables.len() }) {
                return self.end(source, out);
            }
        }
        Taught::Nothing
    }

    /// Pushes what changed here since the peer's position.
    pub(crate) fn push(
        &mut self,
        source: &mut Source<'_>,
        acked: &mut [UpdateId],
        out: &mut Writer<'_>,
        budget: &mut Budget,
    ) {
        if self.mode != Mode::Live {
            return;
        }
        let count = self.tables.len();
        for _ in 0..count {
            let index = self.turn % count;
            let is_done = source.own[index].recv_only
                || self.push_table(source, &mut acked[index], out, budget, index);
            self.turn = (index + 1) % count;
            if !is_done {
                break;
            }
        }
    }

    /// True if the table is up to date; false if room or budget ran out before.
    fn push_table(
        &mut self,
        source: &mut Source<'_>,
        acked: &mut UpdateId,
        out: &mut Writer<'_>,
        budget: &mut Budget,
        index: usize,
    ) -> bool {
        let id = source.own[index].id;
        let is_done = loop {
            if budget.left == 0 || out.room() < 2 * MESSAGE_MAX {
                break false;
            }
            if let Full::Walking { cursor, start, last_sent } = self.tables[index].full {
                self.push_row_in_full(source, out, budget, index, (cursor, start, last_sent));
                if let Full::No = self.tables[index].full {
                    // Not one row had to be sent.
                    *acked = start;
                }
                continue;
            }
            match source.tables.get(id).next_change(self.tables[index].pushed) {
                Change::Row { row, id } => {
                    self.write(source, out, budget, index, (row, id), UpdateKind::LIVE);
                    self.tables[index].pushed = id;
                }
                Change::Skipped { upto } => {
                    budget.left -= 1;
                    self.tables[index].pushed = upto;
                }
                Change::UpToDate => break true,
                Change::Lapped => {
                    let table = source.tables.get_mut(id);
                    let start = table.last_update();
                    table.note_pushed(start);
                    self.tables[index].full =
                        Full::Walking { cursor: None, start, last_sent: None };
                }
            }
        };
        source.tables.get_mut(id).note_pushed(self.tables[index].pushed);
        is_done
    }

    fn push_row_in_full(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
        index: usize,
        (cursor, start, mut last_sent): (Option<RowId>, UpdateId, Option<RowId>),
    ) {
        let table = source.tables.get(source.own[index].id);
        let cursor = match table.next_row_within(cursor, WALK_ROWS_MAX) {
            RowStep::Row(row) => {
                match table.update_id(row) {
                    Some(id) if !id.is_after(start) => {
                        if self.write(source, out, budget, index, (row, id), UpdateKind::LIVE) {
                            last_sent = Some(row);
                        }
                    }
                    _ => budget.left -= 1,
                }
                row
            }
            RowStep::Pause(row) => {
                budget.left -= 1;
                row
            }
            RowStep::End => {
                self.tables[index].pushed = start;
                self.tables[index].full = match last_sent {
                    Some(row) => {
                        Full::Sent { start, end: self.end_full(source, out, budget, index, row) }
                    }
                    None => Full::No,
                };
                return;
            }
        };
        self.tables[index].full = Full::Walking { cursor: Some(cursor), start, last_sent };
    }

    /// Sends a row with an id of its own, behind which a full push is over.
    fn end_full(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
        index: usize,
        row: RowId,
    ) -> Option<UpdateId> {
        let end = source.tables.get_mut(source.own[index].id).take_update_id();
        let is_sent = self.write(source, out, budget, index, (row, end), UpdateKind::LIVE);
        is_sent.then_some(end)
    }

    fn walk(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
        index: usize,
        mut cursor: Option<RowId>,
    ) {
        let is_taught = |own: &SectionTable| source.successor || !own.recv_only;
        let Some(own) = source.own.get(index).filter(|own| is_taught(own)) else {
            self.mode = self.after_walk(source, index);
            return;
        };
        self.define(own, out, index);
        if source.handover && cursor.is_none() {
            self.write_position(source, out, index);
        }
        while budget.left > 0 && out.room() >= 2 * MESSAGE_MAX {
            let table = source.tables.get(own.id);
            match table.next_row_within(cursor, WALK_ROWS_MAX) {
                RowStep::Row(row) => {
                    let id = lesson_id(table, row, source.handover);
                    self.write(source, out, budget, index, (row, id), self.lesson_kind());
                    cursor = Some(row);
                }
                RowStep::Pause(row) => {
                    budget.left -= 1;
                    cursor = Some(row);
                }
                RowStep::End => {
                    self.mode = self.after_walk(source, index);
                    return;
                }
            }
        }
        self.mode = Mode::Walking { table: index, cursor };
    }

    fn after_walk(&self, source: &Source<'_>, index: usize) -> Mode {
        if index + 1 < self.tables.len() {
            Mode::Walking { table: index + 1, cursor: None }
        } else if source.handover {
            Mode::HandoverDraining
        } else {
            Mode::Draining { table: 0 }
        }
    }

    fn drain(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
        index: usize,
    ) {
        let own = &source.own[index];
        while budget.left > 0 && out.room() >= 2 * MESSAGE_MAX {
            let change = source.tables.get(own.id).next_change(self.tables[index].drained);
            self.tables[index].drained = match change {
                Change::Row { row, id } if source.successor || !own.recv_only => {
                    self.write(source, out, budget, index, (row, id), self.lesson_kind());
                    id
                }
                Change::Row { id, .. } => {
                    budget.left -= 1;
                    id
                }
                Change::Skipped { upto } => {
                    budget.left -= 1;
                    upto
                }
                // Lapped: pushing live will notice and push in full.
                Change::UpToDate | Change::Lapped => {
                    let drained = self.tables[index].drained;
                    source.tables.get_mut(own.id).note_pushed(drained);
                    self.mode = Mode::Draining { table: index + 1 };
                    return;
                }
            };
        }
        source.tables.get_mut(own.id).note_pushed(self.tables[index].drained);
    }

    /// False if there was nothing to send.
    fn drain_handover(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
    ) -> bool {
        let mut found = false;
        for index in 0..self.tables.len() {
            let own = &source.own[index];
            while budget.left > 0
                && out.room() >= 2 * MESSAGE_MAX
                && let Some(removal) = source.tables.get_mut(own.id).next_handover_removal()
            {
                found = true;
                budget.left -= 1;
                write_removal(out, index as u64 + 1, &removal);
            }
            while budget.left > 0
                && out.room() >= 2 * MESSAGE_MAX
                && let Some(row) = source.tables.get_mut(own.id).next_handover_change()
            {
                found = true;
                let id = lesson_id(source.tables.get(own.id), row, true);
                self.write(source, out, budget, index, (row, id), UpdateKind::LESSON);
            }
        }
        found
    }

    fn end(&mut self, source: &mut Source<'_>, out: &mut Writer<'_>) -> Taught {
        let partial = !source.up_to_date;
        if source.handover {
            for index in 0..self.tables.len() {
                self.write_position(source, out, index);
            }
        }
        let end = if partial { Control::ResyncPartial } else { Control::ResyncFinished };
        end.write(out);
        self.mode = Mode::AwaitingConfirm;
        Taught::Ended { entries: self.entries, partial }
    }

    fn lesson_kind(&self) -> UpdateKind {
        if self.timed { UpdateKind::LESSON } else { UpdateKind::LIVE }
    }

    /// Sends a row unless it is over. False if it was not sent.
    #[inline]
    fn write(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Writer<'_>,
        budget: &mut Budget,
        index: usize,
        (row, id): (RowId, UpdateId),
        kind: UpdateKind,
    ) -> bool {
        budget.left -= 1;
        let own = &source.own[index];
        let (table, dictionary) = (source.tables.get(own.id), source.tables.names());
        let Some(entry) = table.entry(row, source.now_ms) else { return false };
        self.define(own, out, index);
        let names = (&mut self.names, dictionary);
        let is_written = own.plan.write_update(out, kind, id.0, &entry, names, source.now_ms);
        if is_written {
            budget.sent += 1;
            self.entries += 1;
        } else {
            self.names.forget();
        }
        is_written
    }

    /// Makes the table the current one of this direction.
    #[inline]
    fn define(&mut self, own: &SectionTable, out: &mut Writer<'_>, index: usize) {
        if self.current != Some(index) {
            own.plan.write_definition(out, index as u64 + 1, &own.name);
            self.current = Some(index);
        }
    }

    fn write_position(&self, source: &Source<'_>, out: &mut Writer<'_>, index: usize) {
        let last = source.tables.get(source.own[index].id).last_update();
        message::write_position(out, index as u64 + 1, last.0);
    }
}

/// False if it is too long.
pub(crate) fn write_removal(out: &mut Writer<'_>, table_id: u64, removal: &Removal) -> bool {
    let key = match removal {
        Removal::Entry(key) => Some(&**key),
        Removal::All => None,
    };
    message::write_removal(out, table_id, key)
}

/// The id of a row in a lesson: its place; for a learned row one half the circle away, where no
/// live push will ever be. A successor is told 0 for "no place".
#[inline]
fn lesson_id(table: &StickTable, row: RowId, handover: bool) -> UpdateId {
    match table.update_id(row) {
        Some(id) => id,
        None if handover => UpdateId(0),
        None => UpdateId(table.last_update().0.wrapping_add(1 << 31)),
    }
}
