//! The words that follow an address on a `bind` or `server` line, each with its own arguments.

use super::diagnostic::{Parsed, Report};
use super::inert;
use super::keywords::{self, Keyword, Scope};
use super::line::Line;

/// What such words describe.
pub(super) trait WordTarget {
    /// Reads one word, which is the keyword of `line`, with its arguments.
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed;
}

/// Reads the words of `line` from the argument `first` on. A word that is wrong is reported and
/// the next one is read; after a word that is unknown or refused nothing more can be read, as it
/// may have arguments.
pub(super) fn read(
    line: &Line<'_>,
    first: usize,
    scope: Scope,
    target: &mut dyn WordTarget,
    report: &mut Report,
) {
    let mut at = first;
    while let Some(word) = line.get(at) {
        let second = line.get(at + 1).map(|second| second.value);
        let Some(keyword) = keywords::find(scope, word.value, second) else {
            return report.mistake(keywords::unknown(scope, &word, second));
        };
        if let Some(refusal) = keyword.refusal() {
            let message = format!("'{}' is refused: {}", keyword.name, refusal.reason());
            return report.error(word.place, message);
        }
        let arguments = line.from(at + keyword.name_words());
        let taken = arguments.len().min(keyword.arity.max);
        if taken < keyword.arity.min {
            let message = format!("'{}' wants an argument: {}", keyword.name, keyword.arguments);
            return report.error(word.place, message);
        }
        let arguments = arguments.get(..taken).unwrap_or_default();
        at += keyword.name_words() + taken;
        if keyword.is_inert() {
            inert::warn(keyword, &word, report);
            continue;
        }
        let part =
            Line { keyword: keyword.name, place: word.place, arguments, negated: false, ..*line };
        if let Err(mistake) = target.read_word(keyword, &part, report) {
            report.mistake(mistake);
        }
    }
}
