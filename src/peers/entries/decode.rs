//! How the updates of a sender are read, and how their values are stored.

use crate::config::KeyType;
use crate::config::data_type::{DataType, Kind};
use crate::peers::wire::definition::{Column, Definition};
use crate::peers::wire::update;
use crate::peers::wire::update::{
    EntryError, Name, ShortUpdate, UpdateKind, Value, has_short_keys, is_server,
};
use crate::peers::wire::{DICTIONARY_SLOTS, ReadError, Reader};
use crate::table::{
    Cell, Dictionary, END_SOON_MS, NAME_LEN_MAX, NameId, Rate, RowId, ServerPlace, StickTable,
    UpdateId,
};

const SLOTS: usize = DICTIONARY_SLOTS as usize;

/// How the updates of one table of a sender are read. The sender's data types and numbers of
/// elements decide, not ours.
#[derive(Debug)]
pub(in crate::peers) struct DecodePlan {
    key_type: KeyType,
    key_len: u64,
    /// The sender's table has a time to live. Else a remaining time of 0 means "no end".
    expires: bool,
    columns: Vec<ReceivedColumn>,
    /// Where the values go, if `server_id` and `server_key` are all there is.
    server: Option<ServerPlace>,
    /// Updates may have the form of [`ShortUpdate`].
    is_short: bool,
}

/// One data type of the sender.
#[derive(Clone, Copy, Debug)]
struct ReceivedColumn {
    kind: Kind,
    elements: u64,
    /// Where the values are stored. None if the type is not stored here or has a meaning for the
    /// sender alone.
    cell: Option<Cell>,
}

/// An update that has been read, and whose values have been checked to the end.
#[derive(Clone, Copy, Debug)]
pub(in crate::peers) struct Update<'a> {
    pub(in crate::peers) id: UpdateId,
    pub(in crate::peers) key: &'a [u8],
    pub(in crate::peers) values: Values<'a>,
    /// The time to live that the sender says; none for the full time.
    pub(in crate::peers) expires_in_ms: Option<u32>,
}

impl Update<'_> {
    /// Whether the sender has given the entry up.
    pub(in crate::peers) fn ends_soon(&self) -> bool {
        self.expires_in_ms.is_some_and(|left_ms| left_ms <= END_SOON_MS)
    }
}

/// The values of one update.
#[derive(Clone, Copy, Debug)]
pub(in crate::peers) enum Values<'a> {
    /// The server is all there is.
    Server {
        /// `server_id`.
        id: u32,
        /// `server_key`.
        key: NameId,
    },
    /// The values as bytes, to be read with the plan's columns.
    Encoded(Reader<'a>),
}

/// The names of a sender, and the dictionary that they come into.
#[derive(Debug)]
pub(in crate::peers) struct NameDecoder<'a> {
    /// The names that the sender has defined.
    pub(in crate::peers) learned: &'a mut LearnedNames,
    /// All names.
    pub(in crate::peers) dictionary: &'a mut Dictionary,
}

/// Which of a received and an own counter stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peers) enum Counters {
    /// What was received.
    Received,
    /// The greater.
    Greater,
}

/// The row that values are stored in.
#[derive(Debug)]
pub(in crate::peers) struct TargetRow<'t> {
    pub(in crate::peers) table: &'t mut StickTable,
    pub(in crate::peers) row: RowId,
}

impl DecodePlan {
    /// The plan for the updates behind a definition; `table` is our table of this name. None if
    /// the definition does not say how to read the updates.
    pub(in crate::peers) fn new(
        definition: &Definition<'_>,
        table: Option<&StickTable>,
    ) -> Option<Self> {
        let key_type = update::key_type_from_number(definition.key_type)?;
        let columns = definition.columns().ok()?;
        let learns_local = table.is_some_and(|table| table.declaration().learns_local());
        let received = |column: &Column| {
            let cell = table.and_then(|table| table.cell(column.data_type));
            let cell = cell.filter(|_| learns_local || !column.data_type.is_local());
            let kind = column.data_type.kind();
            ReceivedColumn { kind, elements: column.elements, cell }
        };
        let server = match columns.as_slice() {
            [id, key] if is_server(id.data_type, key.data_type) => {
                table.and_then(StickTable::server_place)
            }
            _ => None,
        };
        Some(Self {
            key_type,
            key_len: definition.key_len,
            expires: definition.expire_ms != Some(0),
            columns: columns.iter().map(received).collect(),
            server,
            is_short: has_short_keys(key_type) && server.is_some(),
        })
    }

