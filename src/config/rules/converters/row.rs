//! The form of a row in the table of converters.

use crate::config::rules::arguments::Arguments;
use crate::config::rules::expression::ValueType::{Address, Binary, Bool, Integer, Text};
use crate::config::rules::expression::{Converter, ValueType};

/// One row of the table.
pub(in crate::config::rules) struct ConverterRow {
    pub(in crate::config::rules) name: &'static str,
    pub(in crate::config::rules) arguments: &'static str,
    pub(in crate::config::rules) help: &'static str,
    pub(in crate::config::rules) example: &'static str,
    /// The types of the values that it takes.
    pub(in crate::config::rules) takes: &'static [ValueType],
    pub(in crate::config::rules) gives: Gives,
    /// Reads its arguments.
    pub(in crate::config::rules) read: fn(&mut Arguments<'_>) -> Result<Converter, String>,
}

/// The type of the value that a converter gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config::rules) enum Gives {
    /// Always this type.
    Type(ValueType),
    /// A text for a text, bytes for anything else.
    Part,
    /// The value itself.
    Same,
}

impl Gives {
    /// The type for a value of the type `taken`.
    pub(in crate::config::rules) fn value_type(self, taken: ValueType) -> ValueType {
        match self {
            Self::Type(value_type) => value_type,
            Self::Same => taken,
            Self::Part if matches!(taken, Text | ValueType::Any) => taken,
            Self::Part => Binary,
        }
    }
}

pub(super) const ADDRESSES: &[ValueType] = &[Address, Text, Integer];
pub(super) const NUMBERS: &[ValueType] = &[Integer, Bool, Text, Address];
pub(super) const BYTES: &[ValueType] = &[Text, Binary, Address, Integer, Bool];

/// A row for a converter from one of the types to another type.
pub(super) const fn row(
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
    pub(super) const fn arguments(self, arguments: &'static str) -> Self {
        Self { arguments, ..self }
    }

    pub(super) const fn gives(self, gives: Gives) -> Self {
        Self { gives, ..self }
    }
}
