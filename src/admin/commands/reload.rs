//! `reload`: asks the process for a reload and waits for its end. Also refuses commands whose
//! effect a reload would lose.

use std::io::Write;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::command::Change;
use super::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::admin::context::reloads::{ReloadTicket, Reloaded};

/// How long a client waits for the end of a reload, in milliseconds. A reload that fails by itself
/// takes less.
const WAIT_LIMIT_MS: u64 = 60_000;

/// Why a command is not run now, if a reload is the reason: the change would be lost.
pub(super) fn refusal(change: Change, line: &CommandLine, context: &Context<'_>) -> Option<Answer> {
    let is_lost = match change {
        Change::Nothing => return None,
        Change::HandedOver => false,
        Change::Lost => true,
        Change::LostIf(is_lost) => is_lost(line),
    };
    if context.process.has_handed_over {
        return Some(Answer::error("A new process serves: connect anew to reach it."));
    }
    let is_refused = is_lost && is_under_way(context);
    is_refused.then(|| Answer::error("A reload is under way, try again after it."))
}

fn is_under_way(context: &Context<'_>) -> bool {
    context.process.is_reloading || context.reloads.is_wanted()
}

/// `reload`.
pub(super) fn reload(_: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    if context.process.stopping {
        return Answer::error("This process is stopping.");
    }
    if is_under_way(context) {
        return Answer::error("A reload is under way.");
    }
    let ticket = context.reloads.request();
    let until_ms = context.now_ms.saturating_add(WAIT_LIMIT_MS);
    Answer::job(ReloadWait { ticket, until_ms })
}

/// A client that waits for the end of a reload.
#[derive(Debug)]
struct ReloadWait {
    ticket: ReloadTicket,
    /// When the client stops waiting.
    until_ms: u64,
}

impl Job for ReloadWait {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        // Writing to a vector cannot fail.
        let _ = match context.reloads.result(self.ticket) {
            Some(Ok(Reloaded { generation, pid, entries, took_ms })) => writeln!(
                out,
                "Success=1\n--\nGeneration: {generation}\nPid: {pid}\nEntries: {entries}\n\
                 Milliseconds: {took_ms}"
            ),
            Some(Err(why)) => writeln!(out, "Success=0\n--\n{why}"),
            None if context.now_ms >= self.until_ms => {
                writeln!(out, "Success=0\n--\nno new process has taken over yet")
            }
            None => return JobState::Waiting,
        };
        JobState::Finished
    }

    fn gives_up_at_ms(&self) -> Option<u64> {
        Some(self.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{Fixture, NOW_MS};
    use crate::admin::link::command_session::CommandSession;
    use crate::admin::link::session::Session;
    use crate::config::Level;

    #[test]
    fn it_answers_when_the_reload_is_over() {
        let mut fixture = Fixture::new();
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"reload\n", NOW_MS);
        assert_eq!(fixture.slice(&mut session), "");
        assert!(session.is_waiting());
        assert_eq!(session.deadline_ms(), NOW_MS + WAIT_LIMIT_MS);
        assert!(fixture.reloads.take_wanted() && !fixture.reloads.take_wanted());
        assert_eq!(fixture.slice(&mut session), "");
        fixture.reloads.finish(Ok(Reloaded { generation: 2, pid: 47, entries: 11, took_ms: 5 }));
        assert_eq!(
            fixture.slice(&mut session),
            "Success=1\n--\nGeneration: 2\nPid: 47\nEntries: 11\nMilliseconds: 5\n\n"
        );
        assert!(session.is_finished() && !session.is_waiting());
    }

    #[test]
    fn it_says_why_it_failed_and_does_not_wait_for_ever() {
        let mut fixture = Fixture::new();
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"reload\n", NOW_MS);
        assert_eq!(fixture.slice(&mut session), "");
        assert_eq!(fixture.ask("reload"), "A reload is under way.\n\n");
        fixture.reloads.finish(Err("bad configuration".to_owned()));
        assert_eq!(fixture.slice(&mut session), "Success=0\n--\nbad configuration\n\n");
        assert!(fixture.reloads.take_wanted());
        let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"reload\n", NOW_MS);
        assert_eq!(fixture.slice(&mut session), "");
        fixture.now_ms = session.deadline_ms();
        assert!(fixture.slice(&mut session).starts_with("Success=0\n"));
        assert_eq!(fixture.ask_as(Level::Operator, "reload"), "Permission denied\n\n");
    }
}
