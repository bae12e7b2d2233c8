//! The tests of access lists, and the conditions that combine them.

use super::context::Context;
use super::value::Value;
use crate::config::rules::{
    Condition, Fetch, Matcher, Method, PatternLists, SEARCH_WORK_MAX, Term, Test,
};
use crate::net::regex::Work;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The condition holds.
    Yes,
    /// The condition does not hold.
    No,
    /// The condition does not hold yet, and may hold when the client has sent more.
    NotYet,
}

impl Truth {
    fn negate_if(self, negated: bool) -> Self {
        match self {
            Self::Yes if negated => Self::No,
            Self::No if negated => Self::Yes,
            other => other,
        }
    }
}

/// Whether a rule with this condition applies.
pub fn holds<'a>(condition: Option<&'a Condition>, context: &mut Context<'a, '_>) -> Truth {
    let Some(condition) = condition else { return Truth::Yes };
    let mut result = Truth::No;
    for terms in &condition.alternatives {
        match all_hold(terms, context) {
            Truth::Yes => {
                result = Truth::Yes;
                break;
            }
            Truth::NotYet => result = Truth::NotYet,
            Truth::No => {}
        }
    }
    result.negate_if(condition.negated)
}

fn all_hold<'a>(terms: &'a [Term], context: &mut Context<'a, '_>) -> Truth {
    let mut result = Truth::Yes;
    for term in terms {
        let tests = context.acls.get(term.acl.0 as usize).map(Vec::as_slice).unwrap_or_default();
        match any_holds(tests, context).negate_if(term.negated) {
            Truth::No => return Truth::No,
            Truth::NotYet => result = Truth::NotYet,
            Truth::Yes => {}
        }
    }
    result
}

fn any_holds<'a>(tests: &'a [Test], context: &mut Context<'a, '_>) -> Truth {
    let mut result = Truth::No;
    for test in tests {
        match holds_without_value(test, context) {
            Some(true) => return Truth::Yes,
            Some(false) => continue,
            None => {}
        }
        for sample in context.samples(&test.sample) {
            if sample
                .value
                .as_ref()
                .is_some_and(|value| matches(&test.matcher, value, context.patterns))
            {
                return Truth::Yes;
            }
            if sample.may_change {
                result = Truth::NotYet;
            }
        }
    }
    result
}

/// Whether a test holds, for the tests that most rules have: of a number that must be in a range,
/// and of the client's address. No value has to be made for these.
fn holds_without_value(test: &Test, context: &mut Context<'_, '_>) -> Option<bool> {
    if !test.sample.converters.is_empty() {
        return None;
    }
    let Test { sample, matcher } = test;
    match (matcher.method, &sample.fetch) {
        (Method::Integer, Fetch::Number(fetch)) => {
            let number = context.number(fetch);
            let has =
                |number| matcher.lists.iter().any(|id| context.patterns.has_number(*id, number));
            Some(number.is_some_and(has))
        }
        (Method::Address, Fetch::Source) => {
            let Some(client) = context.facts.client else { return Some(false) };
            let client = client.ip();
            Some(matcher.lists.iter().any(|id| context.patterns.has_address(*id, client)))
        }
        (_, Fetch::Http(fetch)) => {
            let values = context.facts.page.map(|page| page.values(fetch)).unwrap_or_default();
            Some(values.iter().any(|value| matches(matcher, value, context.patterns)))
        }
        _ => None,
    }
}

fn matches(matcher: &Matcher, value: &Value<'_>, lists: &PatternLists) -> bool {
    match matcher.method {
        Method::Found => true,
        Method::Bool => value.number().is_some_and(|number| number != 0),
        Method::Integer
        | Method::Version
        | Method::Address
        | Method::Length
        | Method::Binary
        | Method::Regex
        | Method::Text(_) => {
            let mut work = Work::new(SEARCH_WORK_MAX);
            matcher.lists.iter().any(|id| lists.find(*id, value, &mut work).is_some())
        }
    }
}
