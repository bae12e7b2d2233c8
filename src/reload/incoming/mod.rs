//! The side that takes over: learns from its predecessor and says when to begin to serve.

pub mod afterwards;
pub mod stop_others;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use mio::event::Event as Readiness;

use super::message::Note;
use super::outgoing::UPDATES_AT_ONCE;
use super::plan::PROGRESS_LIMIT_MS;
use super::server_state::{marks, turns};
use super::{server_state, table_shape};
use crate::config::TableId;
use crate::peers::link::{Link, Peers, Step};
use crate::peers::{Event, Section, Session};
use crate::proxy::Shared;
use crate::proxy::backend::Backend;
use crate::reactor::Reactor;
use crate::reactor::token::{Slot, Source};
use crate::table::{Tables, UpdateId};
use afterwards::Hearings;

/// How long the predecessor may be silent. It gives up earlier itself and goes on serving; this
/// is for one that hangs, and both must not come to serve.
const SILENCE_LIMIT_MS: u64 = 3 * PROGRESS_LIMIT_MS;

/// What the process has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Wait,
    /// Everything is here: serve, then [`Heir::set_serving`].
    Serve,
    /// The predecessor is gone or silent: serve with what is here.
    ServeWithout,
    /// The predecessor knows that this process serves: go on with [`Heir::into_draining`].
    Confirmed,
    /// The predecessor has closed its end: the handover is over.
    Over,
}

/// What is learned from a predecessor.
#[derive(Debug)]
pub struct Heir {
    link: Link,
    section: Section,
    notes: Vec<Note>,
    /// By generation and table, where update logs ended when older processes handed over.
    older: Vec<(u32, String, UpdateId)>,
    predecessor_generation: u32,
    is_serving: bool,
    /// The predecessor is told that this process serves.
    confirms: bool,
    /// Where each table's update log ended when this process began to serve.
    origins: Vec<UpdateId>,
    progress_ms: u64,
    bytes_moved: u64,
    began_ms: u64,
}

