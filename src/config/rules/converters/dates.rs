//! Converters of moments to texts.

use super::row::{ConverterRow, NUMBERS, row};
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::{DateConverter, TimeUnit};
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::Text;

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "ltime",
        (NUMBERS, Text),
        |arguments| read_format(arguments, false),
        "The moment so many seconds after 1970 in the local time zone, in a format of `strftime`, \
         with an offset in seconds.",
        "use_backend web if { date,ltime(%H) 08 09 }",
    )
    .arguments("<format>[,<offset>]"),
    row(
        "utime",
        (NUMBERS, Text),
        |arguments| read_format(arguments, true),
        "As `ltime`, in UTC.",
        "use_backend web if { date,utime(%a) Sat Sun }",
    )
    .arguments("<format>[,<offset>]"),
    row(
        "http_date",
        (NUMBERS, Text),
        |arguments| {
            let offset = arguments.next().unwrap_or("0");
            let offset = offset.parse().map_err(|_| "'http_date' wants a number".to_owned())?;
            let unit = match arguments.next().unwrap_or("s") {
                "s" => TimeUnit::Seconds,
                "ms" => TimeUnit::Milliseconds,
                "us" => TimeUnit::Microseconds,
                other => return Err(format!("'http_date': unknown unit '{other}'")),
            };
            Ok(Converter::Date(DateConverter::Http { offset, unit }))
        },
        "The moment so many units after 1970 as HTTP writes dates; the unit is `s`, `ms` or `us`.",
        "tcp-request content track-sc0 date,http_date table names",
    )
    .arguments("[<offset>[,<unit>]]"),
];

fn read_format(arguments: &mut Arguments<'_>, is_utc: bool) -> Result<Converter, String> {
    let format = arguments.required("format")?.to_owned();
    let name = arguments.name;
    let offset = arguments.next().unwrap_or("0");
    let offset = offset.parse().map_err(|_| format!("'{name}' wants an offset in seconds"))?;
    Ok(Converter::Date(DateConverter::Formatted { format, offset, is_utc }))
}
