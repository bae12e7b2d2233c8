//! The names of variables while a configuration is read.
#![expect(
    clippy::disallowed_types,
    reason = "every reader of an expression may be the first to use a name, and all share the index"
)]

use std::cell::RefCell;

use crate::config::{Variable, VariableNames};

/// The names of variables, to which each expression may add.
#[derive(Debug, Default)]
pub(super) struct Interner(RefCell<VariableNames>);

impl Interner {
    /// Goes on with names that have numbers already.
    pub(super) fn new(names: VariableNames) -> Self {
        Self(RefCell::new(names))
    }

    /// The variable with this name.
    ///
    /// # Errors
    ///
    /// It cannot be the name of a variable: a message for the operator.
    pub(super) fn intern(&self, name: &str) -> Result<Variable, String> {
        self.0.borrow_mut().intern(name)
    }

    /// The names that were used. The interner knows none afterwards.
    pub(super) fn take(&self) -> VariableNames {
        self.0.take()
    }
}
