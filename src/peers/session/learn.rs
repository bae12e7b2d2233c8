//! What a session takes: entry updates, and the acknowledgements that it owes for them.

use super::remote_tables::{DefinitionCopy, RemoteTables};
use crate::config::data_type::DataType;
use crate::peers::conflict::Conflict;
use crate::peers::entries::decode::{
    Counters, DecodePlan, LearnedNames, NameDecoder, TargetRow, Update,
};
use crate::peers::events::TableMismatch;
use crate::peers::precedence::{Precedence, RowUpdate};
use crate::peers::section::SectionTable;
use crate::peers::wire::Writer;
use crate::peers::wire::definition::Definition;
use crate::peers::wire::message;
use crate::peers::wire::update::{EntryError, UpdateKind};
use crate::table::{Author, KeyHash, Tables, UpdateId};

/// The updates that are read before the first of them is applied.
const BATCH: usize = 32;

/// What one session takes from the other side.
#[derive(Debug)]
pub(in crate::peers) struct Learner {
    remote: RemoteTables,
    names: LearnedNames,
    /// By the section's tables.
    tables: Vec<Received>,
    resync: ResyncUpdates,
    entries: u64,
    /// Who sends the updates.
    author: Author,
}

/// Which updates belong to a resync. All other updates are live, timed ones too: they are stored
/// whatever was known before, and acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peers) enum ResyncUpdates {
    /// No update: no resync is under way.
    None,
    /// The timed updates: a resync was asked for.
    Timed,
    /// All updates until the end of the resync. Version 2.0 has no timed updates, and a predecessor
    /// sends nothing else.
    All,
}

impl ResyncUpdates {
    fn includes(self, is_timed: bool) -> bool {
        match self {
            Self::None => false,
            Self::Timed => is_timed,
            Self::All => true,
        }
    }
}

/// The updates received for one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The id of the latest update of any kind.
    pub last: UpdateId,
    /// The id of the latest live update.
    pub live: Option<UpdateId>,
    /// Where the sender's update log ended when it last said so.
    pub position: Option<UpdateId>,
    /// The id that was acknowledged last.
    pub acked: Option<UpdateId>,
    /// How many updates there were.
    pub count: u64,
}

/// What a learner knows of the other side, for the process that goes on with the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearnerState {
    /// By the section's tables, what was received.
    pub tables: Vec<Received>,
    /// The tables that the other side has defined.
    pub definitions: Vec<DefinitionCopy>,
    /// The number of the table that updates belong to now.
    pub current: Option<u64>,
    /// The names that the other side has defined, by slot.
    pub names: Vec<(u8, Vec<u8>)>,
}

/// What the other side has said of one of our tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivedView {
    /// Its number for the table.
    pub(super) remote_id: Option<u64>,
    /// The data types that it stores, one bit each.
    pub(super) remote_data: u64,
    /// The latest live update.
    pub(super) received: Option<UpdateId>,
    /// The update that was acknowledged last.
    pub(super) answered: Option<UpdateId>,
    /// The updates received.
    pub(super) count: u64,
}

/// An update that has been read to its end and is not applied yet.
#[derive(Clone, Copy, Debug)]
struct PendingUpdate<'a> {
    update: Update<'a>,
    /// None if the table cannot have such a key.
    hash: Option<KeyHash>,
    is_timed: bool,
}

/// The updates of one table that are applied together, so that the memory's latencies pass at the
/// same time.
#[derive(Debug)]
pub(in crate::peers) struct Batch<'a> {
    pending: [Option<PendingUpdate<'a>>; BATCH],
    len: usize,
}

impl Batch<'_> {
    pub(in crate::peers) fn new() -> Self {
        Self { pending: [None; BATCH], len: 0 }
    }

    pub(in crate::peers) fn is_full(&self) -> bool {
        self.len == BATCH
    }
}

impl Learner {
    pub(in crate::peers) fn new(tables: usize, resync: ResyncUpdates, author: Author) -> Self {
        Self {
            remote: RemoteTables::default(),
            names: LearnedNames::new(),
            tables: vec![Received::default(); tables],
            resync,
            entries: 0,
            author,
        }
    }

    /// A learner for the updates of a predecessor, whose tables may have keys of another length.
    pub(in crate::peers) fn adapting_keys(mut self) -> Self {
        self.remote.adapt_keys();
        self
    }

