//! The table of converters: what a rule can make of a sample's value. The converters about the
//! entries of stick tables follow from the data types (`entry_samples.rs`).

use super::arguments::Arguments;
use super::expression::ValueType::{Address, Binary, Bool, Integer, Text};
use super::expression::{Converter, Operation, ValueType};
use super::masks;
use crate::config::HashFunction;

/// One row of the table.
pub(super) struct ConverterRow {
    pub(super) name: &'static str,
    pub(super) arguments: &'static str,
    pub(super) help: &'static str,
    pub(super) example: &'static str,
    /// The types of the values that it takes.
    pub(super) takes: &'static [ValueType],
    pub(super) gives: Gives,
    /// Reads its arguments.
    pub(super) read: fn(&mut Arguments<'_>) -> Result<Converter, String>,
}

/// The type of the value that a converter gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// Always this type.
    Type(ValueType),
    /// A text for a text, bytes for anything else.
    Part,
}

impl Gives {
    /// The type for a value of the type `taken`.
    pub(super) fn value_type(self, taken: ValueType) -> ValueType {
        match self {
            Self::Type(value_type) => value_type,
            Self::Part if taken == Text => Text,
            Self::Part => Binary,
        }
    }
}

const ADDRESSES: &[ValueType] = &[Address, Text, Integer];
const NUMBERS: &[ValueType] = &[Integer, Bool, Text, Address];
const BYTES: &[ValueType] = &[Text, Binary, Address, Integer, Bool];

/// A row for a converter from one of the types to another type.
const fn row(
    name: &'static str,
    (takes, gives): (&'static [ValueType], ValueType),
    read: fn(&mut Arguments<'_>) -> Result<Converter, String>,
    help: &'static str,
    example: &'static str,
) -> ConverterRow {
    let gives = Gives::Type(gives);
    ConverterRow { name, arguments: "", help, example, takes, gives, read }
}

impl ConverterRow {
    const fn arguments(self, arguments: &'static str) -> Self {
        Self { arguments, ..self }
    }

    const fn gives(self, gives: Gives) -> Self {
        Self { gives, ..self }
    }
}

macro_rules! arithmetic {
    ($name:literal, $operation:ident, $help:literal) => {
        row(
            $name,
            (NUMBERS, Integer),
            |arguments| Ok(Converter::Arithmetic(Operation::$operation, arguments.number()?)),
            $help,
            concat!("use_backend web if { src_port,", $name, "(16) gt 0 }"),
        )
        .arguments("<number>")
    };
}

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

/// Every converter but those about the entries of stick tables.
pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "ipmask",
        (ADDRESSES, Address),
        read_mask,
        "The network of an address. Without a second mask an IPv6 address has none.",
        "tcp-request connection track-sc0 src,ipmask(24) table clients",
    )
    .arguments("<mask4>[,<mask6>]"),
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
    hash!("crc32", Crc32),
    hash!("djb2", Djb2),
    hash!("sdbm", Sdbm),
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
    row(
        "not",
        (NUMBERS, Bool),
        |_| Ok(Converter::Not),
        "Whether the number is 0.",
        "use_backend web if { src_is_local,not }",
    ),
    row(
        "bool",
        (NUMBERS, Bool),
        |_| Ok(Converter::Bool),
        "Whether the number is not 0.",
        "use_backend web if { nbsrv(web),bool }",
    ),
    row(
        "odd",
        (NUMBERS, Bool),
        |_| Ok(Converter::Parity(1)),
        "Whether the number is odd.",
        "use_backend web if { src_port,odd }",
    ),
    row(
        "even",
        (NUMBERS, Bool),
        |_| Ok(Converter::Parity(0)),
        "Whether the number is even.",
        "use_backend web if { src_port,even }",
    ),
    row(
        "neg",
        (NUMBERS, Integer),
        |_| Ok(Converter::Negative),
        "The number with the opposite sign.",
        "use_backend web if { src_port,neg lt -1023 }",
    ),
    row(
        "cpl",
        (NUMBERS, Integer),
        |_| Ok(Converter::Complement),
        "The number with every bit inverted.",
        "use_backend web if { src_port,cpl,and(1) 1 }",
    ),
    arithmetic!("add", Add, "The sum of the value and the number."),
    arithmetic!("sub", Subtract, "The value less the number."),
    arithmetic!("mul", Multiply, "The product of the value and the number."),
    arithmetic!("div", Divide, "The value divided by the number, without the remainder."),
    arithmetic!("mod", Modulo, "The remainder of the value divided by the number."),
    arithmetic!("and", And, "The bits that are set in both the value and the number."),
    arithmetic!("or", Or, "The bits that are set in the value or in the number."),
    arithmetic!("xor", Xor, "The bits that are set in one of the value and the number."),
];

fn read_mask(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let wrong = |mask: &str| format!("'ipmask': '{mask}' is not a mask");
    let mask = arguments.required("mask")?;
    let four = masks::bits4(mask).ok_or_else(|| wrong(mask))?;
    let six = arguments.next().map(|mask| masks::bits6(mask).ok_or_else(|| wrong(mask)));
    Ok(Converter::Mask(four, six.transpose()?))
}

fn read_field(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let number = arguments.number()?;
    let number = i32::try_from(number).ok().filter(|number| *number != 0);
    let number = number.ok_or("'field' counts from 1, or from -1 for the last field")?;
    let delimiters = arguments.required("delimiters")?.as_bytes().to_vec();
    let count = arguments.next().map_or(Ok(1), str::parse);
    let count = count.map_err(|_| "'field' wants a number of fields".to_owned())?;
    Ok(Converter::Field { number, delimiters, count })
}
