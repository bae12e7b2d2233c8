//! What a session does once the handshake is over: what each message means, and what is owed.

use std::collections::VecDeque;

use super::error::Fault;
use super::learn::{Batch, Learner, Learning, Lesson};
use super::mismatch::Misfit;
use super::teach::{Budget, Source, Taught, Teacher};
use crate::peers::peer::PeerId;
use crate::peers::section::Section;
use crate::peers::wire::frame;
use crate::peers::wire::frame::ReceiveBuffer;
use crate::peers::wire::hello::Version;
use crate::peers::wire::message;
use crate::peers::wire::message::{Control, Message};
use crate::peers::wire::{MESSAGE_MAX, NOTE_MAX, Writer};
use crate::table::{Removal, Tables, UpdateId};

/// A lesson goes out in pieces of so many times the section's number of updates: entries are
/// short, and a system call costs as much as writing hundreds of them.
const LESSON_ROUNDS: u32 = 4;

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer called and is let in. Any other session or attempt with it is to be closed now.
    HelloAccepted {
        /// The caller.
        peer: PeerId,
    },
    /// The handshake is over, messages pass.
    Established {
        /// The other side.
        peer: PeerId,
        /// What is spoken.
        version: Version,
    },
    /// The other side was asked to teach everything.
    LessonRequested,
    /// The other side asked to be taught everything.
    LessonBegun,
    /// Everything was taught; the confirmation is awaited.
    LessonSent {
        /// The entries sent.
        entries: u64,
        /// Whether this process is not up to date itself.
        partial: bool,
    },
    /// The learner has confirmed the lesson.
    Confirmed,
    /// A teacher says that this was everything.
    Finished {
        /// The entries received in this session so far.
        entries: u64,
        /// The teacher is not up to date itself.
        partial: bool,
    },
    /// The other side has defined a table whose entries are not taken.
    Misfit {
        /// The table's name.
        table: Vec<u8>,
        /// Why not.
        misfit: Misfit,
    },
    /// A note from the other stickd of a handover.
    Note(Vec<u8>),
}

/// What kind of session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// With a remote peer.
    Remote,
    /// With our predecessor, over the local peer's address.
    LocalLearner,
    /// With our successor, over the local peer's address.
    LocalTeacher,
    /// With our predecessor, over a socket pair.
    HandoverLearner,
    /// With our successor, over a socket pair.
    HandoverTeacher,
}

impl Role {
    pub(super) const fn is_handover(self) -> bool {
        matches!(self, Self::HandoverLearner | Self::HandoverTeacher)
    }
}

/// The part of a session that begins behind the handshake.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(crate) peer: PeerId,
    pub(crate) role: Role,
    pub(crate) learner: Learner,
    pub(crate) teacher: Teacher,
    /// Ends of lessons that are to be confirmed.
    confirms_owed: u32,
    heartbeat_owed: bool,
    /// A successor is taught unasked.
    lesson_owed: bool,
    /// What waits to be sent beside the tables. Only this process puts notes here, a few for
    /// each server and peer that it is configured with: their number is bounded by that alone.
    notes: VecDeque<Vec<u8>>,
}

impl Exchange {
    pub(crate) fn new(peer: PeerId, role: Role, version: Version, section: &Section) -> Self {
        let lesson = match role {
            Role::LocalLearner | Role::HandoverLearner => Lesson::All,
            Role::Remote | Role::LocalTeacher | Role::HandoverTeacher => Lesson::None,
        };
        let acked = section.peer(peer).acked();
        let learner = Learner::new(acked.len(), lesson);
        Self {
            peer,
            role,
            learner: if role == Role::HandoverLearner { learner.converting() } else { learner },
            teacher: Teacher::new(acked, version == Version::V2_1),
            confirms_owed: 0,
            heartbeat_owed: !role.is_handover(),
            lesson_owed: role == Role::LocalTeacher,
            notes: VecDeque::new(),
        }
    }

    pub(super) fn begin_lesson(&mut self, section: &Section, tables: &mut Tables, now_ms: u64) {
        let Self { teacher, role, .. } = self;
        teacher.begin_lesson(&mut source(*role, section, tables, now_ms));
    }

