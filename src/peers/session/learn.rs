//! What a session takes: definitions, switches, entry updates, and the acknowledgements owed.

use super::mismatch;
use super::mismatch::Misfit;
use super::names::LearnedNames;
use super::plan::{DecodePlan, Values};
use crate::peers::peer::PeerId;
use crate::peers::row_sources::Tellers;
use crate::peers::section::SectionTable;
use crate::peers::wire::Reader;
use crate::peers::wire::entry::EntryError;
use crate::peers::wire::message;
use crate::peers::wire::message::{Definition, UpdateKind};
use crate::peers::wire::{ReadError, Writer};
use crate::table::{Dictionary, KeyHash, RowId, StickTable, Tables, UpdateId};

/// The updates that are read before the first of them is applied.
pub(super) const BATCH: usize = 32;

/// The tables unknown here that are remembered, to read the names that their updates define. Of
/// more, the oldest are forgotten: senders define a table again before they go back to it.
const UNKNOWN_MAX: usize = 1024;
/// Definitions that are longer are not kept to be compared with.
const DEFINITION_LEN_MAX: usize = 512;

/// What one session takes from the other side.
#[derive(Debug)]
pub(crate) struct Learner {
    bindings: Vec<Binding>,
    current: Option<usize>,
    names: LearnedNames,
    /// By the section's tables.
    tables: Vec<Received>,
    lesson: Lesson,
    entries: u64,
    /// Keys of another length are taken, too.
    converts: bool,
}

/// Which updates belong to a lesson. All others are live, timed ones too: they are stored whatever
/// was known before, and acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// None: no lesson is under way.
    None,
    /// The timed ones, of a lesson that was asked for.
    Timed,
    /// All until its end: 2.0 has no timed ones, and a predecessor sends nothing else.
    All,
}

impl Lesson {
    fn includes(self, is_timed: bool) -> bool {
        match self {
            Self::None => false,
            Self::Timed => is_timed,
            Self::All => true,
        }
    }
}

/// A number that the sender has given to a table.
#[derive(Debug)]
struct Binding {
    remote_id: u64,
    /// The section's table; none if it is unknown here or does not fit.
    table: Option<usize>,
    /// What the sender stores, one bit for each data type.
    data_types: u64,
    /// None if updates cannot be read.
    plan: Option<DecodePlan>,
    /// The definition that the plan was made from, unless it is too long.
    definition: Option<DefinitionCopy>,
}

/// What was last defined, to notice that it is repeated.
#[derive(Debug, Default)]
struct DefinitionCopy {
    name: Vec<u8>,
    numbers: [u64; 3],
    expire_ms: Option<u64>,
    params: Vec<u8>,
}

impl DefinitionCopy {
    fn new(definition: &Definition<'_>) -> Option<Self> {
        let len = definition.name.len() + definition.params().len();
        (len <= DEFINITION_LEN_MAX).then(|| Self {
            name: definition.name.to_vec(),
            numbers: Self::numbers(definition),
            expire_ms: definition.expire_ms,
            params: definition.params().to_vec(),
        })
    }

    fn numbers(definition: &Definition<'_>) -> [u64; 3] {
        [definition.key_type, definition.key_len, definition.data_types]
    }

    fn is(&self, definition: &Definition<'_>) -> bool {
        self.name == definition.name
            && self.numbers == Self::numbers(definition)
            && self.expire_ms == definition.expire_ms
            && self.params == definition.params()
    }
}

/// What the sender has told of one of our tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Its number for the table.
    pub(crate) remote_id: Option<u64>,
    /// The data types that it stores, one bit each.
    pub(crate) remote_data: u64,
    /// The latest live update.
    pub(crate) received: Option<UpdateId>,
    /// The latest that was acknowledged.
    pub(crate) answered: Option<UpdateId>,
}

/// The updates received for one table.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    /// The id of the latest update of any kind.
    last: UpdateId,
    /// The id of the latest update that belonged to no lesson.
    live: Option<UpdateId>,
    /// What was acknowledged last.
    acked: Option<UpdateId>,
}

/// An update that has been read to its end and not yet applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Staged<'a> {
    key: &'a [u8],
    hash: Option<KeyHash>,
    values: Values<'a>,
    id: UpdateId,
    /// None for the full time to live.
    expires_in_ms: Option<u32>,
    is_timed: bool,
}

