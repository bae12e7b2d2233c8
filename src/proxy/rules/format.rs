//! Texts that are made of samples: the names and values of rules, and the samples of log lines.

use std::collections::HashMap;

use super::context::Context;
use super::value::Value;
use crate::config::rules::{Choice, Expression};
use crate::config::{FormatPart, FormatString, write_sample};

/// The longest text, in bytes. The rest is cut off.
const TEXT_MAX: usize = 16 * 1024;

impl<'a> Context<'a, '_> {
    /// The text of a format string, by what is known now.
    pub(super) fn formatted(&mut self, format: &'a FormatString) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &format.parts {
            match part {
                FormatPart::Text(part) => text.extend_from_slice(part.as_bytes()),
                FormatPart::Sample { sample, quoted, marked, escaped } => {
                    let value = self.value_now(sample);
                    let value = value.as_ref().map(Value::text);
                    write_sample(&mut text, value.as_deref(), *quoted, *escaped, *marked);
                }
                // The configuration replaces the variables in rules by samples.
                FormatPart::Value { .. } => {}
            }
            text.truncate(TEXT_MAX);
        }
        text
    }

    /// The text of an expression, by what is known now.
    pub fn text_of(&mut self, expression: &'a Expression) -> Option<Vec<u8>> {
        self.value_now(expression).map(|value| value.text().into_owned())
    }

    /// What a rule chooses, if a name that is made of samples is one of `names`.
    pub fn chosen<Id: Copy>(
        &mut self,
        choice: &'a Choice<Id>,
        names: &HashMap<String, Id>,
    ) -> Option<Id> {
        match choice {
            Choice::Known(id) => Some(*id),
            Choice::Named(format) => {
                let name = self.formatted(format);
                self.note_made(Some(&Value::borrowed(&name)));
                names.get(std::str::from_utf8(&name).ok()?).copied()
            }
        }
    }

    /// The texts of the samples of a log line, in their order.
    pub fn log_samples(&mut self, line: &'a FormatString) -> Box<[Option<Vec<u8>>]> {
        let text = |value: Value<'_>| {
            let mut text = value.text().into_owned();
            text.truncate(TEXT_MAX);
            text
        };
        line.samples().map(|sample| self.value_now(sample).map(text)).collect()
    }
}
