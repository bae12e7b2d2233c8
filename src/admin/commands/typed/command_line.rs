//! A line of input as commands and words: `;` separates commands, blanks separate words, and a
//! backslash takes the meaning of the character that follows.

use std::borrow::Cow;

/// One command as a client typed it.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The words, without the backslashes.
    words: Vec<Vec<u8>>,
    /// The lines behind the command, which `<<` announces.
    payload: Option<Vec<u8>>,
}

impl CommandLine {
    /// Splits a command into words.
    pub fn parse(command: &[u8]) -> Self {
        let mut words = Vec::new();
        let mut word: Option<Vec<u8>> = None;
        let mut escaped = false;
        for &byte in command {
            if escaped {
                escaped = false;
                word.get_or_insert_default().push(byte);
            } else if byte == b'\\' {
                escaped = true;
                word.get_or_insert_default();
            } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                words.extend(word.take());
            } else {
                word.get_or_insert_default().push(byte);
            }
        }
        words.extend(word);
        Self { words, payload: None }
    }

    /// A command of these words.
    pub(in crate::admin) fn of(words: &[&[u8]]) -> Self {
        Self { words: words.iter().map(|word| word.to_vec()).collect(), payload: None }
    }

    /// The same command with the lines behind it.
    pub(in crate::admin) fn with_payload(self, payload: Option<Vec<u8>>) -> Self {
        Self { payload, ..self }
    }

    /// The lines behind the command.
    pub(in crate::admin::commands) fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    /// The word at a position. The words of the command itself come first, from 0.
    pub fn word(&self, at: usize) -> Option<&[u8]> {
        self.words.get(at).map(Vec::as_slice)
    }

    /// The word at a position, as text.
    pub(in crate::admin::commands) fn text(&self, at: usize) -> Option<Cow<'_, str>> {
        self.word(at).map(text)
    }

    /// The words from a position on.
    pub fn from(&self, at: usize) -> &[Vec<u8>] {
        self.words.get(at..).unwrap_or_default()
    }

    /// Whether one of the words is `wanted`.
    pub(in crate::admin::commands) fn has(&self, wanted: &str) -> bool {
        self.words.iter().any(|word| word == wanted.as_bytes())
    }
}

/// Splits the first command off a line: its bytes, and the bytes after its `;` if there is one.
pub(super) fn split_command(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut escaped = false;
    for (index, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b';' => {
                let (command, rest) = line.split_at(index);
                return (command, rest.get(1..));
            }
            _ => {}
        }
    }
    (line, None)
}

/// The line without the `<<` at its end, which announces lines that belong to its last command.
pub(super) fn announces_payload(line: &[u8]) -> Option<&[u8]> {
    line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"<<")
}

/// A word as text.
pub(in crate::admin::commands) fn text(word: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        CommandLine::parse(line.as_bytes())
            .from(0)
            .iter()
            .map(|word| text(word).into_owned())
            .collect()
    }

    #[test]
    fn blanks_of_any_kind_and_number_separate_words() {
        assert_eq!(split("  show   table\tweb \r"), ["show", "table", "web"]);
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split(" \r"), [""; 0]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_away() {
        assert_eq!(split(r"set table t key a\ b\;c\\"), ["set", "table", "t", "key", r"a b;c\"]);
        let (command, rest) = split_command(br"show table \; foo;help");
        assert_eq!(command, br"show table \; foo");
        assert_eq!(rest, Some(&b"help"[..]));
        assert_eq!(split_command(b"help;"), (&b"help"[..], Some(&b""[..])));
        assert_eq!(split_command(b"help"), (&b"help"[..], None));
        assert_eq!(split("\\"), [""]);
    }
}
