//! Converters that keep a value in a variable, and that make something of a value and a variable.

use super::row::{BYTES, ConverterRow, Gives, row};
use crate::config::Direction;
use crate::config::rules::arguments::Arguments;
use crate::config::rules::converter::VariableConverter;
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Address, Any, Binary, Bool, Integer, Text};

const ALL: &[crate::config::rules::ValueType] = &[Bool, Integer, Address, Text, Binary];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "set-var",
        (ALL, Any),
        |arguments| {
            let variable = arguments.variable()?;
            Ok(Converter::SetVariable(variable, arguments.set_conditions()?))
        },
        "The value itself, which a variable is set to. There is no value where a condition does \
         not hold, or the sizes of variables leave no room.",
        "use_backend web if { req.ssl_sni,lower,set-var(sess.sni) -m found }",
    )
    .arguments("<variable>[,<condition>]*")
    .gives(Gives::Same),
    row(
        "unset-var",
        (ALL, Any),
        |arguments| Ok(Converter::UnsetVariable(arguments.variable()?)),
        "The value itself; the variable loses its own.",
        "use_backend web if { req.ssl_sni,unset-var(sess.sni) -m found }",
    )
    .arguments("<variable>")
    .gives(Gives::Same),
    row(
        "capture-req",
        (ALL, Any),
        |arguments| Ok(Converter::Capture(arguments.capture_slot(Direction::Request)?)),
        "The value itself, whose text is kept in a slot of the request, as `capture` keeps it. \
         There is no value without such a slot.",
        "tcp-request content set-var(sess.sni) req.ssl_sni,capture-req(0)",
    )
    .arguments("<slot>")
    .gives(Gives::Same),
    row(
        "capture-res",
        (ALL, Any),
        |arguments| Ok(Converter::Capture(arguments.capture_slot(Direction::Response)?)),
        "The value itself, whose text is kept in a slot of the answer (`declare capture \
         response`). There is no value without such a slot.",
        "tcp-response content set-var(sess.len) res.len,capture-res(0)",
    )
    .arguments("<slot>")
    .gives(Gives::Same),
    row(
        "concat",
        (BYTES, Text),
        |arguments| {
            let before = text(arguments);
            let variable = arguments.named_variable()?;
            let concat = VariableConverter::Concat(before, variable, text(arguments));
            Ok(Converter::WithVariable(concat))
        },
        "The text with a text behind it, then what a variable holds, then another text.",
        "tcp-request content track-sc0 src,concat(:,txn.port) table names",
    )
    .arguments("[<text>][,[<variable>][,<text>]]"),
    row(
        "add_item",
        (BYTES, Text),
        read_item,
        "The text as a list with one more item: what a variable holds, and a suffix. The delimiter \
         stands before the item unless the list was empty. An empty item is not added.",
        "tcp-request content track-sc0 src,add_item(:,txn.port) table names",
    )
    .arguments("<delimiter>,[<variable>][,<suffix>]"),
    row(
        "strcmp",
        (BYTES, Integer),
        |arguments| Ok(Converter::WithVariable(VariableConverter::Compare(arguments.variable()?))),
        "How the text and what a variable holds are ordered: a number below, at or above 0. There \
         is no value without a value of the variable.",
        "use_backend web if { req.ssl_sni,strcmp(txn.name) 0 }",
    )
    .arguments("<variable>"),
    row(
        "secure_memcmp",
        (BYTES, Bool),
        |arguments| Ok(Converter::WithVariable(VariableConverter::IsSame(arguments.variable()?))),
        "Whether the value and what a variable holds have the same bytes. The time that this takes \
         does not show where they differ.",
        "use_backend web if { req.payload(0,8),secure_memcmp(txn.key) }",
    )
    .arguments("<variable>"),
];

fn text(arguments: &mut Arguments<'_>) -> Vec<u8> {
    arguments.next().unwrap_or_default().as_bytes().to_vec()
}

fn read_item(arguments: &mut Arguments<'_>) -> Result<Converter, String> {
    let delimiter = text(arguments);
    let variable = arguments.named_variable()?;
    let suffix = text(arguments);
    if variable.is_none() && suffix.is_empty() {
        return Err("'add_item' wants a variable or a suffix behind the delimiter".to_owned());
    }
    Ok(Converter::WithVariable(VariableConverter::AddItem { delimiter, variable, suffix }))
}
