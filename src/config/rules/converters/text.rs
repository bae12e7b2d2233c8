//! Converters of texts and bytes.

use super::row::{BYTES, ConverterRow, Gives, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Binary, Integer, Text};

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "lower",
        (BYTES, Text),
        |_| Ok(Converter::Lower),
        "The text in lower case.",
        "use_backend web if { req.ssl_sni,lower www.example.org }",
    ),
    row(
        "upper",
        (BYTES, Text),
        |_| Ok(Converter::Upper),
        "The text in upper case.",
        "use_backend web if { req.ssl_sni,upper WWW.EXAMPLE.ORG }",
    ),
    row(
        "length",
        (BYTES, Integer),
        |_| Ok(Converter::Length),
        "The number of bytes.",
        "tcp-request content reject if { req.ssl_sni,length gt 100 }",
    ),
    row(
        "hex",
        (BYTES, Text),
        |_| Ok(Converter::Hex),
        "The bytes as hexadecimal digits in upper case.",
        "use_backend web if { req.payload(0,2),hex 1603 }",
    ),
    row(
        "bytes",
        (BYTES, Binary),
        |arguments| {
            let offset = arguments.index(u32::MAX)?;
            let len = arguments.next().map(str::parse).transpose();
            Ok(Converter::Bytes(offset, len.map_err(|_| "'bytes' wants numbers".to_owned())?))
        },
        "The bytes from an offset on, all or as many as the length says.",
        "use_backend web if { req.ssl_sni,bytes(0,4) www. }",
    )
    .arguments("<offset>[,<length>]")
    .gives(Gives::Part),
    row(
        "field",
        (BYTES, Text),
        read_field,
        "The field with a number, from 1 on, of a text in which any of the delimiters separate the \
         fields; a negative number counts from the end. More fields with a count, and all that \
         follow with the count 0.",
        "use_backend web if { req.ssl_sni,field(-2,.,2) example.org }",
    )
    .arguments("<number>,<delimiters>[,<count>]"),
];

fn read_field(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let number = arguments.number()?;
    let number = i32::try_from(number).ok().filter(|number| *number != 0);
    let number = number.ok_or("'field' counts from 1, or from -1 for the last field")?;
    let delimiters = arguments.required("delimiters")?.as_bytes().to_vec();
    let count = arguments.next().map_or(Ok(1), str::parse);
    let count = count.map_err(|_| "'field' wants a number of fields".to_owned())?;
    Ok(Converter::Field { number, delimiters, count })
}
