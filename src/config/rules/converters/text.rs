//! Converters of texts and bytes.

use super::row::{BYTES, ConverterRow, Gives, NUMBERS, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::{Parts, Substitution, TextConverter, read_replacement};
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Binary, Integer, Text};
use crate::net::regex::Regex;

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "lower",
        (BYTES, Text),
        |_| Ok(Converter::Text(TextConverter::Lower)),
        "The text in lower case.",
        "use_backend web if { req.ssl_sni,lower www.example.org }",
    ),
    row(
        "upper",
        (BYTES, Text),
        |_| Ok(Converter::Text(TextConverter::Upper)),
        "The text in upper case.",
        "use_backend web if { req.ssl_sni,upper WWW.EXAMPLE.ORG }",
    ),
    row(
        "length",
        (BYTES, Integer),
        |_| Ok(Converter::Text(TextConverter::Length)),
        "The number of bytes.",
        "tcp-request content reject if { req.ssl_sni,length gt 100 }",
    ),
    row(
        "bytes",
        (BYTES, Binary),
        |arguments| {
            let offset = arguments.index(u32::MAX)?;
            let len = arguments.next().map(str::parse).transpose();
            let len = len.map_err(|_| "'bytes' wants numbers".to_owned())?;
            Ok(Converter::Text(TextConverter::Bytes(offset, len)))
        },
        "The bytes from an offset on, all or as many as the length says.",
        "use_backend web if { req.ssl_sni,bytes(0,4) www. }",
    )
    .arguments("<offset>[,<length>]")
    .gives(Gives::Part),
    row(
        "field",
        (BYTES, Text),
        |arguments| Ok(Converter::Text(TextConverter::Fields(read_parts(arguments)?))),
        "The field with a number, from 1 on, of a text in which any of the delimiters separate the \
         fields; a negative number counts from the end. More fields with a count, and all that \
         follow with the count 0.",
        "use_backend web if { req.ssl_sni,field(-2,.,2) example.org }",
    )
    .arguments("<number>,<delimiters>[,<count>]"),
    row(
        "word",
        (BYTES, Text),
        |arguments| Ok(Converter::Text(TextConverter::Words(read_parts(arguments)?))),
        "As `field`, but delimiters side by side count as one, and those at the beginning do not \
         count.",
        "use_backend web if { req.ssl_sni,word(-2,.,2) example.org }",
    )
    .arguments("<number>,<delimiters>[,<count>]"),
    row(
        "ltrim",
        (BYTES, Text),
        |arguments| {
            let bytes = arguments.required("bytes")?.as_bytes().to_vec();
            Ok(Converter::Text(TextConverter::TrimLeft(bytes)))
        },
        "The text without these bytes at its beginning.",
        "use_backend web if { req.ssl_sni,ltrim(w.) example.org }",
    )
    .arguments("<bytes>"),
    row(
        "rtrim",
        (BYTES, Text),
        |arguments| {
            let bytes = arguments.required("bytes")?.as_bytes().to_vec();
            Ok(Converter::Text(TextConverter::TrimRight(bytes)))
        },
        "The text without these bytes at its end.",
        "use_backend web if { req.ssl_sni,rtrim(.) www.example.org }",
    )
    .arguments("<bytes>"),
    row(
        "regsub",
        (BYTES, Text),
        read_substitution,
        "The text with another text in the place of what a regular expression matches; `\\1` is \
         the first group. The flag `g` replaces every match, `i` ignores case.",
        "use_backend web if { req.ssl_sni,regsub(^www[.],) example.org }",
    )
    .arguments("<regex>,<text>[,<flags>]"),
    row(
        "cut_crlf",
        (BYTES, Text),
        |_| Ok(Converter::Text(TextConverter::CutLine)),
        "The text up to its first end of a line.",
        "use_backend web if { req.payload(0,100),cut_crlf -m str HELLO }",
    ),
    row(
        "host_only",
        (BYTES, Text),
        |_| Ok(Converter::Text(TextConverter::Host)),
        "The host of `host:port`.",
        "use_backend web if { req.ssl_sni,host_only www.example.org }",
    ),
    row(
        "port_only",
        (BYTES, Integer),
        |_| Ok(Converter::Text(TextConverter::Port)),
        "The port of `host:port`; 0 if there is none.",
        "use_backend web if { req.ssl_sni,port_only 0 }",
    ),
    row(
        "iif",
        (NUMBERS, Text),
        |arguments| {
            let mut choice = || arguments.next().unwrap_or_default().as_bytes().to_vec();
            Ok(Converter::Text(TextConverter::Choice(choice(), choice())))
        },
        "The first text if the number is not 0, else the second one.",
        "use_backend web if { src_is_local,iif(inside,outside) inside }",
    )
    .arguments("<text>,<text>"),
    row(
        "debug",
        (BYTES, Text),
        |arguments| {
            // HAProxy takes a prefix and a ring, and writes nothing unless a ring is given.
            arguments.next();
            Ok(Converter::Text(TextConverter::Same))
        },
        "The value itself.",
        "use_backend web if { req.ssl_sni,debug(sni) www.example.org }",
    )
    .arguments("[<prefix>]")
    .gives(Gives::Same),
];

fn read_parts(arguments: &mut Arguments<'_>) -> Result<Parts, String> {
    let name = arguments.name;
    let number = arguments.number()?;
    let number = i32::try_from(number).ok().filter(|number| *number != 0);
    let number =
        number.ok_or_else(|| format!("'{name}' counts from 1, or from -1 for the last part"))?;
    let delimiters = arguments.required("delimiters")?.as_bytes().to_vec();
    let count = arguments.next().map_or(Ok(1), str::parse);
    let count = count.map_err(|_| format!("'{name}' wants a number of parts"))?;
    Ok(Parts { number, delimiters, count })
}

fn read_substitution(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let pattern = arguments.required("regular expression")?;
    let with = arguments.next().unwrap_or_default();
    let flags = arguments.next().unwrap_or_default();
    if let Some(flag) = flags.chars().find(|flag| !matches!(flag, 'g' | 'i')) {
        return Err(format!("'regsub' knows the flags 'g' and 'i', not '{flag}'"));
    }
    let regex = Regex::with_groups(pattern, flags.contains('i'));
    let regex = regex.map_err(|error| format!("'regsub': '{pattern}': {error}"))?;
    let all = flags.contains('g');
    let with = read_replacement(with).map_err(|error| format!("'regsub': {error}"))?;
    let substitution = Substitution { regex, with, all };
    Ok(Converter::Text(TextConverter::Substitute(substitution)))
}
