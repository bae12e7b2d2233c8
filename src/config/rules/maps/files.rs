//! The maps that have been read: converters with the same file and kind share one.
#![expect(
    clippy::disallowed_types,
    reason = "every reader of an expression may be the first to use a map, and all share the index"
)]

use std::cell::RefCell;

use super::map::Map;
use super::read;
use super::read::{Matching, Output};
use crate::config::MapId;

/// The maps that have been read, each with its file and kind.
#[derive(Debug, Default)]
pub(in crate::config) struct MapFiles(RefCell<Vec<(Kind, Map)>>);

type Kind = (String, Matching, Output);

impl MapFiles {
    /// The map of a file, which is read at the first call.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line has a wrong key or a wrong value.
    pub(in crate::config::rules) fn map(
        &self,
        file: &str,
        matching: Matching,
        output: Output,
    ) -> Result<MapId, String> {
        let mut maps = self.0.borrow_mut();
        let kind = (file.to_owned(), matching, output);
        let place = match maps.iter().position(|(other, _)| *other == kind) {
            Some(place) => place,
            None => {
                maps.push((kind, read::read(file, matching, output)?));
                maps.len() - 1
            }
        };
        u16::try_from(place).map(MapId).map_err(|_| "there are too many maps".to_owned())
    }

    /// The maps, in the order of their ids. None is left.
    pub(in crate::config) fn take(&self) -> Vec<Map> {
        self.0.take().into_iter().map(|(_, map)| map).collect()
    }
}
