//! The lines of a section about its HTTP check as they were typed.

use super::check_step::{StepDraft, check_connect};
use crate::config::text::diagnostic::{Mistake, Parsed, Place};
use crate::config::{CheckRequest, CheckStep, ExpectWords, HttpExpect, HttpPattern};

/// The request of `option httpchk`, and the rules of `http-check`.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct HttpDraft {
    option: Option<CheckRequest>,
    rules: Vec<StepDraft>,
    /// The place of the first rule.
    pub(in crate::config) place: Option<Place>,
}

/// What a rule must not follow, by the rules since the last `connect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is no rule. The request of `option httpchk` counts as sent.
    Start,
    Connected,
    Sent,
    Expecting,
}

impl HttpDraft {
    /// Adds a rule.
    ///
    /// # Errors
    /// The rule cannot follow the rules before it.
    pub(super) fn push(&mut self, step: StepDraft, place: Place) -> Parsed {
        let stage = self.stage();
        let missing = match &step.step {
            CheckStep::Connect(_) => {
                check_connect(&self.rules, "http-check", place)?;
                (stage == Stage::Connected).then_some(("connect", "expect"))
            }
            CheckStep::SendRequest(_) => {
                matches!(stage, Stage::Sent | Stage::Expecting).then_some(("send", "connect"))
            }
            step if step.is_expected() => (stage == Stage::Connected).then_some(("expect", "send")),
            _ => None,
        };
        if let Some((rule, missing)) = missing {
            let message = format!("'http-check {rule}' wants an 'http-check {missing}' before it");
            return Err(Mistake::new(place, message));
        }
        self.rules.push(step);
        self.place.get_or_insert(place);
        Ok(())
    }

    fn stage(&self) -> Stage {
        let stages = self.rules.iter().rev().find_map(|rule| match &rule.step {
            CheckStep::Connect(_) => Some(Stage::Connected),
            CheckStep::SendRequest(_) => Some(Stage::Sent),
            step if step.is_expected() => Some(Stage::Expecting),
            _ => None,
        });
        stages.unwrap_or(Stage::Start)
    }

    /// Sets the request of `option httpchk`. If `http-check send` stands before the option, the
    /// option goes first.
    pub(in crate::config) fn set_option(&mut self, option: CheckRequest) {
        if let Some(send) = self.rules.iter_mut().find_map(request_mut) {
            send.method = send.method.take().filter(|_| option.method.is_none());
            send.uri = send.uri.take().filter(|_| option.uri.is_none());
            send.version = send.version.take().filter(|_| option.version.is_none());
        }
        self.option = Some(option);
    }

    /// Whether a request is sent. Rules of the section replace all rules of `defaults`, the request
    /// too.
    pub(super) fn has_request(&self) -> bool {
        self.option.is_some() || self.rules.iter().any(is_request)
    }

    /// The check that the lines describe: the rules, with the request of `option httpchk`, and with
    /// the usual expectation behind a request for which no rule expects anything.
    pub(super) fn steps(&self) -> Vec<StepDraft> {
        let mut steps = self.rules.clone();
        if let Some(option) = &self.option {
            match steps.iter_mut().find_map(request_mut) {
                Some(send) => complete(send, option),
                None => {
                    let at = steps.iter().position(StepDraft::is_connect).map_or(0, |at| at + 1);
                    let request = CheckStep::SendRequest(Box::new(option.clone()));
                    steps.insert(at, StepDraft::new(request));
                }
            }
        }
        let last_expect = steps.iter().rposition(|step| step.step.is_expected());
        if last_expect.is_none() || last_expect < steps.iter().rposition(is_request) {
            steps.push(StepDraft::new(CheckStep::ExpectHttp(HttpExpect {
                negated: false,
                pattern: HttpPattern::Status(vec![(200, 399)]),
                words: ExpectWords::default(),
            })));
        }
        steps
    }
}

fn is_request(draft: &StepDraft) -> bool {
    matches!(draft.step, CheckStep::SendRequest(_))
}

fn request_mut(draft: &mut StepDraft) -> Option<&mut CheckRequest> {
    match &mut draft.step {
        CheckStep::SendRequest(request) => Some(request),
        _ => None,
    }
}

/// Adds to the first request of the rules what `option httpchk` says and the request does not.
fn complete(request: &mut CheckRequest, option: &CheckRequest) {
    let option = option.clone();
    request.method = request.method.take().or(option.method);
    request.uri = request.uri.take().or(option.uri);
    request.version = request.version.take().or(option.version);
    if request.headers.is_empty() {
        request.headers = option.headers;
    }
    if request.body.is_some() {
        request.headers.retain(|(name, _)| name != "content-length");
    }
    request.body = request.body.take().or(option.body);
}
