//! A list of patterns in its versions.

use std::collections::BTreeMap;

use super::contents::{Contents, Entry};
use super::ids::EntryId;
use super::index::{Index, Subject};
use super::kind::Kind;
use super::pattern::WrongEntry;
use crate::net::regex::{Groups, Work};

/// A list's position in [`super::PatternLists`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(pub u32);

/// A list, and the way in which its patterns are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatternsId {
    /// The list.
    pub list: ListId,
    /// The position of the kind in the list.
    pub(super) kind: u16,
}

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListForm {
    /// Patterns.
    Acl,
    /// Keys with values.
    Map,
}

/// A version cannot become the one in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionError;

/// What is found in a list.
#[derive(Debug)]
pub struct Found<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// What the groups of its regular expression have matched.
    pub groups: Groups,
}

/// A list of patterns. A version beside the one in effect can be filled and take its place.
#[derive(Clone, Debug)]
pub struct PatternList {
    /// The number by which commands name the list.
    pub number: u32,
    /// The file by which commands name the list.
    pub file: Option<Box<str>>,
    /// What the entries are.
    pub form: ListForm,
    /// What the list is, for its readers.
    pub description: String,
    pub(super) kinds: Vec<Kind>,
    pub(super) current: Contents,
    /// The number of the version in effect.
    pub version: u32,
    /// The number of the version that was prepared last.
    pub next_version: u32,
    pub(super) others: BTreeMap<u32, Contents>,
    last_entry: EntryId,
}

impl PatternList {
    /// An empty list.
    pub(super) fn new(form: ListForm, file: Option<&str>) -> Self {
        Self {
            number: 0,
            file: file.map(Into::into),
            form,
            description: String::new(),
            kinds: Vec::new(),
            current: Contents::default(),
            version: 0,
            next_version: 0,
            others: BTreeMap::new(),
            last_entry: EntryId(0),
        }
    }

    /// The ways in which the patterns are compared, and whether each has a tree.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, bool)> {
        let is_tree = |at| self.current.index(at).is_some_and(Index::is_tree);
        self.kinds.iter().zip(0..).map(move |(kind, at)| (*kind, is_tree(at)))
    }

    /// How many entries the version in effect has.
    pub fn len(&self) -> usize {
        self.current.len()
    }

    /// Whether the version in effect has no entries.
    pub fn is_empty(&self) -> bool {
        self.current.is_empty()
    }

    fn contents(&self, version: u32) -> Option<&Contents> {
        if version == self.version { Some(&self.current) } else { self.others.get(&version) }
    }

    /// The entries of a version with a higher number than `last`, in their order.
    pub fn after(&self, version: u32, last: EntryId) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.contents(version).into_iter().flat_map(move |contents| contents.after(last))
    }

    /// The entry that fits in the way with this position.
    pub fn find(&self, at: u16, subject: &impl Subject, work: &mut Work) -> Option<Found<'_>> {
        let kind = *self.kinds.get(usize::from(at))?;
        let (id, groups) = self.current.find((at, kind), subject, work)?;
        Some(Found { entry: self.current.entry(id)?, groups })
    }

    /// Has the patterns compared in one more way.
    pub(super) fn add_kind(&mut self, kind: Kind) -> Result<u16, (EntryId, String)> {
        if let Some(at) = self.kinds.iter().position(|other| *other == kind) {
            return Ok(u16::try_from(at).unwrap_or(u16::MAX));
        }
        self.current.add_kind(kind)?;
        self.kinds.push(kind);
        Ok(u16::try_from(self.kinds.len() - 1).unwrap_or(u16::MAX))
    }

    /// Adds an entry to a version.
    pub(super) fn add(&mut self, version: u32, entry: (&str, &str)) -> Result<(), WrongEntry> {
        let id = EntryId(self.last_entry.0 + 1);
        if version == self.version {
            self.current.add(id, entry, &self.kinds)?;
        } else {
            let new = || Contents::new(&self.kinds);
            let contents = self.others.entry(version).or_insert_with(new);
            contents.add(id, entry, &self.kinds)?;
        }
        self.last_entry = id;
        Ok(())
    }

    /// Takes the contents of a version away.
    pub(super) fn take(&mut self, version: u32) -> Option<Contents> {
        if version != self.version {
            return self.others.remove(&version);
        }
        let empty = Contents::new(&self.kinds);
        Some(std::mem::replace(&mut self.current, empty))
    }

    /// The number of a version that nothing stands in.
    pub fn prepare(&mut self) -> u32 {
        self.next_version = self.next_version.wrapping_add(1);
        self.next_version
    }

    /// Puts a version into effect. Returns the versions that are older.
    pub(super) fn commit(&mut self, version: u32) -> Result<Vec<Contents>, VersionError> {
        let ahead = version.wrapping_sub(self.version);
        if ahead == 0 || ahead > self.next_version.wrapping_sub(self.version) {
            return Err(VersionError);
        }
        let next = self.take(version).unwrap_or_else(|| Contents::new(&self.kinds));
        self.version = version;
        let mut old = vec![std::mem::replace(&mut self.current, next)];
        let prepared = self.next_version.wrapping_sub(version);
        let is_old = |other: &u32, _: &mut Contents| other.wrapping_sub(version) > prepared;
        old.extend(self.others.extract_if(.., is_old).map(|(_, contents)| contents));
        Ok(old)
    }
}
