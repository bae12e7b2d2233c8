//! One keyword with its arguments, and the reading of arguments.

use std::ops::RangeInclusive;

use super::address::Hosts;
use super::diagnostic::{Mistake, Parsed, Place, Placed};
use super::lexer::Word;
use super::units;
use super::units::UnitError;

/// A keyword and its arguments. The arguments of a keyword with its own line are all other words
/// of the line. The arguments of a word of a `bind` or `server` line are the words that its row
/// asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Line<'a> {
    /// The keyword, of one word or two.
    pub(in crate::config) keyword: &'static str,
    /// The place of the keyword.
    pub(in crate::config) place: Place,
    /// The words after the keyword.
    pub(in crate::config) arguments: &'a [Word],
    /// `no` or `default` stands before it.
    pub(in crate::config) negated: bool,
    /// Looks up the names of hosts.
    pub(in crate::config) hosts: Hosts,
}

impl<'a> Line<'a> {
    /// The argument at `index`.
    ///
    /// # Errors
    /// The line has fewer arguments. The arity of the row excludes that for most callers.
    pub(in crate::config) fn argument(&self, index: usize) -> Parsed<Placed<&'a str>> {
        self.get(index).ok_or_else(|| self.mistake(format!("'{}' wants more words", self.keyword)))
    }

    /// The argument at `index`, if there is one.
    pub(in crate::config) fn get(&self, index: usize) -> Option<Placed<&'a str>> {
        self.arguments.get(index).map(|word| self.placed(word))
    }

    /// The arguments from `index` on.
    pub(in crate::config) fn from(&self, index: usize) -> &'a [Word] {
        self.arguments.get(index..).unwrap_or_default()
    }

    /// Checks that there are no more than `count` arguments.
    ///
    /// # Errors
    /// There are more.
    pub(in crate::config) fn no_more(&self, count: usize) -> Parsed {
        match self.get(count) {
            Some(word) => {
                Err(Mistake::new(word.place, format!("unexpected word '{}'", word.value)))
            }
            None => Ok(()),
        }
    }

    pub(in crate::config) fn placed(&self, word: &'a Word) -> Placed<&'a str> {
        placed(self.place, word)
    }

    /// A mistake at the place of the keyword.
    pub(in crate::config) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.place, message)
    }

    /// The argument at `index` as a time, in milliseconds.
    ///
    /// # Errors
    /// The argument is missing, or is not a time, or is too long.
    pub(in crate::config) fn time_ms(&self, index: usize) -> Parsed<u32> {
        self.unit(index, units::time_ms)
    }

    /// The argument at `index` as a size or a count, which may have a unit (`k`, `m`, `g`).
    ///
    /// # Errors
    /// The argument is missing, or is not a size, or is outside the range.
    pub(in crate::config) fn size(&self, index: usize, range: RangeInclusive<u32>) -> Parsed<u32> {
        self.unit(index, |text| {
            let (min, max) = (u64::from(*range.start()), u64::from(*range.end()));
            units::size(text).and_then(|value| {
                let is_within = range.contains(&value);
                is_within.then_some(value).ok_or(UnitError::OutOfRange(min, max))
            })
        })
    }

    /// The argument at `index` as a number.
    ///
    /// # Errors
    /// The argument is missing, or is not a number, or is outside the range.
    pub(in crate::config) fn number(
        &self,
        index: usize,
        range: RangeInclusive<u32>,
    ) -> Parsed<u32> {
        self.unit(index, |text| units::number(text, range))
    }

    fn unit<T>(&self, index: usize, read: impl FnOnce(&str) -> Result<T, UnitError>) -> Parsed<T> {
        let word = self.argument(index)?;
        read(word.value).map_err(|error| {
            Mistake::new(word.place, format!("'{}': '{}' {error}", self.keyword, word.value))
        })
    }
}

/// Reads the words of a line one after the other.
pub(in crate::config) struct WordReader<'l, 'a> {
    pub(in crate::config) line: &'l Line<'a>,
    /// The index of the next word among the arguments of the line.
    pub(in crate::config) at: usize,
}

impl<'a> WordReader<'_, 'a> {
    pub(in crate::config) fn next(&mut self) -> Option<Placed<&'a str>> {
        let word = self.line.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// The next word, which has to follow `word`; `what` names it in the message.
    ///
    /// # Errors
    /// The line ends here.
    pub(in crate::config) fn after(&mut self, word: &str, what: &str) -> Parsed<Placed<&'a str>> {
        self.next().ok_or_else(|| self.line.mistake(format!("'{word}' wants {what}")))
    }
}

fn placed(line: Place, word: &Word) -> Placed<&str> {
    Placed { value: word.text.as_str(), place: Place { column: word.column, ..line } }
}

/// The words joined by single spaces.
pub(in crate::config) fn joined(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}