/// What the updates of a session mean to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learning<'a> {
    /// The section has had its first lesson.
    Over,
    /// It has not; the other side of this session is this peer.
    From(PeerId),
    /// The same, behind a handover: what the other side knows from others is taken only where
    /// nothing is known here.
    Adding(PeerId),
    /// The other side is our predecessor: its places in the log are taken over.
    Handover,
    /// The other side is a predecessor that has handed over. By the section's tables, where their
    /// update logs ended then.
    Told(&'a [UpdateId]),
}

impl Learning<'_> {
    /// Whether an update is to be stored; notes what a lesson must not undo.
    #[inline]
    fn takes(
        self,
        (is_taught, id): (bool, UpdateId),
        tellers: &mut Tellers,
        (index, table, row): (usize, &StickTable, RowId),
        is_new: bool,
    ) -> bool {
        // The ids of what a teacher has learned itself lie in the upper half (protocol.md, 9.1).
        let is_own = !is_taught || id.0 < 1 << 31;
        // What changed here since the start is newer than what a lesson tells of it.
        let may_change = !is_taught || is_new || table.update_id(row).is_none();
        match self {
            Self::Handover => true,
            Self::Told(origins) => {
                let origin = origins.get(index).copied().unwrap_or_default();
                is_new || !table.is_newer_than_told(row, origin)
            }
            Self::Over => may_change,
            Self::From(peer) | Self::Adding(peer) => {
                let is_told = is_taught && !is_new;
                if is_told && (!may_change || tellers.is_from_another(index, row, peer)) {
                    return false;
                }
                if is_told && !is_own && matches!(self, Self::Adding(_)) {
                    return false;
                }
                if is_own || is_new {
                    tellers.set(index, table, row, Some(peer).filter(|_| is_own));
                }
                true
            }
        }
    }
}

/// The updates of one table that are applied together, so that the memory's latencies pass at the
/// same time.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    staged: [Option<Staged<'a>>; BATCH],
    len: usize,
}

impl Batch<'_> {
    pub(crate) fn new() -> Self {
        Self { staged: [None; BATCH], len: 0 }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == BATCH
    }
}

impl Learner {
    pub(crate) fn new(tables: usize, lesson: Lesson) -> Self {
        Self {
            bindings: Vec::new(),
            current: None,
            names: LearnedNames::new(),
            tables: vec![Received::default(); tables],
            lesson,
            entries: 0,
            converts: false,
        }
    }

    /// The other side is a predecessor, whose tables may have keys of another length.
    pub(crate) fn converting(self) -> Self {
        Self { converts: true, ..self }
    }

    /// A lesson begins or ends.
    pub(super) fn set_lesson(&mut self, lesson: Lesson) {
        self.lesson = lesson;
    }

    /// The updates received, those of unknown tables included.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// What the sender has told of the section's table.
    pub(crate) fn told(&self, index: usize) -> Told {
        let binding = self.binding_of(index);
        let received = self.tables.get(index);
        Told {
            remote_id: binding.map(|binding| binding.remote_id),
            remote_data: binding.map_or(0, |binding| binding.data_types),
            received: received.and_then(|received| received.live),
            answered: received.and_then(|received| received.acked),
        }
    }

    /// The names that the sender has defined.
    pub(crate) fn names(&self) -> &LearnedNames {
        &self.names
    }

    /// The section's table that the sender has given this number.
    pub(crate) fn table_of(&self, remote_id: u64) -> Option<usize> {
        self.bindings.iter().find(|binding| binding.remote_id == remote_id)?.table
    }

