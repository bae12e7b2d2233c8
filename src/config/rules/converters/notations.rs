//! Converters to another notation of the same bytes or number.

use super::row::{BYTES, ConverterRow, NUMBERS, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::{Base, Characters, Notation};
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Binary, Integer, Text};
use crate::config::text::nearest::hint;

macro_rules! notation {
    ($name:literal, $types:expr, $notation:ident, $help:literal, $example:literal) => {
        row($name, $types, |_| Ok(Converter::Notation(Notation::$notation)), $help, $example)
    };
}

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "hex",
        (BYTES, Text),
        |_| Ok(Converter::Notation(Notation::Hex)),
        "The bytes as hexadecimal digits in upper case.",
        "use_backend web if { req.payload(0,2),hex 1603 }",
    ),
    notation!(
        "hex2i",
        (BYTES, Integer),
        NumberOfHex,
        "The number that hexadecimal digits are.",
        "use_backend web if { req.payload(0,2),hex2i gt 15 }"
    ),
    notation!(
        "base64",
        (BYTES, Text),
        Base64,
        "The bytes in base 64.",
        "use_backend web if { req.payload(0,3),base64 YWJj }"
    ),
    notation!(
        "b64dec",
        (BYTES, Binary),
        FromBase64,
        "The bytes that a text in base 64 stands for.",
        "use_backend web if { req.payload(0,4),b64dec -m str abc }"
    ),
    notation!(
        "ub64enc",
        (BYTES, Text),
        UrlBase64,
        "The bytes in the base 64 of web addresses, without padding.",
        "use_backend web if { req.payload(0,3),ub64enc YWJj }"
    ),
    notation!(
        "ub64dec",
        (BYTES, Binary),
        FromUrlBase64,
        "The bytes that a text in the base 64 of web addresses stands for.",
        "use_backend web if { req.payload(0,4),ub64dec -m str abc }"
    ),
    row(
        "be2dec",
        (BYTES, Text),
        |arguments| read_chunks(arguments, Base::Decimal),
        "Chunks of so many bytes as decimal numbers, most significant byte first, with a \
         separator between them. With 1 a shorter chunk at the end is left out.",
        "use_backend web if { req.payload(0,4),be2dec(-,2) 5635-769 }",
    )
    .arguments("<separator>,<bytes>[,<truncate>]"),
    row(
        "be2hex",
        (BYTES, Text),
        |arguments| read_chunks(arguments, Base::Hexadecimal),
        "As `be2dec`, in hexadecimal digits. Without arguments there is no separator.",
        "use_backend web if { req.payload(0,4),be2hex(:,2) 1603:0301 }",
    )
    .arguments("[<separator>[,<bytes>[,<truncate>]]]"),
    notation!(
        "htonl",
        (NUMBERS, Binary),
        NetworkOrder,
        "The low 32 bits of a number as bytes, most significant byte first.",
        "use_backend web if { src_port,htonl,hex 0000FFFF }"
    ),
    row(
        "url_dec",
        (BYTES, Text),
        |arguments| {
            let is_form = arguments.next().is_some_and(|text| text != "0");
            Ok(Converter::Notation(Notation::FromUrl(is_form)))
        },
        "A text of a web address with the bytes that `%` and two digits stand for. `+` is a blank \
         behind a question mark, and with 1 everywhere.",
        "use_backend web if { req.payload(0,9),url_dec -m str a/b }",
    )
    .arguments("[<form>]"),
    row(
        "url_enc",
        (BYTES, Text),
        |arguments| match arguments.next() {
            None | Some("query") => Ok(Converter::Notation(Notation::Url)),
            Some(other) => Err(format!("'url_enc' knows 'query', not '{other}'")),
        },
        "The text with `%` and two digits for what may not stand in the query of a web address.",
        "use_backend web if { req.ssl_sni,url_enc www.example.org }",
    )
    .arguments("[query]"),
    row(
        "json",
        (BYTES, Text),
        read_json,
        "The text with the escapes that a string of JSON wants. With `ascii`, the default, each \
         byte is a character; with `utf8` a text with a wrong sequence has no value; `utf8s` \
         leaves wrong sequences out; `utf8p` and `utf8ps` take overlong sequences too. Characters \
         above U+FFFF are wrong.",
        "use_backend web if { req.ssl_sni,json(utf8s) -m str www.example.org }",
    )
    .arguments("[<mode>]"),
];

/// How the bytes of a text are its characters, by the name of the mode of `json`.
const JSON_MODES: [(&str, Characters); 5] = [
    ("ascii", Characters::Bytes),
    ("utf8", Characters::Utf8 { skips: false, takes_overlong: false }),
    ("utf8s", Characters::Utf8 { skips: true, takes_overlong: false }),
    ("utf8p", Characters::Utf8 { skips: false, takes_overlong: true }),
    ("utf8ps", Characters::Utf8 { skips: true, takes_overlong: true }),
];

fn read_json(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let typed = arguments.next().unwrap_or("ascii");
    let found = JSON_MODES.iter().find(|(name, _)| *name == typed);
    let (_, characters) = found.ok_or_else(|| {
        let hint = hint(typed, JSON_MODES.iter().map(|(name, _)| *name));
        format!("'json' has no mode '{typed}'{hint}")
    })?;
    Ok(Converter::Notation(Notation::Json(*characters)))
}

fn read_chunks(arguments: &mut Arguments<'_>, base: Base) -> Result<Converter, String> {
    let name = arguments.name;
    let separator = arguments.next().unwrap_or_default().as_bytes().to_vec();
    let (len, most) = match (base, arguments.next()) {
        // Without a separator the length of a chunk does not show.
        (Base::Hexadecimal, None) if separator.is_empty() => (Ok(1), usize::MAX),
        (Base::Hexadecimal, len) => (len.unwrap_or_default().parse(), usize::MAX),
        (Base::Decimal, len) => (len.unwrap_or_default().parse(), 8),
    };
    let len: usize = len.ok().filter(|len| (1..=most).contains(len)).ok_or_else(|| {
        let most = if most == 8 { ", at most 8" } else { "" };
        format!("'{name}' wants the bytes of a number, at least 1{most}, as its second argument")
    })?;
    let truncates = arguments.next().is_some_and(|text| text != "0");
    Ok(Converter::Notation(Notation::Chunks { base, separator, len, truncates }))
}
