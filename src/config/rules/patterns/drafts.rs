//! The lists of patterns while a configuration is read: uses of the same file share one list.
#![expect(
    clippy::disallowed_types,
    reason = "every reader of an expression may be the first to use a file, and all share the index"
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::ids::EntryId;
use super::kind::Kind;
use super::list::{ListForm, ListId, PatternList, PatternsId};
use super::lists::PatternLists;
use crate::config::drafts::{Begin, path_of};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, all};
use crate::config::text::text_file;

/// The lists that have been read.
#[derive(Debug, Default)]
pub(in crate::config) struct PatternDrafts(RefCell<Drafts>);

#[derive(Debug, Default)]
struct Drafts {
    lists: PatternLists,
    /// Where each list comes from.
    origins: Vec<Origin>,
    /// Where relative names of files begin.
    paths: Vec<Begin>,
}

#[derive(Debug)]
enum Origin {
    File {
        /// The file's own name.
        path: PathBuf,
        /// The lines of the entries.
        lines: Vec<usize>,
        /// Whether it was an `acl` line or a map, and the place of that.
        uses: Vec<(ListForm, Place)>,
    },
    Words {
        /// The sample that is tested.
        sample: String,
        place: Place,
        /// The number that the configuration gives the list.
        number: Option<u32>,
    },
}

impl PatternDrafts {
    /// No lists yet. `paths` say where relative names of files begin.
    pub(in crate::config) fn new(paths: Vec<Begin>) -> Self {
        Self(RefCell::new(Drafts { paths, ..Drafts::default() }))
    }

    /// The patterns of a file, which is read at the first call.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line of it is wrong.
    pub(in crate::config::rules) fn file(
        &self,
        file: &str,
        form: ListForm,
        kind: Kind,
        place: Place,
    ) -> Result<PatternsId, String> {
        let mut drafts = self.0.borrow_mut();
        let path = path_of(&drafts.paths, file, place);
        let list = match drafts.lists.position(|list| list.file.as_deref() == Some(file)) {
            Some(list) => list,
            None => drafts.read_file(file, &path, form)?,
        };
        drafts.use_file(list, &path, (form, place), kind)
    }

    /// The patterns that are words of a test.
    ///
    /// # Errors
    ///
    /// A word is no such pattern, or the number is taken.
    pub(in crate::config::rules) fn words(
        &self,
        sample: &Placed<&str>,
        number: Option<Placed<u32>>,
        kind: Kind,
        patterns: &[Placed<String>],
    ) -> Parsed<PatternsId> {
        let mut drafts = self.0.borrow_mut();
        if let Some(number) = &number
            && drafts.numbers().any(|other| other == number.value)
        {
            let message = format!("another acl has the number {} already", number.value);
            return Err(Mistake::new(number.place, message));
        }
        let mut list = PatternList::new(ListForm::Acl, None);
        let wrong = |(_, message)| Mistake::new(sample.place, message);
        let at = list.add_kind(kind).map_err(wrong)?;
        all(patterns.iter().map(|pattern| {
            let added = list.add(0, (&pattern.value, ""));
            added.map_err(|wrong| Mistake::new(pattern.place, wrong.about(&pattern.value)))
        }))?;
        let name = sample.value.split(['(', ',']).next().unwrap_or_default().to_owned();
        let number = number.map(|number| number.value);
        drafts.origins.push(Origin::Words { sample: name, place: sample.place, number });
        Ok(PatternsId { list: drafts.lists.push(list), kind: at })
    }

    /// The lists, with their numbers and descriptions. None is left. `files` are the files of the
    /// configuration.
    pub(in crate::config) fn take(&self, files: &[String]) -> PatternLists {
        let drafts = self.0.take();
        let taken: BTreeSet<u32> = drafts.numbers().collect();
        let mut free = (0..).filter(|number| !taken.contains(number));
        let mut lists = drafts.lists;
        for (list, origin) in lists.all_mut().zip(drafts.origins) {
            let given = match &origin {
                Origin::Words { number, .. } => *number,
                Origin::File { .. } => None,
            };
            list.number = given.or_else(|| free.next()).unwrap_or(u32::MAX);
            list.description = origin.description(list.file.as_deref().unwrap_or_default(), files);
        }
        lists
    }
}

