//! Converters that look a value up in a file. Their names say how the keys of the file are
//! compared, and of which type the values are.

use super::row::{ADDRESSES, BYTES, ConverterRow, NUMBERS, row};
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Address, Integer, Text};
use crate::config::rules::patterns::{Method, Output, TextPart};

macro_rules! map {
    ($name:literal, $takes:ident, $matching:expr, $output:expr, $gives:ident, $key:literal) => {
        row(
            $name,
            ($takes, $gives),
            |arguments| {
                let (map, default) = arguments.map($matching, $output)?;
                Ok(Converter::Map(map, default))
            },
            concat!(
                "The value behind the key in a file that has a key and a value in each line. The \
                 key is ",
                $key,
                ". Without such a key the value is the default, if there is one."
            ),
            concat!(
                "tcp-request content track-sc0 src,",
                $name,
                "(/etc/stickd/keys.map) table names"
            ),
        )
        .arguments("<file>[,<default>]")
    };
}

pub(super) const CONVERTERS: &[ConverterRow] = &[
    map!("map", BYTES, Method::Text(TextPart::Whole), Output::Text, Text, "the whole text"),
    map!("map_str", BYTES, Method::Text(TextPart::Whole), Output::Text, Text, "the whole text"),
    map!(
        "map_str_int",
        BYTES,
        Method::Text(TextPart::Whole),
        Output::Number,
        Integer,
        "the whole text"
    ),
    map!(
        "map_str_ip",
        BYTES,
        Method::Text(TextPart::Whole),
        Output::Address,
        Address,
        "the whole text"
    ),
    map!(
        "map_beg",
        BYTES,
        Method::Text(TextPart::Beginning),
        Output::Text,
        Text,
        "the beginning of the text; the longest such key counts"
    ),
    map!(
        "map_beg_int",
        BYTES,
        Method::Text(TextPart::Beginning),
        Output::Number,
        Integer,
        "the beginning of the text; the longest such key counts"
    ),
    map!(
        "map_beg_ip",
        BYTES,
        Method::Text(TextPart::Beginning),
        Output::Address,
        Address,
        "the beginning of the text; the longest such key counts"
    ),
    map!("map_end", BYTES, Method::Text(TextPart::End), Output::Text, Text, "the end of the text"),
    map!(
        "map_end_int",
        BYTES,
        Method::Text(TextPart::End),
        Output::Number,
        Integer,
        "the end of the text"
    ),
    map!(
        "map_end_ip",
        BYTES,
        Method::Text(TextPart::End),
        Output::Address,
        Address,
        "the end of the text"
    ),
    map!(
        "map_sub",
        BYTES,
        Method::Text(TextPart::Inside),
        Output::Text,
        Text,
        "any part of the text"
    ),
    map!(
        "map_sub_int",
        BYTES,
        Method::Text(TextPart::Inside),
        Output::Number,
        Integer,
        "any part of the text"
    ),
    map!(
        "map_sub_ip",
        BYTES,
        Method::Text(TextPart::Inside),
        Output::Address,
        Address,
        "any part of the text"
    ),
    map!(
        "map_dir",
        BYTES,
        Method::Text(TextPart::Directory),
        Output::Text,
        Text,
        "a part of the text between slashes"
    ),
    map!(
        "map_dir_int",
        BYTES,
        Method::Text(TextPart::Directory),
        Output::Number,
        Integer,
        "a part of the text between slashes"
    ),
    map!(
        "map_dir_ip",
        BYTES,
        Method::Text(TextPart::Directory),
        Output::Address,
        Address,
        "a part of the text between slashes"
    ),
    map!(
        "map_dom",
        BYTES,
        Method::Text(TextPart::Domain),
        Output::Text,
        Text,
        "a part of the text between dots"
    ),
    map!(
        "map_dom_int",
        BYTES,
        Method::Text(TextPart::Domain),
        Output::Number,
        Integer,
        "a part of the text between dots"
    ),
    map!(
        "map_dom_ip",
        BYTES,
        Method::Text(TextPart::Domain),
        Output::Address,
        Address,
        "a part of the text between dots"
    ),
    map!(
        "map_reg",
        BYTES,
        Method::Regex,
        Output::Text,
        Text,
        "a regular expression that matches the text"
    ),
    map!(
        "map_reg_int",
        BYTES,
        Method::Regex,
        Output::Number,
        Integer,
        "a regular expression that matches the text"
    ),
    map!(
        "map_reg_ip",
        BYTES,
        Method::Regex,
        Output::Address,
        Address,
        "a regular expression that matches the text"
    ),
    map!(
        "map_int",
        NUMBERS,
        Method::Integer,
        Output::Text,
        Text,
        "the number, or a range such as `5:9` that has it"
    ),
    map!(
        "map_int_int",
        NUMBERS,
        Method::Integer,
        Output::Number,
        Integer,
        "the number, or a range such as `5:9` that has it"
    ),
    map!(
        "map_int_ip",
        NUMBERS,
        Method::Integer,
        Output::Address,
        Address,
        "the number, or a range such as `5:9` that has it"
    ),
    map!(
        "map_ip",
        ADDRESSES,
        Method::Address,
        Output::Text,
        Text,
        "the address, or a network that has it; the smallest one counts"
    ),
    map!(
        "map_ip_int",
        ADDRESSES,
        Method::Address,
        Output::Number,
        Integer,
        "the address, or a network that has it; the smallest one counts"
    ),
    map!(
        "map_ip_ip",
        ADDRESSES,
        Method::Address,
        Output::Address,
        Address,
        "the address, or a network that has it; the smallest one counts"
    ),
    map!(
        "map_regm",
        BYTES,
        Method::Regex,
        Output::Template,
        Text,
        "a regular expression that matches the text; \\1 in the value is its first group"
    ),
];