    pub(crate) fn queue_note(&mut self, note: &[u8]) -> bool {
        let fits = note.len() <= NOTE_MAX;
        if fits {
            self.notes.push_back(note.to_vec());
        }
        fits
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// The end of the lesson is to be confirmed.
    pub(super) fn owe_confirm(&mut self) {
        self.confirms_owed += 1;
    }

    pub(super) fn owes_confirm(&self) -> bool {
        self.confirms_owed > 0
    }

    /// Handles the messages at hand, up to the section's number for one go. An error leaves the
    /// buffer at the message at fault.
    pub(super) fn handle_messages(
        &mut self,
        input: &mut ReceiveBuffer,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) -> Result<(), Fault> {
        let updates_before = self.learner.entries();
        let mut at = 0;
        let result = self.handle_bytes(input.unread(), &mut at, section, tables, events, now_ms);
        input.consume(at);
        let updates = self.learner.entries() - updates_before;
        section.peer_mut(self.peer).counters.updates_received += updates;
        result
    }

    fn handle_bytes(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) -> Result<(), Fault> {
        let mut batch = Batch::new();
        let mut result = Ok(());
        for _ in 0..section.updates_max {
            let unread = bytes.get(*at..).unwrap_or_default();
            let (frame, len) = match frame::read(unread) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => {
                    result = Err(Fault::Frame(error));
                    break;
                }
            };
            let done = match Message::read(frame) {
                Ok(Message::Update(kind, payload)) => {
                    if batch.is_full() || tables.wants_sweep(now_ms) {
                        self.apply(&mut batch, section, tables, now_ms);
                        // Nothing holds numbers of names between an update and the next.
                        tables.sweep_names(now_ms);
                    }
                    let staged =
                        self.learner.stage(kind, payload, &section.tables, tables, &mut batch);
                    staged.map_err(|error| Fault::Update { kind: frame.kind, error })
                }
                Ok(message) => {
                    self.apply(&mut batch, section, tables, now_ms);
                    self.handle_message(message, section, tables, events, now_ms)
                }
                Err(error) => Err(Fault::Message { kind: frame.kind, error }),
            };
            if done.is_err() {
                result = done;
                break;
            }
            *at += len;
        }
        self.apply(&mut batch, section, tables, now_ms);
        result
    }

