//! The reason why a process could not come to serve, as text for the process that waits for it.

use std::fmt;

/// The longest text that is passed on, in bytes. The log has all of it.
const LEN_MAX: usize = 1024;

/// The error with which a process ends before it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// Keeps `text`, or the first lines of it if it is too long to be passed on.
    pub fn new(text: &str) -> Self {
        let text = text.trim_end();
        if text.len() <= LEN_MAX {
            return Self(text.to_owned());
        }
        let end = (0..=LEN_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let begin = text.get(..end).unwrap_or_default();
        // Cut between lines, unless the first line is too long.
        let begin = begin.rsplit_once('\n').map_or(begin, |(lines, _)| lines);
        Self(format!("{begin}\n(more in the log)"))
    }

    /// The failure that another process has sent.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self::new(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_lines() {
        assert_eq!(Failure::new("no such file\n").as_str(), "no such file");
        let long = format!("first line\n{}", "ä".repeat(1000));
        assert_eq!(Failure::new(&long).as_str(), "first line\n(more in the log)");
        let one = "ä".repeat(1000);
        assert!(Failure::new(&one).as_str().starts_with("ää"));
        assert!(Failure::new(&one).as_str().len() < LEN_MAX + 20);
    }
}
