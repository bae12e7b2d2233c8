//! The dictionary caches of a session: names are sent once per direction, then by slot number
//! (protocol.md, 8.4).

use crate::peers::wire::DICTIONARY_SLOTS;
use crate::peers::wire::entry::Name;
use crate::table::{Dictionary, NAME_LEN_MAX, NameId};

const SLOTS: usize = DICTIONARY_SLOTS as usize;

/// The names that the other side knows from us: slots in turns, by the name's number.
#[derive(Debug)]
pub(crate) struct SentNames {
    /// By name number: its slot, 0 if it has none.
    slot_of: Vec<u8>,
    /// By slot: the name in it. The first is not used.
    names: [NameId; SLOTS + 1],
    last_slot: u8,
    /// The dictionary's, when these numbers were noted.
    generation: u32,
}

impl SentNames {
    pub(crate) fn new() -> Self {
        let names = [NameId::NONE; SLOTS + 1];
        Self { slot_of: Vec::new(), names, last_slot: 0, generation: 0 }
    }

    /// The names by slot, in the order of the slots.
    pub(crate) fn list(&self, dictionary: &Dictionary) -> Vec<(u8, Vec<u8>)> {
        if self.generation != dictionary.generation() {
            return Vec::new();
        }
        let slots = (0_u8..).zip(&self.names);
        let named = slots.filter_map(|(slot, id)| Some((slot, dictionary.name(*id)?.to_vec())));
        named.collect()
    }

    /// To be called before the names of an entry are asked for: numbers may mean other names now.
    #[inline]
    pub(crate) fn follow(&mut self, dictionary: &Dictionary) {
        if self.generation != dictionary.generation() {
            self.generation = dictionary.generation();
            self.forget();
        }
    }

    /// How to send a name. One that needs a slot gets the next.
    #[inline]
    pub(crate) fn name<'d>(&mut self, id: NameId, dictionary: &'d Dictionary) -> Name<'d> {
        match self.slot(id) {
            Some(slot) => Name::Slot(slot),
            None => self.define(id, dictionary),
        }
    }

    /// The slot of a name that needs not be sent in full.
    #[inline]
    pub(crate) fn slot(&self, id: NameId) -> Option<u8> {
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

    /// The latest update was not sent after all: names are to be sent in full again.
    pub(crate) fn forget(&mut self) {
        self.slot_of.clear();
        self.names = [NameId::NONE; SLOTS + 1];
    }
}

/// The names that we know from the other side, by slot. They come into the dictionary only when
/// an entry of ours has them: others mean nothing here.
#[derive(Debug)]
pub(crate) struct LearnedNames {
    slots: [Learned; SLOTS + 1],
}

/// The name in a slot.
#[derive(Debug)]
struct Learned {
    text: Box<[u8]>,
    number: NameId,
    /// The dictionary's, when this number was noted.
    generation: u32,
}

impl Learned {
    #[cold]
    fn look_up(&mut self, dictionary: &mut Dictionary) {
        self.number = dictionary.intern(&self.text).unwrap_or(NameId::NONE);
        self.generation = dictionary.generation();
    }
}

impl LearnedNames {
    pub(crate) fn new() -> Self {
        let empty = |_| Learned { text: Box::default(), number: NameId::NONE, generation: 0 };
        Self { slots: std::array::from_fn(empty) }
    }

    /// The names by slot, in the order of the slots.
    pub(crate) fn list(&self) -> Vec<(u8, Vec<u8>)> {
        let slots = (0_u8..).zip(&self.slots).filter(|(_, learned)| !learned.text.is_empty());
        slots.map(|(slot, learned)| (slot, learned.text.to_vec())).collect()
    }

    /// Notes what a name defines.
    #[inline]
    pub(crate) fn note(&mut self, name: Name<'_>) {
        if let Name::Define(slot, text) = name
            && let Some(learned) = self.slots.get_mut(usize::from(slot))
        {
            // What the dictionary cannot take need not be kept.
            let text = if text.len() <= NAME_LEN_MAX { text } else { &[] };
            *learned = Learned { text: text.into(), number: NameId::NONE, generation: 0 };
        }
    }

    /// The name that was received. A slot that was never set is no name, and so is one that the
    /// dictionary does not take.
    #[inline]
    pub(crate) fn name(&mut self, name: Name<'_>, dictionary: &mut Dictionary) -> NameId {
        self.note(name);
        let (Name::Slot(slot) | Name::Define(slot, _)) = name else { return NameId::NONE };
        self.name_in(slot, dictionary)
    }

    /// The name in a slot, as [`LearnedNames::name`] gives it.
    #[inline(always)]
    pub(crate) fn name_in(&mut self, slot: u8, dictionary: &mut Dictionary) -> NameId {
        let Some(learned) = self.slots.get_mut(usize::from(slot)) else { return NameId::NONE };
        if learned.number == NameId::NONE || learned.generation != dictionary.generation() {
            learned.look_up(dictionary);
        }
        learned.number
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
