//! HAProxy's words for the step at which a dialogue stopped.

use std::fmt::Write as _;

use crate::config::{CheckStep, ConnectPort, Pattern, Script, ScriptKind};

/// The words for a connection of a dialogue that failed.
pub(super) fn of_connect(script: &Script, step: usize) -> String {
    match (script.kind, script.steps.get(step)) {
        (ScriptKind::Tcp, Some(CheckStep::Connect(_))) => of_step(script, step),
        (ScriptKind::Tcp, _) => " at initial connection step of tcp-check".to_owned(),
        (
            ScriptKind::Connect
            | ScriptKind::Http
            | ScriptKind::Agent
            | ScriptKind::Program
            | ScriptKind::Service(_),
            _,
        ) => String::new(),
    }
}

/// The comment of a step in the configuration, for the end of a message. A step has the comment of
/// the line before it, if that line is a comment.
pub(super) fn comment(script: &Script, step: usize, is_quoted: bool) -> String {
    let is_comment = |at: &usize| matches!(script.steps.get(*at), Some(CheckStep::Comment));
    let before = step.checked_sub(1).filter(is_comment);
    match script.comment(step).or_else(|| script.comment(before?)) {
        Some(text) if is_quoted => format!(" comment: '{text}'"),
        Some(text) => format!(" comment: {text}"),
        None => String::new(),
    }
}

/// The words for the step at which a dialogue stopped.
pub(super) fn of_step(script: &Script, index: usize) -> String {
    if script.kind != ScriptKind::Tcp {
        return String::new();
    }
    let mut text = format!(" at step {} of tcp-check", index + 1);
    // Writing to a string does not fail.
    let _ = match script.steps.get(index) {
        Some(CheckStep::Connect(connect)) => match connect.port {
            Some(ConnectPort::Number(port)) => write!(text, " (connect port {port})"),
            Some(ConnectPort::Sample(_)) | None => write!(text, " (connect)"),
        },
        Some(CheckStep::Send(_) | CheckStep::SendText(_)) => write!(text, " (send)"),
        Some(CheckStep::Expect(expect)) => match &expect.pattern {
            Pattern::String(wanted) => write!(text, " (expect string '{wanted}')"),
            Pattern::Binary(bytes) => {
                // HAProxy shows the bytes as text, which ends at a zero.
                let shown = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                write!(text, " (expect binary '{}')", String::from_utf8_lossy(shown))
            }
            Pattern::Text(_) => write!(text, " (expect log-format string)"),
            Pattern::HexText(_) => write!(text, " (expect log-format binary)"),
            Pattern::Regex(_) => write!(text, " (expect regex)"),
            Pattern::HexRegex(_) => write!(text, " (expect binary regex)"),
        },
        Some(
            CheckStep::Comment
            | CheckStep::Set(_)
            | CheckStep::Unset(_)
            | CheckStep::SendRequest(_)
            | CheckStep::ExpectHttp(_)
            | CheckStep::ExpectLine
            | CheckStep::ExpectReply(_),
        )
        | None => Ok(()),
    };
    text + &comment(script, index, true)
}