    /// What is known of the other side. None if a definition was too long to be kept.
    pub(super) fn state(&self) -> Option<LearnerState> {
        let (definitions, current) = self.remote.definitions()?;
        let (tables, names) = (self.tables.clone(), self.names.list());
        Some(LearnerState { tables, definitions, current, names })
    }

    /// Goes on with what a predecessor knew of the other side.
    pub(super) fn go_on(&mut self, state: &LearnerState, own: &[SectionTable], tables: &Tables) {
        for copy in &state.definitions {
            // A table that does not fit was reported when it was defined.
            let _ = self.remote.define(&copy.definition(), own, tables);
        }
        if let Some(current) = state.current {
            self.remote.switch(current);
        }
        for (slot, name) in &state.names {
            self.names.set(*slot, name);
        }
        self.tables.clone_from(&state.tables);
    }

    /// Whether no resync is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.resync == ResyncUpdates::None
    }

    /// A resync begins or ends.
    pub(super) fn set_resync(&mut self, resync: ResyncUpdates) {
        self.resync = resync;
    }

    /// The number of updates received, those of unknown tables included.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// What the other side has said of the section's table at this position.
    pub(super) fn view(&self, index: usize) -> ReceivedView {
        let remote = self.remote.of_own(index);
        let received = self.tables.get(index);
        ReceivedView {
            remote_id: remote.map(|remote| remote.remote_id),
            remote_data: remote.map_or(0, |remote| remote.data_types),
            received: received.and_then(|received| received.live),
            answered: received.and_then(|received| received.acked),
            count: received.map_or(0, |received| received.count),
        }
    }

    /// Adds the updates received to these sums, one for each table.
    pub(super) fn count_learned(&self, sums: &mut [u64]) {
        for (sum, received) in sums.iter_mut().zip(&self.tables) {
            *sum += received.count;
        }
    }

    /// The names that the other side has defined.
    pub(super) fn names(&self) -> &LearnedNames {
        &self.names
    }

    /// The position of the section's table that the other side has given this number.
    pub(in crate::peers) fn table_of(&self, remote_id: u64) -> Option<usize> {
        self.remote.own(remote_id)
    }

    /// Takes a definition, see [`RemoteTables::define`].
    pub(in crate::peers) fn define(
        &mut self,
        definition: &Definition<'_>,
        own: &[SectionTable],
        tables: &Tables,
    ) -> Result<(), TableMismatch> {
        self.remote.define(definition, own, tables)
    }

    /// Returns to a table that was defined before.
    pub(super) fn switch(&mut self, remote_id: u64) {
        self.remote.switch(remote_id);
    }

    /// The update log of the sender's table with this number ends here.
    pub(super) fn note_position(&mut self, remote_id: u64, last: UpdateId) {
        let index = self.remote.own(remote_id);
        if let Some(received) = index.and_then(|index| self.tables.get_mut(index)) {
            received.position = Some(last);
        }
    }

    /// Reads an update to its end and adds it to the batch, which has room for it.
    ///
    /// Inlined always, as [`DecodePlan::read_short`](crate::peers::entries::decode) is.
    #[inline(always)]
    pub(in crate::peers) fn read<'a>(
        &mut self,
        kind: UpdateKind,
        payload: &'a [u8],
        own: &[SectionTable],
        tables: &mut Tables,
        batch: &mut Batch<'a>,
    ) -> Result<(), EntryError> {
        self.entries += 1;
        let Some(remote) = self.remote.current() else { return Ok(()) };
        let Some(plan) = &remote.plan else { return Ok(()) };
        let Some(index) = remote.own else {
            // The names are learned as far as the update can be read.
            let _ = plan.learn_names(kind, payload, &mut self.names);
            return Ok(());
        };
        let (Some(received), Some(own)) = (self.tables.get_mut(index), own.get(index)) else {
            return Ok(());
        };
        let (stored, dictionary) = tables.split_mut();
        let mut names = NameDecoder { learned: &mut self.names, dictionary };
        let update = match plan.read_short(kind, payload, &mut names) {
            Some(short) => short,
            None => plan.read_fields(kind, payload, received.last, names)?,
        };
        received.last = update.id;
        let hash = stored.get(own.id.index()).and_then(|table| table.hash(update.key));
        if let Some(place) = batch.pending.get_mut(batch.len) {
            *place = Some(PendingUpdate { update, hash, is_timed: kind.timed });
            batch.len += 1;
        }
        Ok(())
    }

    /// Applies the updates of the batch to the current table, and empties the batch.
    #[inline]
    pub(in crate::peers) fn apply(
        &mut self,
        batch: &mut Batch<'_>,
        own: &[SectionTable],
        tables: &mut Tables,
        mut precedence: Precedence<'_>,
        now_ms: u64,
    ) {
        let count = std::mem::take(&mut batch.len);
        let Some(remote) = self.remote.current().filter(|_| count > 0) else { return };
        let (Some(plan), Some(index)) = (&remote.plan, remote.own) else { return };
        let Some(own) = own.get(index) else { return };
        let (stored, dictionary) = tables.split_mut();
        let Some(table) = stored.get_mut(own.id.index()) else { return };
        table.set_author(self.author);
        let sent = self.tables.get(index).and_then(|received| received.live.or(received.position));
        // A loop of its own, so short that the processor has many of its misses under way at once.
        for hash in batch.pending.iter().take(count).flatten().filter_map(|pending| pending.hash) {
            table.touch_slot(hash);
        }
        for pending in batch.pending.iter_mut().take(count).flatten() {
            // The fields stay where they are until they are needed: copies of all of them do not
            // fit the processor's registers.
            let update = &mut pending.update;
            let found = pending.hash.and_then(|hash| {
                table.find_or_insert_hashed(hash, update.key, update.expires_in_ms, now_ms)
            });
            let is_taught = self.resync.includes(pending.is_timed);
            let is_repeated = pending.is_timed && !is_taught && !update.ends_soon();
            if is_repeated && let Some((row, _)) = found {
                // It is no visit, so it shortens no life.
                let own_ms = table.expires_in_ms(row, now_ms);
                update.expires_in_ms = update.expires_in_ms.max(own_ms);
            }
            let update = &*update;
            let met = found
                .map(|(row, is_new)| RowUpdate {
                    index,
                    table,
                    row,
                    is_new,
                    is_taught,
                    is_repeated,
                    is_own: !is_taught || is_own(update.id, sent),
                    left_ms: update.expires_in_ms,
                })
                .filter(|met| precedence.takes(*met, now_ms));
            let conflict = met.and_then(|met| precedence.conflict(met, now_ms));
            let taken = met.map(|met| (met.row, met.is_new));
            let mut names = NameDecoder { learned: &mut self.names, dictionary };
            if let (Some(conflict), Some((row, _))) = (conflict, taken)
                && settle(conflict, plan, update, TargetRow { table, row }, &mut names, now_ms)
            {
                continue;
            }
            let target = taken.map(|(row, _)| TargetRow { table, row });
            // What is sent once more may be older than what was counted since.
            let counters = if is_repeated { Counters::Greater } else { Counters::Received };
            plan.store(update.values, target, &mut names, counters, now_ms);
            let Some((row, is_new)) = taken else {
                if let Some((row, _)) = found {
                    let is_rival = is_taught
                        && is_own(update.id, sent)
                        && precedence.has_unknown_change(index, table, row);
                    let target = TargetRow { table, row };
                    refuse(plan, update, target, &mut names, &precedence, is_rival, now_ms);
                }
                continue;
            };
            if let Precedence::Late { .. } = precedence {
                table.touch_late(row, update.expires_in_ms, now_ms);
            } else if is_new {
                table.note_changed(row);
            } else {
                table.touch_learned(row, update.expires_in_ms, now_ms);
            }
            // The predecessor may have made the entry anew: an entry that was learned has no place.
            if let Precedence::Handover = precedence
                && !(is_new && update.id == UpdateId(0))
            {
                table.adopt(row, update.id);
            }
        }
        self.count(index, count, batch);
    }

    /// Counts the updates of a batch that were applied to the section's table at this position.
    fn count(&mut self, index: usize, count: usize, batch: &Batch<'_>) {
        let is_live = |pending: &&PendingUpdate<'_>| !self.resync.includes(pending.is_timed);
        let last_live = batch.pending.iter().take(count).flatten().rfind(is_live);
        if let Some(received) = self.tables.get_mut(index) {
            received.count += count as u64;
            received.live = last_live.map(|last| last.update.id).or(received.live);
        }
    }

    /// Adds the acknowledgements owed: one for each table with live updates.
    pub(super) fn write_acks(&mut self, out: &mut Writer<'_>) {
        for (index, received) in self.tables.iter_mut().enumerate() {
            if let Some(live) = received.live.filter(|live| received.acked != Some(*live))
                && let Some(remote) = self.remote.of_own(index)
                && message::write_ack(out, remote.remote_id, live.0)
            {
                received.acked = Some(live);
            }
        }
    }
}

