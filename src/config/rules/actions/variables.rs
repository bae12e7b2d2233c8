//! The actions about variables, and about the texts that are kept for the log.

use super::row::{ActionRow, Stages};
use super::words::ActionWords;
use crate::config::Direction;
use crate::config::Variable;
use crate::config::rules::captures::CaptureSlot;
use crate::config::rules::format;
use crate::config::rules::read_expression;
use crate::config::rules::rule::{NewValue, RuleAction};
use crate::config::rules::set_condition::SetCondition;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::units;

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
        )
        .in_stages(Stages::ALL),
        ActionRow::new(
            "set-var-fmt",
            "(<variable>[,<condition>]*) <format>",
            |words| words.set_format(),
            "Sets a variable to a text that is made of samples.",
            "tcp-request content set-var-fmt(sess.client) %[src]:%[src_port]",
        )
        .in_stages(Stages::ALL),
        ActionRow::new(
            "capture",
            "<sample> len <bytes>",
            |words| words.capture(),
            "Keeps a text for the log, by what is known now: the rule waits for nothing. \
             `capture.req.hdr` shows the text of a slot, and `%hr` all. Each such line of a \
             frontend has the next slot, from 0 on.",
            "tcp-request content capture req.ssl_sni len 64",
        )
        .in_stages(Stages::CONTENT),
        ActionRow::new(
            "unset-var",
            "(<variable>)",
            |words| words.unset_variable(),
            "Takes the value of a variable away.",
            "tcp-request content unset-var(sess.sni)",
        )
        .in_stages(Stages::ALL),
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
        let value = NewValue::Sample(value);
        Ok(RuleAction::SetVariable { variable, conditions, value })
    }

    fn set_format(&mut self) -> Parsed<RuleAction> {
        let (variable, conditions) = self.variable()?;
        let Some((word, rest)) = self.rest.split_first() else {
            return Err(self.wants("a format string"));
        };
        self.rest = rest;
        let value = NewValue::Format(format::of_rule(self.name, word, self.names)?);
        Ok(RuleAction::SetVariable { variable, conditions, value })
    }

    fn capture(&mut self) -> Parsed<RuleAction> {
        let wanted = "a sample, and 'len <bytes>' behind it";
        let behind = self.rest.iter().position(|word| word.value == "len");
        let Some((words, [_, len, rest @ ..])) =
            behind.and_then(|at| self.rest.split_at_checked(at))
        else {
            return Err(self.wants(wanted));
        };
        let Some((sample, [])) = read_expression::split_chain(words) else {
            return Err(self.wants(wanted));
        };
        self.rest = rest;
        let word = Placed { value: sample.value.as_str(), place: sample.place };
        let sample = read_expression::read(&word, self.names)?;
        let len = units::number(len.value, 1..=u16::MAX.into()).map_err(|error| {
            Mistake::new(len.place, format!("'capture': '{}' {error}", len.value))
        })?;
        // The section gives the slot, which depends on the lines before.
        // The section knows which slot is the next.
        let slot = CaptureSlot { side: Direction::Request, number: 0 };
        Ok(RuleAction::Capture { sample, slot, len })
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
