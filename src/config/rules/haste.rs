//! Rules that decide before the client's first bytes have come. `use_backend`, `use-server` and
//! `stick` do not wait for content: a `tcp-request content` rule before them has to.

use super::acl::Acls;
use super::condition::Condition;
use super::expression::{Expression, Fetch, Needs};
use super::rule::{RuleAction, Rules};
use crate::config::Direction;
use crate::config::drafts::names::Names;
use crate::config::drafts::{ProxyDraft, RuleKind, RuleStage};
use crate::config::text::diagnostic::Place;
use crate::config::text::report::Report;

/// The first rule of a section that looks at content without waiting for content.
#[derive(Debug, Default)]
pub(super) struct Haste(Option<(Place, &'static str)>);

impl Haste {
    /// Notes a rule, if its condition or its key is about what the client sends.
    pub(super) fn note(
        &mut self,
        (place, keyword): (Place, &'static str),
        key: Option<&Expression>,
        condition: Option<&Condition>,
        acls: &Acls<'_>,
    ) {
        let tested = acls.tests(condition).map(|test| &test.sample);
        let mut samples = key.into_iter().chain(tested);
        if samples.any(|sample| matches!(sample.needs, Needs::Request | Needs::Content)) {
            self.0.get_or_insert((place, keyword));
        }
    }

    /// Warns of the rule, unless the section waits for content, or a frontend before this backend
    /// may.
    pub(super) fn report(
        &self,
        rules: &Rules,
        acls: &Acls<'_>,
        names: Names<'_>,
        report: &mut Report,
    ) {
        let Some((place, keyword)) = self.0 else { return };
        let is_frontend = names.current.kind.is_frontend();
        let waits_before = !is_frontend && names.proxies.iter().any(may_wait);
        if waits(rules, acls) || waits_before {
            return;
        }
        let message = format!(
            "'{keyword}' does not wait for what the client sends, and decides before it has come: \
             add 'tcp-request inspect-delay 5s' and 'tcp-request content accept if \
             {{ req.ssl_hello_type 1 }}' (of TLS clients) or '... if {{ req.len gt 0 }}'"
        );
        report.warning(place, message);
    }
}

/// Whether the rules of a section wait for content.
fn waits(rules: &Rules, acls: &Acls<'_>) -> bool {
    let is_content = |sample: &Expression| matches!(sample.fetch, Fetch::Content(_));
    rules.inspect_delay_ms.is_some()
        && rules.content.iter().any(|rule| {
            let tested = acls.tests(rule.condition.as_ref()).map(|test| &test.sample);
            // Other actions use what has come.
            let waits = matches!(rule.action, RuleAction::Track { .. });
            rule.action.samples().filter(|_| waits).chain(tested).any(is_content)
        })
}

/// Whether a section may wait for content, as far as is known before its rules are read.
fn may_wait(proxy: &ProxyDraft) -> bool {
    let has = |kind: RuleKind| proxy.rules.iter().any(|line| line.kind == kind);
    proxy.kind.is_frontend()
        && has(RuleKind::InspectDelay(Direction::Request))
        && has(RuleKind::Action(RuleStage::Content))
}
