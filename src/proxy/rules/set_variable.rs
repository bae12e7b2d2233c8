//! What samples, converters and actions do with variables.

use super::context::{Context, Sent};
use super::value::Value;
use super::variables::Variables;
use crate::config::rules::{InitialVariable, SetCondition};
use crate::config::{Variable, VariableScope};

impl<'a> Context<'a, '_> {
    /// Sets the variables of the process that have a value from the start on.
    pub fn set_initial(&mut self, list: &'a [InitialVariable]) {
        for InitialVariable { variable, value } in list {
            if let Some(value) = self.new_value(value) {
                self.set_variable(*variable, &[], &value);
            }
        }
    }

    /// The value of a variable, if it has one.
    pub(super) fn variable(&self, variable: Variable) -> Option<Value<'static>> {
        self.held(variable).cloned()
    }

    fn held(&self, variable: Variable) -> Option<&Value<'static>> {
        match variable.scope {
            VariableScope::Process => self.variables.get(variable),
            VariableScope::Session
            | VariableScope::Transaction
            | VariableScope::Request
            | VariableScope::Response => self.memory.variables.as_ref()?.get(variable),
        }
    }

    /// Sets a variable if the conditions hold. Returns whether it is set.
    pub(super) fn set_variable(
        &mut self,
        variable: Variable,
        conditions: &[SetCondition],
        value: &Value<'_>,
    ) -> bool {
        let held = self.held(variable);
        let exists = held.is_some() || variable.scope == VariableScope::Process;
        let all_hold = conditions.iter().all(|condition| match condition {
            SetCondition::IfExists => exists,
            SetCondition::IfNotExists => !exists,
            SetCondition::IfEmpty => is_empty(value),
            SetCondition::IfNotEmpty => !is_empty(value),
            SetCondition::IfSet => held.is_some(),
            SetCondition::IfNotSet => held.is_none(),
            SetCondition::IfGreater => numbers(held, value).is_none_or(|(held, new)| held > new),
            SetCondition::IfLess => numbers(held, value).is_none_or(|(held, new)| held < new),
        });
        if !all_hold {
            return false;
        }
        match variable.scope {
            VariableScope::Process => self.variables.set(variable, value),
            VariableScope::Session => self.set_own(variable, value),
            VariableScope::Transaction | VariableScope::Request | VariableScope::Response => {
                self.has_transaction && self.set_own(variable, value)
            }
        }
    }

    fn set_own(&mut self, variable: Variable, value: &Value<'_>) -> bool {
        let is_answering = matches!(self.facts.sent, Sent::ByServer(_));
        let own = self.memory.variables.get_or_insert_with(|| Variables::new(is_answering).into());
        own.set(variable, value, self.variables)
    }

    /// Takes the value of a variable away.
    pub(super) fn unset_variable(&mut self, variable: Variable) {
        match (variable.scope, &mut self.memory.variables) {
            (VariableScope::Process, _) => self.variables.unset(variable),
            (_, Some(own)) => own.unset(variable, self.variables),
            (_, None) => {}
        }
    }
}

fn is_empty(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(text) | Value::Binary(text) if text.is_empty())
}

/// What the variable holds and the new value, if both are numbers.
fn numbers(held: Option<&Value<'_>>, new: &Value<'_>) -> Option<(i64, i64)> {
    match (held, new) {
        (Some(Value::Integer(held)), Value::Integer(new)) => Some((*held, *new)),
        _ => None,
    }
}
