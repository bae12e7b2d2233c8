//! The index of the patterns of one list for one kind of comparison.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::ids::{EntryId, Ids, Keys};
use super::kind::{Kind, Method};
use super::networks::Networks;
use super::pattern::Pattern;
use super::text_part::{TextPart, fits};
use crate::net::regex::{Groups, Regex, Work};

/// What is compared with patterns.
pub trait Subject {
    /// The number that it is.
    fn number(&self) -> Option<i64>;
    /// The address that it is.
    fn address(&self) -> Option<IpAddr>;
    /// Its text.
    fn text(&self) -> Cow<'_, [u8]>;
    /// Its bytes.
    fn bytes(&self) -> Cow<'_, [u8]>;
}

/// The patterns of a list for one kind of comparison. Where several patterns fit, the first one of
/// the list counts, but for beginnings and networks the longest one.
#[derive(Clone, Debug)]
pub(super) enum Index {
    /// Patterns do not count.
    Nothing,
    /// Whole texts: the keys of the list themselves.
    Keys,
    /// Beginnings of texts: the lengths of the keys of the list, with the numbers of such keys.
    Beginnings(BTreeMap<Reverse<usize>, usize>),
    /// Bytes, or whole texts in lower case.
    Hashed(HashMap<Box<[u8]>, Ids>),
    /// Parts of texts, in lower case where case is ignored.
    Parts(TextPart, Vec<(EntryId, Box<[u8]>)>),
    /// Regular expressions.
    Regexes(Vec<(EntryId, Regex)>),
    /// Ranges of numbers, ends included.
    Ranges(Vec<(EntryId, (i64, i64))>),
    /// Networks.
    Networks(Networks),
}

impl Index {
    /// An index without patterns.
    pub(super) fn new(kind: Kind) -> Self {
        match kind.method {
            Method::Found | Method::Bool => Self::Nothing,
            Method::Integer | Method::Version | Method::Length => Self::Ranges(Vec::new()),
            Method::Address => Self::Networks(Networks::default()),
            Method::Regex => Self::Regexes(Vec::new()),
            Method::Binary => Self::Hashed(HashMap::new()),
            Method::Text(TextPart::Whole) if kind.ignores_case => Self::Hashed(HashMap::new()),
            Method::Text(TextPart::Whole) => Self::Keys,
            Method::Text(TextPart::Beginning) if !kind.ignores_case => {
                Self::Beginnings(BTreeMap::new())
            }
            Method::Text(part) => Self::Parts(part, Vec::new()),
        }
    }

    /// Whether HAProxy searches such patterns in a tree.
    pub(super) fn is_tree(&self) -> bool {
        matches!(self, Self::Nothing | Self::Keys | Self::Beginnings(_) | Self::Networks(_))
    }

    /// Adds the pattern of an entry that is newer than the others.
    pub(super) fn add(&mut self, entry: EntryId, pattern: Pattern) {
        match (self, pattern) {
            (Self::Beginnings(lens), Pattern::Text(text)) => {
                *lens.entry(Reverse(text.len())).or_default() += 1;
            }
            (Self::Hashed(hashed), Pattern::Text(key) | Pattern::Bytes(key)) => {
                hashed
                    .entry(key)
                    .and_modify(|ids| ids.add(entry))
                    .or_insert_with(|| Ids::new(entry));
            }
            (Self::Parts(_, parts), Pattern::Text(text)) => parts.push((entry, text)),
            (Self::Regexes(regexes), Pattern::Regex(regex)) => regexes.push((entry, regex)),
            (Self::Ranges(ranges), Pattern::Range(low, high)) => ranges.push((entry, (low, high))),
            (Self::Networks(networks), Pattern::Network(network)) => networks.add(network, entry),
            // The other patterns need no index of their own.
            _ => {}
        }
    }