    /// Reads an update that has the form of [`ShortUpdate`]. None if the update must be read by
    /// [`DecodePlan::read_fields`].
    ///
    /// This function and the small ones below it are inlined always: left to itself, the compiler
    /// calls them one by one as soon as they have two callers, and learning takes a third longer.
    /// It is apart from `read_fields`, so that most updates need no `Result`.
    #[inline(always)]
    pub(in crate::peers) fn read_short<'a>(
        &self,
        kind: UpdateKind,
        payload: &'a [u8],
        names: &mut NameDecoder<'_>,
    ) -> Option<Update<'a>> {
        if !self.is_short {
            return None;
        }
        let short = ShortUpdate::read(kind, payload)?;
        let key = names.learned.name_in(short.slot(), names.dictionary);
        Some(Update {
            id: UpdateId(short.id),
            key: short.key,
            values: Values::Server { id: short.server_id(), key },
            expires_in_ms: self.time_left(kind, short.expires_in_ms),
        })
    }

    /// Reads an update field by field and checks it to its end. Learns the names that it defines
    /// and changes nothing else. `last` is the id of the update before.
    #[inline(never)]
    pub(in crate::peers) fn read_fields<'a>(
        &self,
        kind: UpdateKind,
        payload: &'a [u8],
        last: UpdateId,
        names: NameDecoder<'_>,
    ) -> Result<Update<'a>, EntryError> {
        let mut payload = Reader::new(payload);
        let id = if kind.explicit { payload.be32()? } else { last.0.wrapping_add(1) };
        let left = if kind.timed { payload.be32()? } else { 0 };
        let key = self.read_key(&mut payload)?;
        let values = self.read_values(payload, names)?;
        Ok(Update { id: UpdateId(id), key, values, expires_in_ms: self.time_left(kind, left) })
    }

    /// The time to live that an update says. Values above 2^31 - 1 are negative: the sender is
    /// late. 0 from a table without expiry is no limit.
    #[inline]
    fn time_left(&self, kind: UpdateKind, field: u32) -> Option<u32> {
        match field {
            _ if !kind.timed => None,
            0 if !self.expires => None,
            0x8000_0000.. => Some(0),
            _ => Some(field),
        }
    }

    #[inline]
    fn read_key<'a>(&self, payload: &mut Reader<'a>) -> Result<&'a [u8], ReadError> {
        update::read_key(payload, self.key_type, self.key_len)
    }

    /// Checks all values of an update and learns its names.
    #[inline]
    fn read_values<'a>(
        &self,
        payload: Reader<'a>,
        names: NameDecoder<'_>,
    ) -> Result<Values<'a>, EntryError> {
        if self.server.is_some() {
            let mut payload = payload;
            let id = low_word(payload.varint()?);
            let key = names.learned.name(Name::read(&mut payload)?, names.dictionary);
            return Ok(Values::Server { id, key });
        }
        let mut checked = payload;
        for column in &self.columns {
            for _ in 0..column.elements {
                Value::read(&mut checked, column.kind)?;
            }
        }
        Ok(Values::Encoded(payload))
    }

    /// Reads an update of a table that is unknown here, for the names that it defines: all tables
    /// of a session share the names.
    #[inline(never)]
    pub(in crate::peers) fn learn_names(
        &self,
        kind: UpdateKind,
        payload: &[u8],
        names: &mut LearnedNames,
    ) -> Result<(), EntryError> {
        let mut payload = Reader::new(payload);
        let fixed = 4 * (u64::from(kind.explicit) + u64::from(kind.timed));
        payload.take(fixed)?;
        self.read_key(&mut payload)?;
        for column in &self.columns {
            for _ in 0..column.elements {
                if let Value::Name(name) = Value::read(&mut payload, column.kind)? {
                    names.note(name);
                }
            }
        }
        Ok(())
    }

    /// Whether an update would change the row. Rates do not count, as their values depend on the
    /// time, and counters only if `with_counters` says so.
    #[cold]
    pub(in crate::peers) fn differs(
        &self,
        values: Values<'_>,
        TargetRow { table, row }: &TargetRow<'_>,
        names: &mut NameDecoder<'_>,
        with_counters: bool,
    ) -> bool {
        let mut payload = match (values, table.server_place()) {
            (Values::Encoded(payload), _) => payload,
            (Values::Server { id, key }, Some(place)) => {
                let (own_id, own_key) = table.server(*row, place);
                return if key == NameId::NONE { id != own_id } else { key != own_key };
            }
            (Values::Server { .. }, None) => return false,
        };
        for column in &self.columns {
            for element in 0..column.elements {
                let Ok(value) = Value::read(&mut payload, column.kind) else { return false };
                let (Some(cell), Ok(element)) = (column.cell, u32::try_from(element)) else {
                    continue;
                };
                let differs = match value {
                    Value::Number(_) if !with_counters && cell.data_type().grows() => false,
                    Value::Number(number) if cell.kind() == Kind::Wide => {
                        number != table.get_u64(*row, cell, element)
                    }
                    Value::Number(number) => low_word(number) != table.get_u32(*row, cell, element),
                    Value::Rate { .. } => false,
                    Value::Name(name) => {
                        let name = names.learned.name(name, names.dictionary);
                        name != NameId::NONE && name.0 != table.get_u32(*row, cell, element)
                    }
                };
                if differs {
                    return true;
                }
            }
        }
        false
    }

    /// Stores the values of an update. Without a row, only the names are learned. With
    /// [`Counters::Greater`], a counter that is greater here stays.
    #[inline(always)]
    pub(in crate::peers) fn store(
        &self,
        values: Values<'_>,
        target: Option<TargetRow<'_>>,
        names: &mut NameDecoder<'_>,
        counters: Counters,
        now_ms: u64,
    ) {
        match (values, target, self.server) {
            (Values::Encoded(payload), target, _) => {
                self.store_encoded(payload, target, names, counters, now_ms);
            }
            (Values::Server { id, key }, Some(TargetRow { table, row }), Some(place)) => {
                table.set_server(row, place, id, key);
            }
            (Values::Server { .. }, ..) => {}
        }
    }

    #[inline(never)]
    fn store_encoded(
        &self,
        mut payload: Reader<'_>,
        mut target: Option<TargetRow<'_>>,
        names: &mut NameDecoder<'_>,
        counters: Counters,
        now_ms: u64,
    ) {
        for column in &self.columns {
            for element in 0..column.elements {
                let Ok(value) = Value::read(&mut payload, column.kind) else { return };
                let (Some(target), Some(cell), Ok(element)) =
                    (&mut target, column.cell, u32::try_from(element))
                else {
                    if let Value::Name(name) = value {
                        names.learned.note(name);
                    }
                    continue;
                };
                match value {
                    Value::Number(number)
                        if counters == Counters::Greater
                            && cell.data_type().grows()
                            && number < target.number(cell, element) => {}
                    Value::Number(number) => target.store_number(cell, element, number),
                    Value::Rate { age_ms, current, previous } => {
                        let (current, previous) = (low_word(current), low_word(previous));
                        let (age_ms, period_ms) = (low_word(age_ms), cell.period_ms());
                        let rate = Rate::learned(age_ms, current, previous, period_ms, now_ms);
                        target.table.set_rate(target.row, cell, element, rate);
                    }
                    Value::Name(name) => {
                        let name = names.learned.name(name, names.dictionary);
                        if name != NameId::NONE {
                            target.table.set_u32(target.row, cell, element, name.0);
                        }
                    }
                }
            }
        }
    }

    /// Stores, of the values of an update, only the counters that are among `grows`, and only where
    /// they are greater than here. Returns whether any was.
    pub(in crate::peers) fn store_greater(
        &self,
        values: Values<'_>,
        target: &mut TargetRow<'_>,
        grows: fn(DataType) -> bool,
    ) -> bool {
        let Values::Encoded(mut payload) = values else { return false };
        let mut has_grown = false;
        for column in &self.columns {
            for element in 0..column.elements {
                let Ok(value) = Value::read(&mut payload, column.kind) else { return has_grown };
                let (Value::Number(received), Some(cell), Ok(element)) =
                    (value, column.cell, u32::try_from(element))
                else {
                    continue;
                };
                if grows(cell.data_type()) && received > target.number(cell, element) {
                    target.store_number(cell, element, received);
                    has_grown = true;
                }
            }
        }
        has_grown
    }
}

