//! The tests of access lists, and the conditions that combine them.

use super::context::Context;
use super::fetch::Sample;
use super::truth::Truth;
use super::value::Value;
use crate::config::rules::{
    Condition, Fetch, Matcher, Method, PatternLists, Rule, SEARCH_WORK_MAX, Term, Test,
};
use crate::net::regex::Work;

/// Whether a rule applies.
pub fn applies<'a, T>(rule: &'a Rule<T>, context: &mut Context<'a, '_>) -> Truth {
    let truth = holds(rule.condition.as_ref(), context);
    context.note_rule(rule.place, truth);
    truth
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
        for Sample { value, may_change } in context.samples(&test.sample) {
            let is_met =
                value.as_ref().is_some_and(|value| matches(&test.matcher, value, context.patterns));
            let truth = match (is_met, may_change) {
                (true, _) => Truth::Yes,
                (false, true) => Truth::NotYet,
                (false, false) => Truth::No,
            };
            context.note_test(test, truth, value.as_ref());
            match truth {
                Truth::Yes => return Truth::Yes,
                Truth::NotYet => result = Truth::NotYet,
                Truth::No => {}
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
    let Test { sample, matcher, .. } = test;
    match (matcher.method, &sample.fetch) {
        (Method::Integer, Fetch::Number(fetch)) => {
            let number = context.number(fetch);
            let has =
                |number| matcher.lists.iter().any(|id| context.patterns.has_number(*id, number));
            let holds = number.is_some_and(has);
            context.note_test(test, holds.into(), number.map(Value::Integer).as_ref());
            Some(holds)
        }
        (Method::Address, Fetch::Source) => {
            let client = context.facts.client.map(|client| client.ip());
            let patterns = context.patterns;
            let has = |client| matcher.lists.iter().any(|id| patterns.has_address(*id, client));
            let holds = client.is_some_and(has);
            context.note_test(test, holds.into(), client.map(Value::Address).as_ref());
            Some(holds)
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
