//! The variables of the process: `get var`, `set var`, and the mode that `set var` needs.

mod experimental;

use crate::admin::commands::answer::Answer;
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::config::rules;

pub(in crate::admin::commands) use experimental::experimental_mode;

/// `get var <name>`.
pub(in crate::admin::commands) fn get(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let Some(name) = line.text(2) else {
        return Answer::error("Missing process-wide variable identifier.");
    };
    match context.shared.variables.shown(&name) {
        Some((kind, value)) => Answer::text(format!("{name}: type={kind} value=<{value}>")),
        None => Answer::error("Variable not found."),
    }
}

/// `set var <name> [expr] <sample>` and `set var <name> fmt <format>`.
pub(in crate::admin::commands) fn set(
    line: &CommandLine,
    client: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    if !client.is_experimental {
        return Answer::error("This command is restricted to experimental mode only.");
    }
    let Some(name) = line.text(2) else {
        return Answer::error("Missing process-wide variable identifier.");
    };
    let (value, is_format) = match line.from(3) {
        [] => return Answer::error("Missing either 'expr', 'fmt' or expression."),
        [value] => (value, false),
        [kind, value] if kind == b"expr" => (value, false),
        [kind, value] if kind == b"fmt" => (value, true),
        [kind, ..] => {
            let kind = text(kind);
            return Answer::error(format!(
                "'set var': arg type must be either 'expr' or 'fmt' but got '{kind}'."
            ));
        }
    };
    let (shared, now_ms) = (&mut *context.shared, context.now_ms);
    match rules::read_for_command(&name, &text(value), is_format, shared.variables.names_mut()) {
        Ok(initial) => {
            shared.set_variables(&[initial], now_ms);
            Answer::text("")
        }
        Err(message) => Answer::error(message),
    }
}
