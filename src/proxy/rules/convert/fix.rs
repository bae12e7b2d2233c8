//! Messages of the FIX protocol: fields `tag=value` with a byte 1 behind each.
//!
//! ```text
//!  8=version | 9=length | 35=type | … | 10=checksum |
//!                       <-- length --->
//! ```

use crate::net::reader::Reader;

const END: u8 = 1;
const BEGIN_STRING: u32 = 8;
const BODY_LENGTH: u32 = 9;
const CHECKSUM: u32 = 10;
const MESSAGE_TYPE: u32 = 35;
const VERSIONS: [&[u8]; 6] =
    [b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1"];

/// Reads one field: its tag and its value. The outer option is none if the field is not complete,
/// the inner one if this is no field.
fn field<'a>(reader: &mut Reader<'a>) -> Option<Option<(u32, &'a [u8])>> {
    let text = reader.until(|byte| byte == END)?;
    reader.byte();
    let parts = text.iter().position(|byte| *byte == b'=').map(|at| text.split_at(at));
    Some(parts.and_then(|(tag, value)| {
        let tag = std::str::from_utf8(tag).ok()?.parse().ok().filter(|tag| *tag > 0)?;
        Some((tag, value.strip_prefix(b"=")?))
    }))
}

/// The value of the first field with this tag, in the message that the bytes begin with.
pub(super) fn value(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut reader = Reader(bytes);
    loop {
        let (tag, value) = field(&mut reader)??;
        if tag == wanted {
            return Some(value).filter(|value| !value.is_empty());
        }
        if tag == CHECKSUM {
            return None;
        }
    }
}

/// Whether the bytes begin with a valid message; none if the message is not complete.
pub(super) fn is_valid(bytes: &[u8]) -> Option<bool> {
    let mut reader = Reader(bytes);
    if !bytes.starts_with(b"8=") && bytes.len() >= 2 {
        return Some(false);
    }
    let Some((BEGIN_STRING, version)) = field(&mut reader)? else { return Some(false) };
    let Some((BODY_LENGTH, len)) = field(&mut reader)? else { return Some(false) };
    let len = std::str::from_utf8(len).ok().and_then(|len| len.parse::<usize>().ok());
    let Some(len) = len.filter(|_| VERSIONS.contains(&version)) else { return Some(false) };
    let body_begins = bytes.len() - reader.0.len();
    let mut body = Reader(reader.take(len)?);
    let Some(before) = bytes.get(..body_begins + len) else { return Some(false) };
    let Some((CHECKSUM, checksum)) = field(&mut reader)? else { return Some(false) };
    let sum = before.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let is_typed = matches!(field(&mut body), Some(Some((MESSAGE_TYPE, _))));
    let has_fields = loop {
        match field(&mut body) {
            Some(Some(_)) => {}
            Some(None) => break false,
            None => break body.0.is_empty(),
        }
    };
    Some(is_typed && has_fields && checksum == format!("{sum:03}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"8=FIX.4.2\x019=26\x0135=A\x0149=SEND\x0156=TARG\x0134=1\x0110=103\x01";

    #[test]
    fn a_message_is_known_once_it_is_complete_and_not_before() {
        for len in 0..MESSAGE.len() {
            assert_eq!(is_valid(&MESSAGE[..len]), None, "{len}");
        }
        assert_eq!(is_valid(MESSAGE), Some(true));
        assert_eq!(is_valid(&[MESSAGE, MESSAGE].concat()), Some(true));
        let told = [8, 9, 35, 49, 10, 34].map(|tag| value(MESSAGE, tag));
        let expected: [&[u8]; 6] = [b"FIX.4.2", b"26", b"A", b"SEND", b"103", b"1"];
        assert_eq!(told, expected.map(Some));
        assert_eq!(value(MESSAGE, 99), None);
    }

    #[test]
    fn any_damage_is_noticed_and_none_is_fatal() {
        for at in 0..MESSAGE.len() {
            for byte in 0..=255 {
                let mut damaged = MESSAGE.to_vec();
                damaged[at] = byte;
                let _ = value(&damaged, 49);
                let is_same = byte == MESSAGE[at];
                assert!(is_same || is_valid(&damaged) != Some(true), "{at} {byte}");
            }
        }
        for hostile in
            [&b"8=FIX.4.2\x019=99999999999999999999\x01"[..], b"=\x01=\x01", b"8=\x019=\x01"]
        {
            assert_ne!(is_valid(hostile), Some(true));
            assert_eq!(value(hostile, 35), None);
        }
    }
}
