//! A step of a check as it was typed.

use crate::config::CheckStep;
use crate::config::text::diagnostic::{Mistake, Parsed, Place};

/// A step as it was typed.
#[derive(Clone, Debug)]
pub(in crate::config) struct StepDraft {
    pub(in crate::config) step: CheckStep,
    pub(in crate::config) comment: Option<String>,
}

impl StepDraft {
    /// A step without a comment.
    pub(in crate::config) fn new(step: CheckStep) -> Self {
        Self { step, comment: None }
    }

    pub(in crate::config) fn is_connect(&self) -> bool {
        matches!(self.step, CheckStep::Connect(_))
    }
}

/// Checks that a `connect` may follow these steps.
///
/// # Errors
/// The first step that needs a connection is no `connect`.
pub(super) fn check_connect(steps: &[StepDraft], rule: &str, place: Place) -> Parsed {
    let first = steps.iter().find(|step| !step.step.is_offline());
    if first.is_none_or(StepDraft::is_connect) {
        return Ok(());
    }
    let message = format!(
        "'{rule} connect' stands behind a rule of another kind: where there is a 'connect', the \
         first rule is one too"
    );
    Err(Mistake::new(place, message))
}