impl TargetRow<'_> {
    fn number(&self, cell: Cell, element: u32) -> u64 {
        let Self { table, row } = self;
        match cell.kind() {
            Kind::Wide => table.get_u64(*row, cell, element),
            Kind::Signed | Kind::Unsigned | Kind::Rate | Kind::Name => {
                u64::from(table.get_u32(*row, cell, element))
            }
        }
    }

    fn store_number(&mut self, cell: Cell, element: u32, number: u64) {
        if cell.kind() == Kind::Wide {
            self.table.set_u64(self.row, cell, element, number);
        } else {
            self.table.set_u32(self.row, cell, element, low_word(number));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "senders mean the low 32 bits")]
const fn low_word(value: u64) -> u32 {
    value as u32
}

/// The names that a sender has defined, by slot. A name comes into the dictionary only when an
/// entry of ours has it: other names have no meaning here.
#[derive(Debug)]
pub(in crate::peers) struct LearnedNames {
    slots: [LearnedName; SLOTS + 1],
}

/// The name in a slot.
#[derive(Debug)]
struct LearnedName {
    text: Box<[u8]>,
    number: NameId,
    /// The generation of the dictionary that the number belongs to.
    generation: u32,
}

impl LearnedName {
    #[cold]
    fn look_up(&mut self, dictionary: &mut Dictionary) {
        self.number = dictionary.intern(&self.text).unwrap_or(NameId::NONE);
        self.generation = dictionary.generation();
    }
}

