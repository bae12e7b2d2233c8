//! Joins repeated messages into one line: keywords without effect for the same reason, and equal
//! messages.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, DiagnosticKind, Place, Section};

/// A keyword that has no effect.
#[derive(Debug)]
pub(in crate::config) struct Inert {
    pub(in crate::config) place: Place,
    pub(in crate::config) section: Option<Section>,
    pub(in crate::config) keyword: &'static str,
    pub(in crate::config) reason: &'static str,
}

/// How many keywords are named before the rest are counted.
const NAMED: usize = 2;

/// How many lines are named before the rest are counted.
const LINES: usize = 8;

/// One warning for each reason, at the first of its lines.
pub(super) fn without_effect(found: Vec<Inert>, files: &[String]) -> Vec<(Place, Diagnostic)> {
    let mut reasons: Vec<(&'static str, Vec<Inert>)> = Vec::new();
    for inert in found {
        match reasons.iter_mut().find(|(reason, _)| *reason == inert.reason) {
            Some((_, others)) => others.push(inert),
            None => reasons.push((inert.reason, vec![inert])),
        }
    }
    reasons.into_iter().filter_map(|(reason, inert)| warning(reason, inert, files)).collect()
}

fn warning(reason: &str, mut found: Vec<Inert>, files: &[String]) -> Option<(Place, Diagnostic)> {
    found.sort_by_key(|inert| inert.place);
    let first = found.first()?;
    let mut keywords: Vec<&str> = Vec::new();
    for inert in &found {
        if !keywords.contains(&inert.keyword) {
            keywords.push(inert.keyword);
        }
    }
    let mut named: Vec<String> =
        keywords.iter().take(NAMED).map(|keyword| format!("'{keyword}'")).collect();
    let more = keywords.len() - named.len();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let last = named.pop()?;
    let subject = if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) };
    let has = if keywords.len() == 1 { "has" } else { "have" };
    let places: Vec<Place> = found.iter().map(|inert| inert.place).collect();
    let lines = lines(first.place, &places, files);
    let lines = if lines.is_empty() { lines } else { format!(" ({lines})") };
    let message = format!("{subject}{lines} {has} no effect: {reason}");
    let diagnostic = diagnostic(first.place, files, first.section.clone(), message);
    Some((first.place, diagnostic))
}

fn diagnostic(
    place: Place,
    files: &[String],
    section: Option<Section>,
    message: String,
) -> Diagnostic {
    Diagnostic {
        kind: DiagnosticKind::Warning,
        file: files.get(place.file).cloned().unwrap_or_default(),
        line: place.line,
        column: place.column,
        section,
        message,
    }
}

/// What makes two messages equal. An error must be repaired in each section, so errors of two
/// sections differ.
type Same = (DiagnosticKind, String, Option<Section>);

/// Joins equal messages into the first of them. `found` is in the order of the places.
pub(super) fn repeats(found: Vec<(Place, Diagnostic)>, files: &[String]) -> Vec<Diagnostic> {
    let mut firsts: Vec<(Place, Diagnostic, Vec<Place>)> = Vec::new();
    let mut positions: HashMap<Same, usize> = HashMap::new();
    for (place, diagnostic) in found {
        let section = match diagnostic.kind {
            DiagnosticKind::Warning => None,
            DiagnosticKind::Error => diagnostic.section.clone(),
        };
        let same = (diagnostic.kind, diagnostic.message.clone(), section);
        let at = *positions.entry(same).or_insert(firsts.len());
        match firsts.get_mut(at) {
            Some((_, _, places)) => places.push(place),
            None => firsts.push((place, diagnostic, vec![place])),
        }
    }
    let fold = |(place, mut diagnostic, places): (Place, Diagnostic, Vec<Place>)| {
        let lines = lines(place, &places, files);
        if !lines.is_empty() {
            diagnostic.message.push_str(&format!(" ({lines})"));
        }
        diagnostic
    };
    firsts.into_iter().map(fold).collect()
}

/// The lines of the places, in their order: `lines 3, 5-8, b.cfg:2 and 4 more`. The text is empty
/// if the line of `first` is the only line: the message begins with that line anyway.
fn lines(first: Place, places: &[Place], files: &[String]) -> String {
    let mut runs: Vec<(usize, u32, u32)> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some((file, _, last)) if *file == place.file && place.line <= *last + 1 => {
                *last = place.line;
            }
            _ => runs.push((place.file, place.line, place.line)),
        }
    }
    if let [(_, from, to)] = runs.as_slice()
        && from == to
    {
        return String::new();
    }
    let mut shown: Vec<String> = runs
        .iter()
        .take(LINES)
        .map(|(file, from, to)| {
            let lines = if from == to { from.to_string() } else { format!("{from}-{to}") };
            match files.get(*file) {
                Some(name) if *file != first.file => format!("{name}:{lines}"),
                _ => lines,
            }
        })
        .collect();
    if runs.len() > LINES {
        shown.push("and more".to_owned());
    }
    format!("lines {}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: usize, line: u32) -> Place {
        Place { file, line, column: 1 }
    }

    #[test]
    fn lines_are_told_as_runs_with_their_file_where_it_is_another() {
        let files = ["a.cfg".to_owned(), "b.cfg".to_owned()];
        let shown = |places: &[Place]| lines(places[0], places, &files);
        assert_eq!(shown(&[at(0, 3)]), "");
        assert_eq!(shown(&[at(0, 3), at(0, 3)]), "");
        assert_eq!(shown(&[at(0, 3), at(0, 4), at(0, 6)]), "lines 3-4, 6");
        assert_eq!(shown(&[at(0, 3), at(1, 4), at(1, 5)]), "lines 3, b.cfg:4-5");
        let many: Vec<Place> = (1..20).map(|line| at(0, 2 * line)).collect();
        assert!(shown(&many).ends_with("14, 16, and more"), "{}", shown(&many));
    }
}
