//! Texts of others as they can be shown: a terminal does what control characters say.

/// The text in one line.
pub(in crate::config) fn line(text: &str) -> String {
    escaped(text, char::is_control)
}

/// The text, which may have several lines.
pub fn lines(text: &str) -> String {
    escaped(text, |letter| letter.is_control() && !matches!(letter, '\n' | '\t'))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_escaped(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let text = "é\t\u{1b}[2J\u{9b}2J\r\n";
        assert_eq!(line(text), "é\\t\\u{1b}[2J\\u{9b}2J\\r\\n");
        assert_eq!(lines(text), "é\t\\u{1b}[2J\\u{9b}2J\\r\n");
    }
}
