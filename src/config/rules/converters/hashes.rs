//! Converters to hashes.

use super::row::{BYTES, ConverterRow, row};
use crate::config::HashFunction;
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::Integer;

macro_rules! hash {
    ($name:literal, $function:ident) => {
        row(
            $name,
            (BYTES, Integer),
            |arguments| {
                let avalanche = arguments.next().is_some_and(|text| text != "0");
                Ok(Converter::Hash(HashFunction::$function, avalanche))
            },
            concat!(
                "The ",
                $name,
                " hash of the value; with 1 mixed once more, so that every bit \
                    of the hash depends on every bit of the value."
            ),
            concat!("use_backend web if { src,", $name, "(1),mod(2) 0 }"),
        )
        .arguments("[<avalanche>]")
    };
}

pub(super) const CONVERTERS: &[ConverterRow] =
    &[hash!("crc32", Crc32), hash!("djb2", Djb2), hash!("sdbm", Sdbm)];
