//! What rules have found for one connection, for somebody who asks why it goes where it goes. Other
//! connections have no trace, and cost nothing by it.

use super::truth::Truth;
use super::value::Value;
use crate::config::rules::{RulePlace, Test};

/// The longest value that is kept, in bytes.
const VALUE_MAX: usize = 100;

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRule {
    /// Where it stands.
    pub place: RulePlace,
    /// Whether it applies.
    pub truth: Truth,
    /// The tests of its condition, as far as they were needed.
    pub tests: Vec<SeenTest>,
    /// The name or key that it has made of samples.
    pub made: Option<String>,
}

/// A test that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenTest {
    /// Its words.
    pub text: String,
    /// The value of its sample, if there was one.
    pub value: Option<String>,
    /// Whether it holds.
    pub truth: Truth,
}

/// The rules that were looked at, in their order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The rules.
    pub rules: Vec<SeenRule>,
    /// The tests of the rule that is looked at.
    tests: Vec<SeenTest>,
}

impl Trace {
    /// Notes what a test has found.
    pub(super) fn note_test(&mut self, test: &Test, truth: Truth, value: Option<&Value<'_>>) {
        let value = value.map(shown);
        self.tests.push(SeenTest { text: test.text.to_string(), value, truth });
    }

    /// Notes the name or key that the last rule has made of samples.
    pub(super) fn note_made(&mut self, value: Option<&Value<'_>>) {
        if let Some(seen) = self.rules.last_mut() {
            seen.made = value.map(shown);
        }
    }

    /// Notes what a rule has found. A rule that waited is looked at again: the last time counts.
    pub(super) fn note_rule(&mut self, place: RulePlace, truth: Truth) {
        self.rules.retain(|seen| seen.place != place);
        let tests = std::mem::take(&mut self.tests);
        self.rules.push(SeenRule { place, truth, tests, made: None });
    }
}

/// A value as people read it.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Address(address) => address.to_string(),
        Value::Text(text) => {
            let start = text.get(..VALUE_MAX).unwrap_or(text);
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("\"{}{more}\"", start.escape_ascii())
        }
        Value::Binary(bytes) => {
            let start = bytes.get(..VALUE_MAX / 2).unwrap_or(bytes);
            let more = if start.len() < bytes.len() { "…" } else { "" };
            let hex: String = start.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{hex}{more}")
        }
    }
}
