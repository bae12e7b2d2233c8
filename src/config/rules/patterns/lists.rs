//! All lists of patterns of a process, and the memory that they may take.

use std::net::IpAddr;

use super::contents::{Contents, memory_of};
use super::ids::EntryId;
use super::index::Subject;
use super::kind::Kind;
use super::list::{Found, ListForm, ListId, PatternList, PatternsId, VersionError};
use super::pattern::{WrongEntry, check_value};
use crate::net::regex::Work;

/// The memory that commands may fill, roughly: about a million short entries.
const ROOM: usize = 256 << 20;
/// How many discarded entries a change removes, so that those which a client has left go at last.
const DISCARDED_BY_CHANGE: u32 = 64;

/// All lists of patterns.
#[derive(Clone, Debug, Default)]
pub struct PatternLists {
    lists: Vec<PatternList>,
    /// The memory that all entries take, roughly.
    used: usize,
    /// The most that they may take.
    limit: usize,
    /// What is to be removed, with the list that it belonged to.
    discarded: Vec<(ListId, Contents)>,
}

/// Which entries a command means.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// Those with this key.
    Key(&'a str),
    /// The one with this number.
    Entry(EntryId),
}

/// Why a list was not changed.
#[derive(Debug)]
pub enum ChangeError {
    /// No entry was selected.
    NotFound,
    /// The key or the value is wrong.
    Wrong(WrongEntry),
    /// There is no room for more.
    Full,
}

