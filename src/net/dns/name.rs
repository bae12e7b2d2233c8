//! A domain name.

use std::fmt;
use std::str::FromStr;

/// The longest name, in letters (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// A domain name in small letters, without the dot at its end. DNS makes no difference between
/// small and capital letters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// The text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl Name {
    /// The name with these labels. None if a label has bytes that no host name has.
    pub fn from_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut text = String::new();
        for label in labels {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(std::str::from_utf8(label).ok().filter(|label| !label.contains('.'))?);
        }
        text.parse().ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_label =
            |label: &str| (1..=LABEL_MAX).contains(&label.len()) && label.bytes().all(is_fine);
        match text.len() <= NAME_MAX && text.split('.').all(is_label) {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(NotAName),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_capital_letters() {
        let name: Name = "A.Example.".parse().unwrap();
        assert_eq!(name.as_str(), "a.example");
        assert_eq!(Name::from_labels([&b"a"[..], b"EXAMPLE"].into_iter()), Some(name));
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        let long = "a".repeat(64);
        let longer = ["a"; 128].join(".");
        for text in ["", ".", "a..b", "a b", "a\0", "ä.b", &long, &longer] {
            assert_eq!(text.parse::<Name>(), Err(NotAName), "{text}");
        }
        assert_eq!(Name::from_labels([&b"a.b"[..]].into_iter()), None);
        assert_eq!(Name::from_labels([&b"\xff"[..]].into_iter()), None);
        assert_eq!(Name::from_labels([].into_iter()), None);
        assert!("_http._tcp.a-1.example".parse::<Name>().is_ok());
    }
}
