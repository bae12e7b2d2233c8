//! A line of input to commands and words: `;` between commands, blanks between words, and a
//! backslash before a character that is to lose its meaning.

use std::borrow::Cow;

use crate::config::Level;

/// The words of one command.
pub(crate) type Words = Vec<Vec<u8>>;

/// Splits one command off a line: its bytes, and what follows its `;` if there is one.
pub(crate) fn split_command(line: &[u8]) -> (&[u8], Option<&[u8]>) {
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

/// The words of a command, without the backslashes.
pub(crate) fn words(command: &[u8]) -> Words {
    let mut words = Words::new();
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
    words
}

/// A word as text.
pub(crate) fn text(word: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(word)
}

/// The word of a level.
pub(crate) const fn level_name(level: Level) -> &'static str {
    match level {
        Level::User => "user",
        Level::Operator => "operator",
        Level::Admin => "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        words(line.as_bytes()).iter().map(|word| text(word).into_owned()).collect()
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
