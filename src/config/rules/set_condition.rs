//! What must hold for a variable to be set.

use crate::config::text::nearest::hint;

/// What must hold for a variable to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCondition {
    /// The variable exists. Those of the process that a rule sets always do.
    IfExists,
    /// The variable does not exist.
    IfNotExists,
    /// The new value is an empty text.
    IfEmpty,
    /// The new value is no empty text.
    IfNotEmpty,
    /// The variable has a value.
    IfSet,
    /// The variable has no value.
    IfNotSet,
    /// The variable's number is greater than the new one. Holds where either is no number.
    IfGreater,
    /// The variable's number is less than the new one. Holds where either is no number.
    IfLess,
}

const NAMES: [(&str, SetCondition); 8] = [
    ("ifexists", SetCondition::IfExists),
    ("ifnotexists", SetCondition::IfNotExists),
    ("ifempty", SetCondition::IfEmpty),
    ("ifnotempty", SetCondition::IfNotEmpty),
    ("ifset", SetCondition::IfSet),
    ("ifnotset", SetCondition::IfNotSet),
    ("ifgt", SetCondition::IfGreater),
    ("iflt", SetCondition::IfLess),
];

impl SetCondition {
    /// The condition with this name.
    ///
    /// # Errors
    ///
    /// There is none: a message for the operator.
    pub(super) fn read(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, condition)| *condition).ok_or_else(|| {
            let hint = hint(name, NAMES.iter().map(|(name, _)| *name));
            format!("unknown condition '{name}' of a variable{hint}")
        })
    }
}
