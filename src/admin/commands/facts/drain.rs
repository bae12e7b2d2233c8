//! `drain server`: gives up the stick entries of a server at a rate.

use crate::admin::commands::answer::Answer;
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::target;
use crate::admin::commands::typed::command_line::{CommandLine, text};
use crate::admin::context::Context;
use crate::proxy::backend::drains::RATE_MAX;
use crate::proxy::backend::server::{AdminState, Author};

/// How many entries go in a second if the command does not say it.
const PER_SECOND: u32 = 100;

/// `drain server <backend>/<server> [<entries per second>]`.
pub(super) fn drain_server(
    line: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let target = match target::server(line, 2, context) {
        Ok(target) => target,
        Err(error) => return error,
    };
    let per_second = match line.from(3) {
        [] => PER_SECOND,
        [word] => match text(word).parse() {
            Ok(rate) if rate <= RATE_MAX => rate,
            _ => return Answer::error(format!("Require a number from 0 to {RATE_MAX}.")),
        },
        _ => return Answer::error("Only the number of entries per second may follow."),
    };
    let (backend, server, now_ms) = (target.backend, target.server, context.now_ms);
    let shared = &mut *context.shared;
    if per_second > 0 && shared.backend(backend).server(server).admin == AdminState::Ready {
        // Else its clients could be given to it again.
        shared.set_admin_state(backend, server, AdminState::Drain, Author::Operator, now_ms);
    }
    shared.drains.set(backend, server, per_second, now_ms);
    let section = shared.backend(backend);
    let left = section.stick.entries_left(server, &shared.tables);
    let (backend, server) = (&section.config.name, &section.server(server).config.name);
    Answer::line(match per_second {
        0 => format!("{backend}/{server}: not drained any more, {left} entries are left"),
        _ => format!("{backend}/{server}: {left} entries are left, {per_second} go in a second"),
    })
}
