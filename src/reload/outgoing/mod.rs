//! The side that hands over: drives the session with the successor and says what the process has
//! to do next.

pub mod afterwards;

use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mio::event::Event as Readiness;
use nix::sys::socket::{getsockopt, sockopt};

use super::child::{Command, Successor};
use super::failure::LastWords;
use super::inherit::pass::send_listeners;
use super::message::Note;
use super::plan::{Action, Plan, Reason};
use crate::peers::link::{Link, Step};
use crate::peers::{Closed, Event, Section, Session};
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use crate::table::Tables;
use afterwards::Telling;

/// The most entries that go out between two looks at the socket. A send buffer holds fewer.
pub const UPDATES_AT_ONCE: u32 = 4096;

/// How long a process that asks to be the successor may take to accept the sockets.
const SEND_LIMIT: Duration = Duration::from_secs(2);

/// A handover under way.
#[derive(Debug)]
pub struct Predecessor {
    plan: Plan,
    link: Link,
    section: Section,
    /// The child, when the successor is one.
    child: Option<Successor>,
    pid: i32,
    began_ms: u64,
    bytes_moved: u64,
    /// Why the successor does not come to serve.
    last_words: Option<LastWords>,
}

impl Predecessor {
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
        // All that may fail comes before the child, which takes a closed socket for our end.
        ours.set_nonblocking(true)?;
        let slot = Slot { index: 0, generation: 0 };
        reactor.register(ours.as_fd(), Source::Handover(slot))?;
        let child = Successor::start(command, listeners, &theirs)?;
        let pid = child.pid();
        Ok(Self::new(ours, Some(child), pid, generation, tables, now_ms))
    }

    /// Takes the process at the other end of `stream`, which has asked for it, as the successor.
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
        let slot = Slot { index: 0, generation: 0 };
        reactor.register(stream.as_fd(), Source::Handover(slot))?;
        Ok(Self::new(stream, None, pid, generation, tables, now_ms))
    }

    fn new(
        stream: UnixStream,
        child: Option<Successor>,
        pid: i32,
        generation: u32,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Self {
        let fd = OwnedFd::from(stream);
        let mut section = Section::for_handover(tables, UPDATES_AT_ONCE);
        let mut session = Session::handover_teacher(&mut section, tables, now_ms);
        session.queue_note(&Note::Generation(generation).write());
        let link = Link::connected(fd, session);
        let plan = Plan::new(now_ms);
        let (began_ms, bytes_moved, last_words) = (now_ms, 0, None);
        Self { plan, link, section, child, pid, began_ms, bytes_moved, last_words }
    }

    /// The successor's process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When the handover began.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// Notes what an event says of the socket.
    pub fn note(&mut self, event: &Readiness) {
        self.link.note(event);
    }

    /// One turn.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) -> Action {
        let step = self.link.advance(&mut self.section, tables, now_ms);
        if self.link.bytes_moved() != self.bytes_moved {
            self.bytes_moved = self.link.bytes_moved();
            self.plan.handle_progress(now_ms);
        }
        while let Some(event) = self.link.poll_event() {
            match event {
                Event::Note(bytes) => match Note::read(&bytes) {
                    Some(Note::Ready(pid)) => {
                        self.pid = pid;
                        self.plan.handle_ready(now_ms);
                    }
                    Some(Note::Failed(words)) => self.last_words = Some(words),
                    _ => {}
                },
                Event::Confirmed => return self.plan.handle_confirmed(),
                _ => {}
            }
        }
        if let Step::Closed(_) = step {
            return self.plan.handle_gone();
        }
        if !self.plan.is_finishing() && self.link.session().is_caught_up(&self.section, tables) {
            let action = self.plan.handle_caught_up(now_ms);
            if action != Action::Wait {
                return action;
            }
        }
        self.plan.handle_timeout(now_ms)
    }

    /// Whether clients and remote peers are held back.
    pub fn is_finishing(&self) -> bool {
        self.plan.is_finishing()
    }

    /// Sends what is left, then `notes`, then "finished". Clients and remote peers are held back
    /// from now on.
    pub fn finish(&mut self, notes: impl Iterator<Item = Note>) {
        for note in notes {
            let bytes = note.write();
            if !self.link.session_mut().queue_note(&bytes) {
                let begin = String::from_utf8_lossy(bytes.get(..80).unwrap_or_default());
                log::error!("reload: too long to be handed over ({} B): {begin}...", bytes.len());
            }
        }
        self.link.session_mut().finish_handover();
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self, tables: &Tables) -> bool {
        self.link.can_transmit() && self.link.session().has_lesson_to_send(&self.section, tables)
    }

    /// When a turn is wanted even without an event.
    pub fn deadline_ms(&self) -> u64 {
        self.plan.deadline_ms()
    }

    /// Whether this process started the successor.
    pub fn has_child(&self) -> bool {
        self.child.is_some()
    }

    /// Ends a child that is not to take over, before it sees the handover socket closed: a
    /// successor whose predecessor is gone serves with what it has.
    pub fn kill_child(&mut self) {
        if let Some(child) = &self.child {
            child.kill();
        }
    }

    /// Why the successor did not come to serve, given up for `reason`: in its own words, or by what
    /// it ended with if it is a child that has ended.
    pub fn failure(&mut self, reason: Reason) -> String {
        if let Some(words) = self.last_words.take() {
            return words.to_string();
        }
        let exit = self.child.as_mut().and_then(Successor::poll_exit);
        exit.map_or_else(|| reason.to_string(), |exit| format!("{reason}: {exit}"))
    }

    /// The successor serves: it is told what still changes. Returns the child, to be reaped.
    pub fn retire(self) -> (Telling, Option<Successor>) {
        let Self { link, section, child, .. } = self;
        (Telling::new(link.into_fd(), section), child)
    }

    /// Ends a handover that came to nothing: nothing is noted for a successor any more.
    /// Returns the child, to be reaped.
    pub fn end(mut self, tables: &mut Tables, now_ms: u64) -> Option<Successor> {
        self.link.session_mut().handle_closed(Closed::ByUs, &mut self.section, tables, now_ms);
        self.child
    }
}
