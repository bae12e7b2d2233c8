//! Converters of numbers.

use super::row::{ConverterRow, NUMBERS, row};
use crate::config::rules::expression::ValueType::{Bool, Integer};
use crate::config::rules::expression::{Converter, Operation};

macro_rules! arithmetic {
    ($name:literal, $operation:ident, $help:literal) => {
        row(
            $name,
            (NUMBERS, Integer),
            |arguments| Ok(Converter::Arithmetic(Operation::$operation, arguments.operand()?)),
            $help,
            concat!("use_backend web if { src_port,", $name, "(16) gt 0 }"),
        )
        .arguments("<number or variable>")
    };
}

pub(super) const CONVERTERS: &[ConverterRow] = &[
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
