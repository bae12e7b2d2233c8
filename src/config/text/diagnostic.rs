//! What is wrong with a configuration, and where: diagnostics as data, collected over a whole run.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::fold;
use super::fold::Inert;
use crate::config::keywords::inert::OF_HTTP;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration means something else than its author may think.
    Warning,
    /// The configuration cannot be used.
    Error,
}

/// The section that a line stands in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// The word that opens it, `backend` for instance.
    pub kind: &'static str,
    /// Its name, if it has one.
    pub name: Option<String>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} '{name}'", self.kind),
            None => write!(f, "'{}'", self.kind),
        }
    }
}

/// One thing to tell the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named to us.
    pub file: String,
    /// The line, from 1; 0 when it is about the file, or the configuration, as a whole.
    pub line: u32,
    /// The column in bytes, from 1; 0 when it is about the line as a whole.
    pub column: u32,
    /// The section that the line stands in.
    pub section: Option<Section>,
    /// What is wrong, without the place.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        f.write_str(": ")?;
        if let Some(section) = &self.section {
            write!(f, "in {section}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// How many there are, in words.
pub fn count(diagnostics: &[Diagnostic]) -> String {
    let number = |severity, word: &str| {
        let count = diagnostics.iter().filter(|found| found.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {word}{plural}"))
    };
    let numbers = [number(Severity::Error, "error"), number(Severity::Warning, "warning")];
    numbers.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A place in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// The position in the report's list of files.
    pub(crate) file: usize,
    /// The line, from 1.
    pub(crate) line: u32,
    /// The column, from 1.
    pub(crate) column: u32,
}

/// Something that was typed, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// What stops the reading of one line.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    pub(crate) message: String,
    /// What else is wrong in the same line.
    more: Vec<Self>,
}

/// The message of a mistake that follows from another one, which has been reported.
pub(crate) const TOLD: &str = "";

impl Mistake {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), more: Vec::new() }
    }

    /// Both mistakes.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.more.push(other);
        self
    }
}

/// The result of reading one line, or a part of it.
pub(crate) type Parsed<T = ()> = Result<T, Mistake>;

/// Two parts of a line, or what is wrong in either.
pub(crate) fn both<A, B>(first: Parsed<A>, second: Parsed<B>) -> Parsed<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mistake), Ok(_)) | (Ok(_), Err(mistake)) => Err(mistake),
        (Err(mistake), Err(other)) => Err(mistake.and(other)),
    }
}

/// Many parts of a line, or what is wrong in any of them.
pub(crate) fn all<T>(parts: impl Iterator<Item = Parsed<T>>) -> Parsed<Vec<T>> {
    let mut read = Ok(Vec::new());
    for part in parts {
        read = both(read, part).map(|(mut read, part)| {
            read.push(part);
            read
        });
    }
    read
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    files: Vec<String>,
    section: Option<Section>,
    found: Vec<(Place, Diagnostic)>,
    /// Where mistakes are of which nothing is said: they follow from others.
    told: Vec<Place>,
    inert: Vec<Inert>,
    /// Errors that are about HTTP.
    http: Vec<(Place, Diagnostic)>,
    /// Sections of which nothing is said that is about HTTP.
    refused: HashSet<Option<Section>>,
    /// Where words are that a variable left empty, and its name.
    emptied: HashMap<Place, String>,
}

impl Report {
    /// A further file; places name it by the number that is returned.
    pub(super) fn add_file(&mut self, name: &str) -> usize {
        self.files.push(name.to_owned());
        self.files.len() - 1
    }

