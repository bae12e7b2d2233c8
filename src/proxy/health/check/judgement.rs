//! The judgement of a server's answer.

use super::result::CheckResult;
use crate::config::CheckStatus;

/// The judgement of the received bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The answer is what the step expects.
    Fits,
    /// More bytes must come before the answer can be judged.
    NotYet,
    /// The answer is not what the step expects.
    Wrong(CheckResult),
}

/// The judgement of a wrong answer.
pub(super) fn wrong(status: CheckStatus, info: impl Into<String>) -> Judgement {
    Judgement::Wrong(CheckResult::new(status).with_info(info))
}

/// Adds the code that the server gave to a result.
pub(super) fn with_code(answer: Judgement, code: impl Into<i32>) -> Judgement {
    match answer {
        Judgement::Wrong(result) => {
            Judgement::Wrong(CheckResult { code: Some(code.into()), ..result })
        }
        Judgement::Fits | Judgement::NotYet => answer,
    }
}

/// The judgement of an empty answer at the step of this number.
pub(super) fn empty(status: CheckStatus, number: usize) -> Judgement {
    wrong(status, format!("TCPCHK got an empty response at step {number}"))
}
