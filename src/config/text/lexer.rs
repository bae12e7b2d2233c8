//! One line to words with their columns: quotes, escapes, comments, environment variables.
//!
//! ```text
//! word          ends at white space; '#' begins a comment
//! 'strong'      every byte as it stands
//! "weak"        \" \\ \$ \n \r \t \xHH, and variables
//! \             outside quotes: also "\ " and "\#"
//! $NAME ${NAME} ${NAME-default}       a variable, its value is not split
//! ${NAME[*]}                          its value is split at white space
//! ```
//!
//! HAProxy expands variables in weak quotes only (and in addresses). stickd also expands variables
//! outside quotes; there `$NAME` inside a word stays as it is if there is no such variable, because
//! it may be a part of a password or of a hash.

use super::environment::Environment;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Word {
    /// The text of the word, with quotes and escapes resolved.
    pub(in crate::config) text: String,
    /// The column where the word begins, in bytes from 1.
    pub(in crate::config) column: u32,
    /// The variable that left the word empty.
    pub(in crate::config) emptied_by: Option<String>,
}

/// The longest line, in bytes, with the values of its variables.
const LINE_MAX: usize = 1 << 16;

/// Why a line cannot be split into words.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) struct LexError {
    pub(in crate::config) column: u32,
    pub(in crate::config) message: &'static str,
    /// The words before the error.
    pub(in crate::config) words: Vec<Word>,
}

/// The words of `line`, which has no line feed.
///
/// # Errors
/// A quote is not closed, an escape or a variable cannot be read, or the line is too long.
pub(in crate::config) fn words(
    line: &[u8],
    environment: &Environment,
) -> Result<Vec<Word>, LexError> {
    let mut lexer = Lexer {
        rest: line,
        line,
        environment,
        words: Vec::new(),
        word: Vec::new(),
        start: None,
        variable: None,
        len: line.len(),
    };
    match lexer.run() {
        Ok(()) => Ok(lexer.words),
        Err(error) => Err(LexError { words: lexer.words, ..error }),
    }
}

