//! How the entries of one table are written and read, decided once per table definition.

use super::names::{LearnedNames, SentNames};
use crate::config::KeyType;
use crate::config::data_type::{DataType, Kind};
use crate::peers::wire::entry;
use crate::peers::wire::entry::{EntryError, Name, Value};
use crate::peers::wire::message;
use crate::peers::wire::message::{Column, Definition, UpdateKind};
use crate::peers::wire::sticky::StickyUpdate;
use crate::peers::wire::{ReadError, Reader, Writer};
use crate::table::{Cell, Dictionary, Entry, NameId, Rate, RowId, ServerPlace, StickTable};

/// How our entries are written.
#[derive(Debug)]
pub(crate) struct EncodePlan {
    key_type: KeyType,
    key_len: u64,
    expire_ms: u64,
    cells: Vec<Cell>,
    /// `server_id` and `server_key`, if they are all there is and keys have four bytes: then most
    /// updates take the form of [`StickyUpdate`].
    short: Option<(Cell, Cell)>,
}

impl EncodePlan {
    /// A plan for everything that the table stores; `conn_cur` means something to peers only.
    pub(crate) fn new(table: &StickTable, with_local: bool) -> Self {
        let declaration = table.declaration();
        let kept = |cell: &&Cell| with_local || !cell.data_type().is_local();
        let cells: Vec<Cell> = table.cells().iter().filter(kept).copied().collect();
        let short = match cells.as_slice() {
            [id, key]
                if has_short_keys(declaration.key_type)
                    && is_sticky(id.data_type(), key.data_type()) =>
            {
                Some((*id, *key))
            }
            _ => None,
        };
        Self {
            key_type: declaration.key_type,
            key_len: u64::from(declaration.wire_key_len),
            expire_ms: declaration.expire_ms.map_or(0, u64::from),
            cells,
            short,
        }
    }

    /// Adds the table's definition.
    pub(crate) fn write_definition(&self, out: &mut Writer<'_>, table_id: u64, name: &[u8]) {
        let column = |cell: &Cell| Column {
            data_type: cell.data_type(),
            elements: u64::from(cell.elements()),
            period_ms: u64::from(cell.period_ms()),
        };
        let columns: Vec<Column> = self.cells.iter().map(column).collect();
        let key = (entry::key_type_number(self.key_type), self.key_len);
        Definition::write(out, table_id, name, key, &columns, self.expire_ms);
    }

    /// Adds an update with an entry's key and values. False if it is too long to be sent.
    #[inline]
    pub(crate) fn write_update(
        &self,
        out: &mut Writer<'_>,
        kind: UpdateKind,
        update_id: u32,
        entry: &Entry<'_>,
        names: (&mut SentNames, &Dictionary),
        now_ms: u64,
    ) -> bool {
        let expires_in_ms = if kind.timed { entry.expires_in_ms.unwrap_or(0) } else { 0 };
        names.0.follow(names.1);
        if let Some((id, key)) = self.short
            && let Some(slot) = names.0.slot(NameId(entry.cells.get_u32(key, 0)))
            && let server_id = entry.cells.get_u32(id, 0)
            && let Some(update) =
                StickyUpdate::new(update_id, expires_in_ms, entry.key, server_id, slot)
        {
            update.write(out, kind);
            return true;
        }
        message::write_update(out, kind, update_id, expires_in_ms, |payload| {
            self.write_entry(payload, entry, names, now_ms);
        })
    }

    fn write_entry(
        &self,
        out: &mut Writer<'_>,
        entry: &Entry<'_>,
        (sent, dictionary): (&mut SentNames, &Dictionary),
        now_ms: u64,
    ) {
        entry::write_key(out, self.key_type, entry.key);
        let cells = entry.cells;
        for cell in &self.cells {
            for element in 0..cell.elements() {
                match cell.kind() {
                    Kind::Signed => out.varint(extend_sign(cells.get_u32(*cell, element))),
                    Kind::Unsigned => out.varint(u64::from(cells.get_u32(*cell, element))),
                    Kind::Wide => out.varint(cells.get_u64(*cell, element)),
                    Kind::Rate => {
                        let rate = cells.get_rate(*cell, element).told(now_ms);
                        let age_ms = u64::from(rate.age_ms(now_ms));
                        let (current, previous) = (rate.current, rate.previous);
                        let (current, previous) = (u64::from(current), u64::from(previous));
                        Value::Rate { age_ms, current, previous }.write(out);
                    }
                    Kind::Name => {
                        sent.name(NameId(cells.get_u32(*cell, element)), dictionary).write(out);
                    }
                }
            }
        }
    }
}

