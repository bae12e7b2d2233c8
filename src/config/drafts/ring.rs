//! A `ring` section as it was typed.

use std::collections::HashMap;

use crate::config::Ring;
use crate::config::text::diagnostic::{Place, Placed, Section};
use crate::config::text::gaps::Gaps;

/// One `ring` section.
#[derive(Debug)]
pub(in crate::config) struct RingDraft {
    pub(in crate::config) place: Place,
    /// What was read so far.
    pub(in crate::config) ring: Ring,
    /// The place of `maxlen`.
    pub(in crate::config) maxlen_place: Option<Place>,
    /// The place of each server by name.
    pub(in crate::config) server_places: HashMap<String, Place>,
    /// The lines of the section that could not be read.
    pub(in crate::config) gaps: Gaps,
}

impl RingDraft {
    /// The word that opens such a section.
    pub(in crate::config) const WORD: &str = "ring";

    pub(in crate::config) fn new(name: &Placed<&str>) -> Self {
        Self {
            place: name.place,
            ring: Ring::new(name.value),
            maxlen_place: None,
            server_places: HashMap::new(),
            gaps: Gaps::default(),
        }
    }

    /// The section as messages name it.
    pub(in crate::config) fn label(&self) -> Option<Section> {
        Some(Section { kind: Self::WORD, name: Some(self.ring.name.clone()) })
    }
}
