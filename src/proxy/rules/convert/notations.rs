//! Other notations of the same bytes or number.

use std::borrow::Cow;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXUPPER};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::json::escaped;
use super::text::text;
use crate::config::rules::{Base, Notation};
use crate::proxy::rules::value::{Value, low_bits};

/// What may stand in an address of the web as it is, besides letters and digits.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The value in another notation, if it has one.
pub(super) fn convert<'a>(notation: &Notation, value: &Value<'_>) -> Option<Value<'a>> {
    let binary = |bytes: Vec<u8>| Value::Binary(Cow::Owned(bytes));
    Some(match notation {
        Notation::Hex => text(HEXUPPER.encode(&value.bytes()).into_bytes()),
        Notation::NumberOfHex => Value::Integer(number_of_hex(&value.text())?),
        Notation::Base64 => text(BASE64.encode(&value.bytes()).into_bytes()),
        Notation::UrlBase64 => text(BASE64URL_NOPAD.encode(&value.bytes()).into_bytes()),
        Notation::FromBase64 => binary(BASE64.decode(&value.bytes()).ok()?),
        Notation::FromUrlBase64 => binary(BASE64URL_NOPAD.decode(&value.bytes()).ok()?),
        Notation::Chunks { base, separator, len, truncates } => {
            let bytes = value.bytes();
            let whole = if *truncates { bytes.len() / len * len } else { bytes.len() };
            let chunks = bytes.get(..whole).unwrap_or_default().chunks(*len);
            let numbers: Vec<Vec<u8>> = chunks.map(|chunk| number(chunk, *base)).collect();
            text(numbers.join(&separator[..]))
        }
        Notation::NetworkOrder => binary(low_bits(value.number()?).to_be_bytes().to_vec()),
        Notation::FromUrl(is_form) => text(from_url(&value.text(), *is_form)?),
        Notation::Json(characters) => text(escaped(&value.text(), *characters)?),
        Notation::Url => text(percent_encode(&value.text(), &ENCODED).to_string().into_bytes()),
    })
}

/// The number that hexadecimal digits are. Of a longer number the low 64 bits count.
fn number_of_hex(digits: &[u8]) -> Option<i64> {
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    });
    number.map(u64::cast_signed)
}

fn number(chunk: &[u8], base: Base) -> Vec<u8> {
    match base {
        Base::Hexadecimal => HEXUPPER.encode(chunk).into_bytes(),
        Base::Decimal => {
            let number = chunk.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            number.to_string().into_bytes()
        }
    }
}

/// A text with the bytes that `%` and two digits stand for; none if a `%` has no two digits. In a
/// form, and behind a question mark, `+` is a blank.
fn from_url(typed: &[u8], is_form: bool) -> Option<Vec<u8>> {
    let mut found = Vec::with_capacity(typed.len());
    let mut plus_is_blank = is_form;
    let mut rest = typed;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        found.push(match byte {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
                u8::try_from(digit(0)? << 4 | digit(1)?).ok()?
            }
            b'+' if plus_is_blank => b' ',
            other => {
                plus_is_blank |= *other == b'?';
                *other
            }
        });
    }
    Some(found)
}
