//! The converters of sample expressions: name, what they take and give, and how their arguments
//! are read.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::entry_samples;
use super::expression::{Converter, Operation, ValueType, prefix_mask};
use super::sample::Arguments;
use crate::config::keywords::refused_samples;
use crate::config::sections::balance::HashFunction;
use crate::config::text::nearest::hint;

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static str,
    pub(crate) help: &'static str,
    /// What it takes; a sample of another type is converted.
    takes: &'static [ValueType],
    gives: ValueType,
    read: fn(&mut Arguments<'_>) -> Result<Converter, String>,
}

use ValueType::{Address, Binary, Bool, Integer, Text};

const NUMBERS: &[ValueType] = &[Integer, Bool, Text, Address];
const BYTES: &[ValueType] = &[Text, Binary, Address, Integer, Bool];

const fn row(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    (takes, gives): (&'static [ValueType], ValueType),
    read: fn(&mut Arguments<'_>) -> Result<Converter, String>,
) -> Row {
    Row { name, arguments, help, takes, gives, read }
}

macro_rules! arithmetic {
    ($name:literal, $help:literal, $operation:ident) => {
        row($name, "<number>", $help, (NUMBERS, Integer), |a| {
            Ok(Converter::Arithmetic(Operation::$operation, a.number()?))
        })
    };
}

macro_rules! hash {
    ($name:literal, $function:ident) => {
        row($name, "[<avalanche>]", "a hash; with 1 every bit counts", (BYTES, Integer), |a| {
            let avalanche = a.next().is_some_and(|text| text != "0");
            Ok(Converter::Hash(HashFunction::$function, avalanche))
        })
    };
}

/// Every converter but those about entries in stick tables.
pub(crate) const CONVERTERS: &[Row] = &[
    row(
        "ipmask",
        "<mask4>[,<mask6>]",
        "the network of an address",
        (&[Address, Text, Integer], Address),
        |a| {
            let wrong = |mask: &str| format!("'ipmask': '{mask}' is not a mask");
            let mask = a.required("mask")?;
            let four = bits4(mask).ok_or_else(|| wrong(mask))?;
            let six = a.next().map(|mask| bits6(mask).ok_or_else(|| wrong(mask))).transpose()?;
            Ok(Converter::Mask(four, six))
        },
    ),
    row("lower", "", "to lower case", (BYTES, Text), |_| Ok(Converter::Lower)),
    row("upper", "", "to upper case", (BYTES, Text), |_| Ok(Converter::Upper)),
    row("length", "", "the number of bytes", (BYTES, Integer), |_| Ok(Converter::Length)),
    row("hex", "", "as hexadecimal digits", (BYTES, Text), |_| Ok(Converter::Hex)),
    hash!("crc32", Crc32),
    hash!("djb2", Djb2),
    hash!("sdbm", Sdbm),
    row("bytes", "<offset>[,<length>]", "a part", (BYTES, Binary), |a| {
        let number = |a: &mut Arguments<'_>| a.index(u32::MAX);
        let offset = number(a)?;
        let len = a.next().map(str::parse).transpose();
        Ok(Converter::Bytes(offset, len.map_err(|_| "'bytes' wants numbers".to_owned())?))
    }),
    row("not", "", "not", (NUMBERS, Bool), |_| Ok(Converter::Not)),
    row("bool", "", "whether it is not 0", (NUMBERS, Bool), |_| Ok(Converter::Bool)),
    row("odd", "", "whether it is odd", (NUMBERS, Bool), |_| Ok(Converter::Parity(1))),
    row("even", "", "whether it is even", (NUMBERS, Bool), |_| Ok(Converter::Parity(0))),
    row("neg", "", "its negative", (NUMBERS, Integer), |_| Ok(Converter::Negative)),
    row("cpl", "", "every bit inverted", (NUMBERS, Integer), |_| Ok(Converter::Complement)),
    arithmetic!("add", "adds", Add),
    arithmetic!("sub", "subtracts", Subtract),
    arithmetic!("mul", "multiplies", Multiply),
    arithmetic!("div", "divides", Divide),
    arithmetic!("mod", "the rest of a division", Modulo),
    arithmetic!("and", "bits in both", And),
    arithmetic!("or", "bits in either", Or),
    arithmetic!("xor", "bits in one", Xor),
];

/// The converter with this name for a sample of this type, and what it gives.
pub(crate) fn read(
    name: &str,
    arguments: &mut Arguments<'_>,
    takes: ValueType,
) -> Result<(Converter, ValueType), String> {
    if let Some(row) = CONVERTERS.iter().find(|row| row.name == name) {
        if !row.takes.contains(&takes) {
            return Err(format!("'{name}' cannot follow a sample of this type"));
        }
        let gives = if name == "bytes" && takes == Text { Text } else { row.gives };
        return Ok(((row.read)(arguments)?, gives));
    }
    if let Some(found) = entry_samples::read_converter(name, arguments)? {
        return Ok(found);
    }
    if let Some(refusal) = refused_samples::find(refused_samples::CONVERTERS, name) {
        return Err(format!("'{name}' is refused: {}", refusal.reason()));
    }
    if name.is_empty() {
        return Err("the name of a converter is missing behind ','".to_owned());
    }
    let known = CONVERTERS.iter().map(|row| row.name).chain(entry_samples::converter_names());
    let hint = hint(name, known);
    Err(format!("unknown converter '{name}'{hint}"))
}

/// Whether there is a converter with this name.
pub(crate) fn is_known(name: &str) -> bool {
    CONVERTERS.iter().any(|row| row.name == name)
        || refused_samples::find(refused_samples::CONVERTERS, name).is_some()
        || entry_samples::converter_names().any(|other| other == name)
}

/// A mask, which may have holes: `24` or `255.255.255.0`.
fn bits4(text: &str) -> Option<u32> {
    match text.parse::<u8>() {
        Ok(len) => (len <= 32).then(|| u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0)),
        Err(_) => text.parse().ok().map(Ipv4Addr::to_bits),
    }
}

/// The same for IPv6.
fn bits6(text: &str) -> Option<u128> {
    match text.parse::<u8>() {
        Ok(len) => (len <= 128).then(|| prefix_mask(len)),
        Err(_) => text.parse().ok().map(Ipv6Addr::to_bits),
    }
}

/// The length of a mask: `24` or `255.255.255.0`.
pub(super) fn mask4(text: &str) -> Option<u8> {
    if let Ok(len) = text.parse::<u8>() {
        return Some(len).filter(|len| *len <= 32);
    }
    let bits = text.parse::<Ipv4Addr>().ok()?.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() == 32 || bits == 0)
        .then(|| u8::try_from(bits.leading_ones()).unwrap_or(32))
}

/// The same for IPv6.
pub(super) fn mask6(text: &str) -> Option<u8> {
    if let Ok(len) = text.parse::<u8>() {
        return Some(len).filter(|len| *len <= 128);
    }
    let bits = text.parse::<Ipv6Addr>().ok()?.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() == 128 || bits == 0)
        .then(|| u8::try_from(bits.leading_ones()).unwrap_or(128))
}
