//! Conditions, access lists and their tests as they are evaluated.

use super::expression::Expression;
use super::patterns::{Method, PatternsId};

/// An access list's position in [`crate::config::Config::acls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AclId(pub u32);

/// A sample and what it must be for the test to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The sample.
    pub sample: Expression,
    /// What it must be.
    pub matcher: Matcher,
    /// The words of the line, for people.
    pub text: Box<str>,
}

/// What a sample must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// How it is compared.
    pub method: Method,
    /// The lists of patterns. One of them must have a pattern that fits.
    pub lists: Vec<PatternsId>,
}

/// An access list in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The access list.
    pub acl: AclId,
    /// Whether it must not hold.
    pub negated: bool,
}

/// When a rule applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether the rule applies when the condition does not hold: `unless`.
    pub negated: bool,
    /// One of these lists must hold. A list holds when all its terms hold.
    pub alternatives: Vec<Vec<Term>>,
}
