//! The form of a row in the table of actions.

use std::borrow::Cow;

use super::words::ActionWords;
use crate::config::drafts::RuleStage;
use crate::config::rules::rule::RuleAction;
use crate::config::text::diagnostic::Parsed;

/// The rules in which an action can stand, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config::rules) struct Stages(u8);

impl Stages {
    /// `tcp-request connection`.
    pub(super) const CONNECTION: Self = Self::of(RuleStage::Connection);
    /// `tcp-request content`.
    pub(super) const CONTENT: Self = Self::of(RuleStage::Content);
    /// Every `tcp-request` rule.
    pub(super) const REQUEST: Self =
        Self::CONNECTION.and(Self::of(RuleStage::Session)).and(Self::of(RuleStage::Content));
    /// `tcp-response content`.
    pub(super) const RESPONSE: Self = Self::of(RuleStage::Response);
    /// Both kinds of `content` rules.
    pub(super) const CONTENTS: Self = Self::CONTENT.and(Self::RESPONSE);
    /// Every rule with an action.
    pub(super) const ALL: Self = Self::REQUEST.and(Self::RESPONSE);

    const fn of(stage: RuleStage) -> Self {
        Self(1 << stage as u8)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the action can stand in such rules.
    pub(in crate::config::rules) fn has(self, stage: RuleStage) -> bool {
        self.0 & Self::of(stage).0 != 0
    }

    /// The keywords of the rules, for a message.
    pub(in crate::config::rules) fn keywords(self) -> String {
        let here = RuleStage::ALL.into_iter().filter(|stage| self.has(*stage));
        let words: Vec<_> = here.map(|stage| format!("'{}'", stage.keyword())).collect();
        words.join(" or ")
    }
}

type Read = Box<dyn Fn(&mut ActionWords<'_, '_, '_>) -> Parsed<RuleAction> + Send + Sync>;

/// One row of the table.
pub(in crate::config::rules) struct ActionRow {
    pub(in crate::config::rules) name: Cow<'static, str>,
    pub(in crate::config::rules) arguments: &'static str,
    pub(in crate::config::rules) help: Cow<'static, str>,
    pub(in crate::config::rules) example: String,
    /// Where it can stand.
    pub(in crate::config::rules) stages: Stages,
    /// Reads its arguments.
    pub(super) read: Read,
}

impl ActionRow {
    /// A row for an action that can stand in every `tcp-request` rule.
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        arguments: &'static str,
        read: impl Fn(&mut ActionWords<'_, '_, '_>) -> Parsed<RuleAction> + Send + Sync + 'static,
        help: impl Into<Cow<'static, str>>,
        example: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            arguments,
            help: help.into(),
            example: example.into(),
            stages: Stages::REQUEST,
            read: Box::new(read),
        }
    }

    /// The same row for an action that can stand in these rules only.
    pub(super) fn in_stages(self, stages: Stages) -> Self {
        Self { stages, ..self }
    }
}
