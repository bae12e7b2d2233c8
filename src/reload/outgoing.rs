//! The side that hands over: drives the session with the successor and says what the process has
//! to do next.
//!
//! A plan decides: events and time go in, an [`Action`] comes out. Every state of the plan has
//! a limit in time, and from every state the process can go on as if nothing had happened.
//!
//! ```text
//!            Ready              CaughtUp               Confirmed
//! Starting ---------> Teaching ----------> Finishing ----------> (the successor serves)
//!    |                   |                    |
//!    +-------------------+--------------------+--- gone, silent ---> (abandoned)
//! ```
//!
//! The session teaches from the first moment on: in `Starting` the entries wait in the socket until
//! the successor is ready to read them. Once the successor serves there is no way back and nothing
//! to decide: the process drains, and a [`LateUpdateSender`] sends what still changes.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mio::event::Event as Readiness;
use nix::sys::socket::{getsockopt, sockopt};

use super::child::{Child, Command};
use super::failure::Failure;
use super::inherit::pass::send_listeners;
use super::late_counts::LateCounts;
use super::late_updates::LateUpdateSender;
use super::message::Message;
use super::offers;
use super::socket::ReloadSocket;
use crate::config::TableId;
use crate::peers::link::{Connection, TurnResult};
use crate::peers::{Closed, Section, Session, SessionEvent};
use crate::reactor::Reactor;
use crate::table::{Loan, Tables};

/// The most entries that are sent between two looks at the socket. A send buffer holds fewer.
pub(super) const UPDATES_AT_ONCE: u32 = 4096;

/// How long a process that asks to take over may take to accept the sockets.
const SEND_LIMIT: Duration = Duration::from_secs(2);

/// How long a successor may take to read its configuration and adopt its sockets, in
/// milliseconds. The limit is generous, as names may have to be resolved and nothing waits.
const READY_LIMIT_MS: u64 = 30_000;

/// How long a successor that has closed its socket may take to end, in milliseconds. How it ended
/// is a part of the reason that is told.
const EXIT_WAIT_MS: u64 = 500;

/// How long a handover may stand still before it is given up, in milliseconds.
pub(super) const PROGRESS_LIMIT_MS: u64 = 5_000;

/// How often the handover has a turn at least, in milliseconds. So a process notices that it stood
/// still itself.
const TURN_MS: u64 = 1_000;

/// What the process has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing yet.
    Wait,
    /// Stop accepting clients and reading remote peers, then call [`Outgoing::finish`].
    PauseAndFinish,
    /// The successor serves: close what it has taken over, and drain.
    Retire,
    /// Give the handover up, end the successor, and go on serving.
    Abandon(Reason),
}

/// Why a handover was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The successor closed its socket: it exited, or refused its configuration.
    Gone,
    /// The successor did not become ready in time.
    NotReady,
    /// The successor stopped reading, or did not confirm.
    Silent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => write!(f, "the new process went away"),
            Self::NotReady => write!(f, "not ready after {} s", READY_LIMIT_MS / 1000),
            Self::Silent => write!(f, "no progress for {} s", PROGRESS_LIMIT_MS / 1000),
        }
    }
}

/// A handover from this process.
#[derive(Debug)]
pub struct Outgoing {
    plan: Plan,
    link: Connection,
    section: Section,
    /// The child, if this process started the successor.
    child: Option<Child>,
    pid: i32,
    began_ms: u64,
    bytes_moved: u64,
    /// When the last turn was.
    turn_ms: u64,
    /// Whether this process stood still, and holds clients back because of that.
    stood_still: bool,
    /// When the successor closed its socket.
    gone_ms: Option<u64>,
    /// Why the successor does not come to serve, in its own words.
    failure: Option<Failure>,
    /// What the successor has been told of the counters, once it has.
    counts: Option<LateCounts>,
    /// The tables whose memory the successor goes on with.
    wanted: Vec<TableId>,
    /// Those tables, once they are lent.
    loan: Option<Loan>,
}

