//! A table of keywords with an index by name.

use std::collections::HashMap;

use super::form::{Keyword, SECTIONS, Scope};
use crate::config::text::diagnostic::{Mistake, Placed};
use crate::config::text::nearest::{did_you_mean, nearest_of};

/// The words of a keyword: the first, and the second if there is one.
type KeywordName<'a> = (&'a str, Option<&'a str>);

/// Rows of keywords with an index by name.
#[derive(Debug)]
pub(in crate::config) struct Table {
    rows: Vec<&'static Keyword>,
    by_name: HashMap<KeywordName<'static>, Vec<&'static Keyword>>,
}

impl Table {
    pub(in crate::config) fn new(rows: impl Iterator<Item = &'static Keyword>) -> Self {
        let rows: Vec<_> = rows.collect();
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows.iter().copied() {
            let name = match row.name.split_once(' ') {
                Some((first, second)) => (first, Some(second)),
                None => (row.name, None),
            };
            by_name.entry(name).or_default().push(row);
        }
        Self { rows, by_name }
    }

    /// The row in `scope` with the name `first second`, or else with the name `first`.
    pub(in crate::config) fn find(
        &self,
        scope: Scope,
        first: &str,
        second: Option<&str>,
    ) -> Option<&'static Keyword> {
        let row = |name: KeywordName<'_>| {
            let rows = self.by_name.get(&name)?;
            rows.iter().copied().rfind(|row| row.scope.meets(scope))
        };
        row((first, second)).or_else(|| row((first, None)))
    }

    /// The mistake of a keyword without a row in `scope`.
    pub(in crate::config) fn unknown(
        &self,
        scope: Scope,
        first: &Placed<&str>,
        second: Option<&str>,
    ) -> Mistake {
        let head = format!("{} ", first.value);
        let is_family = self
            .rows
            .iter()
            .any(|row| row.scope.meets(scope) && row.name.starts_with(head.as_str()));
        let meant = self.meant(scope, first.value, second);
        let typed = match second {
            Some(second) if is_family || meant.is_some_and(|name| name.contains(' ')) => {
                format!("{head}{second}")
            }
            _ => first.value.to_owned(),
        };
        let hint = meant.map(did_you_mean).unwrap_or_default();
        Mistake::new(first.place, format!("unknown keyword '{typed}'{hint}"))
    }

    /// The name of the row that was meant by what was typed, or the word of a section.
    pub(in crate::config) fn meant(
        &self,
        scope: Scope,
        first: &str,
        second: Option<&str>,
    ) -> Option<&'static str> {
        let names = || self.rows.iter().filter(|row| row.scope.meets(scope)).map(|row| row.name);
        let heads = || names().map(|name| name.split(' ').next().unwrap_or(name));
        if heads().any(|head| head == first) {
            // The first word is right, so the second one was mistyped.
            let family = || names().filter_map(|name| Some((name, name.split_once(' ')?)));
            let family = || family().filter(|(_, (head, _))| *head == first);
            let near = nearest_of(second?, family().map(|(_, (_, tail))| tail))?;
            return family().find(|(_, (_, tail))| *tail == near).map(|(name, _)| name);
        }
        let longer = second.and_then(|second| {
            let typed = format!("{first} {second}");
            nearest_of(&typed, names().filter(|name| name.contains(' ')))
        });
        let is_line = Scope::LINES.meets(scope);
        let sections = || SECTIONS.into_iter().filter(|_| is_line);
        longer.or_else(|| nearest_of(first, heads().chain(sections())))
    }
}