    /// The section that what is reported from now on belongs to.
    pub(crate) fn enter(&mut self, section: Option<Section>) {
        self.section = section;
    }

    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.add(Severity::Error, place, message.into());
    }

    pub(crate) fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.add(Severity::Warning, place, message.into());
    }

    pub(crate) fn mistake(&mut self, mistake: Mistake) {
        self.add(Severity::Error, mistake.place, mistake.message);
        for mistake in mistake.more {
            self.mistake(mistake);
        }
    }

    /// An error that is one only in a section that speaks TCP.
    pub(super) fn http_only(&mut self, place: Place, message: String) {
        let diagnostic = self.diagnostic(Severity::Error, place, message);
        self.http.push((place, diagnostic));
    }

    /// Forgets what was said about HTTP in the current section, which is refused as a whole.
    pub(crate) fn forget_http(&mut self) {
        self.refused.insert(self.section.clone());
    }

    /// A keyword that has no effect. Those with the same reason become one warning.
    pub(crate) fn inert(&mut self, place: Place, keyword: &'static str, reason: &'static str) {
        let section = self.section.clone();
        self.inert.push(Inert { place, section, keyword, reason });
    }

    /// A word that is empty because of a variable: what is said of it names the variable.
    pub(crate) fn emptied(&mut self, place: Place, variable: &str) {
        self.emptied.insert(place, variable.to_owned());
    }

    /// `file:line`, for messages that point elsewhere.
    pub(crate) fn name(&self, place: Place) -> String {
        format!("{}:{}", self.file(place), place.line)
    }

    /// Whether the configuration cannot be used.
    pub(crate) fn has_errors(&self) -> bool {
        let is_error = |(_, found): &(_, Diagnostic)| found.severity == Severity::Error;
        self.found.iter().any(is_error) || !self.http.is_empty()
    }

    /// Makes sure that a line which could not be used is never passed over: where nothing was
    /// reported that it could follow from, it is a mistake by itself.
    pub(super) fn settle_told(&mut self) {
        if !self.has_errors() {
            for place in std::mem::take(&mut self.told) {
                self.error(place, "the line refers to something that cannot be used");
            }
        }
    }

    /// Everything, in the order of the files and their lines, repeats in one line.
    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let Self { files, mut found, mut inert, http, refused, .. } = self;
        found.extend(http.into_iter().filter(|(_, found)| !refused.contains(&found.section)));
        let is_told =
            |inert: &Inert| OF_HTTP.contains(&inert.reason) && refused.contains(&inert.section);
        inert.retain(|inert| !is_told(inert));
        found.extend(fold::without_effect(inert, &files));
        found.sort_by_key(|(place, _)| *place);
        fold::repeats(found, &files)
    }

    fn file(&self, place: Place) -> &str {
        self.files.get(place.file).map_or("configuration", String::as_str)
    }

    fn add(&mut self, severity: Severity, place: Place, message: String) {
        if message == TOLD {
            self.told.push(place);
            return;
        }
        let diagnostic = self.diagnostic(severity, place, message);
        self.found.push((place, diagnostic));
    }

    fn diagnostic(&self, severity: Severity, place: Place, message: String) -> Diagnostic {
        let variable = self.emptied.get(&place);
        let cause = variable.map(|name| format!(" (the variable '{name}' is empty or not set)"));
        // A message is one line, whatever was typed.
        let escape = |letter: char| {
            let control = letter.is_control().then(|| letter.escape_default());
            control.into_iter().flatten().chain((!letter.is_control()).then_some(letter))
        };
        let message = message.chars().flat_map(escape).collect::<String>();
        let message = message + cause.as_deref().unwrap_or_default();
        Diagnostic {
            severity,
            file: self.file(place).to_owned(),
            line: place.line,
            column: place.column,
            section: self.section.clone(),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_that_follows_from_none_is_reported() {
        let place = Place { file: 0, line: 3, column: 5 };
        let told = || {
            let mut report = Report::default();
            report.add_file("a.cfg");
            report.mistake(Mistake::new(place, TOLD));
            report
        };
        let mut alone = told();
        alone.settle_told();
        assert!(alone.has_errors());
        let mut followed = told();
        followed.error(Place { line: 1, ..place }, "the cause");
        followed.settle_told();
        assert_eq!(followed.into_diagnostics().len(), 1);
    }

    #[test]
    fn a_diagnostic_reads_as_one_line() {
        let mut report = Report::default();
        let file = report.add_file("a.cfg");
        report.enter(Some(Section { kind: "backend", name: Some("web".to_owned()) }));
        report.error(Place { file, line: 3, column: 5 }, "unknown keyword 'balence'");
        report.enter(Some(Section { kind: "global", name: None }));
        report.warning(Place { file, line: 1, column: 0 }, "odd");
        report.enter(None);
        report.error(Place { file, line: 0, column: 0 }, "cannot read it");
        assert!(report.has_errors());
        let lines: Vec<String> =
            report.into_diagnostics().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "a.cfg: cannot read it",
                "a.cfg:1: in 'global': odd",
                "a.cfg:3:5: in backend 'web': unknown keyword 'balence'",
            ]
        );
    }
}
