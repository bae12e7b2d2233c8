//! Texts, numbers and times as HTML.

use std::fmt::{Display, Formatter, Result, Write};

/// A text as HTML, for content and for attributes in double quotes. Control characters, which HTML
/// does not allow, are replaced.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(letter),
            _ if letter.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            _ => f.write_char(letter),
        })
    }
}

/// Digits with gaps between the thousands. The gaps are no part of the text, so that a number
/// stays a number for who reads the text alone.
pub(super) struct Grouped<'a>(pub(super) &'a str);

impl Display for Grouped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if !self.0.bytes().all(|byte| byte.is_ascii_digit()) {
            return write!(f, "{}", Escaped(self.0));
        }
        let mut rest = self.0;
        while rest.len() > 3 {
            let (group, after) = rest.split_at((rest.len() - 1) % 3 + 1);
            write!(f, "<i>{group}</i>")?;
            rest = after;
        }
        f.write_str(rest)
    }
}

/// Seconds in HAProxy's form: the two largest units that are not zero.
pub(super) struct Duration(pub(super) u64);

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (minutes, hours) = (self.0 / 60, self.0 / 3600);
        let units =
            [(self.0 / 86_400, 'd'), (hours % 24, 'h'), (minutes % 60, 'm'), (self.0 % 60, 's')];
        let mut units = units.into_iter().filter(|(count, _)| *count > 0).take(2).peekable();
        if units.peek().is_none() {
            return f.write_str("0s");
        }
        units.try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            Escaped("<a b=\"c\" d='e'>&amp;é\u{1}\r").to_string(),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;é\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        let texts = ["", "7", "999", "1000", "1234567", "123456", "-1", "<"];
        let grouped = texts.map(|text| Grouped(text).to_string());
        let expected =
            ["", "7", "999", "<i>1</i>000", "<i>1</i><i>234</i>567", "<i>123</i>456", "-1", "&lt;"];
        assert_eq!(grouped, expected);
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        let texts = [0, 59, 60, 3599, 3600, 3636, 86_400, 3 * 86_400 + 56 * 60 + 5]
            .map(|seconds| Duration(seconds).to_string());
        assert_eq!(texts, ["0s", "59s", "1m", "59m59s", "1h", "1h36s", "1d", "3d56m"]);
    }
}