impl Drafts {
    fn numbers(&self) -> impl Iterator<Item = u32> {
        self.origins.iter().filter_map(|origin| match origin {
            Origin::Words { number, .. } => *number,
            Origin::File { .. } => None,
        })
    }

    fn read_file(&mut self, file: &str, path: &Path, form: ListForm) -> Result<ListId, String> {
        let shown = path.display();
        let cannot = |why: &dyn std::fmt::Display| format!("cannot read '{shown}': {why}");
        let bytes = text_file::read(path).map_err(|error| cannot(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| cannot(&"not valid UTF-8"))?;
        let mut list = PatternList::new(form, Some(file));
        let mut lines = Vec::new();
        for (line, key, value) in entries(&text, form) {
            let added = list.add(0, (key, value));
            added.map_err(|wrong| format!("{shown}:{line}: {}", wrong.about(key)))?;
            lines.push(line);
        }
        self.origins.push(Origin::File { path: path.to_owned(), lines, uses: Vec::new() });
        Ok(self.lists.push(list))
    }

    fn use_file(
        &mut self,
        id: ListId,
        file: &Path,
        (form, place): (ListForm, Place),
        kind: Kind,
    ) -> Result<PatternsId, String> {
        let shown = file.display();
        let list = self.lists.list_mut(id).ok_or("there are too many lists of patterns")?;
        if list.form != form {
            let other = match form {
                ListForm::Acl => "a map with keys and values",
                ListForm::Map => "a list of patterns",
            };
            return Err(format!("'{shown}' is used as {other} elsewhere"));
        }
        let Some(Origin::File { path, lines, uses }) = self.origins.get_mut(id.0 as usize) else {
            return Err(format!("'{shown}' is no file of patterns"));
        };
        if path != file {
            // Commands could not tell one from the other.
            return Err(format!("'{shown}' has the same name as '{}'", path.display()));
        }
        uses.push((form, place));
        let at = list.add_kind(kind).map_err(|(EntryId(entry), message)| {
            let at = usize::try_from(entry).ok().and_then(|entry| lines.get(entry.wrapping_sub(1)));
            format!("{shown}:{}: {message}", at.copied().unwrap_or_default())
        })?;
        Ok(PatternsId { list: id, kind: at })
    }
}

impl Origin {
    /// What the list is, in the words of HAProxy.
    fn description(&self, own: &str, files: &[String]) -> String {
        let name = |place: &Place| files.get(place.file).map_or("", String::as_str);
        match self {
            Self::Words { sample, place, .. } => {
                format!("acl '{sample}' file '{}' line {}", name(place), place.line)
            }
            Self::File { uses, .. } => {
                let mut text = format!("pattern loaded from file '{own}' used");
                for (at, (form, place)) in uses.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    let word = if *form == ListForm::Map { "map" } else { "acl" };
                    let (file, line) = (name(place), place.line);
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{comma} by {word} at file '{file}' line {line}");
                }
                text
            }
        }
    }
}

/// The lines with their numbers, without empty lines and comments: the keys, and the values of a
/// map. A key of a map ends at the first blank.
fn entries(text: &str, form: ListForm) -> impl Iterator<Item = (usize, &str, &str)> {
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (key, value) = match form {
            ListForm::Acl => (line, ""),
            ListForm::Map => line.split_once([' ', '\t']).unwrap_or((line, "")),
        };
        Some((number, key, value.trim_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_map_has_a_key_and_a_value_with_blanks() {
        let text = "a one\n# no\n\n  b \t two words  \nonly\nc # is the value\n";
        let found: Vec<_> = entries(text, ListForm::Map).collect();
        let expected =
            [(1, "a", "one"), (4, "b", "two words"), (5, "only", ""), (6, "c", "# is the value")];
        assert_eq!(found, expected);
        assert_eq!(entries(text, ListForm::Acl).next(), Some((1, "a one", "")));
    }
}
