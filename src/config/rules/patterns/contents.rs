//! The entries of a list in one version, and the indexes in which they are found.

use std::collections::BTreeMap;

use super::ids::{EntryId, Ids, Keys};
use super::index::{Index, Subject};
use super::kind::{Kind, Method};
use super::pattern::{Pattern, WrongEntry, check_value};
use crate::net::regex::{Groups, Work};

/// A pattern, or a key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The text of the pattern or the key.
    pub key: Box<str>,
    /// The value; empty where the list is no map.
    pub value: Box<str>,
}

/// The entries of a list in one version.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    entries: BTreeMap<EntryId, Entry>,
    keys: Keys,
    /// One index for each kind of the list.
    indexes: Vec<Index>,
}

/// What an entry takes beside its texts, roughly: a row of each table, and the room that tables
/// keep free.
const ENTRY_LEN: usize = 256;
/// What a compiled regular expression takes, roughly, and how much more for each byte of it.
const REGEX_LEN: usize = 512;
const REGEX_BYTE_LEN: usize = 48;

/// The memory that an entry takes, roughly.
pub(super) fn memory_of(key: &str, value: &str, kinds: &[Kind]) -> usize {
    let of_kinds = kinds.iter().map(|kind| match kind.method {
        Method::Regex => REGEX_LEN + REGEX_BYTE_LEN * key.len(),
        _ => key.len(),
    });
    ENTRY_LEN + 2 * key.len() + value.len() + of_kinds.sum::<usize>()
}

impl Contents {
    /// No entries, which would be found in these ways.
    pub(super) fn new(kinds: &[Kind]) -> Self {
        let indexes = kinds.iter().copied().map(Index::new).collect();
        Self { indexes, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries with a higher number than `last`, in the order in which they were added.
    pub(super) fn after(&self, last: EntryId) -> impl Iterator<Item = (EntryId, &Entry)> {
        let next = EntryId(last.0.saturating_add(1));
        self.entries.range(next..).map(|(id, entry)| (*id, entry))
    }

    pub(super) fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn index(&self, kind: u16) -> Option<&Index> {
        self.indexes.get(usize::from(kind))
    }

    /// The entries with this key.
    pub(super) fn with_key(&self, key: &str) -> Vec<EntryId> {
        self.keys.get(key.as_bytes()).map(|ids| ids.all().collect()).unwrap_or_default()
    }

    /// Has the entries found in one more way.
    ///
    /// # Errors
    ///
    /// An entry is wrong for it: the entry, and what is wrong.
    pub(super) fn add_kind(&mut self, kind: Kind) -> Result<(), (EntryId, String)> {
        let mut index = Index::new(kind);
        for (id, entry) in &self.entries {
            let pattern = Pattern::read(&entry.key, kind)
                .map_err(|wrong| (*id, WrongEntry::Key(wrong).about(&entry.key)))?;
            check_value(&entry.value, kind).map_err(|message| (*id, message))?;
            index.add(*id, pattern);
        }
        self.indexes.push(index);
        Ok(())
    }

    /// Adds an entry that is newer than the others.
    ///
    /// # Errors
    ///
    /// The key or the value is wrong for one of the kinds. Nothing is added then.
    pub(super) fn add(
        &mut self,
        id: EntryId,
        (key, value): (&str, &str),
        kinds: &[Kind],
    ) -> Result<(), WrongEntry> {
        let mut patterns = Vec::with_capacity(kinds.len());
        for kind in kinds {
            patterns.push(Pattern::read(key, *kind).map_err(WrongEntry::Key)?);
            check_value(value, *kind).map_err(WrongEntry::Value)?;
        }
        for (index, pattern) in self.indexes.iter_mut().zip(patterns) {
            index.add(id, pattern);
        }
        let ids = self.keys.entry(key.as_bytes().into());
        ids.and_modify(|ids| ids.add(id)).or_insert_with(|| Ids::new(id));
        self.entries.insert(id, Entry { key: key.into(), value: value.into() });
        Ok(())
    }

    /// Gives an entry another value, and returns the old one.
    pub(super) fn set(&mut self, id: EntryId, value: &str) -> Option<Box<str>> {
        let entry = self.entries.get_mut(&id)?;
        Some(std::mem::replace(&mut entry.value, value.into()))
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, id: EntryId, kinds: &[Kind]) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        for (index, kind) in self.indexes.iter_mut().zip(kinds) {
            index.remove(id, &entry.key, *kind);
        }
        let key = entry.key.as_bytes();
        if self.keys.get_mut(key).is_some_and(|ids| ids.remove(id).is_last()) {
            self.keys.remove(key);
        }
        Some(entry)
    }

    /// Removes the newest entry.
    pub(super) fn remove_last(&mut self, kinds: &[Kind]) -> Option<Entry> {
        let (id, _) = self.entries.last_key_value()?;
        self.remove(*id, kinds)
    }

    /// The entry that fits in one way, and what its groups have matched.
    pub(super) fn find(
        &self,
        (at, kind): (u16, Kind),
        subject: &impl Subject,
        work: &mut Work,
    ) -> Option<(EntryId, Groups)> {
        self.index(at)?.find(kind, &self.keys, subject, work)
    }
}