impl LearnedNames {
    pub(in crate::peers) fn new() -> Self {
        let empty = |_| LearnedName { text: Box::default(), number: NameId::NONE, generation: 0 };
        Self { slots: std::array::from_fn(empty) }
    }

    /// The names by slot, in the order of the slots.
    pub(in crate::peers) fn list(&self) -> Vec<(u8, Vec<u8>)> {
        let slots = (0_u8..).zip(&self.slots).filter(|(_, learned)| !learned.text.is_empty());
        slots.map(|(slot, learned)| (slot, learned.text.to_vec())).collect()
    }

    /// Goes on with a name that a predecessor has received.
    pub(in crate::peers) fn set(&mut self, slot: u8, text: &[u8]) {
        self.note(Name::Define(slot, text));
    }

    /// Notes a name that is defined.
    #[inline]
    fn note(&mut self, name: Name<'_>) {
        if let Name::Define(slot, text) = name
            && let Some(learned) = self.slots.get_mut(usize::from(slot))
        {
            // The dictionary does not take a longer name.
            let text = if text.len() <= NAME_LEN_MAX { text } else { &[] };
            *learned = LearnedName { text: text.into(), number: NameId::NONE, generation: 0 };
        }
    }

    /// The number of the name that was received. A slot that was never set has no name, and a name
    /// that the dictionary does not take has no number.
    #[inline]
    fn name(&mut self, name: Name<'_>, dictionary: &mut Dictionary) -> NameId {
        self.note(name);
        let (Name::Slot(slot) | Name::Define(slot, _)) = name else { return NameId::NONE };
        self.name_in(slot, dictionary)
    }

    /// The number of the name in a slot, as [`LearnedNames::name`] gives it.
    #[inline(always)]
    fn name_in(&mut self, slot: u8, dictionary: &mut Dictionary) -> NameId {
        let Some(learned) = self.slots.get_mut(usize::from(slot)) else { return NameId::NONE };
        if learned.number == NameId::NONE || learned.generation != dictionary.generation() {
            learned.look_up(dictionary);
        }
        learned.number
    }
}