impl PatternLists {
    /// Adds a list.
    pub(super) fn push(&mut self, list: PatternList) -> ListId {
        self.lists.push(list);
        ListId(u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX))
    }

    /// A list of these patterns, for tests.
    #[cfg(test)]
    pub(crate) fn of_words(kind: Kind, patterns: &[&str]) -> (Self, PatternsId) {
        let mut list = PatternList::new(ListForm::Acl, None);
        let kind = list.add_kind(kind).unwrap();
        for pattern in patterns {
            list.add(0, (pattern, "")).unwrap();
        }
        let mut lists = Self::default();
        let list = lists.push(list);
        (lists, PatternsId { list, kind })
    }

    /// The memory that commands may fill begins with what is there now.
    pub fn begin(&mut self) {
        let memory = |list: &PatternList| -> usize {
            let entries = list.after(list.version, EntryId(0));
            entries.map(|(_, entry)| memory_of(&entry.key, &entry.value, &list.kinds)).sum()
        };
        self.used = self.lists.iter().map(memory).sum();
        self.limit = self.used + ROOM;
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The lists.
    pub fn all(&self) -> impl Iterator<Item = &PatternList> {
        self.lists.iter()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut PatternList> {
        self.lists.iter_mut()
    }

    /// A list.
    pub fn list(&self, id: ListId) -> Option<&PatternList> {
        self.lists.get(id.0 as usize)
    }

    /// A list, to change it.
    pub fn list_mut(&mut self, id: ListId) -> Option<&mut PatternList> {
        self.lists.get_mut(id.0 as usize)
    }

    /// The list of this form for which `is_wanted` holds.
    pub fn position(&self, is_wanted: impl Fn(&PatternList) -> bool) -> Option<ListId> {
        let place = self.lists.iter().position(is_wanted)?;
        u32::try_from(place).ok().map(ListId)
    }

    /// How the patterns are compared.
    pub fn kind(&self, id: PatternsId) -> Option<Kind> {
        self.list(id.list)?.kinds.get(usize::from(id.kind)).copied()
    }

    /// The entry that fits a value.
    pub fn find(
        &self,
        id: PatternsId,
        subject: &impl Subject,
        work: &mut Work,
    ) -> Option<Found<'_>> {
        self.list(id.list)?.find(id.kind, subject, work)
    }

    /// Whether the patterns have this number.
    pub fn has_number(&self, id: PatternsId, number: i64) -> bool {
        let index = self.list(id.list).and_then(|list| list.current.index(id.kind));
        index.is_some_and(|index| index.number(number).is_some())
    }

    /// Whether the patterns have this address.
    pub fn has_address(&self, id: PatternsId, address: IpAddr) -> bool {
        let index = self.list(id.list).and_then(|list| list.current.index(id.kind));
        index.is_some_and(|index| index.address(address).is_some())
    }

    /// Adds an entry to a version of a list.
    ///
    /// # Errors
    ///
    /// The entry is wrong, or there is no room.
    pub fn add(
        &mut self,
        id: ListId,
        version: Option<u32>,
        (key, value): (&str, &str),
    ) -> Result<(), ChangeError> {
        self.discard(DISCARDED_BY_CHANGE);
        let list = self.lists.get_mut(id.0 as usize).ok_or(ChangeError::NotFound)?;
        let memory = self.used.saturating_add(memory_of(key, value, &list.kinds));
        if memory > self.limit {
            return Err(ChangeError::Full);
        }
        list.add(version.unwrap_or(list.version), (key, value)).map_err(ChangeError::Wrong)?;
        self.used = memory;
        Ok(())
    }

    /// Gives entries of the version in effect another value.
    ///
    /// # Errors
    ///
    /// There is no such entry, the value is wrong, or there is no room.
    pub fn set(
        &mut self,
        id: ListId,
        selection: Selection<'_>,
        value: &str,
    ) -> Result<(), ChangeError> {
        self.discard(DISCARDED_BY_CHANGE);
        let list = self.lists.get_mut(id.0 as usize).ok_or(ChangeError::NotFound)?;
        let entries = selected(list, selection);
        if entries.is_empty() {
            return Err(ChangeError::NotFound);
        }
        for kind in &list.kinds {
            let wrong = |message| ChangeError::Wrong(WrongEntry::Value(message));
            check_value(value, *kind).map_err(wrong)?;
        }
        if self.used.saturating_add(entries.len() * value.len()) > self.limit {
            return Err(ChangeError::Full);
        }
        for entry in entries {
            let old = list.current.set(entry, value);
            let old_len = old.map_or(0, |old| old.len());
            self.used = self.used.saturating_add(value.len()).saturating_sub(old_len);
        }
        Ok(())
    }

    /// Removes entries of the version in effect.
    ///
    /// # Errors
    ///
    /// There is no such entry.
    pub fn remove(&mut self, id: ListId, selection: Selection<'_>) -> Result<(), ChangeError> {
        let list = self.lists.get_mut(id.0 as usize).ok_or(ChangeError::NotFound)?;
        let entries = selected(list, selection);
        if entries.is_empty() {
            return Err(ChangeError::NotFound);
        }
        // The newest first: of many entries with one key, the last one goes fastest.
        for entry in entries.into_iter().rev() {
            if let Some(entry) = list.current.remove(entry, &list.kinds) {
                let memory = memory_of(&entry.key, &entry.value, &list.kinds);
                self.used = self.used.saturating_sub(memory);
            }
        }
        Ok(())
    }

    /// Empties a version of a list. [`Self::discard`] has to remove what was in it.
    pub fn clear(&mut self, id: ListId, version: Option<u32>) {
        let Some(list) = self.lists.get_mut(id.0 as usize) else { return };
        let old = list.take(version.unwrap_or(list.version));
        self.discarded.extend(old.map(|contents| (id, contents)));
    }

    /// Puts a version into effect. [`Self::discard`] has to remove what was before.
    ///
    /// # Errors
    ///
    /// The version was not prepared, or is older than the one in effect.
    pub fn commit(&mut self, id: ListId, version: u32) -> Result<(), VersionError> {
        let list = self.lists.get_mut(id.0 as usize).ok_or(VersionError)?;
        let old = list.commit(version)?;
        self.discarded.extend(old.into_iter().map(|contents| (id, contents)));
        Ok(())
    }

    /// Removes a number of the entries that are out of use. Returns whether none is left.
    pub fn discard(&mut self, count: u32) -> bool {
        for _ in 0..count {
            let Some((id, contents)) = self.discarded.last_mut() else { return true };
            let kinds = self.lists.get(id.0 as usize).map(|list| &list.kinds[..]);
            let kinds = kinds.unwrap_or_default();
            match contents.remove_last(kinds) {
                Some(entry) => {
                    let memory = memory_of(&entry.key, &entry.value, kinds);
                    self.used = self.used.saturating_sub(memory);
                }
                None => {
                    self.discarded.pop();
                }
            }
        }
        self.discarded.is_empty()
    }
}

/// The entries of the version in effect that a command means.
fn selected(list: &PatternList, selection: Selection<'_>) -> Vec<EntryId> {
    match selection {
        Selection::Key(key) => list.current.with_key(key),
        Selection::Entry(id) => list.current.entry(id).map(|_| id).into_iter().collect(),
    }
}

