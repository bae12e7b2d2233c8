//! What readers note for one another while a configuration is read: the names of variables, and the
//! servers that rules name.
#![expect(
    clippy::disallowed_types,
    reason = "every reader of an expression may be the first to use a name, and all share the index"
)]

use std::cell::RefCell;

use crate::config::{BackendId, ServerIndex, Variable, VariableNames};

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

/// The servers that rules and samples name: they cannot be deleted.
#[derive(Debug, Default)]
pub(super) struct NamedServers(RefCell<Vec<(BackendId, ServerIndex)>>);

impl NamedServers {
    /// Notes a server.
    pub(super) fn note(&self, backend: BackendId, server: ServerIndex) {
        self.0.borrow_mut().push((backend, server));
    }

    /// The servers that were noted. None is known afterwards.
    pub(super) fn take(&self) -> Vec<(BackendId, ServerIndex)> {
        self.0.take()
    }
}