/// How a sender's entries are read: its data types and element counts rule, not ours.
#[derive(Debug)]
pub(super) struct DecodePlan {
    key_type: KeyType,
    key_len: u64,
    /// The sender's table has a time to live; else a remaining time of 0 means "no end".
    pub(crate) expires: bool,
    steps: Vec<Step>,
    /// Where the values go, if `server_id` and `server_key` are all there is.
    sticky: Option<ServerPlace>,
    /// Updates may have the form of [`StickyUpdate`].
    is_short: bool,
}

/// One data type of the sender.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: Kind,
    elements: u64,
    /// Where it goes; none if it is not stored here or belongs to the sender alone.
    cell: Option<Cell>,
}

/// The values of one update, checked to the end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values<'a> {
    /// All there is are the server's id and its name.
    Sticky {
        /// `server_id`.
        server_id: u32,
        /// `server_key`.
        server_key: NameId,
    },
    /// To be read with the plan's steps.
    Encoded(Reader<'a>),
}

impl DecodePlan {
    /// None if the definition does not say how to read the updates.
    pub(crate) fn new(definition: &Definition<'_>, table: Option<&StickTable>) -> Option<Self> {
        let key_type = entry::key_type_from_number(definition.key_type)?;
        let columns = definition.columns().ok()?;
        let learns_local = table.is_some_and(|table| table.declaration().recv_only);
        let step = |column: &Column| {
            let cell = table.and_then(|table| table.cell(column.data_type));
            let cell = cell.filter(|_| learns_local || !column.data_type.is_local());
            Step { kind: column.data_type.kind(), elements: column.elements, cell }
        };
        let steps: Vec<Step> = columns.iter().map(step).collect();
        let sticky = match columns.as_slice() {
            [id, key] if is_sticky(id.data_type, key.data_type) => {
                table.and_then(StickTable::server_place)
            }
            _ => None,
        };
        let expires = definition.expire_ms != Some(0);
        let is_short = has_short_keys(key_type) && sticky.is_some();
        Some(Self { key_type, key_len: definition.key_len, expires, steps, sticky, is_short })
    }

