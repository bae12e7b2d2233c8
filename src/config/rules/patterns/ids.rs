//! The numbers of entries, and which of them have the same key.

use std::collections::HashMap;

/// The number of an entry in its list. A newer entry has a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub u64);

/// The entries of each key.
pub(super) type Keys = HashMap<Box<[u8]>, Ids>;

/// The entries that have the same key, in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    first: EntryId,
    others: Vec<EntryId>,
}

/// Whether the last entry of a key was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    Last,
    NotLast,
}

impl Removed {
    pub(super) fn is_last(self) -> bool {
        self == Self::Last
    }
}

impl Ids {
    pub(super) fn new(first: EntryId) -> Self {
        Self { first, others: Vec::new() }
    }

    /// The oldest entry.
    pub(super) fn first(&self) -> EntryId {
        self.first
    }

    /// Adds an entry that is newer than the others.
    pub(super) fn add(&mut self, entry: EntryId) {
        self.others.push(entry);
    }

    /// Removes an entry. The last one stays, as nothing is left to keep.
    pub(super) fn remove(&mut self, entry: EntryId) -> Removed {
        if let Ok(place) = self.others.binary_search(&entry) {
            self.others.remove(place);
        } else if self.first == entry {
            if self.others.is_empty() {
                return Removed::Last;
            }
            self.first = self.others.remove(0);
        }
        Removed::NotLast
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = EntryId> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}
