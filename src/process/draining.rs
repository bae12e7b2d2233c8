//! The process's part behind a handover: what it tells its successor of what it still decides, and
//! what it hears of older processes that do.

use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use mio::event::Event as Readiness;

use super::Process;
use crate::reactor::Reactor;
use crate::reload::child::Successor;
use crate::reload::incoming::afterwards::Hearings;
use crate::reload::inherit::OLDER_NAME;
use crate::reload::outgoing::Predecessor;
use crate::reload::outgoing::afterwards::Telling;
use crate::table::{Tables, UpdateId};

/// Where the process stands between older ones and its successor, once those have handed over.
#[derive(Debug, Default)]
pub struct Draining {
    /// What this process tells its successor, since that serves.
    telling: Option<Telling>,
    /// Older processes that may still tell something: their generations and sockets, until this
    /// process serves.
    older: Vec<(u32, UnixStream)>,
    /// Those that are heard.
    hearings: Hearings,
}

impl Draining {
    /// Older processes that may still tell something: they are heard once this one serves.
    pub fn set_older(&mut self, older: Vec<(u32, UnixStream)>) {
        self.older = older;
    }

    /// Whether nothing is told or heard.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.telling.is_none() && self.older.is_empty() && self.hearings.is_empty()
    }

    /// Notes that something moved on the socket to the successor.
    pub fn note_telling(&mut self, event: &Readiness) {
        if let Some(telling) = &mut self.telling {
            telling.note(event);
        }
    }

    /// Notes that something moved on the socket of an older process.
    pub fn note_hearing(&mut self, generation: u32, event: &Readiness) {
        self.hearings.note(generation, event);
    }

    /// Whether another turn is wanted at once; `may_hear` says whether older processes are heard
    /// at the moment.
    pub fn has_work(&self, may_hear: bool, tables: &Tables) -> bool {
        self.telling.as_ref().is_some_and(|telling| telling.has_work(tables))
            || may_hear && self.hearings.has_work()
    }

    /// When a turn is wanted even without an event.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.telling.as_ref().and_then(Telling::deadline_ms)
    }

    /// Whether the process has to stay for what its successor does not know yet.
    pub fn keeps_process(&self, tables: &Tables) -> bool {
        self.telling.as_ref().is_some_and(|telling| telling.keeps_process(tables))
    }

    /// The older processes that are heard, for the notes to a successor.
    pub fn hearings(&self) -> &Hearings {
        &self.hearings
    }

    /// Their sockets with the names that a successor finds them by.
    pub fn named_sockets(&self) -> impl Iterator<Item = (String, RawFd)> {
        let sockets = self.hearings.sockets();
        sockets.map(|(generation, fd)| (format!("{OLDER_NAME}{generation}"), fd))
    }

    /// The successor serves: it is told what changes from now on, and it hears the older processes.
    /// Returns the child, to be reaped.
    pub fn begin(
        &mut self,
        predecessor: Predecessor,
        tables: &mut Tables,
        reactor: &Reactor,
    ) -> Option<Successor> {
        let (telling, child) = predecessor.retire();
        self.telling = Some(telling);
        self.hearings.give_up(tables, reactor);
        child
    }

    /// One turn.
    pub fn run(&mut self, may_hear: bool, tables: &mut Tables, now_ms: u64) {
        if may_hear {
            self.hearings.run(tables, now_ms);
        }
        if let Some(mut telling) = self.telling.take() {
            if telling.run(tables, now_ms) {
                self.telling = Some(telling);
            } else {
                telling.end(tables);
            }
        }
    }
}

impl Process {
    /// The predecessor drains: what it still tells is taken over.
    pub(super) fn hear_predecessor(&mut self) {
        if let Some(heir) = self.succession.heir.take() {
            let draining = heir.into_draining(&self.reactor);
            self.hear(draining);
        }
    }

    /// Processes before the predecessor may still drain, too.
    pub(super) fn hear_older(&mut self) {
        for (generation, stream) in std::mem::take(&mut self.succession.draining.older) {
            let Some(heir) = &self.succession.heir else { return };
            let origins = heir.origins_of(generation, &self.shared.tables);
            self.hear((stream.into(), generation, origins));
        }
    }

    fn hear(&mut self, (fd, generation, origins): (OwnedFd, u32, Vec<UpdateId>)) {
        let Self { succession, shared, reactor, .. } = self;
        let (hearings, tables) = (&mut succession.draining.hearings, &mut shared.tables);
        if let Err(error) = hearings.add(fd, generation, origins, tables, reactor) {
            log::error!("reload: generation {generation} is not heard: {error}");
        }
    }
}
