//! The names that entries refer to by number (`server_key`), shared by all tables.

use std::collections::HashMap;

/// The most names.
pub const NAMES_MAX: usize = 16_384;
/// The longest name, in bytes.
pub const NAME_LEN_MAX: usize = 256;

/// The number of a name in the [`Dictionary`]; 0 is "no name".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

impl NameId {
    /// "No name".
    pub const NONE: Self = Self(0);
}

/// Every name that an entry may refer to. Names are only ever added, so a number stays good.
#[derive(Debug, Default)]
pub struct Dictionary {
    names: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, NameId>,
}

impl Dictionary {
    /// The number of a name, added if it is new. `None` if the name is empty or longer than
    /// [`NAME_LEN_MAX`], or if it is new and there are [`NAMES_MAX`] already.
    pub fn intern(&mut self, name: &[u8]) -> Option<NameId> {
        if let Some(known) = self.find(name) {
            return Some(known);
        }
        if name.is_empty() || name.len() > NAME_LEN_MAX || self.names.len() == NAMES_MAX {
            return None;
        }
        self.names.push(name.into());
        let number = NameId(u32::try_from(self.names.len()).ok()?);
        self.numbers.insert(name.into(), number);
        Some(number)
    }

    /// The number of a name that was added before.
    pub fn find(&self, name: &[u8]) -> Option<NameId> {
        self.numbers.get(name).copied()
    }

    /// The name with this number; none for 0 and for numbers that were never given out.
    pub fn name(&self, number: NameId) -> Option<&[u8]> {
        let index = usize::try_from(number.0).ok()?.checked_sub(1)?;
        self.names.get(index).map(|name| &**name)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
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

    #[test]
    fn a_full_dictionary_takes_known_names_only() {
        let mut names = Dictionary::default();
        for number in 0..NAMES_MAX {
            assert!(names.intern(number.to_string().as_bytes()).is_some());
        }
        assert_eq!(names.intern(b"one more"), None);
        assert_eq!(names.intern(b"7"), Some(NameId(8)));
        assert_eq!(names.intern(b""), None);
        assert_eq!(Dictionary::default().intern(&[b'x'; NAME_LEN_MAX + 1]), None);
    }
}
