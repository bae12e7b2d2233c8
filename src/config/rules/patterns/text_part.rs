//! Parts of texts that are compared with a pattern.

/// What the regular expressions of one test, one map or one substitution may cost: about two
/// milliseconds. What a client sends matches none of them when the search would cost more. HAProxy
/// has such a limit too, a higher one.
pub const SEARCH_WORK_MAX: u32 = 100_000;

/// Which part of a text must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextPart {
    /// All of it.
    Whole,
    /// Its beginning.
    Beginning,
    /// Its end.
    End,
    /// Any part.
    Inside,
    /// A part between slashes or question marks, as of a path.
    Directory,
    /// A part between dots, slashes, question marks or colons, as of a name of a host.
    Domain,
}

/// Whether a pattern is such a part of a text.
pub(super) fn fits(part: TextPart, pattern: &[u8], text: &[u8]) -> bool {
    match part {
        TextPart::Whole => pattern == text,
        TextPart::Beginning => text.starts_with(pattern),
        TextPart::End => text.ends_with(pattern),
        TextPart::Inside => {
            pattern.is_empty() || text.windows(pattern.len()).any(|part| part == pattern)
        }
        TextPart::Directory => has_between(b"/?", pattern, text),
        TextPart::Domain => has_between(b"/?.:", pattern, text),
    }
}

/// Whether the text has the pattern with a delimiter, or an end of the text, on both sides.
/// Delimiters around the pattern itself do not count.
fn has_between(delimiters: &[u8], pattern: &[u8], text: &[u8]) -> bool {
    let is_delimiter = |byte: &u8| delimiters.contains(byte);
    let start = pattern.iter().take_while(|byte| is_delimiter(byte)).count();
    let pattern = pattern.get(start..).unwrap_or_default();
    let end = pattern.iter().rposition(|byte| !is_delimiter(byte)).map_or(0, |last| last + 1);
    let pattern = pattern.get(..end).unwrap_or_default();
    if pattern.is_empty() {
        return false;
    }
    let mut places = text.windows(pattern.len()).enumerate();
    places.any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let after = text.get(at + pattern.len());
        part == pattern && before.is_none_or(is_delimiter) && after.is_none_or(is_delimiter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_found_between_dots_and_a_directory_between_slashes() {
        for (pattern, text, found) in [
            ("example.com", "www.example.com", true),
            ("example.com", "wwwexample.com", false),
            ("example.com", "example.com.au", true),
            (".net.", "a.net", true),
            ("net", "network", false),
            ("..", "a..b", false),
        ] {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            assert_eq!(fits(TextPart::Domain, pattern, text), found, "{pattern:?}");
        }
        assert!(fits(TextPart::Directory, b"foo", b"/x/foo?y"));
        assert!(!fits(TextPart::Directory, b"foo", b"/xfoo/"));
    }
}