    /// A definition, possibly of a number or a table that is bound already. Fails, once, where
    /// the table with this name is another; its entries are skipped then.
    pub(crate) fn define(
        &mut self,
        definition: &Definition<'_>,
        own: &[SectionTable],
        tables: &Tables,
    ) -> Result<(), Misfit> {
        let known = self.bindings.iter().position(|old| old.remote_id == definition.table_id);
        let is_repeated =
            |old: &Binding| old.definition.as_ref().is_some_and(|copy| copy.is(definition));
        if let Some(index) = known
            && self.bindings.get(index).is_some_and(is_repeated)
        {
            self.current = Some(index);
            return Ok(());
        }
        let found = mismatch::find(own, definition, tables, self.converts);
        let table = found.unwrap_or(None);
        // A number has one table, and a table has one number.
        self.bindings.retain(|old| {
            old.remote_id != definition.table_id && (table.is_none() || old.table != table)
        });
        self.current = None;
        let is_unknown = |binding: &Binding| binding.table.is_none();
        if self.bindings.iter().filter(|binding| is_unknown(binding)).count() >= UNKNOWN_MAX
            && let Some(oldest) = self.bindings.iter().position(is_unknown)
        {
            self.bindings.remove(oldest);
        }
        let stored = table.and_then(|index| own.get(index)).map(|own| tables.get(own.id));
        let plan = DecodePlan::new(definition, stored);
        // A table whose parameters make no sense is as good as unknown.
        let is_meaningless = table.is_some() && plan.is_none();
        let table = table.filter(|_| plan.is_some());
        self.bindings.push(Binding {
            remote_id: definition.table_id,
            table,
            data_types: definition.data_types,
            plan,
            definition: DefinitionCopy::new(definition),
        });
        self.current = Some(self.bindings.len() - 1);
        if is_meaningless { Err(Misfit::Meaningless) } else { found.map(|_| ()) }
    }

    /// Back to a table defined before.
    pub(crate) fn switch(&mut self, remote_id: u64) {
        self.current = self.bindings.iter().position(|binding| binding.remote_id == remote_id);
    }

    /// Reads an update to its end and adds it to the batch, which has room for it.
    ///
    /// This and the small functions on its way are inlined always: left to itself, the compiler
    /// calls them one by one as soon as they have two callers, and learning takes a third longer.
    #[inline(always)]
    pub(crate) fn stage<'a>(
        &mut self,
        kind: UpdateKind,
        payload: &'a [u8],
        own: &[SectionTable],
        tables: &mut Tables,
        batch: &mut Batch<'a>,
    ) -> Result<(), EntryError> {
        self.entries += 1;
        let Some(binding) = self.current.and_then(|current| self.bindings.get(current)) else {
            return Ok(());
        };
        let Some(plan) = &binding.plan else { return Ok(()) };
        let (stored, dictionary) = tables.split_mut();
        let Some(index) = binding.table else {
            // What defines names is read, as the dictionary is shared by all tables.
            let _ = skip(plan, kind, payload, &mut self.names);
            return Ok(());
        };
        let (Some(received), Some(own)) = (self.tables.get_mut(index), own.get(index)) else {
            return Ok(());
        };
        let update = if let Some(short) = plan.read_short(kind, payload) {
            let server_key = self.names.name_in(short.slot(), dictionary);
            let values = Values::Sticky { server_id: short.server_id(), server_key };
            Update { id: UpdateId(short.id), left: short.expires_in_ms, key: short.key, values }
        } else {
            read_update(plan, kind, payload, received.last, &mut self.names, dictionary)?
        };
        received.last = update.id;
        let Update { id, left, key, values } = update;
        let expires_in_ms = if kind.timed { time_left(left, plan.expires) } else { None };
        let hash = stored.get(own.id.index()).and_then(|table| table.hash(key));
        if let Some(place) = batch.staged.get_mut(batch.len) {
            let is_timed = kind.timed;
            *place = Some(Staged { key, hash, values, id, expires_in_ms, is_timed });
            batch.len += 1;
        }
        Ok(())
    }

    /// Applies the updates of the batch to the current table.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        batch: &mut Batch<'_>,
        own: &[SectionTable],
        tables: &mut Tables,
        (learning, tellers): (Learning<'_>, &mut Tellers),
        now_ms: u64,
    ) {
        let count = std::mem::take(&mut batch.len);
        let binding = self.current.and_then(|current| self.bindings.get(current));
        let Some(binding) = binding.filter(|_| count > 0) else { return };
        let (Some(plan), Some(index)) = (&binding.plan, binding.table) else { return };
        let Some(own) = own.get(index) else { return };
        let (stored, dictionary) = tables.split_mut();
        let Some(table) = stored.get_mut(own.id.index()) else { return };
        // A loop of its own, so short that the processor has many of its misses under way at once.
        for hash in batch.staged.iter().take(count).flatten().filter_map(|staged| staged.hash) {
            table.touch_slot(hash);
        }
        for staged in batch.staged.iter().take(count).flatten() {
            let found = staged.hash.and_then(|hash| {
                table.find_or_insert_hashed(hash, staged.key, staged.expires_in_ms, now_ms)
            });
            let taken = found.filter(|(row, is_new)| {
                let update = (staged.is_timed && self.lesson != Lesson::None, staged.id);
                learning.takes(update, tellers, (index, table, *row), *is_new)
            });
            let names = (&mut self.names, &mut *dictionary);
            plan.apply(staged.values, taken.map(|(row, _)| (&mut *table, row)), names, now_ms);
            let Some((row, is_new)) = taken else {
                if let (Learning::Told(_), Some((row, _))) = (learning, found)
                    && plan.count_on(staged.values, table, row)
                {
                    table.touch_local(row, now_ms);
                }
                continue;
            };
            if let Learning::Told(_) = learning {
                table.touch_told(row, staged.expires_in_ms, now_ms);
            } else if is_new {
                table.note_changed(row);
            } else {
                table.touch_learned(row, staged.expires_in_ms, now_ms);
            }
            if learning == Learning::Handover && staged.id != UpdateId(0) {
                table.adopt(row, staged.id);
            }
        }
        if let Some(received) = self.tables.get_mut(index) {
            let live = |staged: &&Staged<'_>| !self.lesson.includes(staged.is_timed);
            if let Some(last) = batch.staged.iter().take(count).flatten().rfind(live) {
                received.live = Some(last.id);
            }
        }
    }

    /// Adds the acknowledgements owed: one for each table that live updates came for.
    pub(super) fn write_acks(&mut self, out: &mut Writer<'_>) {
        for index in 0..self.tables.len() {
            let Some(received) = self.tables.get(index) else { return };
            let Some(live) = received.live.filter(|live| received.acked != Some(*live)) else {
                continue;
            };
            let Some(remote_id) = self.binding_of(index).map(|binding| binding.remote_id) else {
                continue;
            };
            if message::write_ack(out, remote_id, live.0)
                && let Some(received) = self.tables.get_mut(index)
            {
                received.acked = Some(live);
            }
        }
    }

    fn binding_of(&self, index: usize) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.table == Some(index))
    }
}