impl Outgoing {
    /// Starts `command` as the successor, with the listening sockets.
    ///
    /// # Errors
    /// What socketpair(2), fork(2) or epoll_ctl(2) report.
    pub fn start(
        command: &Command,
        generation: u32,
        listeners: &[(String, RawFd)],
        tables: &mut Tables,
        reactor: &Reactor,
        now_ms: u64,
    ) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // Everything that may fail comes before the child is started: if our end were closed after
        // that, the child would serve.
        ours.set_nonblocking(true)?;
        reactor.register(ours.as_fd(), ReloadSocket::Successor.source())?;
        let lends = offers::send(ours.as_fd(), tables)?;
        let child = Child::start(command, listeners, &theirs)?;
        let pid = child.pid();
        Ok(Self::new(ours, lends, Some(child), pid, generation, tables, now_ms))
    }

    /// Hands over to the process at the other end of `stream`, which has asked for it.
    ///
    /// # Errors
    /// What sendmsg(2) or epoll_ctl(2) report.
    pub fn answer(
        stream: UnixStream,
        generation: u32,
        listeners: &[(String, RawFd)],
        tables: &mut Tables,
        reactor: &Reactor,
        now_ms: u64,
    ) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        send_listeners(&stream, listeners, SEND_LIMIT)?;
        let pid = getsockopt(&stream, sockopt::PeerCredentials)?.pid();
        stream.set_nonblocking(true)?;
        reactor.register(stream.as_fd(), ReloadSocket::Successor.source())?;
        let lends = offers::send(stream.as_fd(), tables)?;
        Ok(Self::new(stream, lends, None, pid, generation, tables, now_ms))
    }

    fn new(
        stream: UnixStream,
        lends: bool,
        child: Option<Child>,
        pid: i32,
        generation: u32,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Self {
        let mut section = Section::for_handover(tables, UPDATES_AT_ONCE);
        let mut session = Session::handover_teacher(&mut section, tables, now_ms);
        if lends {
            session.hold_teaching();
        }
        session.queue_note(&Message::Generation(generation).write());
        Self {
            plan: Plan::new(now_ms),
            link: Connection::of_handover(OwnedFd::from(stream), session),
            section,
            child,
            pid,
            began_ms: now_ms,
            bytes_moved: 0,
            turn_ms: now_ms,
            stood_still: false,
            gone_ms: None,
            failure: None,
            counts: None,
            wanted: Vec::new(),
            loan: None,
        }
    }

    /// The successor's process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When the handover began, in milliseconds.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// Notes what an event says of the socket.
    pub fn note(&mut self, event: &Readiness) {
        self.link.note(event);
    }

    /// Looks whether this process stood still for so long that the successor may serve without it.
    /// Clients and remote peers are then to be held back, until the successor confirms or is given
    /// up. Returns true when that has just come to light.
    pub fn finds_standstill(&mut self, now_ms: u64) -> bool {
        let is_new = !self.stood_still && now_ms >= self.turn_ms + PROGRESS_LIMIT_MS;
        self.stood_still |= is_new;
        is_new
    }

    /// Does the work of one turn.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) -> Action {
        self.turn_ms = now_ms;
        if self.gone_ms.is_some() {
            return self.await_exit(now_ms);
        }
        let step = self.link.advance(&mut self.section, tables, now_ms);
        if self.link.bytes_moved() != self.bytes_moved {
            self.bytes_moved = self.link.bytes_moved();
            self.plan.handle_progress(now_ms);
        }
        if self.hears_confirmation(tables, now_ms) {
            return self.plan.handle_confirmed();
        }
        if let TurnResult::Closed(_) = step {
            self.gone_ms = Some(now_ms);
            return self.await_exit(now_ms);
        }
        if !self.plan.is_finishing() && self.link.session().is_caught_up(&self.section, tables) {
            let action = self.plan.handle_caught_up(now_ms);
            if action != Action::Wait {
                return action;
            }
        }
        self.plan.handle_timeout(now_ms)
    }

    /// Handles what has come. Returns whether the successor says that it serves.
    fn hears_confirmation(&mut self, tables: &mut Tables, now_ms: u64) -> bool {
        while let Some(event) = self.link.poll_event() {
            match event {
                SessionEvent::Note(bytes) => match Message::read(&bytes) {
                    Some(Message::Wants(table)) => self.handle_wanted(&table, tables),
                    Some(Message::Ready(pid)) => {
                        self.pid = pid;
                        self.plan.handle_ready(now_ms);
                        self.link.session_mut().teach_all_but(&self.wanted, &self.section);
                    }
                    Some(Message::Failed(failure)) => self.failure = Some(failure),
                    _ => {}
                },
                SessionEvent::Confirmed => return true,
                _ => {}
            }
        }
        false
    }

    /// The successor goes on with the memory of a table. It says so before it is ready.
    fn handle_wanted(&mut self, table: &str, tables: &mut Tables) {
        if !self.plan.is_starting() {
            return;
        }
        let offered = tables.lendable();
        let is_offered = offered.is_some_and(|(mut rows, _)| rows.any(|(name, _)| name == table));
        if let Some(id) = tables.by_name(table).filter(|id| is_offered && !self.wanted.contains(id))
        {
            tables.get_mut(id).stop_handover_log();
            self.wanted.push(id);
        }
    }

    /// The tables whose memory the successor goes on with.
    pub fn wanted(&self) -> &[TableId] {
        &self.wanted
    }

    /// These tables are lent until the successor serves, or is given up.
    pub fn lend(&mut self, loan: Loan) {
        self.loan = Some(loan);
    }

    /// Gives the successor up: from now on it cannot say that it serves. Returns false if it has
    /// said so before.
    pub fn withdraw(&mut self, tables: &mut Tables, now_ms: u64) -> bool {
        self.link.stop_receiving();
        self.link.advance(&mut self.section, tables, now_ms);
        !self.hears_confirmation(tables, now_ms) || self.plan.handle_confirmed() != Action::Retire
    }

    /// The entries that the successor has got.
    pub fn entries(&self, tables: &Tables) -> u64 {
        self.loan.as_ref().map_or_else(|| tables.used(), |loan| loan.entries(tables))
    }

    /// What was lent to a successor that does not come to serve.
    pub fn take_loan(&mut self) -> Option<Loan> {
        self.loan.take()
    }

    /// The successor has closed its socket. It is given up when it has ended, or when it has said
    /// why it ends.
    fn await_exit(&mut self, now_ms: u64) -> Action {
        let has_ended = self.child.as_mut().is_none_or(|child| child.poll_exit().is_some());
        if has_ended || self.failure.is_some() || now_ms >= self.limit_ms() {
            Action::Abandon(Reason::Gone)
        } else {
            Action::Wait
        }
    }

    /// Whether clients and remote peers are held back.
    pub fn holds_back(&self) -> bool {
        self.stood_still || self.plan.is_finishing()
    }

    /// Sends the rest of the entries, then `messages`, then "finished". Clients and remote peers
    /// are held back from now on. `counts` knows what the messages tell of the counters.
    /// `descriptors` are those of the sessions in the messages.
    pub fn finish(
        &mut self,
        messages: impl Iterator<Item = Message>,
        descriptors: Vec<OwnedFd>,
        counts: LateCounts,
    ) {
        self.counts = Some(counts);
        self.link.queue_descriptors(descriptors);
        for message in messages {
            let bytes = message.write();
            if !self.link.session_mut().queue_note(&bytes) {
                let begin = String::from_utf8_lossy(bytes.get(..80).unwrap_or_default());
                log::error!("reload: too long to be handed over ({} B): {begin}...", bytes.len());
            }
        }
        self.link.session_mut().finish_handover();
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self, tables: &Tables) -> bool {
        self.gone_ms.is_none()
            && self.link.can_transmit()
            && self.link.session().has_entries_to_send(&self.section, tables)
    }

    /// When a turn is wanted even without an event.
    pub fn deadline_ms(&self) -> u64 {
        self.limit_ms().min(self.turn_ms + TURN_MS)
    }

    /// When the handover is given up, unless something happens.
    fn limit_ms(&self) -> u64 {
        self.gone_ms.map_or_else(|| self.plan.deadline_ms(), |gone_ms| gone_ms + EXIT_WAIT_MS)
    }

    /// Whether this process started the successor.
    pub fn has_child(&self) -> bool {
        self.child.is_some()
    }

    /// Ends a child that is not to take over. To be called before the child can see the socket of
    /// the handover closed: a successor serves with what it has when its predecessor is gone.
    pub fn kill_child(&self) {
        if let Some(child) = &self.child {
            child.kill();
        }
    }

    /// Why the successor did not come to serve: in its own words, or else `reason` and what the
    /// child ended with.
    pub fn failure(&mut self, reason: Reason) -> String {
        if let Some(failure) = self.failure.take() {
            return failure.to_string();
        }
        let exit = self.child.as_mut().and_then(Child::poll_exit);
        exit.map_or_else(|| reason.to_string(), |exit| format!("{reason}: {exit}"))
    }

    /// Goes on after the successor has begun to serve: the sender tells it what still changes. Also
    /// returns the child, which has to be waited for.
    pub fn retire(self) -> (LateUpdateSender, Option<Child>) {
        let Self { link, section, child, counts, .. } = self;
        (LateUpdateSender::new(link.into_fd(), section, counts), child)
    }

    /// Ends a handover that has failed: the tables do not note changes for a successor any more.
    /// Returns the child, which has to be waited for.
    pub fn end(mut self, tables: &mut Tables, now_ms: u64) -> Option<Child> {
        self.link.session_mut().handle_closed(Closed::ByUs, &mut self.section, tables, now_ms);
        self.child
    }
}

