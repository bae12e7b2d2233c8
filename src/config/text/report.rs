//! Everything that is wrong with a configuration, collected while the files are read.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Diagnostic, DiagnosticKind, Mistake, Place, Section, TOLD};
use super::fold;
use super::fold::Inert;
use super::plain;

/// The reason why keywords about HTTP have no effect.
pub(in crate::config) const HTTP: &str = "only the pages of 'mode http' speak HTTP here";

/// The reason why keywords about pages have no effect in `mode tcp`.
pub(in crate::config) const PAGES: &str = "pages are served in 'mode http' alone";

/// Reasons that are not reported in a section that is refused for its mode: one message for the
/// section says enough.
const OF_HTTP: [&str; 2] = [HTTP, PAGES];

/// The messages so far, and the section that is being read.
#[derive(Debug, Default)]
pub(in crate::config) struct Report {
    files: Vec<String>,
    section: Option<Section>,
    found: Vec<(Place, Diagnostic)>,
    /// The places of mistakes that follow from other mistakes. No message is made for them.
    told: Vec<Place>,
    inert: Vec<Inert>,
    /// Errors about HTTP.
    http: Vec<(Place, Diagnostic)>,
    /// Sections without messages about HTTP.
    refused: HashSet<Option<Section>>,
    /// The places of words that a variable left empty, with the names of the variables.
    emptied: HashMap<Place, String>,
}

impl Report {
    /// Adds a file and returns its number, which places use.
    pub(in crate::config) fn add_file(&mut self, name: &str) -> usize {
        self.files.push(name.to_owned());
        self.files.len() - 1
    }

    /// The names of the files, by their numbers.
    pub(in crate::config) fn files(&self) -> &[String] {
        &self.files
    }

    /// Sets the section of all messages that follow.
    pub(in crate::config) fn enter(&mut self, section: Option<Section>) {
        self.section = section
            .map(|Section { kind, name }| Section { kind, name: name.as_deref().map(plain::line) });
    }

    pub(in crate::config) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.add(DiagnosticKind::Error, place, message.into());
    }

    pub(in crate::config) fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.add(DiagnosticKind::Warning, place, message.into());
    }

    pub(in crate::config) fn mistake(&mut self, mistake: Mistake) {
        self.add(DiagnosticKind::Error, mistake.place, mistake.message);
        for mistake in mistake.more {
            self.mistake(mistake);
        }
    }

    /// An error about HTTP, which is dropped if the section is refused for its mode.
    pub(in crate::config) fn http_only(&mut self, place: Place, message: String) {
        let diagnostic = self.diagnostic(DiagnosticKind::Error, place, message);
        self.http.push((place, diagnostic));
    }

    /// Drops the messages about HTTP in the current section, which is refused for its mode.
    pub(in crate::config) fn forget_http(&mut self) {
        self.refused.insert(self.section.clone());
    }

    /// A keyword that has no effect. Keywords with the same reason become one warning.
    pub(in crate::config) fn inert(
        &mut self,
        place: Place,
        keyword: &'static str,
        reason: &'static str,
    ) {
        let section = self.section.clone();
        self.inert.push(Inert { place, section, keyword, reason });
    }

    /// A word that is empty because of a variable. Messages about the word name the variable.
    pub(in crate::config) fn emptied(&mut self, place: Place, variable: &str) {
        self.emptied.insert(place, variable.to_owned());
    }

    /// `file:line`, for messages that point elsewhere.
    pub(in crate::config) fn name(&self, place: Place) -> String {
        format!("{}:{}", self.file(place), place.line)
    }

    /// Whether the configuration cannot be used.
    pub(in crate::config) fn has_errors(&self) -> bool {
        let is_error = |(_, found): &(_, Diagnostic)| found.kind == DiagnosticKind::Error;
        self.found.iter().any(is_error) || !self.http.is_empty()
    }

    /// Reports the mistakes that should follow from others if there are no others: a line that
    /// cannot be used is never ignored silently.
    pub(in crate::config) fn settle_told(&mut self) {
        if !self.has_errors() {
            for place in std::mem::take(&mut self.told) {
                self.error(place, "the line refers to something that cannot be used");
            }
        }
    }

    /// All messages in the order of the files and their lines. Equal messages are joined.
    pub(in crate::config) fn into_diagnostics(self) -> Vec<Diagnostic> {
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

    fn add(&mut self, kind: DiagnosticKind, place: Place, message: String) {
        if message == TOLD {
            self.told.push(place);
            return;
        }
        let diagnostic = self.diagnostic(kind, place, message);
        self.found.push((place, diagnostic));
    }

    fn diagnostic(&self, kind: DiagnosticKind, place: Place, message: String) -> Diagnostic {
        let variable = self.emptied.get(&place);
        let cause = variable.map(|name| format!(" (the variable '{name}' is empty or not set)"));
        // A message stays one line even if a typed word has control characters.
        let message = plain::line(&message);
        let message = message + cause.as_deref().unwrap_or_default();
        Diagnostic {
            kind,
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
