//! The escapes of strings of JSON.

use std::io::Write;

use super::text::MADE_MAX;
use crate::config::rules::Characters;

/// The text as a string of JSON, without the quotes; none if a sequence of its bytes is wrong, or
/// the string would be too long.
pub(super) fn escaped(text: &[u8], characters: Characters) -> Option<Vec<u8>> {
    let mut made = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        match characters {
            Characters::Bytes => {
                escape(u16::from(*byte), &mut made);
                rest = after;
            }
            Characters::Utf8 { skips, takes_overlong } => {
                let (code, len) = character(*byte, after, takes_overlong);
                match code {
                    Some(code) => escape(code, &mut made),
                    None if skips => {}
                    None => return None,
                }
                rest = rest.get(len..).unwrap_or_default();
            }
        }
    }
    (made.len() <= MADE_MAX).then_some(made)
}

fn escape(code: u16, made: &mut Vec<u8>) {
    let letter = match code {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => match u8::try_from(code) {
            Ok(byte @ (b'"' | b'\\' | b'/')) => byte,
            Ok(byte @ b' '..=b'~') => return made.push(byte),
            _ => {
                let written = write!(made, "\\u{code:04x}");
                return written.expect("a vector takes every byte");
            }
        },
    };
    made.extend([b'\\', letter]);
}

/// The character of a sequence that begins with this byte, and the length of the sequence in
/// bytes. A wrong sequence has no character; a surrogate, what is no character, and what JSON has
/// no single escape for are wrong too.
fn character(first: u8, rest: &[u8], takes_overlong: bool) -> (Option<u16>, usize) {
    let ones = first.leading_ones();
    // How many bytes follow, and the least code for which so many bytes are needed.
    let (following, least) = match ones {
        0 => return (Some(u16::from(first)), 1),
        2 => (1, 0x80),
        3 => (2, 0x800),
        4 => (3, 0x1_0000),
        5 => (4, 0x20_0000),
        6 => (5, 0x400_0000),
        _ => return (None, 1),
    };
    let continues = |byte: &&u8| **byte & 0xc0 == 0x80;
    let continuation = rest.iter().take(following).take_while(continues);
    let start = (u32::from(first & (0x7f >> ones)), 0);
    let (code, found) = continuation
        .fold(start, |(code, found), byte| (code << 6 | u32::from(*byte & 0x3f), found + 1));
    let is_right = found == following
        && (takes_overlong || code >= least)
        && !matches!(code, 0xd800..=0xdfff | 0xfffe | 0xffff);
    (u16::try_from(code).ok().filter(|_| is_right), found + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Characters = Characters::Utf8 { skips: false, takes_overlong: false };
    const SKIPPING: Characters = Characters::Utf8 { skips: true, takes_overlong: false };

    fn shown(text: &[u8], characters: Characters) -> Option<String> {
        escaped(text, characters).map(|made| String::from_utf8(made).unwrap())
    }

    #[test]
    fn what_is_no_plain_text_is_escaped() {
        let shown = |text: &str| shown(text.as_bytes(), STRICT).unwrap();
        assert_eq!(shown("a\"\\/b"), r#"a\"\\\/b"#);
        assert_eq!(shown("\u{8}\t\n\u{c}\r\u{1b}\u{7f}"), r"\b\t\n\f\r\u001b\u007f");
        assert_eq!(shown("é€"), r"\u00e9\u20ac");
    }

    #[test]
    fn a_wrong_sequence_has_no_text_or_is_left_out() {
        let wrong: [&[u8]; 8] = [
            b"\xff",
            b"\x80",
            b"\xe2\x82",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xef\xbf\xbf",
            b"\xf0\x9f\x98\x80",
            b"\xfc\xbf\xbf\xbf\xbf\xbf",
        ];
        for sequence in wrong {
            let text = [b"a", sequence, b"b"].concat();
            assert_eq!(shown(&text, STRICT), None, "{sequence:x?}");
            assert_eq!(shown(&text, SKIPPING).unwrap(), "ab", "{sequence:x?}");
        }
        let permissive = Characters::Utf8 { skips: false, takes_overlong: true };
        assert_eq!(shown(b"\xc1\x81\xf0\x80\x80\x80", permissive).unwrap(), r"A\u0000");
    }

    #[test]
    fn a_string_that_is_too_long_is_not_made() {
        let text = [1].repeat(MADE_MAX / 6 + 1);
        assert_eq!(shown(&text, Characters::Bytes), None);
        assert!(shown(&text[1..], Characters::Bytes).is_some());
    }
}