/// Whether the id of a taught update is the place of a change that the teacher has made. The ids of
/// what the teacher has learned are half the circle away from its places. Where these are, its
/// latest live update says, or the teacher when it begins. HAProxy says nothing when it begins:
/// without a live update its places are taken to be in the first half.
fn is_own(id: UpdateId, sent: Option<UpdateId>) -> bool {
    match sent {
        Some(sent) => id.0.wrapping_sub(sent.0).cast_signed().unsigned_abs() < 1 << 30,
        None => id.0 < 1 << 31,
    }
}

/// An update is not stored. If it is a rival, it is another change than the one that was made here,
/// and neither node knew the change of the other. The other one may have refused the change of this
/// one in a lesson that crossed the update's, and each takes its own for confirmed then. So this
/// one is sent once more, and they settle which is kept.
#[cold]
fn refuse(
    plan: &DecodePlan,
    update: &Update<'_>,
    target: TargetRow<'_>,
    names: &mut NameDecoder<'_>,
    precedence: &Precedence<'_>,
    is_rival: bool,
    now_ms: u64,
) {
    let differs = is_rival && plan.differs(update.values, &target, names, false);
    let TargetRow { table, row } = target;
    count_refused(plan, update, TargetRow { table, row }, precedence, now_ms);
    if differs {
        table.send_kept(row);
    }
}

