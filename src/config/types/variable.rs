//! Variables: their names, which are numbers at run time, and how much they may hold.

use std::collections::HashMap;

/// How long a variable keeps its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VariableScope {
    /// As long as the process: all connections share the variable.
    Process,
    /// As long as the connection of the client.
    Session,
    /// As long as the connection, from the content rules on.
    Transaction,
    /// From the content rules on until the server has accepted.
    Request,
    /// From then on.
    Response,
}

const SCOPES: [(&str, VariableScope); 5] = [
    ("proc", VariableScope::Process),
    ("sess", VariableScope::Session),
    ("txn", VariableScope::Transaction),
    ("req", VariableScope::Request),
    ("res", VariableScope::Response),
];

impl VariableScope {
    /// Whether a connection has such variables before its content rules run.
    pub fn is_known_at_once(self) -> bool {
        matches!(self, Self::Process | Self::Session)
    }
}

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variable {
    /// How long the variable keeps its value.
    pub scope: VariableScope,
    /// Which of the [`VariableNames`] it has.
    pub number: u16,
}

/// The variables of a configuration by name.
#[derive(Clone, Debug, Default)]
pub struct VariableNames(HashMap<String, Variable>);

impl VariableNames {
    /// The variable with this name: its scope, a dot, and letters, digits, `_` and `.`. A new name
    /// gets the next number.
    ///
    /// # Errors
    ///
    /// It cannot be a name, or there are too many: a message for the operator.
    pub fn intern(&mut self, name: &str) -> Result<Variable, String> {
        if let Some(variable) = self.find(name) {
            return Ok(variable);
        }
        let scope = scope_of(name)?;
        let number = u16::try_from(self.0.len()).map_err(|_| "too many variables".to_owned())?;
        let variable = Variable { scope, number };
        self.0.insert(name.to_owned(), variable);
        Ok(variable)
    }

    /// The variable with this name, if it was used before.
    pub fn find(&self, name: &str) -> Option<Variable> {
        self.0.get(name).copied()
    }
}

fn scope_of(name: &str) -> Result<VariableScope, String> {
    let (scope, rest) = name.split_once('.').unwrap_or((name, ""));
    if scope == "check" {
        return Err(format!("variable '{name}' belongs to a health check: it is not known here"));
    }
    let found = SCOPES.iter().find(|(word, _)| *word == scope);
    let (Some((_, scope)), false) = (found, rest.is_empty()) else {
        return Err(format!(
            "'{name}' is no variable: a scope comes first, as in 'proc.x', 'sess.x', 'txn.x', \
             'req.x' or 'res.x'"
        ));
    };
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    match rest.chars().find(|letter| !is_fine(*letter)) {
        Some(letter) => Err(format!("the variable's name '{name}' has the character '{letter}'")),
        None => Ok(*scope),
    }
}

/// How much variables may hold together (`tune.vars.*-max-size`), in bytes; none for no limit.
/// Each scope counts what those after it hold, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VariableSizes {
    /// All variables.
    pub all: Option<u32>,
    /// All variables, too: those of the process count the ones of every connection.
    pub process: Option<u32>,
    /// The variables of one connection.
    pub session: Option<u32>,
    /// Those of them that content rules set.
    pub transaction: Option<u32>,
    /// Those of them that end with the request or with the response.
    pub exchange: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_a_wrong_one_is_told() {
        let mut names = VariableNames::default();
        let first = names.intern("sess.sni").unwrap();
        let second = names.intern("txn.sni").unwrap();
        assert_eq!(names.intern("sess.sni"), Ok(first));
        assert_eq!((first.number, second.number), (0, 1));
        assert_eq!(
            (first.scope, second.scope),
            (VariableScope::Session, VariableScope::Transaction)
        );
        for wrong in ["sni", "sess.", "foo.x", "check.x", "sess.x-y"] {
            assert!(names.intern(wrong).is_err(), "{wrong}");
        }
    }
}
