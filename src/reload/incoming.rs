//! The side that takes over: learns from the predecessor, says when this process is to serve, and
//! tells the predecessor so.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use mio::event::Event as Readiness;

use super::late_updates::Older;
use super::message::Message;
use super::outgoing::{PROGRESS_LIMIT_MS, UPDATES_AT_ONCE};
use super::socket::ReloadSocket;
use crate::peers::link::{Connection, TurnResult};
use crate::peers::{Section, Session, SessionEvent};
use crate::reactor::Reactor;
use crate::table::{Tables, UpdateId};

/// How long the predecessor may be silent, in milliseconds. A predecessor gives the handover up
/// much earlier and goes on serving. This limit is for a predecessor that hangs: the two processes
/// must not both come to serve.
const SILENCE_LIMIT_MS: u64 = 3 * PROGRESS_LIMIT_MS;

/// What the process has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing yet.
    Wait,
    /// Everything has arrived: adopt the messages, call [`Incoming::confirm`], and serve.
    Serve,
    /// The predecessor is gone or silent: call [`Incoming::go_without`], and serve with what has
    /// arrived.
    ServeWithout,
    /// The predecessor knows that this process serves: go on with [`Incoming::into_older`].
    Confirmed,
    /// The predecessor has closed its end: the handover is over.
    Over,
}

/// A handover to this process.
#[derive(Debug)]
pub struct Incoming {
    link: Connection,
    section: Section,
    stage: Stage,
    /// The predecessor's generation; 0 if it did not tell.
    predecessor_generation: u32,
    /// By generation and table, the last id in the update log when an older process handed over.
    older: Vec<(u32, String, UpdateId)>,
    began_ms: u64,
    is_told: bool,
}

/// Where the handover stands.
#[derive(Debug)]
enum Stage {
    /// The predecessor serves, and entries and messages arrive.
    Learning { messages: Vec<Message>, progress_ms: u64, bytes_moved: u64 },
    /// This process serves.
    Serving {
        /// By table, the last id in the update log when this process began to serve.
        last_updates: Vec<UpdateId>,
        /// The predecessor is told that this process serves. Otherwise the predecessor was silent;
        /// it is told when it comes back and has finished.
        confirms: bool,
    },
}

