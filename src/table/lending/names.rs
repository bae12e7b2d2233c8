//! The names that lent rows refer to.

use std::fs::File;
use std::os::fd::OwnedFd;

use crate::table::dictionary::{Dictionary, NameId};
use crate::table::kept::names;

/// The names of a successor, which may change them at the same time.
#[derive(Debug)]
pub(super) struct LentNames(File);

impl LentNames {
    pub(super) fn new(file: OwnedFd) -> Self {
        Self(File::from(file))
    }

    /// The number here of the name with this number there; none if there is no such name.
    pub(super) fn number_here(&self, number: u32, dictionary: &mut Dictionary) -> NameId {
        let name = names::read_one(&self.0, number).ok().flatten();
        name.and_then(|name| dictionary.intern(&name)).unwrap_or_default()
    }
}