impl Heir {
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
        reactor.register(fd.as_fd(), Source::Handover(Slot { index: 1, generation: 0 }))?;
        let mut section = Section::for_handover(tables, UPDATES_AT_ONCE);
        let mut session = Session::handover_learner(&mut section, now_ms);
        session.queue_note(&Note::Ready(nix::unistd::getpid().as_raw()).write());
        Ok(Self {
            link: Link::connected(fd, session),
            section,
            notes: Vec::new(),
            older: Vec::new(),
            predecessor_generation: 0,
            is_serving: false,
            confirms: false,
            origins: Vec::new(),
            progress_ms: now_ms,
            bytes_moved: 0,
            began_ms: now_ms,
        })
    }

    /// The predecessor's generation; 0 if it did not tell.
    pub fn predecessor_generation(&self) -> u32 {
        self.predecessor_generation
    }

    /// When learning began.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }

    /// Whether this process serves already.
    pub fn is_serving(&self) -> bool {
        self.is_serving
    }

    /// Notes what an event says of the socket.
    pub fn note(&mut self, event: &Readiness) {
        self.link.note(event);
    }

    /// One turn.
    pub fn run(&mut self, tables: &mut Tables, now_ms: u64) -> Outcome {
        let step = self.link.advance(&mut self.section, tables, now_ms);
        if self.link.bytes_moved() != self.bytes_moved {
            self.bytes_moved = self.link.bytes_moved();
            self.progress_ms = now_ms;
        }
        while let Some(event) = self.link.poll_event() {
            match event {
                Event::Note(bytes) => match Note::read(&bytes) {
                    Some(Note::Generation(number)) => self.predecessor_generation = number,
                    Some(Note::Origin { generation, table, id }) => {
                        self.older.push((generation, table, id));
                    }
                    Some(note) => self.notes.push(note),
                    None => log::debug!("reload: a note of another version is skipped"),
                },
                Event::Misfit { table, misfit } => log::warn!(
                    "reload: table '{}' begins empty: {misfit}",
                    String::from_utf8_lossy(&table)
                ),
                Event::Finished { .. } if !self.is_serving => return Outcome::Serve,
                // It had been silent too long and has come back.
                Event::Finished { .. } => self.confirm(),
                _ => {}
            }
        }
        let is_closed = matches!(step, Step::Closed(_));
        let is_silent = now_ms >= self.progress_ms + SILENCE_LIMIT_MS;
        match (self.is_serving, is_closed) {
            (true, true) => Outcome::Over,
            (true, false) if self.confirms && self.link.session().is_flushed() => {
                Outcome::Confirmed
            }
            (true, false) => Outcome::Wait,
            (false, _) if is_closed || is_silent => Outcome::ServeWithout,
            (false, _) => Outcome::Wait,
        }
    }

    /// Goes on where the predecessor stopped: its update logs, and what each remote peer has
    /// acknowledged of them.
    pub fn adopt_notes(&mut self, shared: &mut Shared, peers: &mut Peers, now_ms: u64) {
        let changed = self.changed_tables(&shared.tables);
        for section in peers.sections_mut() {
            if self.notes.contains(&Note::Unfinished(section.name().to_owned())) {
                log::info!("reload: peers {}: the lesson begins anew", section.name());
                section.handle_handover_short(false, now_ms);
                for note in &self.notes {
                    if let Note::Searching { section: name, left_ms } = note
                        && name == section.name()
                    {
                        section.shorten_search(*left_ms, now_ms);
                    }
                }
            } else if let Some(id) = changed.iter().find(|id| section.has_table(**id)) {
                let table = &shared.tables.get(*id).declaration().name;
                log::info!(
                    "reload: peers {}: table '{table}' is declared otherwise than before: peers \
                     are asked for what it has room for now",
                    section.name()
                );
                section.handle_handover_short(true, now_ms);
            } else {
                section.handle_handover_finished();
            }
        }
        let notes = std::mem::take(&mut self.notes);
        let places = server_state::Places::new(shared);
        for note in &notes {
            match note {
                Note::Server(note) => server_state::adopt(note, &places, shared, now_ms),
                Note::Marks(marks) => marks.adopt(&places, shared),
                Note::LastUpdate { table, id } => {
                    let tables = &mut shared.tables;
                    if let Some(table) = tables.by_name(table) {
                        tables.get_mut(table).adopt_last_update(*id);
                    }
                }
                Note::Position { section, peer, table, acked } => {
                    let Some(table) = shared.tables.by_name(table) else { continue };
                    let mut sections = peers.sections_mut().iter_mut();
                    if let Some(section) = sections.find(|own| own.name() == section) {
                        section.adopt_position(peer, table, *acked);
                    }
                }
                Note::Ready(_)
                | Note::Failed(_)
                | Note::Generation(_)
                | Note::Origin { .. }
                | Note::Searching { .. }
                | Note::Turn(_)
                | Note::Shape { .. }
                | Note::Unfinished(_) => {}
            }
        }
        shared.backends.iter_mut().for_each(Backend::server_changed);
        let told = notes.iter().filter_map(|note| match note {
            Note::Turn(turn) => Some(turn),
            _ => None,
        });
        turns::adopt(told, &places, shared);
        for note in &notes {
            if let Note::Server(note) = note {
                server_state::forget_agent(note, &places, shared, now_ms);
            }
        }
    }

    /// The tables that are not what they were, new ones too. None if the predecessor did not say
    /// what they were.
    fn changed_tables(&self, tables: &Tables) -> Vec<TableId> {
        let shapes = self.notes.iter().filter_map(|note| match note {
            Note::Shape { table, shape } => Some((table.as_str(), shape.as_str())),
            _ => None,
        });
        let shapes: HashMap<&str, &str> = shapes.collect();
        let is_changed = |id: &TableId| {
            let declaration = tables.get(*id).declaration();
            shapes.get(&*declaration.name) != Some(&&*table_shape::of(declaration))
        };
        tables.ids().filter(|id| !shapes.is_empty() && is_changed(id)).collect()
    }

    /// This process serves; `with_confirmation` tells the predecessor so.
    pub fn set_serving(&mut self, with_confirmation: bool, tables: &Tables) {
        self.is_serving = true;
        self.origins = tables.ids().map(|id| tables.get(id).last_update()).collect();
        if with_confirmation {
            self.confirm();
        }
    }

    fn confirm(&mut self) {
        self.confirms = true;
        self.link.session_mut().confirm();
    }

    /// Whether the predecessor is still to be told that this process serves.
    pub fn owes_confirmation(&self) -> bool {
        self.confirms
    }

    /// What is needed to hear what the predecessor still tells: its socket, of which nothing has
    /// been read that came after the confirmation, its generation, and where the update logs ended.
    pub fn into_draining(self, reactor: &Reactor) -> (OwnedFd, u32, Vec<UpdateId>) {
        let fd = self.link.into_fd();
        if let Err(error) = reactor.deregister(fd.as_fd()) {
            log::warn!("reload: the socket of the handover: {error}");
        }
        (fd, self.predecessor_generation, self.origins)
    }

    /// The same of older processes: where the update logs ended when that generation handed over,
    /// as far as it was told.
    pub fn origins_of(&self, generation: u32, tables: &Tables) -> Vec<UpdateId> {
        let told = |name: &str| {
            self.older.iter().find(|(of, table, _)| *of == generation && table == name)
        };
        let origin = |id| {
            let table = tables.get(id);
            let told = told(&table.declaration().name);
            told.map_or_else(|| table.last_update(), |(_, _, origin)| *origin)
        };
        tables.ids().map(origin).collect()
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self) -> bool {
        self.link.has_input()
    }

    /// When a turn is wanted even without an event.
    pub fn deadline_ms(&self) -> Option<u64> {
        (!self.is_serving).then_some(self.progress_ms + SILENCE_LIMIT_MS)
    }
}

