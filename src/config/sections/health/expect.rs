//! The words of `tcp-check expect` and `http-check expect` beside their patterns.

use super::sample;
use super::steps::not_read;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::WordReader;
use crate::config::{CheckStatus, ExpectWords};

/// What stands around the pattern of an `expect`.
#[derive(Default)]
pub(super) struct Around {
    pub(super) negated: bool,
    pub(super) words: ExpectWords,
    pub(super) comment: Option<String>,
}

/// The words that may stand before a pattern and behind it.
pub(super) const WORDS: [&str; 8] = [
    "min-recv",
    "ok-status",
    "error-status",
    "tout-status",
    "on-success",
    "on-error",
    "status-code",
    "comment",
];

const OK: &[CheckStatus] = &[
    CheckStatus::Layer4Passed,
    CheckStatus::Layer6Passed,
    CheckStatus::Layer7Passed,
    CheckStatus::Layer7Conditional,
];
const ERROR: &[CheckStatus] = &[
    CheckStatus::Layer7Conditional,
    CheckStatus::Layer4Problem,
    CheckStatus::Layer6Invalid,
    CheckStatus::Layer7Invalid,
    CheckStatus::Layer7WrongStatus,
];
const TIMEOUT: &[CheckStatus] =
    &[CheckStatus::Layer4Timeout, CheckStatus::Layer6Timeout, CheckStatus::Layer7Timeout];

impl Around {
    /// Reads the words before the pattern. Negations may also stick to the word after them. Gives
    /// the word for the kind of pattern.
    pub(super) fn read_before<'a>(
        &mut self,
        words: &mut WordReader<'_, 'a>,
    ) -> Parsed<Placed<&'a str>> {
        loop {
            let mut word = words.after("expect", "a pattern")?;
            while let Some(rest) = word.value.strip_prefix('!') {
                self.negated = !self.negated;
                word.value = rest;
            }
            if !word.value.is_empty() && !self.read_word(&word, words)? {
                return Ok(word);
            }
        }
    }

    /// Reads the words behind the pattern.
    pub(super) fn read_after(&mut self, words: &mut WordReader<'_, '_>, rule: &str) -> Parsed {
        while let Some(word) = words.next() {
            if !self.read_word(&word, words)? {
                return Err(not_read(rule, &word, &WORDS));
            }
        }
        Ok(())
    }

    /// Reads a word with its value. Returns whether the word is one of [`WORDS`].
    fn read_word(&mut self, word: &Placed<&str>, words: &mut WordReader<'_, '_>) -> Parsed<bool> {
        if !WORDS.contains(&word.value) {
            return Ok(false);
        }
        let value = words.after(word.value, "a value")?;
        match word.value {
            "min-recv" => self.words.min_recv = min_recv(&value)?,
            "ok-status" => self.words.ok_status = Some(status(word.value, &value, OK)?),
            "error-status" => self.words.error_status = Some(status(word.value, &value, ERROR)?),
            "tout-status" => self.words.timeout_status = Some(status(word.value, &value, TIMEOUT)?),
            "on-success" => self.words.on_success = Some(sample::format(&value)?),
            "on-error" => self.words.on_error = Some(sample::format(&value)?),
            "status-code" => self.words.code = Some(sample::sample(&value)?),
            _ => self.comment = Some(value.value.to_owned()),
        }
        Ok(true)
    }
}

/// Reads a number of bytes; -1 is as if the word were missing.
fn min_recv(value: &Placed<&str>) -> Parsed<Option<usize>> {
    if value.value == "-1" {
        return Ok(None);
    }
    let number = value.value.parse().ok().filter(|len| *len <= i32::MAX.unsigned_abs() as usize);
    let wrong = || {
        let message = format!("'min-recv' wants a number of bytes, or -1, not '{}'", value.value);
        Mistake::new(value.place, message)
    };
    number.map(Some).ok_or_else(wrong)
}

fn status(word: &str, value: &Placed<&str>, allowed: &[CheckStatus]) -> Parsed<CheckStatus> {
    let found = allowed.iter().find(|status| status.name().eq_ignore_ascii_case(value.value));
    found.copied().ok_or_else(|| {
        let names: Vec<_> = allowed.iter().map(|status| status.name()).collect();
        let message = format!("'{word}' takes {}, not '{}'", names.join(", "), value.value);
        Mistake::new(value.place, message)
    })
}
