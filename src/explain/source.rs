//! The lines of the configuration's files, as they are written.

use std::collections::HashMap;
use std::fs;

use crate::config::rules::RulePlace;

/// The files, of which a line may be shown. A file is read when the first of its lines is.
#[derive(Debug)]
pub(super) struct Source<'a> {
    names: &'a [String],
    files: HashMap<u16, Vec<String>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        Self { names, files: HashMap::new() }
    }

    /// `file:line`.
    pub(super) fn place(&self, place: RulePlace) -> String {
        let name = self.names.get(usize::from(place.file)).map_or("?", String::as_str);
        format!("{name}:{}", place.line)
    }

    /// The line without blanks around it and without its comment; empty if it cannot be read.
    pub(super) fn line(&mut self, place: RulePlace) -> String {
        let names = self.names;
        let lines = self.files.entry(place.file).or_insert_with(|| {
            let name = names.get(usize::from(place.file));
            let bytes = name.and_then(|name| fs::read(name).ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
        });
        let line = lines.get(place.line.get() as usize - 1).map_or("", String::as_str);
        let line = line.split(" #").next().unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The line and its place.
    pub(super) fn shown(&mut self, place: RulePlace) -> String {
        format!("{}   ({})", self.line(place), self.place(place))
    }
}
