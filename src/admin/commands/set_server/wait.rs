//! `wait`: the commands behind it on the line run later, or when a server can be deleted.

use std::io::Write;

use super::membership::{self, explain};
use crate::admin::commands::answer::{Answer, Job, JobState};
use crate::admin::commands::client_settings::ClientSettings;
use crate::admin::commands::command::{Command, command};
use crate::admin::commands::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::config::BackendId;
use crate::config::Level::Operator;
use crate::config::text::units;
use crate::config::text::units::BareTime;
use crate::proxy::backend::membership::Undeletable;

/// How often a condition is looked at.
const LOOK_MS: u64 = 20;

/// The longest wait.
const DELAY_MAX_MS: u32 = 3_600_000;

const USAGE: &str = "Usage: wait <delay> [srv-removable <backend>/<server>]. A delay without a \
                     unit counts milliseconds, and one hour is the longest.";

pub(in crate::admin::commands) const WAIT: Command =
    command("wait", "{-h|<delay>} [cond [args...]]", Operator, wait)
        .syntax("<delay> [srv-removable <backend>/<server>]")
        .help("wait the specified delay or condition (-h to see list)")
        .manual(
            "Waits before the next command of the line runs, an hour at most. With \
             `srv-removable` it waits until `del server` can delete the server, for this long at \
             most, and at once says if the server is not in maintenance or something names it. \
             HAProxy knows the command since 3.0.",
            "wait 2s srv-removable web/s9",
        );

/// A client that waits.
#[derive(Debug)]
struct Wait {
    until_ms: u64,
    /// When it looks again.
    look_ms: u64,
    /// The server that is to be deleted.
    server: Option<(BackendId, String)>,
}

/// `wait <delay> [srv-removable <backend>/<server>]`.
fn wait(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let delay = line.text(1).and_then(|word| {
        units::time_ms_in(&word, BareTime::Milliseconds).ok().filter(|ms| *ms <= DELAY_MAX_MS)
    });
    let Some(delay_ms) = delay else { return Answer::error(USAGE) };
    let server = match line.word(2) {
        None => None,
        Some(b"srv-removable") => match membership::place(line, 3, context) {
            Ok(place) => Some(place),
            Err(answer) => return answer,
        },
        Some(_) => return Answer::error(USAGE),
    };
    let until_ms = context.now_ms.saturating_add(delay_ms.into());
    Answer::job(Wait { until_ms, look_ms: context.now_ms, server })
}

impl Wait {
    /// What is told at the end; none as long as it is to wait.
    fn end(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_over = context.now_ms >= self.until_ms;
        let Some((id, name)) = &self.server else { return is_over.then_some("Done.") };
        let backend = context.shared.backend(*id);
        let Some(index) = backend.servers.named(name) else { return Some("No such server.") };
        match context.shared.may_delete(*id, index) {
            Ok(()) => Some("Done."),
            Err(Undeletable::Connected) if is_over => Some("Wait delay expired."),
            Err(Undeletable::Connected) => None,
            Err(why) => Some(explain(why)),
        }
    }
}

impl Job for Wait {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        let end = self.end(context);
        let Some(end) = end.or_else(|| context.process.stopping.then_some("Interrupted.")) else {
            let next_ms = context.now_ms.saturating_add(LOOK_MS);
            let looks = self.server.is_some();
            self.look_ms = if looks { next_ms.min(self.until_ms) } else { self.until_ms };
            return JobState::Waiting;
        };
        // Writing to a vector cannot fail.
        let _ = writeln!(out, "{end}");
        JobState::Finished
    }

    fn gives_up_at_ms(&self) -> Option<u64> {
        Some(self.look_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::USAGE;
    use crate::admin::fixture::{Fixture, NOW_MS};
    use crate::admin::link::command_session::CommandSession;
    use crate::admin::link::session::Session;
    use crate::config::{BackendId, Level, ServerIndex};

    #[test]
    fn what_stands_behind_it_runs_later() {
        let mut fixture = Fixture::new();
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"wait 3s;get weight web/s1\n", NOW_MS);
        assert_eq!(fixture.slice(&mut session), "");
        assert!(session.is_waiting());
        assert_eq!(session.deadline_ms(), NOW_MS + 3000);
        fixture.now_ms = NOW_MS + 3000;
        assert_eq!(fixture.slice(&mut session), "Done.\n\n");
        assert_eq!(fixture.slice(&mut session), "1 (initial 1)\n\n");
        assert!(session.is_finished());
        for wrong in ["wait", "wait -h", "wait 5x", "wait 2h", "wait 1s nonsense"] {
            assert_eq!(fixture.ask(wrong), format!("{USAGE}\n\n"), "{wrong}");
        }
    }

    #[test]
    fn it_waits_until_a_server_has_no_connections() {
        let mut fixture = Fixture::new();
        let (backend, server) = (BackendId(0), ServerIndex::configured(0));
        assert_eq!(
            fixture.ask("wait 1s srv-removable web/s1"),
            "Only servers in maintenance mode can be deleted.\n\n"
        );
        assert_eq!(fixture.ask("wait 1s srv-removable web/nope"), "No such server.\n\n");
        fixture.ask("disable server web/s1");
        fixture.shared.backend_mut(backend).take_slot(server);
        for (is_released, end) in [(false, "Wait delay expired."), (true, "Done.")] {
            let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
            session.handle_received(b"wait 1s srv-removable web/s1\n", NOW_MS);
            assert_eq!(fixture.slice(&mut session), "");
            assert_eq!(session.deadline_ms(), fixture.now_ms + 20);
            if is_released {
                fixture.shared.backend_mut(backend).release_slot(server);
            }
            fixture.now_ms += if is_released { 20 } else { 1000 };
            assert_eq!(fixture.slice(&mut session), format!("{end}\n\n"));
        }
    }
}
