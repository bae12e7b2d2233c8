//! The words that follow an address on a `bind` or `server` line, each with its own arguments.

use super::form::{Arity, Handling, Keyword, Scope};
use super::inert;
use super::table::Table;
use crate::config::text::diagnostic::Parsed;
use crate::config::text::line::Line;
use crate::config::text::report::Report;

/// What the words of a line describe: a listener, a server, a peer.
pub(in crate::config) trait WordTarget {
    /// Reads one word with its arguments: the word is the keyword of `line`.
    ///
    /// # Errors
    /// The arguments are wrong, or the word cannot stand here.
    fn read_word(&mut self, keyword: &Keyword, line: &Line<'_>, report: &mut Report) -> Parsed;
}

/// Reads the words of `line` from the argument `first` on, by the rows of `table` for `scope`.
/// Reports every word that is wrong.
pub(in crate::config) fn read(
    line: &Line<'_>,
    first: usize,
    table: &Table,
    scope: Scope,
    target: &mut dyn WordTarget,
    report: &mut Report,
) {
    let mut at = first;
    while let Some(word) = line.get(at) {
        let second = line.get(at + 1).map(|second| second.value);
        let Some(keyword) = table.find(scope, word.value, second) else {
            report.mistake(table.unknown(scope, &word, second));
            at = behind_unknown(line, at, table, scope);
            continue;
        };
        let arguments = line.from(at + keyword.name_words());
        let taken = arguments.len().min(keyword.arity.max);
        at += keyword.name_words() + taken;
        if let Some(refusal) = keyword.refusal() {
            let message = format!("'{}' is refused: {}", keyword.name, refusal.reason());
            report.error(word.place, message);
            continue;
        }
        if taken < keyword.arity.min {
            let arguments = keyword.arguments;
            let colon = if arguments.is_empty() { "" } else { ": " };
            let message = format!("'{}' wants an argument{colon}{arguments}", keyword.name);
            return report.error(word.place, message);
        }
        let arguments = arguments.get(..taken).unwrap_or_default();
        let part =
            Line { keyword: keyword.name, place: word.place, arguments, negated: false, ..*line };
        let result = match keyword.handling {
            Handling::Inert(check) => inert::read(keyword, check, &part, report),
            _ => target.read_word(keyword, &part, report),
        };
        if let Err(mistake) = result {
            report.mistake(mistake);
        }
    }
}

/// The position where the reading goes on after an unknown word: after the arguments of the word
/// that was meant, or else at the next known word.
pub(in crate::config) fn behind_unknown(
    line: &Line<'_>,
    at: usize,
    table: &Table,
    scope: Scope,
) -> usize {
    let text = |at: usize| line.get(at).map(|word| word.value);
    let typed = text(at).unwrap_or_default();
    let meant =
        table.meant(scope, typed, text(at + 1)).and_then(|name| table.find(scope, name, None));
    if let Some(keyword) = meant {
        let Arity { min, max } = keyword.arity;
        return at + 1 + if max == usize::MAX { min } else { max };
    }
    let is_known =
        |at: usize| text(at).is_none_or(|word| table.find(scope, word, text(at + 1)).is_some());
    (at + 1..).find(|at| is_known(*at)).unwrap_or(usize::MAX)
}