/// An update is not stored, because what is here is newer. But it may have counted what is not
/// counted here, and a lesson may say that the entry lives longer. Where it says no time, as in
/// version 2.0, an entry that was counted lives for its full time.
#[cold]
fn count_refused(
    plan: &DecodePlan,
    update: &Update<'_>,
    mut target: TargetRow<'_>,
    precedence: &Precedence<'_>,
    now_ms: u64,
) {
    let is_late = matches!(precedence, Precedence::Late { .. });
    let grows = if is_late { DataType::counts_traffic } else { DataType::grows };
    let has_grown = plan.store_greater(update.values, &mut target, grows);
    let TargetRow { table, row } = target;
    if is_late {
        if has_grown {
            table.touch_local(row, now_ms);
        }
    } else {
        let full_ms = table.declaration().expire_ms.filter(|_| has_grown);
        if table.extend(row, update.expires_in_ms.or(full_ms), now_ms) || has_grown {
            table.note_changed(row);
        }
    }
}

/// Settles that the entry was changed by several nodes at the same moment, and sends what is kept
/// once more. False if the update changes nothing that matters: then there is nothing to settle.
#[cold]
fn settle(
    conflict: Conflict,
    plan: &DecodePlan,
    update: &Update<'_>,
    mut target: TargetRow<'_>,
    names: &mut NameDecoder<'_>,
    now_ms: u64,
) -> bool {
    let is_overtaken = conflict == Conflict::Overtaken;
    if !plan.differs(update.values, &target, names, !is_overtaken) {
        return false;
    }
    let counters = match conflict {
        Conflict::Won => {
            plan.store(update.values, None, names, Counters::Greater, now_ms);
            plan.store_greater(update.values, &mut target, DataType::grows);
            // The visit that lost was a visit, too: the entry lives on from it.
            let TargetRow { table, row } = target;
            let left_ms = update.expires_in_ms.or_else(|| table.declaration().expire_ms);
            table.extend(row, left_ms, now_ms);
            table.send_kept(row);
            return true;
        }
        Conflict::Lost => Counters::Greater,
        Conflict::Overtaken => Counters::Received,
    };
    let TargetRow { table, row } = target;
    plan.store(update.values, Some(TargetRow { table, row }), names, counters, now_ms);
    table.touch_learned(row, update.expires_in_ms, now_ms);
    table.send_again(row);
    true
}
