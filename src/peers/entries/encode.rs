//! How the entries of our table are written.

use crate::config::KeyType;
use crate::config::data_type::Kind;
use crate::peers::wire::definition::{Column, OwnDefinition};
use crate::peers::wire::update;
use crate::peers::wire::update::{Name, ShortUpdate, UpdateKind, Value, has_short_keys, is_server};
use crate::peers::wire::{DICTIONARY_SLOTS, Writer};
use crate::table::{Cell, Dictionary, END_SOON_MS, Entry, NameId, StickTable};

const SLOTS: usize = DICTIONARY_SLOTS as usize;

/// How the entries of one of our tables are written.
#[derive(Debug)]
pub(in crate::peers) struct EncodePlan {
    key_type: KeyType,
    key_len: u64,
    expire_ms: u64,
    cells: Vec<Cell>,
    /// Where `server_id` and `server_key` are, if the table stores nothing else and keys have four
    /// bytes. Then most updates have the form of [`ShortUpdate`].
    short: Option<ServerCells>,
}

/// Where an entry has its server.
#[derive(Clone, Copy, Debug)]
struct ServerCells {
    id: Cell,
    key: Cell,
}

/// The names of our dictionary as they are sent in one direction of a session.
#[derive(Debug)]
pub(in crate::peers) struct NameEncoder<'a> {
    /// The names that the other side knows.
    pub(in crate::peers) sent: &'a mut SentNames,
    /// All names.
    pub(in crate::peers) dictionary: &'a Dictionary,
}

