//! The actions about variables.

use super::row::ActionRow;
use super::words::ActionWords;
use crate::config::Variable;
use crate::config::rules::read_expression;
use crate::config::rules::rule::RuleAction;
use crate::config::rules::set_condition::SetCondition;
use crate::config::text::diagnostic::{Parsed, Placed};

pub(super) fn rows() -> Vec<ActionRow> {
    vec![
        ActionRow::new(
            "set-var",
            "(<variable>[,<condition>]*) <sample>",
            |words| words.set_variable(),
            "Sets a variable to the value of a sample, by what is known now: the rule waits for \
             nothing. The scope begins the variable's name: `proc.`, `sess.`, `txn.`, `req.` or \
             `res.`. The conditions are `ifexists`, `ifnotexists`, `ifempty`, `ifnotempty` (of the \
             new value), `ifset`, `ifnotset`, `ifgt` and `iflt` (the variable is greater or less \
             than the new value).",
            "tcp-request content set-var(sess.sni) req.ssl_sni if { req.ssl_hello_type 1 }",
        ),
        ActionRow::new(
            "unset-var",
            "(<variable>)",
            |words| words.unset_variable(),
            "Takes the value of a variable away.",
            "tcp-request content unset-var(sess.sni)",
        ),
    ]
}

impl ActionWords<'_, '_, '_> {
    fn set_variable(&mut self) -> Parsed<RuleAction> {
        let (variable, conditions) = self.variable()?;
        let Some((value, rest)) = read_expression::split_chain(self.rest) else {
            return Err(self.wants("a sample"));
        };
        self.rest = rest;
        let word = Placed { value: value.value.as_str(), place: value.place };
        let value = read_expression::read(&word, self.names)?;
        Ok(RuleAction::SetVariable { variable, conditions, value })
    }

    fn unset_variable(&mut self) -> Parsed<RuleAction> {
        let (variable, conditions) = self.variable()?;
        if !conditions.is_empty() {
            return Err(self.mistake("'unset-var' takes no conditions"));
        }
        Ok(RuleAction::UnsetVariable(variable))
    }

    /// The variable and the conditions in parentheses.
    fn variable(&mut self) -> Parsed<(Variable, Vec<SetCondition>)> {
        let inside = self.inside.and_then(|inside| inside.strip_suffix(')'));
        let inside = inside.ok_or_else(|| self.wants("a variable in parentheses"))?;
        let (name, conditions) = match inside.split_once(',') {
            Some((name, conditions)) => (name, Some(conditions)),
            None => (inside, None),
        };
        let variable = self.names.index.variable(name).map_err(|message| self.mistake(message))?;
        let conditions = conditions.into_iter().flat_map(|list| list.split(','));
        let conditions: Result<_, String> = conditions.map(SetCondition::read).collect();
        Ok((variable, conditions.map_err(|message| self.mistake(message))?))
    }
}
