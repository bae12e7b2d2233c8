//! Names and addresses as words. The messages of a handover are split at blanks and lists of names
//! are split at colons and commas, so a name that holds such a character is percent-encoded.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The characters that are encoded in a word. Everything beyond ASCII is encoded as well.
const IN_WORDS: &AsciiSet = &CONTROLS.add(b' ').add(b'%');
/// The same for a name in a list that is split at colons and commas (`LISTEN_FDNAMES`).
const IN_LISTS: &AsciiSet = &IN_WORDS.add(b':').add(b',');
/// The word for an empty text. No other text is encoded like this.
const EMPTY: &str = "%";

/// `text` as one word, without a blank.
pub fn encode(text: &str) -> Cow<'_, str> {
    written(text, IN_WORDS)
}

/// `text` as one name of a list, without a blank, a colon or a comma.
pub fn encode_in_list(text: &str) -> Cow<'_, str> {
    written(text, IN_LISTS)
}

fn written<'a>(text: &'a str, set: &'static AsciiSet) -> Cow<'a, str> {
    if text.is_empty() { Cow::Borrowed(EMPTY) } else { utf8_percent_encode(text, set).into() }
}

/// The text that was given to [`encode`] or [`encode_in_list`], or `None` if the bytes are not
/// UTF-8. A percent sign without two digits stands for itself: older versions do not encode.
pub fn decode(word: &str) -> Option<String> {
    if word == EMPTY {
        return Some(String::new());
    }
    Some(percent_decode_str(word).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    /// Random texts made of parts that could be mistaken for something else, and their seed. The
    /// same seed gives the same texts.
    pub(crate) fn texts() -> (u64, impl Iterator<Item = String>) {
        const PARTS: [&str; 17] = [
            " ",
            ":",
            "%",
            "%2",
            "%20",
            "%zz",
            "\0",
            "\n",
            "\u{7f}",
            "ö",
            "_",
            "/run/s",
            "ƒ\u{200b}",
            "-",
            ",",
            "web",
            "127.0.0.1:80",
        ];
        let seed = RandomState::new().hash_one(0);
        let mut state = seed | 1;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1009).unwrap() % below
        };
        let texts = std::iter::repeat_with(move || {
            let parts = random(6);
            (0..parts).map(|_| PARTS[random(PARTS.len())]).collect()
        });
        (seed, texts)
    }

    #[test]
    fn every_text_comes_back_and_is_one_word() {
        let (seed, texts) = texts();
        for text in texts.take(20_000) {
            let (word, name) = (encode(&text), encode_in_list(&text));
            assert_eq!(decode(&word).as_ref(), Some(&text), "seed {seed}: {word}");
            assert_eq!(decode(&name).as_ref(), Some(&text), "seed {seed}: {name}");
            assert!(!word.is_empty() && !word.contains(' ') && word.is_ascii(), "{word:?}");
            assert!(
                !name.is_empty() && !name.contains([' ', ':', ',']) && name.is_ascii(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn ordinary_names_are_written_as_they_are() {
        assert_eq!(encode("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(encode_in_list("unix@/run/stickd.sock"), "unix@/run/stickd.sock");
        assert_eq!(encode_in_list("[::]:80"), "[%3A%3A]%3A80");
    }
}
