//! A `resolvers` section as it was typed.

use std::collections::HashMap;

use crate::config::Resolvers;
use crate::config::text::diagnostic::{Place, Placed, Section};
use crate::config::text::gaps::Gaps;

/// One `resolvers` section.
#[derive(Debug)]
pub(in crate::config) struct ResolversDraft {
    pub(in crate::config) place: Place,
    /// What was read so far.
    pub(in crate::config) resolvers: Resolvers,
    /// The place of each nameserver by name.
    pub(in crate::config) places: HashMap<String, Place>,
    /// The lines of the section that could not be read.
    pub(in crate::config) gaps: Gaps,
}

impl ResolversDraft {
    /// The word that opens such a section.
    pub(in crate::config) const WORD: &str = "resolvers";

    pub(in crate::config) fn new(name: &Placed<&str>) -> Self {
        Self {
            place: name.place,
            resolvers: Resolvers::new(name.value),
            places: HashMap::new(),
            gaps: Gaps::default(),
        }
    }

    /// The section as messages name it.
    pub(in crate::config) fn label(&self) -> Option<Section> {
        Some(Section { kind: Self::WORD, name: Some(self.resolvers.name.clone()) })
    }
}
