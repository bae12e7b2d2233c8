//! The names that entries refer to by number (`server_key`), shared by all tables.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;

use super::kept::names::{KEPT_LEN_MAX, KeptNames, NUMBERS};

/// The most names that are not the configuration's own.
pub const NAMES_MAX: usize = 16_384;
/// The longest name, in bytes.
pub const NAME_LEN_MAX: usize = KEPT_LEN_MAX;

/// The number of a name in the [`Dictionary`]; 0 is "no name".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

impl NameId {
    /// "No name".
    pub const NONE: Self = Self(0);

    fn index(self) -> Option<usize> {
        usize::try_from(self.0).ok()?.checked_sub(1)
    }
}

/// Every name that an entry may refer to.
///
/// A name keeps its number until it is swept out. A number that is kept outside of tables needs the
/// [`Dictionary::generation`] beside it: in a later generation it may mean another name.
#[derive(Debug, Default)]
pub struct Dictionary {
    places: Vec<Place>,
    numbers: HashMap<Box<[u8]>, NameId>,
    /// Numbers without a name.
    free: Vec<NameId>,
    /// How many names are kept.
    kept: usize,
    generation: u32,
    refusals: u64,
    /// The names once more, in memory that other processes can keep.
    kept_names: Option<KeptNames>,
}

/// The place of a number.
#[derive(Debug, Default)]
struct Place {
    /// None while the number is free.
    name: Option<Box<[u8]>>,
    /// How many keep it. While any does, it is not swept out.
    keepers: u32,
}

impl Dictionary {
    /// From now on the names lie in memory, too, that other processes can keep.
    pub(super) fn keep_memory(&mut self) {
        match KeptNames::new() {
            Ok(names) => self.keep_in(names),
            Err(error) => log::warn!("memory of names that a crash does not take: {error}"),
        }
    }

