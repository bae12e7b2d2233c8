//! The words of one action, while they are read.

use crate::config::drafts::names::Names;
use crate::config::rules::expression::{Expression, ValueType};
use crate::config::rules::read_expression;
use crate::config::rules::rule::{Amount, RuleAction};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};

/// The words of one action, while they are read.
pub(super) struct ActionWords<'r, 'w, 'n> {
    /// The action's name.
    pub(super) name: &'w str,
    /// The word with the name, and with the arguments in parentheses.
    pub(super) word: &'r Placed<&'w str>,
    /// What follows the opening parenthesis, if there is one.
    pub(super) inside: Option<&'w str>,
    /// The words that have not been read.
    pub(super) rest: &'r [Placed<&'w str>],
    pub(super) names: Names<'n>,
}

impl ActionWords<'_, '_, '_> {
    pub(super) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.word.place, message)
    }

    pub(super) fn wants(&self, what: &str) -> Mistake {
        self.mistake(format!("'{}' wants {what}", self.name))
    }

    /// An action without arguments.
    pub(super) fn alone(&mut self, action: RuleAction) -> Parsed<RuleAction> {
        match self.inside {
            Some(_) => Err(self.mistake(format!("'{}' takes no arguments", self.name))),
            None => Ok(action),
        }
    }

    /// The sample that follows a name without parentheses, as it was typed and as it was read.
    pub(super) fn plain_sample(&mut self) -> Parsed<(Placed<String>, Expression)> {
        if self.inside.is_some() {
            return Err(self.mistake(format!("'{}' takes no parentheses", self.name)));
        }
        let Some((typed, rest)) = read_expression::split_chain(self.rest) else {
            return Err(self.wants("a sample"));
        };
        self.rest = rest;
        let word = Placed { value: typed.value.as_str(), place: typed.place };
        let sample = read_expression::read(&word, self.names)?;
        Ok((typed, sample))
    }

    /// The number or the sample that follows.
    pub(super) fn amount(&mut self) -> Parsed<Amount> {
        let Some((value, rest)) = read_expression::split_chain(self.rest) else {
            return Err(self.wants("a number or a sample"));
        };
        self.rest = rest;
        if let Ok(number) = value.value.parse() {
            return Ok(Amount::Fixed(number));
        }
        let word = Placed { value: value.value.as_str(), place: value.place };
        let expression = read_expression::read(&word, self.names)?;
        match expression.value_type {
            ValueType::Integer
            | ValueType::Bool
            | ValueType::Address
            | ValueType::Text
            | ValueType::Any => Ok(Amount::Sample(expression)),
            ValueType::Binary => {
                Err(Mistake::new(word.place, format!("'{}' is not a number", word.value)))
            }
        }
    }
}