    /// An update in the form that most have; none if it must be read field by field.
    #[inline(always)]
    pub(super) fn read_short<'a>(
        &self,
        kind: UpdateKind,
        payload: &'a [u8],
    ) -> Option<StickyUpdate<'a>> {
        if self.is_short { StickyUpdate::read(kind, payload) } else { None }
    }

    #[inline]
    pub(crate) fn read_key<'a>(&self, payload: &mut Reader<'a>) -> Result<&'a [u8], ReadError> {
        entry::read_key(payload, self.key_type, self.key_len)
    }

    /// Checks all values of an update and learns its names. Nothing else is changed, and nothing
    /// at all if an error comes out. Numbers of names stay good until names are swept out.
    #[inline]
    pub(super) fn read_values<'a>(
        &self,
        payload: Reader<'a>,
        names: &mut LearnedNames,
        dictionary: &mut Dictionary,
    ) -> Result<Values<'a>, EntryError> {
        if self.sticky.is_some() {
            let mut payload = payload;
            let server_id = low_word(payload.varint()?);
            let server_key = names.name(Name::read(&mut payload)?, dictionary);
            return Ok(Values::Sticky { server_id, server_key });
        }
        let mut checked = payload;
        for step in &self.steps {
            for _ in 0..step.elements {
                Value::read(&mut checked, step.kind)?;
            }
        }
        Ok(Values::Encoded(payload))
    }

    /// Notes the names that an update defines, whose values are for nobody here.
    pub(super) fn note_names(
        &self,
        mut payload: Reader<'_>,
        names: &mut LearnedNames,
    ) -> Result<(), EntryError> {
        for step in &self.steps {
            for _ in 0..step.elements {
                if let Value::Name(name) = Value::read(&mut payload, step.kind)? {
                    names.note(name);
                }
            }
        }
        Ok(())
    }

    /// Stores the values of an update, which [`DecodePlan::read_values`] has checked. Without a
    /// row, only the names are learned.
    #[inline(always)]
    pub(crate) fn apply(
        &self,
        values: Values<'_>,
        target: Option<(&mut StickTable, RowId)>,
        names: (&mut LearnedNames, &mut Dictionary),
        now_ms: u64,
    ) {
        match (values, target, self.sticky) {
            (Values::Encoded(payload), target, _) => {
                self.apply_encoded(payload, target, names, now_ms);
            }
            (Values::Sticky { server_id, server_key }, Some((table, row)), Some(place)) => {
                table.set_server(row, place, server_id, server_key);
            }
            (Values::Sticky { .. }, ..) => {}
        }
    }

    /// Takes of the values, which [`DecodePlan::read_values`] has checked, only the counters that
    /// traffic makes grow, and only where they are greater than here. Whether any was.
    pub(super) fn count_on(&self, values: Values<'_>, table: &mut StickTable, row: RowId) -> bool {
        let Values::Encoded(mut payload) = values else { return false };
        let mut has_grown = false;
        for step in &self.steps {
            for element in 0..step.elements {
                let Ok(value) = Value::read(&mut payload, step.kind) else { return has_grown };
                let (Value::Number(told), Some(cell), Ok(element)) =
                    (value, step.cell, u32::try_from(element))
                else {
                    continue;
                };
                let here = match step.kind {
                    Kind::Wide => table.get_u64(row, cell, element),
                    Kind::Signed | Kind::Unsigned | Kind::Rate | Kind::Name => {
                        u64::from(table.get_u32(row, cell, element))
                    }
                };
                if cell.data_type().counts_traffic() && told > here {
                    store(table, row, (cell, element), value, NameId::NONE, 0);
                    has_grown = true;
                }
            }
        }
        has_grown
    }

    #[inline(never)]
    fn apply_encoded(
        &self,
        mut payload: Reader<'_>,
        mut target: Option<(&mut StickTable, RowId)>,
        (names, dictionary): (&mut LearnedNames, &mut Dictionary),
        now_ms: u64,
    ) {
        for step in &self.steps {
            for element in 0..step.elements {
                let Ok(value) = Value::read(&mut payload, step.kind) else { return };
                let (Some((table, row)), Some(cell), Ok(element)) =
                    (&mut target, step.cell, u32::try_from(element))
                else {
                    if let Value::Name(name) = value {
                        names.note(name);
                    }
                    continue;
                };
                let name = match value {
                    Value::Name(name) => names.name(name, dictionary),
                    Value::Number(_) | Value::Rate { .. } => NameId::NONE,
                };
                store(table, *row, (cell, element), value, name, now_ms);
            }
        }
    }
}

fn store(
    table: &mut StickTable,
    row: RowId,
    (cell, element): (Cell, u32),
    value: Value<'_>,
    name: NameId,
    now_ms: u64,
) {
    match value {
        Value::Number(number) => {
            if cell.kind() == Kind::Wide {
                table.set_u64(row, cell, element, number);
            } else {
                table.set_u32(row, cell, element, low_word(number));
            }
        }
        Value::Rate { age_ms, current, previous } => {
            let (current, previous) = (low_word(current), low_word(previous));
            let period_ms = cell.period_ms();
            let rate = Rate::learned(low_word(age_ms), current, previous, period_ms, now_ms);
            table.set_rate(row, cell, element, rate);
        }
        Value::Name(_) if name != NameId::NONE => table.set_u32(row, cell, element, name.0),
        Value::Name(_) => {}
    }
}

/// A signed 32-bit number, held as its bits, as the 64 bits that are sent.
const fn extend_sign(bits: u32) -> u64 {
    (bits.cast_signed() as i64).cast_unsigned()
}

#[expect(clippy::cast_possible_truncation, reason = "senders mean the low 32 bits (8.3)")]
const fn low_word(value: u64) -> u32 {
    value as u32
}

/// Whether keys have the four bytes that [`StickyUpdate`] has room for.
fn has_short_keys(key_type: KeyType) -> bool {
    matches!(key_type, KeyType::Integer | KeyType::Ipv4)
}

/// Whether two data types are what says which server a client has.
fn is_sticky(first: DataType, second: DataType) -> bool {
    (first, second) == (DataType::ServerId, DataType::ServerKey)
}