    /// The file of the names, if other processes can keep their memory.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.kept_names.as_ref()?.file()
    }

    /// Whether each number that may come has its place in the file.
    pub(super) fn fits_file(&self) -> bool {
        self.places.len() + NAMES_MAX < NUMBERS
    }

    /// Leaves the memory that other processes can keep to another process.
    pub(super) fn stop_keeping(&mut self) -> Option<KeptNames> {
        self.kept_names.take()
    }

    /// Takes back the memory that other processes can keep.
    pub(super) fn keep_in(&mut self, mut names: KeptNames) {
        for (place, number) in self.places.iter().zip(1..) {
            names.set(number, place.name.as_deref().unwrap_or_default());
        }
        names.end_behind(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        self.kept_names = Some(names);
    }

    /// Goes on with the names of a predecessor, under their numbers, and with its memory. The names
    /// that are here already get these numbers, or new ones.
    pub(super) fn succeed(
        &mut self,
        known: Vec<(u32, Box<[u8]>)>,
        kept_names: KeptNames,
    ) -> Renumbered {
        let before = std::mem::take(self);
        self.generation = before.generation.wrapping_add(1);
        self.refusals = before.refusals;
        self.kept_names = Some(kept_names);
        let count = known.iter().map(|(number, _)| *number as usize).max().unwrap_or(0);
        self.places.resize_with(count, Place::default);
        for (number, name) in known {
            self.numbers.insert(name.clone(), NameId(number));
            if let Some(place) = NameId(number).index().and_then(|at| self.places.get_mut(at)) {
                place.name = Some(name);
            }
        }
        let numbers = (1..).map(NameId).zip(&self.places);
        self.free = numbers.filter(|(_, place)| place.name.is_none()).map(|(n, _)| n).collect();
        let mut renumbered = HashMap::new();
        for (number, Place { name, keepers }) in (1..).map(NameId).zip(before.places) {
            let Some(name) = name else { continue };
            let now = match keepers {
                0 => self.intern(&name),
                _ => (0..keepers).filter_map(|_| self.keep(&name)).last(),
            };
            renumbered.insert(number, now.unwrap_or_default());
        }
        Renumbered(renumbered)
    }

    /// The number of a name, added if it is new. `None` if no entry can have such a name, or if
    /// it is new and there are [`NAMES_MAX`] already.
    pub fn intern(&mut self, name: &[u8]) -> Option<NameId> {
        if let Some(known) = self.find(name) {
            return Some(known);
        }
        if !is_name(name) {
            return None;
        }
        if self.is_full() {
            self.refusals += 1;
            return None;
        }
        self.add(name)
    }

    /// The number of the name of a server, which is added if it is new, and stays until it is
    /// released as often as it was kept. `None` if no entry can have such a name.
    pub fn keep(&mut self, name: &[u8]) -> Option<NameId> {
        let number = match self.find(name) {
            Some(known) => known,
            None if is_name(name) => self.add(name)?,
            None => return None,
        };
        let place = self.places.get_mut(number.index()?)?;
        self.kept += usize::from(place.keepers == 0);
        place.keepers += 1;
        Some(number)
    }

    /// One fewer keeps this name.
    pub fn release(&mut self, number: NameId) {
        let place = number.index().and_then(|index| self.places.get_mut(index));
        let Some(place) = place.filter(|place| place.keepers > 0) else { return };
        place.keepers -= 1;
        self.kept -= usize::from(place.keepers == 0);
    }

    fn add(&mut self, name: &[u8]) -> Option<NameId> {
        let number = match self.free.pop() {
            Some(free) => free,
            None => {
                self.places.push(Place::default());
                NameId(u32::try_from(self.places.len()).ok()?)
            }
        };
        self.places.get_mut(number.index()?)?.name = Some(name.into());
        self.numbers.insert(name.into(), number);
        if let Some(kept) = &mut self.kept_names {
            kept.set(number.0, name);
        }
        Some(number)
    }

    /// The number of a name that was added before.
    pub fn find(&self, name: &[u8]) -> Option<NameId> {
        self.numbers.get(name).copied()
    }

    /// The name with this number; none for 0 and for numbers that stand for nothing.
    pub fn name(&self, number: NameId) -> Option<&[u8]> {
        self.places.get(number.index()?)?.name.as_deref()
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether no further name is taken.
    pub fn is_full(&self) -> bool {
        self.numbers.len() - self.kept >= NAMES_MAX
    }

    /// A number that differs whenever names were swept out in between.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// How many names were not taken because there were too many.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Removes all names that are not the configuration's own and that nobody uses.
    pub(super) fn sweep(&mut self, is_used: impl Fn(NameId) -> bool) {
        let before = self.numbers.len();
        for (place, number) in self.places.iter_mut().zip((1..).map(NameId)) {
            if place.keepers > 0 || is_used(number) {
                continue;
            }
            if let Some(name) = place.name.take() {
                self.numbers.remove(&name);
                self.free.push(number);
                if let Some(kept) = &mut self.kept_names {
                    kept.set(number.0, b"");
                }
            }
        }
        if self.numbers.len() < before {
            self.generation = self.generation.wrapping_add(1);
        }
    }
}

/// The names that have other numbers from now on: the old number, and the new one.
#[derive(Debug, Default)]
pub struct Renumbered(HashMap<NameId, NameId>);

impl Renumbered {
    /// The number of a name from now on.
    pub fn number(&self, before: NameId) -> NameId {
        self.0.get(&before).copied().unwrap_or(before)
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() <= NAME_LEN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut names = Dictionary::default();
        let first = names.intern(b"s1").unwrap();
        let second = names.intern(b"s2").unwrap();
        assert_ne!(first, second);
        assert_eq!(names.intern(b"s1"), Some(first));
        assert_eq!(names.name(second), Some(&b"s2"[..]));
        assert_eq!(names.name(NameId::NONE), None);
        assert_eq!(names.name(NameId(3)), None);
    }

    fn full() -> Dictionary {
        let mut names = Dictionary::default();
        for number in 0..NAMES_MAX {
            assert!(names.intern(number.to_string().as_bytes()).is_some());
        }
        names
    }

    #[test]
    fn a_full_dictionary_takes_known_names_only() {
        let mut names = full();
        assert_eq!(names.intern(b"one more"), None);
        assert_eq!(names.intern(b"7"), Some(NameId(8)));
        assert_eq!(names.intern(b""), None);
        assert_eq!(Dictionary::default().intern(&[b'x'; NAME_LEN_MAX + 1]), None);
        assert_eq!(names.refusals(), 1);
    }

    #[test]
    fn names_of_the_configuration_need_no_room_and_stay() {
        let mut names = full();
        let own = names.keep(b"s1").unwrap();
        assert_eq!(names.keep(b"s1"), Some(own));
        assert_eq!(names.keep(b"7"), Some(NameId(8)));
        names.sweep(|_| false);
        assert_eq!(names.len(), 2);
        assert_eq!((names.find(b"s1"), names.find(b"7")), (Some(own), Some(NameId(8))));
        names.release(own);
        names.sweep(|_| false);
        assert_eq!(names.find(b"s1"), Some(own), "it was kept twice");
        names.release(own);
        names.release(own);
        names.sweep(|_| false);
        assert_eq!((names.find(b"s1"), names.len()), (None, 1));
    }

    #[test]
    fn names_that_nobody_uses_make_room_for_others() {
        let mut names = full();
        names.sweep(|number| number.0 <= 100);
        assert_eq!((names.len(), names.generation()), (100, 1));
        assert_eq!((names.name(NameId(100)), names.name(NameId(101))), (Some(&b"99"[..]), None));
        for number in 0..NAMES_MAX - 100 {
            assert!(names.intern(format!("new {number}").as_bytes()).is_some());
        }
        assert!(names.is_full());
        assert_eq!(names.find(b"99"), Some(NameId(100)));
        names.sweep(|_| true);
        assert_eq!(names.generation(), 1, "nothing was swept out");
    }
}