/// What a successor needs to know beside the tables: the state of the servers, where the update
/// logs end, and what each remote peer has acknowledged of them.
pub fn closing_notes(
    shared: &Shared,
    peers: &Peers,
    hearings: &Hearings,
    now_ms: u64,
) -> Vec<Note> {
    let tables = &shared.tables;
    let logs = tables.ids().map(|id| {
        let table = tables.get(id);
        Note::LastUpdate { table: table.declaration().name.clone(), id: table.last_update() }
    });
    let mut notes: Vec<Note> = logs.collect();
    for (generation, origins) in hearings.origins() {
        notes.extend(tables.ids().zip(origins).map(|(id, origin)| {
            let table = tables.get(id).declaration().name.clone();
            Note::Origin { generation, table, id: *origin }
        }));
    }
    notes.extend(server_state::notes(shared, now_ms).into_iter().map(Note::Server));
    notes.extend(marks::marks(shared).map(Note::Marks));
    notes.extend(turns::turns(shared).map(Note::Turn));
    notes.extend(tables.ids().map(|id| {
        let declaration = tables.get(id).declaration();
        Note::Shape { table: declaration.name.clone(), shape: table_shape::of(declaration) }
    }));
    for section in peers.sections() {
        if !section.resync().is_up_to_date() {
            notes.push(Note::Unfinished(section.name().to_owned()));
        }
        if let Some(left_ms) = section.resync().search_left_ms(now_ms) {
            notes.push(Note::Searching { section: section.name().to_owned(), left_ms });
        }
        for (peer, table, acked) in section.positions() {
            notes.push(Note::Position {
                section: section.name().to_owned(),
                peer: peer.to_owned(),
                table: tables.get(table).declaration().name.clone(),
                acked,
            });
        }
    }
    notes
}