    /// Removes the pattern of an entry.
    pub(super) fn remove(&mut self, entry: EntryId, key: &str, kind: Kind) {
        match self {
            Self::Nothing | Self::Keys => {}
            Self::Parts(_, parts) => remove(parts, entry),
            Self::Regexes(regexes) => remove(regexes, entry),
            Self::Ranges(ranges) => remove(ranges, entry),
            Self::Beginnings(lens) => {
                let len = Reverse(key.len());
                if let Some(count) = lens.get_mut(&len) {
                    *count -= 1;
                    if *count == 0 {
                        lens.remove(&len);
                    }
                }
            }
            Self::Hashed(hashed) => {
                if let Ok(Pattern::Text(key) | Pattern::Bytes(key)) = Pattern::read(key, kind)
                    && hashed.get_mut(&key).is_some_and(|ids| ids.remove(entry).is_last())
                {
                    hashed.remove(&key);
                }
            }
            Self::Networks(networks) => {
                if let Ok(Pattern::Network(network)) = Pattern::read(key, kind) {
                    networks.remove(network, entry);
                }
            }
        }
    }

    /// Whether the list has this number.
    pub(super) fn number(&self, number: i64) -> Option<EntryId> {
        let Self::Ranges(ranges) = self else { return None };
        let has = |(low, high): (i64, i64)| (low..=high).contains(&number);
        ranges.iter().find(|(_, range)| has(*range)).map(|(entry, _)| *entry)
    }

    /// The entry of the smallest network that has this address.
    pub(super) fn address(&self, address: IpAddr) -> Option<EntryId> {
        let Self::Networks(networks) = self else { return None };
        networks.find(address)
    }

    /// The entry whose pattern fits, and what its groups have matched.
    pub(super) fn find(
        &self,
        kind: Kind,
        keys: &Keys,
        subject: &impl Subject,
        work: &mut Work,
    ) -> Option<(EntryId, Groups)> {
        let entry = match self {
            Self::Nothing => None,
            Self::Keys => keys.get(&subject.text()[..]).map(Ids::first),
            Self::Beginnings(lens) => {
                let text = subject.text();
                let mut lens = lens.keys();
                lens.find_map(|len| keys.get(text.get(..len.0)?)).map(Ids::first)
            }
            Self::Hashed(hashed) => {
                let wanted = match kind.method {
                    Method::Binary => subject.bytes(),
                    _ => Cow::Owned(subject.text().to_ascii_lowercase()),
                };
                hashed.get(&wanted[..]).map(Ids::first)
            }
            Self::Parts(part, parts) => {
                let text = match kind.ignores_case {
                    true => Cow::Owned(subject.text().to_ascii_lowercase()),
                    false => subject.text(),
                };
                let mut parts = parts.iter();
                parts.find(|(_, pattern)| fits(*part, pattern, &text)).map(|(entry, _)| *entry)
            }
            Self::Regexes(regexes) => return find_regex(kind, regexes, &subject.text(), work),
            Self::Ranges(_) if kind.method == Method::Length => {
                self.number(i64::try_from(subject.text().len()).unwrap_or(i64::MAX))
            }
            Self::Ranges(_) => self.number(subject.number()?),
            Self::Networks(_) => self.address(subject.address()?),
        };
        entry.map(|entry| (entry, Groups::default()))
    }
}

fn find_regex(
    kind: Kind,
    regexes: &[(EntryId, Regex)],
    text: &[u8],
    work: &mut Work,
) -> Option<(EntryId, Groups)> {
    let mut regexes = regexes.iter();
    if kind.output.is_none() {
        let (entry, _) = regexes.find(|(_, regex)| regex.is_match(text, work) == Ok(true))?;
        return Some((*entry, Groups::default()));
    }
    regexes.find_map(|(entry, regex)| Some((*entry, regex.find(text, 0, work).ok()??)))
}

/// Removes the element of an entry. Elements stand in the order of their entries.
fn remove<T>(elements: &mut Vec<(EntryId, T)>, entry: EntryId) {
    if let Ok(place) = elements.binary_search_by_key(&entry, |(entry, _)| *entry) {
        elements.remove(place);
    }
}
