//! Converters that keep a value in a variable.

use super::row::{ConverterRow, Gives, row};
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
];