impl PatternList {
    /// Whether commands about lists of this form may name it by this name: a file, or a number
    /// behind `#`.
    pub fn is_named(&self, form: ListForm, name: &str) -> bool {
        self.form == form
            && match name.strip_prefix('#') {
                Some(number) => number.parse() == Ok(self.number),
                None => self.file.as_deref() == Some(name),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rules::patterns::{Method, Output, TextPart};
    use std::borrow::Cow;

    struct Text<'a>(&'a str);

    impl Subject for Text<'_> {
        fn number(&self) -> Option<i64> {
            self.0.parse().ok()
        }
        fn address(&self) -> Option<IpAddr> {
            self.0.parse().ok()
        }
        fn text(&self) -> Cow<'_, [u8]> {
            Cow::Borrowed(self.0.as_bytes())
        }
        fn bytes(&self) -> Cow<'_, [u8]> {
            self.text()
        }
    }

    const PARTS: [TextPart; 3] = [TextPart::Whole, TextPart::Beginning, TextPart::Inside];

    /// One map that is looked up in three ways.
    fn lists() -> PatternLists {
        let mut list = PatternList::new(ListForm::Map, Some("/m"));
        for part in PARTS {
            let output = Some(Output::Text);
            list.add_kind(Kind { method: Method::Text(part), ignores_case: false, output })
                .unwrap();
        }
        let mut lists = PatternLists::default();
        lists.push(list);
        lists.begin();
        lists
    }

    const ID: ListId = ListId(0);

    fn values(lists: &PatternLists, text: &str) -> [Option<String>; 3] {
        [0, 1, 2].map(|kind| {
            let id = PatternsId { list: ID, kind };
            let found = lists.find(id, &Text(text), &mut Work::new(1000));
            found.map(|found| found.entry.value.to_string())
        })
    }

    fn all(value: &str) -> [Option<String>; 3] {
        [0, 1, 2].map(|_| Some(value.to_owned()))
    }

    #[test]
    fn the_first_entry_counts_until_it_is_removed() {
        let mut lists = lists();
        let before = lists.used;
        for value in ["1", "2", "3"] {
            lists.add(ID, None, ("k", value)).unwrap();
        }
        assert_eq!(values(&lists, "k"), all("1"));
        lists.remove(ID, Selection::Entry(EntryId(1))).unwrap();
        assert_eq!(values(&lists, "k"), all("2"));
        lists.set(ID, Selection::Key("k"), "longer").unwrap();
        assert_eq!(values(&lists, "k"), all("longer"));
        lists.remove(ID, Selection::Key("k")).unwrap();
        assert_eq!(values(&lists, "k"), [None, None, None]);
        assert!(matches!(lists.remove(ID, Selection::Key("k")), Err(ChangeError::NotFound)));
        assert_eq!(lists.used, before);
    }

    #[test]
    fn a_version_counts_from_its_commit_on_and_takes_the_older_ones_away() {
        let mut lists = lists();
        let before = lists.used;
        lists.add(ID, None, ("k", "old")).unwrap();
        let prepared: Vec<u32> = (0..3).map(|_| lists.list_mut(ID).unwrap().prepare()).collect();
        assert_eq!(prepared, [1, 2, 3]);
        for version in prepared {
            lists.add(ID, Some(version), ("k", &version.to_string())).unwrap();
        }
        assert_eq!(values(&lists, "k"), all("old"));
        lists.commit(ID, 2).unwrap();
        assert_eq!(values(&lists, "k"), all("2"));
        for version in [0, 1, 2, 4] {
            assert!(lists.commit(ID, version).is_err(), "{version}");
        }
        assert!(!lists.discard(1));
        assert!(lists.discard(100));
        lists.commit(ID, 3).unwrap();
        assert_eq!(values(&lists, "k"), all("3"));
        lists.clear(ID, None);
        assert!(lists.discard(100));
        assert_eq!(lists.used, before);
    }

    #[test]
    fn commands_fill_no_more_memory_than_there_is_room() {
        let mut lists = lists();
        lists.limit = lists.used + 10 * memory_of("key", "value", &[]);
        let added = (0..100).take_while(|_| lists.add(ID, None, ("key", "value")).is_ok()).count();
        assert!((1..=10).contains(&added), "{added}");
        assert!(matches!(lists.add(ID, Some(7), ("a", "b")), Err(ChangeError::Full)));
        let long = "x".repeat(10_000);
        assert!(matches!(lists.set(ID, Selection::Key("key"), &long), Err(ChangeError::Full)));
        lists.clear(ID, None);
        assert!(lists.discard(1000));
        lists.add(ID, Some(7), ("a", "b")).unwrap();
    }
}