impl Incoming {
    /// Tells the predecessor at the other end of `stream` that this process is ready.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn new(
        stream: UnixStream,
        tables: &Tables,
        reactor: &Reactor,
        now_ms: u64,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let fd = OwnedFd::from(stream);
        reactor.register(fd.as_fd(), ReloadSocket::Predecessor.source())?;
        let mut section = Section::for_handover(tables, UPDATES_AT_ONCE);
        let mut session = Session::handover_learner(&mut section, now_ms);
        for id in tables.awaited() {
            session.queue_note(&Message::Wants(tables.get(id).declaration().name.clone()).write());
        }
        session.queue_note(&Message::Ready(nix::unistd::getpid().as_raw()).write());
        let stage = Stage::Learning { messages: Vec::new(), progress_ms: now_ms, bytes_moved: 0 };
        Ok(Self {
            link: Connection::of_handover(fd, session),
            section,
            stage,
            predecessor_generation: 0,
            older: Vec::new(),
            began_ms: now_ms,
            is_told: false,
        })
    }

    /// The predecessor's generation; 0 if it did not tell.
    pub fn predecessor_generation(&self) -> u32 {
        self.predecessor_generation
    }

    /// When learning began, in milliseconds.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// The messages of the predecessor that [`state::adopt`](super::state::adopt) takes. Empty
    /// once this process serves.
    pub fn messages(&self) -> &[Message] {
        match &self.stage {
            Stage::Learning { messages, .. } => messages,
            Stage::Serving { .. } => &[],
        }
    }

    /// The descriptors that have come, in the order of the messages that tell of them.
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.link.take_descriptors()
    }

    /// Notes what an event says of the socket.
    pub fn note(&mut self, event: &Readiness) {
        self.link.note(event);
    }

    /// Does the work of one turn.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) -> Action {
        let step = self.link.advance(&mut self.section, tables, now_ms);
        let moved = self.link.bytes_moved();
        if let Stage::Learning { progress_ms, bytes_moved, .. } = &mut self.stage
            && *bytes_moved != moved
        {
            (*bytes_moved, *progress_ms) = (moved, now_ms);
        }
        while let Some(event) = self.link.poll_event() {
            match event {
                SessionEvent::Note(bytes) => self.handle_message(&bytes),
                SessionEvent::TableMismatch { table, mismatch } => log::warn!(
                    "reload: table '{}' begins empty: {mismatch}",
                    String::from_utf8_lossy(&table)
                ),
                SessionEvent::LearningFinished { .. } => match &mut self.stage {
                    Stage::Learning { .. } => return Action::Serve,
                    // The predecessor was silent for too long and has come back.
                    Stage::Serving { confirms, .. } => {
                        *confirms = true;
                        self.link.session_mut().confirm();
                    }
                },
                _ => {}
            }
        }
        let is_closed = matches!(step, TurnResult::Closed(_));
        match &self.stage {
            Stage::Learning { progress_ms, .. } => {
                let is_silent = now_ms >= progress_ms + SILENCE_LIMIT_MS;
                if is_closed || is_silent { Action::ServeWithout } else { Action::Wait }
            }
            Stage::Serving { .. } if is_closed => Action::Over,
            Stage::Serving { confirms, .. } => {
                let is_told = *confirms && self.link.session().is_flushed();
                if is_told { Action::Confirmed } else { Action::Wait }
            }
        }
    }

    fn handle_message(&mut self, bytes: &[u8]) {
        match Message::read(bytes) {
            Some(Message::Generation(number)) => self.predecessor_generation = number,
            Some(Message::OlderLastUpdate { generation, table, id }) => {
                self.older.push((generation, table, id));
            }
            Some(message) => {
                if let Stage::Learning { messages, .. } = &mut self.stage {
                    messages.push(message);
                }
            }
            None => log::debug!("reload: a message of another version is skipped"),
        }
    }

    /// This process serves from now on, and the predecessor is told so. Returns whether the
    /// predecessor is sure to hear it: then it does not write to the tables any more that it has
    /// lent. Otherwise it is gone, or has given this process up, or the message waits.
    pub fn confirm(&mut self, tables: &mut Tables, now_ms: u64) -> bool {
        self.stage = Stage::Serving { last_updates: last_updates(tables), confirms: true };
        self.link.session_mut().confirm();
        self.is_told = self.run(tables, now_ms) == Action::Confirmed;
        self.is_told
    }

    /// Whether the predecessor was told at once. What it sends from then on is not for this side.
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// This process serves from now on although the predecessor has not finished.
    /// What it may still send is older than what changes here from now on.
    pub fn go_without(&mut self, tables: &Tables) {
        // Nobody says that the predecessor leaves its sessions with peers alone.
        drop(self.link.take_descriptors());
        let last_updates = last_updates(tables);
        self.link.session_mut().serve_without_rest(last_updates.clone());
        self.stage = Stage::Serving { last_updates, confirms: false };
    }

    /// Whether the predecessor is still to be told that this process serves.
    pub fn owes_confirmation(&self) -> bool {
        matches!(self.stage, Stage::Serving { confirms: true, .. })
    }

    /// Ends the handover: the predecessor is an older process that drains.
    pub fn into_older(self, reactor: &Reactor) -> Older {
        let fd = self.link.into_fd();
        if let Err(error) = reactor.deregister(fd.as_fd()) {
            log::warn!("reload: the socket of the handover: {error}");
        }
        let last_updates = match self.stage {
            Stage::Learning { .. } => Vec::new(),
            Stage::Serving { last_updates, .. } => last_updates,
        };
        Older { fd, generation: self.predecessor_generation, last_updates }
    }

    /// By table, the last id in the update log when the process of this generation handed over, as
    /// far as the predecessor has told it.
    pub fn last_updates_of(&self, generation: u32, tables: &Tables) -> Vec<UpdateId> {
        let told = |name: &str| {
            self.older.iter().find(|(of, table, _)| *of == generation && table == name)
        };
        let last_update = |id| {
            let table = tables.get(id);
            let told = told(&table.declaration().name);
            told.map_or_else(|| table.last_update(), |(_, _, last)| *last)
        };
        tables.ids().map(last_update).collect()
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self) -> bool {
        self.link.has_input()
    }

    /// When a turn is wanted even without an event.
    pub fn deadline_ms(&self) -> Option<u64> {
        match self.stage {
            Stage::Learning { progress_ms, .. } => Some(progress_ms + SILENCE_LIMIT_MS),
            Stage::Serving { .. } => None,
        }
    }
}

fn last_updates(tables: &Tables) -> Vec<UpdateId> {
    tables.ids().map(|id| tables.get(id).last_update()).collect()
}