/// Where a handover stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The successor has not yet said that it is ready.
    Starting { since_ms: u64 },
    /// The successor learns; clients are still served here.
    Teaching { progress_ms: u64 },
    /// Nothing is accepted or learned here any more; the rest is on its way.
    Finishing { progress_ms: u64 },
}

impl Plan {
    /// A handover has just begun.
    fn new(now_ms: u64) -> Self {
        Self::Starting { since_ms: now_ms }
    }

    /// The successor has read its configuration and adopted its sockets.
    fn handle_ready(&mut self, now_ms: u64) {
        match self {
            Self::Starting { .. } => *self = Self::Teaching { progress_ms: now_ms },
            Self::Teaching { .. } | Self::Finishing { .. } => {}
        }
    }

    /// Bytes have moved.
    fn handle_progress(&mut self, now_ms: u64) {
        match self {
            Self::Starting { .. } => {}
            Self::Teaching { progress_ms } | Self::Finishing { progress_ms } => {
                *progress_ms = now_ms;
            }
        }
    }

    /// The successor has been sent everything that is known at this moment.
    fn handle_caught_up(&mut self, now_ms: u64) -> Action {
        match self {
            Self::Teaching { .. } => {
                *self = Self::Finishing { progress_ms: now_ms };
                Action::PauseAndFinish
            }
            Self::Starting { .. } | Self::Finishing { .. } => Action::Wait,
        }
    }

