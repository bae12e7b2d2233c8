//! The mode in which a client may use experimental commands.

use crate::admin::commands::answer::Answer;
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::typed::command_line::CommandLine;
use crate::admin::context::Context;

/// `experimental-mode [on|off]`.
pub(in crate::admin::commands) fn experimental_mode(
    line: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    match line.word(1) {
        None => {
            let mode = if client.is_experimental { "ON" } else { "OFF" };
            return Answer::text(format!("experimental-mode is {mode}\n"));
        }
        Some(word) => client.is_experimental = word == b"on",
    }
    Answer::text("")
}