/// An update as it was read.
struct Update<'a> {
    id: UpdateId,
    /// The time left as it was sent, if it was.
    left: u32,
    key: &'a [u8],
    values: Values<'a>,
}

/// Reads an update field by field. An implicit id is the one behind the last.
#[inline(never)]
fn read_update<'a>(
    plan: &DecodePlan,
    kind: UpdateKind,
    payload: &'a [u8],
    last: UpdateId,
    names: &mut LearnedNames,
    dictionary: &mut Dictionary,
) -> Result<Update<'a>, EntryError> {
    let mut payload = Reader::new(payload);
    let id = if kind.explicit { payload.be32()? } else { last.0.wrapping_add(1) };
    let left = if kind.timed { payload.be32()? } else { 0 };
    let key = plan.read_key(&mut payload)?;
    let values = plan.read_values(payload, names, dictionary)?;
    Ok(Update { id: UpdateId(id), left, key, values })
}

/// What a timed update says of the time to live. Values above 2^31 - 1 are negative numbers of
/// senders that are late; 0 from a table without expiry is no limit.
#[inline]
fn time_left(field: u32, sender_expires: bool) -> Option<u32> {
    match field {
        0 if !sender_expires => None,
        0x8000_0000.. => Some(0),
        _ => Some(field),
    }
}

/// Reads an update of a table that is unknown here, for the names it defines.
#[inline(never)]
fn skip(
    plan: &DecodePlan,
    kind: UpdateKind,
    payload: &[u8],
    names: &mut LearnedNames,
) -> Result<(), EntryError> {
    let mut payload = Reader::new(payload);
    let fixed = 4 * (u64::from(kind.explicit) + u64::from(kind.timed));
    payload.take(fixed)?;
    let read: Result<_, ReadError> = plan.read_key(&mut payload);
    read?;
    plan.note_names(payload, names)
}