impl EncodePlan {
    /// A plan for everything that the table stores. `with_local` includes the number of current
    /// connections, which is sent to peers and not to a successor.
    pub(in crate::peers) fn new(table: &StickTable, with_local: bool) -> Self {
        let declaration = table.declaration();
        let kept = |cell: &&Cell| with_local || !cell.data_type().is_local();
        let cells: Vec<Cell> = table.cells().iter().filter(kept).copied().collect();
        let short = match cells.as_slice() {
            &[id, key]
                if has_short_keys(declaration.key_type)
                    && is_server(id.data_type(), key.data_type()) =>
            {
                Some(ServerCells { id, key })
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

    /// Whether the entries of the table live so long that it means something if one is over soon.
    #[inline]
    pub(in crate::peers) fn lives_longer(&self) -> bool {
        self.expire_ms > 10 * u64::from(END_SOON_MS)
    }

    /// Adds the table's definition.
    pub(in crate::peers) fn write_definition(
        &self,
        out: &mut Writer<'_>,
        table_id: u64,
        name: &[u8],
    ) {
        let column = |cell: &Cell| Column {
            data_type: cell.data_type(),
            elements: u64::from(cell.elements()),
            period_ms: u64::from(cell.period_ms()),
        };
        let columns: Vec<Column> = self.cells.iter().map(column).collect();
        let definition = OwnDefinition {
            table_id,
            name,
            key_type: update::key_type_number(self.key_type),
            key_len: self.key_len,
            columns: &columns,
            expire_ms: self.expire_ms,
        };
        definition.write(out);
    }

    /// Adds an update with an entry's key and values. False if it is too long to be sent.
    #[inline]
    pub(in crate::peers) fn write_update(
        &self,
        out: &mut Writer<'_>,
        kind: UpdateKind,
        update_id: u32,
        entry: &Entry<'_>,
        names: NameEncoder<'_>,
        now_ms: u64,
    ) -> bool {
        let expires_in_ms = if kind.timed { entry.expires_in_ms.unwrap_or(0) } else { 0 };
        names.sent.follow(names.dictionary);
        if let Some(server) = self.short
            && let Some(slot) = names.sent.slot(NameId(entry.cells.get_u32(server.key, 0)))
            && let server_id = entry.cells.get_u32(server.id, 0)
            && let Some(update) =
                ShortUpdate::new(update_id, expires_in_ms, entry.key, server_id, slot)
        {
            update.write(out, kind);
            return true;
        }
        update::write_update(out, kind, update_id, expires_in_ms, |payload| {
            self.write_entry(payload, entry, names, now_ms);
        })
    }

    fn write_entry(
        &self,
        out: &mut Writer<'_>,
        entry: &Entry<'_>,
        names: NameEncoder<'_>,
        now_ms: u64,
    ) {
        update::write_key(out, self.key_type, entry.key);
        let cells = entry.cells;
        for cell in &self.cells {
            for element in 0..cell.elements() {
                match cell.kind() {
                    Kind::Signed => out.varint(extend_sign(cells.get_u32(*cell, element))),
                    Kind::Unsigned => out.varint(u64::from(cells.get_u32(*cell, element))),
                    Kind::Wide => out.varint(cells.get_u64(*cell, element)),
                    Kind::Rate => {
                        let rate = cells.get_rate(*cell, element).as_sent(now_ms);
                        let age_ms = u64::from(rate.age_ms(now_ms));
                        let (current, previous) = (rate.current, rate.previous);
                        let (current, previous) = (u64::from(current), u64::from(previous));
                        Value::Rate { age_ms, current, previous }.write(out);
                    }
                    Kind::Name => {
                        let id = NameId(cells.get_u32(*cell, element));
                        names.sent.name(id, names.dictionary).write(out);
                    }
                }
            }
        }
    }
}

/// A signed 32-bit number, held as its bits, as the 64 bits that are sent.
const fn extend_sign(bits: u32) -> u64 {
    (bits.cast_signed() as i64).cast_unsigned()
}

/// The names that the other side knows from us. A name is sent once in full, with the slot that the
/// other side keeps it in, and then as the number of the slot. Slots are given out in turn, and the
/// oldest is given out again when all are taken.
#[derive(Debug)]
pub(in crate::peers) struct SentNames {
    /// By name number: its slot, 0 if it has none.
    slot_of: Vec<u8>,
    /// By slot: the name in it. The first is not used.
    names: [NameId; SLOTS + 1],
    last_slot: u8,
    /// The generation of the dictionary that these numbers belong to.
    generation: u32,
}

impl SentNames {
    pub(in crate::peers) fn new() -> Self {
        let names = [NameId::NONE; SLOTS + 1];
        Self { slot_of: Vec::new(), names, last_slot: 0, generation: 0 }
    }

    /// The names by slot, in the order of the slots.
    pub(in crate::peers) fn list(&self, dictionary: &Dictionary) -> Vec<(u8, Vec<u8>)> {
        if self.generation != dictionary.generation() {
            return Vec::new();
        }
        let slots = (0_u8..).zip(&self.names);
        let named = slots.filter_map(|(slot, id)| Some((slot, dictionary.name(*id)?.to_vec())));
        named.collect()
    }

    /// Forgets all slots if the dictionary has a new generation, in which numbers may mean other
    /// names. To be called before the names of an entry are asked for.
    #[inline]
    fn follow(&mut self, dictionary: &Dictionary) {
        if self.generation != dictionary.generation() {
            self.generation = dictionary.generation();
            self.forget();
        }
    }

    /// How to send a name. A name without a slot gets the next one.
    #[inline]
    fn name<'d>(&mut self, id: NameId, dictionary: &'d Dictionary) -> Name<'d> {
        match self.slot(id) {
            Some(slot) => Name::Slot(slot),
            None => self.define(id, dictionary),
        }
    }

    /// The slot of a name that the other side knows.
    #[inline]
    fn slot(&self, id: NameId) -> Option<u8> {
        self.slot_of.get(id.0 as usize).copied().filter(|slot| *slot != 0)
    }

    #[cold]
    fn define<'d>(&mut self, id: NameId, dictionary: &'d Dictionary) -> Name<'d> {
        let Some(name) = dictionary.name(id) else { return Name::Absent };
        let slot = if self.last_slot == DICTIONARY_SLOTS { 1 } else { self.last_slot + 1 };
        self.last_slot = slot;
        let previous = std::mem::replace(&mut self.names[usize::from(slot)], id);
        if previous != NameId::NONE {
            self.slot_of[previous.0 as usize] = 0;
        }
        if self.slot_of.len() <= id.0 as usize {
            self.slot_of.resize(id.0 as usize + 1, 0);
        }
        self.slot_of[id.0 as usize] = slot;
        Name::Define(slot, name)
    }

    /// Forgets all slots, because the latest update was not sent: names are sent in full again.
    pub(in crate::peers) fn forget(&mut self) {
        self.slot_of.clear();
        self.names = [NameId::NONE; SLOTS + 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_out_in_turns() {
        let mut dictionary = Dictionary::default();
        let mut sent = SentNames::new();
        let ids: Vec<NameId> =
            (1..=130).map(|n| dictionary.intern(format!("n{n}").as_bytes()).unwrap()).collect();
        for (index, id) in ids.iter().enumerate() {
            let expected = u8::try_from(index % 128 + 1).unwrap();
            let Name::Define(slot, _) = sent.name(*id, &dictionary) else { panic!() };
            assert_eq!(slot, expected);
            assert_eq!(sent.name(*id, &dictionary), Name::Slot(expected));
        }
        assert_eq!(sent.name(ids[0], &dictionary), Name::Define(3, b"n1"));
        assert_eq!(sent.name(NameId::NONE, &dictionary), Name::Absent);
    }
}