    /// The successor says that it serves. Before "finished" was sent it cannot, and the message is
    /// ignored.
    fn handle_confirmed(&self) -> Action {
        match self {
            Self::Finishing { .. } => Action::Retire,
            Self::Starting { .. } | Self::Teaching { .. } => Action::Wait,
        }
    }

    /// Time has passed.
    fn handle_timeout(&self, now_ms: u64) -> Action {
        if now_ms < self.deadline_ms() {
            return Action::Wait;
        }
        match self {
            Self::Starting { .. } => Action::Abandon(Reason::NotReady),
            Self::Teaching { .. } | Self::Finishing { .. } => Action::Abandon(Reason::Silent),
        }
    }

    /// When [`Self::handle_timeout`] gives the handover up.
    fn deadline_ms(&self) -> u64 {
        match self {
            Self::Starting { since_ms } => since_ms + READY_LIMIT_MS,
            Self::Teaching { progress_ms } | Self::Finishing { progress_ms } => {
                progress_ms + PROGRESS_LIMIT_MS
            }
        }
    }

    /// Whether the successor has not yet said that it is ready.
    fn is_starting(&self) -> bool {
        matches!(self, Self::Starting { .. })
    }

    /// Whether clients and remote peers are held back.
    fn is_finishing(&self) -> bool {
        matches!(self, Self::Finishing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_that_goes_well() {
        let mut plan = Plan::new(0);
        plan.handle_ready(10);
        assert_eq!(plan, Plan::Teaching { progress_ms: 10 });
        plan.handle_progress(20);
        assert_eq!(plan.handle_caught_up(30), Action::PauseAndFinish);
        assert_eq!(plan.handle_confirmed(), Action::Retire);
    }

    #[test]
    fn a_successor_that_never_becomes_ready_is_given_up() {
        let plan = Plan::new(5);
        assert_eq!(plan.handle_timeout(READY_LIMIT_MS), Action::Wait);
        assert_eq!(plan.handle_timeout(READY_LIMIT_MS + 5), Action::Abandon(Reason::NotReady));
    }

    #[test]
    fn a_successor_that_stops_reading_is_given_up_but_a_slow_one_is_not() {
        let mut plan = Plan::new(0);
        plan.handle_ready(0);
        plan.handle_progress(4_000);
        assert_eq!(plan.handle_timeout(6_000), Action::Wait);
        assert_eq!(plan.handle_timeout(9_000), Action::Abandon(Reason::Silent));
    }

    #[test]
    fn a_confirmation_before_the_end_ends_nothing() {
        let mut plan = Plan::new(0);
        assert_eq!(plan.handle_confirmed(), Action::Wait);
        plan.handle_ready(0);
        assert_eq!(plan.handle_confirmed(), Action::Wait);
    }
}
