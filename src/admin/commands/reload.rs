//! `reload`: asks the process for a successor and waits until it serves, or until it is clear that
//! it will not.

use std::io::Write;

use super::words::Words;
use crate::admin::{Answer, Client, Job, Progress, World};

/// How long an answer is waited for: longer than a reload that goes wrong takes by itself.
const WAIT_LIMIT_MS: u64 = 60_000;

/// What is asked of the process, and what came of it.
#[derive(Debug, Default)]
pub struct Reloads {
    is_wanted: bool,
    finished: u64,
    failed: u64,
    last: Option<Result<Reloaded, String>>,
}

/// A reload that succeeded.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The generation that serves now.
    pub generation: u32,
    /// Its process.
    pub pid: i32,
    /// The entries handed over.
    pub entries: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Reloads {
    /// Whether one is asked for; only the first time.
    pub fn take_wanted(&mut self) -> bool {
        std::mem::take(&mut self.is_wanted)
    }

    /// How many have failed since this process serves.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// One is over: the successor serves, or this is why it does not.
    pub fn finish(&mut self, result: Result<Reloaded, String>) {
        self.finished += 1;
        self.failed += u64::from(result.is_err());
        self.last = Some(result);
    }
}

/// The commands that change what a successor takes over, or what it has.
const CHANGES: &[&str] = &[
    "clear counters",
    "clear table",
    "disable agent",
    "disable frontend",
    "disable health",
    "disable server",
    "enable agent",
    "enable frontend",
    "enable health",
    "enable server",
    "set maxconn frontend",
    "set maxconn global",
    "set maxconn server",
    "set rate-limit",
    "set server",
    "set table",
    "set weight",
    "shutdown frontend",
];

/// What they change that is not handed over. It would last until the successor serves, if it did
/// not even concern the listening sockets that both have.
const NOT_HANDED_OVER: &[&str] = &[
    "disable frontend",
    "enable frontend",
    "set maxconn frontend",
    "set maxconn global",
    "set maxconn server",
    "set rate-limit",
    "shutdown frontend",
];

/// The same of `set server`.
const OF_SERVER_NOT_HANDED_OVER: &[&[u8]] =
    &[b"agent-addr", b"agent-port", b"agent-send", b"check-addr", b"check-port"];

/// Why a command is not run because of a reload, if it is not: what it changes would be lost.
pub(crate) fn refusal(command: &str, words: &Words, world: &World<'_>) -> Option<Answer> {
    if world.process.has_handed_over && CHANGES.contains(&command) {
        return Some(Answer::error("A new process serves: connect anew to reach it."));
    }
    let is_lost = NOT_HANDED_OVER.contains(&command)
        || command == "set server"
            && words.get(3).is_some_and(|what| OF_SERVER_NOT_HANDED_OVER.contains(&&**what));
    let is_reloading = world.process.is_reloading || world.reloads.is_wanted;
    (is_lost && is_reloading).then(|| Answer::error("A reload is under way, try again after it."))
}

/// `reload`.
pub(crate) fn reload(_: &Words, _: &mut Client, world: &mut World<'_>) -> Answer {
    if world.process.stopping {
        return Answer::error("This process is stopping.");
    }
    if world.process.is_reloading || world.reloads.is_wanted {
        return Answer::error("A reload is under way.");
    }
    world.reloads.is_wanted = true;
    let until_ms = world.now_ms.saturating_add(WAIT_LIMIT_MS);
    Answer::Job(Job::Reload(ReloadWait { ticket: world.reloads.finished, until_ms }))
}

/// A client that waits for the end of a reload.
#[derive(Debug)]
pub(crate) struct ReloadWait {
    /// How many were over when it was asked for.
    ticket: u64,
    until_ms: u64,
}

impl ReloadWait {
    /// When it stops to wait.
    pub(crate) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    pub(crate) fn advance(&self, world: &World<'_>, out: &mut Vec<u8>) -> Progress {
        let last = world.reloads.last.as_ref();
        // Writing to a vector cannot fail.
        let _ = match last.filter(|_| world.reloads.finished > self.ticket) {
            Some(Ok(Reloaded { generation, pid, entries, took_ms })) => writeln!(
                out,
                "Success=1\n--\nGeneration: {generation}\nPid: {pid}\nEntries: {entries}\n\
                 Milliseconds: {took_ms}"
            ),
            Some(Err(why)) => writeln!(out, "Success=0\n--\n{why}"),
            None if world.now_ms >= self.until_ms => {
                writeln!(out, "Success=0\n--\nno new process has taken over yet")
            }
            None => return Progress::Wait,
        };
        Progress::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Session;
    use crate::admin::link::conversation::Conversation;
    use crate::admin::testing::{Fixture, NOW_MS};
    use crate::config::Level;

    fn said(fixture: &mut Fixture, session: &mut Session) -> String {
        let bytes = session.poll_transmit(&mut fixture.world()).to_vec();
        session.handle_sent(bytes.len(), NOW_MS);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn it_answers_when_the_reload_is_over() {
        let mut fixture = Fixture::new();
        let mut session = Session::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"reload\n", NOW_MS);
        assert_eq!(said(&mut fixture, &mut session), "");
        assert!(session.is_waiting());
        assert_eq!(session.deadline_ms(), NOW_MS + WAIT_LIMIT_MS);
        assert!(fixture.reloads.take_wanted() && !fixture.reloads.take_wanted());
        assert_eq!(said(&mut fixture, &mut session), "");
        fixture.reloads.finish(Ok(Reloaded { generation: 2, pid: 47, entries: 11, took_ms: 5 }));
        assert_eq!(
            said(&mut fixture, &mut session),
            "Success=1\n--\nGeneration: 2\nPid: 47\nEntries: 11\nMilliseconds: 5\n\n"
        );
        assert!(session.is_finished() && !session.is_waiting());
    }

    #[test]
    fn it_says_why_it_failed_and_does_not_wait_for_ever() {
        let mut fixture = Fixture::new();
        let mut session = Session::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"reload\n", NOW_MS);
        assert_eq!(said(&mut fixture, &mut session), "");
        assert_eq!(fixture.ask("reload"), "A reload is under way.\n\n");
        fixture.reloads.finish(Err("bad configuration".to_owned()));
        assert_eq!(said(&mut fixture, &mut session), "Success=0\n--\nbad configuration\n\n");
        assert!(fixture.reloads.take_wanted());
        let mut session = Session::new(Level::Admin, 10_000, NOW_MS);
        session.handle_received(b"reload\n", NOW_MS);
        assert_eq!(said(&mut fixture, &mut session), "");
        fixture.now_ms = session.deadline_ms();
        assert!(said(&mut fixture, &mut session).starts_with("Success=0\n"));
        assert_eq!(fixture.ask_as(Level::Operator, "reload"), "Permission denied\n\n");
    }
}