struct Lexer<'a> {
    line: &'a [u8],
    rest: &'a [u8],
    environment: &'a Environment,
    words: Vec<Word>,
    /// The word that is being read, and the column where the word began.
    word: Vec<u8>,
    start: Option<usize>,
    /// The first variable in the word.
    variable: Option<&'a str>,
    /// The length of the line so far, with the values of its variables.
    len: usize,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), LexError> {
        self.check_len(0)?;
        loop {
            let at = self.position();
            let Some(byte) = self.next() else { break };
            match byte {
                b' ' | b'\t' => self.finish_word()?,
                b'\r' if self.rest.is_empty() => {}
                b'#' => break,
                b'\'' => self.strong(at)?,
                b'"' => self.weak(at)?,
                b'\\' => {
                    self.push(at, &[]);
                    self.escape(at, b" #'\"\\$")?;
                }
                b'$' if self.is_plain_dollar() => self.push(at, b"$"),
                b'$' if self.starts_variable() => self.variable(at)?,
                0 => return Err(self.error(at, "a NUL byte")),
                other => self.push(at, &[other]),
            }
        }
        self.finish_word()
    }

    fn strong(&mut self, at: usize) -> Result<(), LexError> {
        let Some(end) = self.rest.iter().position(|byte| *byte == b'\'') else {
            return Err(self.error(at, "unmatched quote"));
        };
        let (text, rest) = self.rest.split_at(end);
        self.push(at, text);
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(())
    }

    fn weak(&mut self, at: usize) -> Result<(), LexError> {
        self.push(at, &[]);
        loop {
            let here = self.position();
            match self.next() {
                None => return Err(self.error(at, "unmatched quote")),
                Some(b'"') => return Ok(()),
                Some(b'\\') if self.rest.is_empty() => {
                    return Err(self.error(at, "unmatched quote"));
                }
                Some(b'\\') => self.escape(here, b"\"\\$")?,
                Some(b'$') if self.starts_variable() => self.variable(here)?,
                Some(b'$') => {
                    return Err(self.error(here, "no variable's name after '$' (write \\$)"));
                }
                Some(0) => return Err(self.error(here, "a NUL byte")),
                Some(other) => self.push(at, &[other]),
            }
        }
    }

    /// Appends the byte that an escape means; the backslash has been read. An unknown escape is
    /// kept as written.
    fn escape(&mut self, at: usize, itself: &[u8]) -> Result<(), LexError> {
        let Some(byte) = self.next() else {
            return Err(self.error(at, "a backslash ends the line: lines cannot be continued"));
        };
        match byte {
            b'n' => self.word.push(b'\n'),
            b'r' => self.word.push(b'\r'),
            b't' => self.word.push(b'\t'),
            b'x' => {
                let value = self.hexadecimal(at)?;
                self.word.push(value);
            }
            byte if itself.contains(&byte) => self.word.push(byte),
            byte => self.word.extend([b'\\', byte]),
        }
        Ok(())
    }

    fn hexadecimal(&mut self, at: usize) -> Result<u8, LexError> {
        let digits = self.rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(value) = value.filter(|value| *value != 0) else {
            return Err(self.error(at, "'\\x' wants two hexadecimal digits, not 00"));
        };
        self.rest = self.rest.get(2..).unwrap_or_default();
        Ok(value)
    }

    fn starts_variable(&self) -> bool {
        self.rest.first().is_some_and(|byte| *byte == b'{' || is_name_start(*byte))
    }

    /// Whether a dollar sign outside quotes, which has been read, stands for itself.
    fn is_plain_dollar(&mut self) -> bool {
        if self.word.is_empty() || self.rest.first() == Some(&b'{') {
            return false;
        }
        let rest = self.rest;
        let name = self.name();
        self.rest = rest;
        self.environment.get(name).is_none()
    }

    /// Reads a variable; the dollar sign has been read.
    fn variable(&mut self, at: usize) -> Result<(), LexError> {
        self.push(at, &[]);
        let braces = self.rest.first() == Some(&b'{');
        if braces {
            self.next();
        }
        let name = self.name();
        if name.is_empty() {
            return Err(self.error(at, "no variable's name after '$'"));
        }
        let environment = self.environment;
        let value = environment.get(name);
        self.variable.get_or_insert(name);
        self.len += value.map_or(0, str::len);
        self.check_len(at)?;
        if !braces {
            self.push(at, value.unwrap_or_default().as_bytes());
            return Ok(());
        }
        let split = self.rest.starts_with(b"[*]");
        if split {
            self.rest = self.rest.get(3..).unwrap_or_default();
        }
        let end = self.rest.iter().position(|byte| *byte == b'}');
        let Some((inside, rest)) = end.and_then(|end| self.rest.split_at_checked(end)) else {
            return Err(self.error(at, "unmatched brace in a variable's name"));
        };
        self.rest = rest.get(1..).unwrap_or_default();
        let default = match inside {
            [] => &[],
            [b'-', default @ ..] => default,
            _ => return Err(self.error(at, "a variable is written ${NAME} or ${NAME-default}")),
        };
        let value = value.map_or(default, str::as_bytes);
        if split {
            self.push_split(at, value);
        } else {
            self.push(at, value);
        }
        Ok(())
    }

    fn name(&mut self) -> &'a str {
        let is_name = |byte: &u8| is_name_start(*byte) || byte.is_ascii_digit();
        let len = match self.rest.first() {
            Some(first) if is_name_start(*first) => {
                self.rest.iter().position(|byte| !is_name(byte)).unwrap_or(self.rest.len())
            }
            _ => 0,
        };
        let (name, rest) = self.rest.split_at(len);
        self.rest = rest;
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// Appends a value, and begins a new word at white space.
    fn push_split(&mut self, at: usize, value: &[u8]) {
        for (index, part) in value.split(|byte| matches!(byte, b' ' | b'\t' | b'\n')).enumerate() {
            if index > 0 && !self.word.is_empty() {
                let text = String::from_utf8_lossy(&std::mem::take(&mut self.word)).into_owned();
                self.words.push(Word { text, column: column(at), emptied_by: None });
            }
            self.push(at, part);
        }
    }

    fn check_len(&self, at: usize) -> Result<(), LexError> {
        if self.len > LINE_MAX {
            let message = "the line is longer than 65536 bytes, with its variables in their place";
            return Err(self.error(at, message));
        }
        Ok(())
    }

    fn push(&mut self, at: usize, bytes: &[u8]) {
        self.start.get_or_insert(at);
        self.word.extend_from_slice(bytes);
    }

    fn finish_word(&mut self) -> Result<(), LexError> {
        let Some(start) = self.start.take() else { return Ok(()) };
        let variable = self.variable.take();
        match String::from_utf8(std::mem::take(&mut self.word)) {
            Ok(text) => {
                let emptied_by = variable.filter(|_| text.is_empty()).map(str::to_owned);
                self.words.push(Word { text, column: column(start), emptied_by });
            }
            Err(_) => return Err(self.error(start, "not valid UTF-8")),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn position(&self) -> usize {
        self.line.len() - self.rest.len()
    }

    fn error(&self, at: usize, message: &'static str) -> LexError {
        LexError { column: column(at), message, words: Vec::new() }
    }
}

fn is_name_start(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic()
}

fn column(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        [("HOME", "/h"), ("SERVERS", "a b  c"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect()
    }

    fn texts(line: &str) -> Vec<String> {
        let words = words(line.as_bytes(), &environment()).unwrap();
        words.into_iter().map(|word| word.text).collect()
    }

    fn fails(line: &str) -> (u32, &'static str) {
        let error = words(line.as_bytes(), &environment()).unwrap_err();
        (error.column, error.message)
    }

    #[test]
    fn words_are_split_at_white_space_and_know_their_columns() {
        let words = words(b"\tbind  :80 name x # y\r", &environment()).unwrap();
        let found: Vec<_> = words.iter().map(|word| (word.text.as_str(), word.column)).collect();
        assert_eq!(found, [("bind", 2), (":80", 8), ("name", 12), ("x", 17)]);
    }

    #[test]
    fn quotes_and_escapes_are_those_of_haproxy() {
        assert_eq!(
            texts(r##"a"b c"d 'e "f' g\ h \#i \\j "\"k\$l""##),
            ["ab cd", "e \"f", "g h", "#i", "\\j", "\"k$l"]
        );
        assert_eq!(
            texts(r#"\x41\x20b "\x42" '\x43' \q "\q" "a\tb" """#),
            ["A b", "B", "\\x43", "\\q", "\\q", "a\tb", ""]
        );
        assert_eq!(texts("a#b c"), ["a"]);
    }

    #[test]
    fn variables_are_expanded_outside_quotes_and_in_weak_ones() {
        assert_eq!(
            texts(r#"$HOME "$HOME/x" ${HOME}y '$HOME' \$HOME"#),
            ["/h", "/h/x", "/hy", "$HOME", "$HOME"]
        );
        assert_eq!(
            texts(r#"${NOPE-x} "${NOPE-a b}" ${HOME-x} ${EMPTY-x}z"#),
            ["x", "a b", "/h", "z"]
        );
        assert_eq!(texts("$NOPE \"$SERVERS\" a$ $1"), ["", "a b  c", "a$", "$1"]);
        assert_eq!(texts("a:$HOME a:$NOPE $6$NOPE$x"), ["a:/h", "a:$NOPE", "$6$NOPE$x"]);
    }

    #[test]
    fn a_list_variable_becomes_several_words() {
        assert_eq!(texts(r#"x "${SERVERS[*]}" y"#), ["x", "a", "b", "c", "y"]);
        assert_eq!(texts(r#"1${SERVERS[*]}2"#), ["1a", "b", "c2"]);
        assert_eq!(texts(r#"${NOPE[*]-p q}"#), ["p", "q"]);
    }

    #[test]
    fn what_cannot_be_split_says_where() {
        assert_eq!(fails("x \"a"), (3, "unmatched quote"));
        assert_eq!(fails("x 'a"), (3, "unmatched quote"));
        assert_eq!(fails("x \"a\\"), (3, "unmatched quote"));
        assert_eq!(fails("ab ${HOME").0, 4);
        assert_eq!(fails("\"$\"").0, 2);
        assert_eq!(fails("${}").0, 1);
        assert_eq!(fails("a \\xZZ").0, 3);
        assert_eq!(fails("a \\x4").0, 3);
        assert_eq!(fails("a \\").0, 3);
        assert_eq!(fails("a \\xff").0, 3);
        assert_eq!(fails("a \0").0, 3);
    }
}