    fn apply(
        &mut self,
        batch: &mut Batch<'_>,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let learning = match self.role {
            Role::HandoverLearner => Learning::Handover,
            _ if section.resync.is_up_to_date() => Learning::Over,
            _ if section.resync.adds() => Learning::Adding(self.peer),
            Role::Remote | Role::LocalLearner | Role::LocalTeacher | Role::HandoverTeacher => {
                Learning::From(self.peer)
            }
        };
        let Section { tables: own, tellers, .. } = section;
        self.learner.apply(batch, own, tables, (learning, tellers), now_ms);
    }

    fn handle_message(
        &mut self,
        message: Message<'_>,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) -> Result<(), Fault> {
        match message {
            Message::Define(definition) => {
                if let Err(misfit) = self.learner.define(&definition, &section.tables, tables) {
                    events.push_back(Event::Misfit { table: definition.name.to_vec(), misfit });
                }
            }
            Message::Switch { table_id } => self.learner.switch(table_id),
            Message::Ack { table_id, update_id } => {
                let acked = &mut section.peer_mut(self.peer).acked;
                self.teacher.handle_ack(table_id, UpdateId(update_id), acked);
            }
            Message::Control(control) => {
                self.handle_control(control, section, tables, events, now_ms);
            }
            Message::Error(code) => return Err(Fault::ErrorReceived { code }),
            Message::Note(note) if self.role.is_handover() && note.len() <= NOTE_MAX => {
                events.push_back(Event::Note(note.to_vec()));
            }
            Message::Position { table_id, update_id } => {
                self.adopt_position(table_id, UpdateId(update_id), section, tables);
            }
            Message::Removal { table_id, key } => {
                let of = self.learner.table_of(table_id);
                if let (Role::HandoverLearner, Some(own)) =
                    (self.role, of.and_then(|index| section.tables.get(index)))
                {
                    let removal = key.map_or(Removal::All, |key| Removal::Entry(key.into()));
                    tables.get_mut(own.id).remove_as_told(&removal, now_ms);
                }
            }
            Message::Note(_) | Message::Told(_) | Message::Update(..) | Message::Unknown => {}
        }
        Ok(())
    }

    fn handle_control(
        &mut self,
        control: Control,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) {
        match control {
            Control::Heartbeat => section.handle_heartbeat(self.peer, now_ms),
            Control::ResyncRequest => {
                // A successor is taught unasked; asking would begin it anew.
                if self.role == Role::Remote {
                    self.begin_lesson(section, tables, now_ms);
                    events.push_back(Event::LessonBegun);
                }
            }
            Control::ResyncFinished => self.handle_lesson_over(false, section, events, now_ms),
            Control::ResyncPartial => self.handle_lesson_over(true, section, events, now_ms),
            Control::ResyncConfirm => {
                let acked = &mut section.peer_mut(self.peer).acked;
                if self.teacher.handle_confirm(acked) {
                    if self.role == Role::LocalTeacher {
                        section.handle_confirmed_locally();
                    }
                    events.push_back(Event::Confirmed);
                }
            }
        }
    }

    fn handle_lesson_over(
        &mut self,
        partial: bool,
        section: &mut Section,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) {
        match self.role {
            // Confirmed when the new process is ready to serve.
            Role::HandoverLearner => {}
            Role::Remote | Role::LocalLearner => {
                self.owe_confirm();
                section.handle_lesson_over(self.peer, partial, now_ms);
            }
            Role::LocalTeacher | Role::HandoverTeacher => self.owe_confirm(),
        }
        self.learner.set_lesson(Lesson::None);
        events.push_back(Event::Finished { entries: self.learner.entries(), partial });
    }

    fn adopt_position(
        &self,
        table_id: u64,
        update_id: UpdateId,
        section: &Section,
        tables: &mut Tables,
    ) {
        let table = self.learner.table_of(table_id).and_then(|index| section.tables.get(index));
        if let (Role::HandoverLearner, Some(table)) = (self.role, table) {
            tables.get_mut(table.id).adopt_last_update(update_id);
        }
    }

    /// Writes what is owed and as much of the tables as fits.
    pub(crate) fn write(
        &mut self,
        out: &mut Writer<'_>,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) {
        self.learner.write_acks(out);
        while self.confirms_owed > 0 && out.room() > MESSAGE_MAX {
            Control::ResyncConfirm.write(out);
            self.confirms_owed -= 1;
        }
        if self.role == Role::Remote && section.poll_request(self.peer, now_ms) {
            Control::ResyncRequest.write(out);
            let is_timed = self.teacher.is_timed();
            self.learner.set_lesson(if is_timed { Lesson::Timed } else { Lesson::All });
            events.push_back(Event::LessonRequested);
        }
        if std::mem::take(&mut self.lesson_owed) {
            self.begin_lesson(section, tables, now_ms);
        }
        if self.heartbeat_owed {
            self.write_heartbeat(out, section);
        }
        while out.room() >= 2 * MESSAGE_MAX
            && let Some(note) = self.notes.pop_front()
        {
            message::write_note(out, &note);
        }
        self.write_tables(out, section, tables, events, now_ms);
    }

    pub(super) fn write_heartbeat(&mut self, out: &mut Writer<'_>, section: &mut Section) {
        Control::Heartbeat.write(out);
        self.heartbeat_owed = false;
        section.peer_mut(self.peer).counters.heartbeats_sent += 1;
    }

    fn write_tables(
        &mut self,
        out: &mut Writer<'_>,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<Event>,
        now_ms: u64,
    ) {
        let holds_back = section.resync.is_learning_from(self.peer);
        let rounds = if self.teacher.is_teaching() { LESSON_ROUNDS } else { 1 };
        let mut budget = Budget { left: section.updates_max.saturating_mul(rounds), sent: 0 };
        let mut acked = std::mem::take(&mut section.peer_mut(self.peer).acked);
        let mut source = source(self.role, section, tables, now_ms);
        let taught = self.teacher.teach(&mut source, out, &mut budget);
        // A successor gets a lesson and nothing else; a teacher gets nothing before its lesson is
        // over.
        if self.role == Role::Remote && !holds_back {
            self.teacher.push(&mut source, &mut acked, out, &mut budget);
        }
        let peer = section.peer_mut(self.peer);
        peer.acked = acked;
        peer.counters.updates_sent += budget.sent;
        if let Taught::Ended { entries, partial } = taught {
            events.push_back(Event::LessonSent { entries, partial });
        }
    }
}

fn source<'a>(role: Role, section: &'a Section, tables: &'a mut Tables, now_ms: u64) -> Source<'a> {
    Source {
        own: &section.tables,
        tables,
        now_ms,
        up_to_date: section.resync.is_up_to_date(),
        handover: role == Role::HandoverTeacher,
        successor: matches!(role, Role::HandoverTeacher | Role::LocalTeacher),
    }
}
