//! What a session does once the handshake is over: the meaning of each message, and what is owed to
//! the other side.

use std::collections::VecDeque;

use super::error::SessionErrorKind;
use super::learn::{Batch, Learner, ResyncUpdates};
use super::teach::{Receiver, TeachTurn, Teacher};
use crate::peers::events::SessionEvent;
use crate::peers::peer::PeerId;
use crate::peers::precedence::Precedence;
use crate::peers::section::{Section, SectionTable, Taught};
use crate::peers::wire::hello::Version;
use crate::peers::wire::message;
use crate::peers::wire::message::{Control, Message};
use crate::peers::wire::{MESSAGE_MAX, NOTE_MAX, Writer};
use crate::table::{Author, Removal, StickTable, Tables, UpdateId};

/// A resync goes out in pieces of so many times the section's number of updates: entries are short,
/// and a system call costs as much as writing hundreds of them.
const RESYNC_ROUNDS: u32 = 4;

/// What kind of session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
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

    const fn receiver(self) -> Receiver {
        match self {
            Self::Remote | Self::LocalLearner | Self::HandoverLearner => Receiver::Peer,
            Self::LocalTeacher => Receiver::LocalSuccessor,
            Self::HandoverTeacher => Receiver::Handover,
        }
    }
}

/// The part of a session that begins after the handshake.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) peer: PeerId,
    pub(super) role: Role,
    pub(super) learner: Learner,
    pub(super) teacher: Teacher,
    /// The resyncs whose end is to be confirmed.
    confirms_owed: u32,
    heartbeat_owed: bool,
    /// A successor is to be taught: it does not ask.
    resync_owed: bool,
    /// This process serves although its predecessor has not finished: by the section's tables, the
    /// end of the update log at that moment.
    serves_since: Option<Vec<UpdateId>>,
    /// The notes that are to be sent. Only this process puts notes here, a few for each server and
    /// peer of its configuration, so their number has no other limit.
    notes: VecDeque<Vec<u8>>,
}

impl Exchange {
    pub(super) fn new(peer: PeerId, role: Role, version: Version, section: &Section) -> Self {
        let resync = match role {
            Role::LocalLearner | Role::HandoverLearner => ResyncUpdates::All,
            Role::Remote | Role::LocalTeacher | Role::HandoverTeacher => ResyncUpdates::None,
        };
        let acked = section.peer(peer).acked();
        let learner = Learner::new(
            acked.len(),
            resync,
            match role {
                Role::Remote => Author::Peer(peer.0),
                Role::LocalLearner
                | Role::LocalTeacher
                | Role::HandoverLearner
                | Role::HandoverTeacher => Author::Predecessor,
            },
        );
        Self {
            peer,
            role,
            learner: if role == Role::HandoverLearner { learner.adapting_keys() } else { learner },
            teacher: Teacher::new(acked, version == Version::V2_1),
            confirms_owed: 0,
            heartbeat_owed: !role.is_handover(),
            resync_owed: role == Role::LocalTeacher,
            serves_since: None,
            notes: VecDeque::new(),
        }
    }

    /// This process serves from now on, without the rest of what its predecessor would have taught.
    /// What the predecessor may still send is older than what changes here. `last_updates` are the
    /// ends of the update logs, by the section's tables.
    pub(super) fn serve_without_rest(&mut self, last_updates: Vec<UpdateId>) {
        self.serves_since = Some(last_updates);
    }

    /// Begins to teach everything.
    pub(super) fn begin_resync(&mut self, section: &Section, tables: &mut Tables) {
        self.teacher.begin_resync(section.tables(), tables, self.role.receiver());
    }

    /// Queues a note. False if it is too long.
    pub(super) fn queue_note(&mut self, note: &[u8]) -> bool {
        let fits = note.len() <= NOTE_MAX;
        if fits {
            self.notes.push_back(note.to_vec());
        }
        fits
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// The end of the resync is to be confirmed.
    pub(super) fn owe_confirm(&mut self) {
        self.confirms_owed += 1;
    }

    /// Whether nothing is owed and no resync is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.role == Role::Remote
            && self.confirms_owed == 0
            && !self.resync_owed
            && self.notes.is_empty()
            && self.teacher.is_quiet()
            && self.learner.is_quiet()
    }

    pub(super) fn owes_confirm(&self) -> bool {
        self.confirms_owed > 0
    }

    /// Applies the updates of a batch, as far as they may change what is here.
    pub(super) fn apply(
        &mut self,
        batch: &mut Batch<'_>,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let (own, precedence) = match (self.role, &self.serves_since) {
            (Role::HandoverLearner, None) => (section.tables(), Precedence::Handover),
            (Role::HandoverLearner, Some(origins)) => {
                (section.tables(), Precedence::Late { origins })
            }
            (Role::Remote | Role::LocalLearner | Role::LocalTeacher | Role::HandoverTeacher, _) => {
                section.for_learning(self.peer)
            }
        };
        self.learner.apply(batch, own, tables, precedence, now_ms);
    }

    /// Handles a message that is not an update.
    pub(super) fn handle_message(
        &mut self,
        message: Message<'_>,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<SessionEvent>,
        now_ms: u64,
    ) -> Result<(), SessionErrorKind> {
        match message {
            Message::Define(definition) => {
                if let Err(mismatch) = self.learner.define(&definition, section.tables(), tables) {
                    let table = definition.name.to_vec();
                    events.push_back(SessionEvent::TableMismatch { table, mismatch });
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
            Message::Error(code) => return Err(SessionErrorKind::ErrorReceived { code }),
            Message::Note(note) if self.role.is_handover() && note.len() <= NOTE_MAX => {
                events.push_back(SessionEvent::Note(note.to_vec()));
            }
            Message::Position { table_id, update_id } => {
                self.learner.note_position(table_id, UpdateId(update_id));
                // A process that serves has an update log of its own.
                if self.serves_since.is_none()
                    && let Some((_, own)) = self.handed_over_table(table_id, section)
                {
                    tables.get_mut(own.id).adopt_last_update(UpdateId(update_id));
                }
            }
            Message::Removal { table_id, key } => {
                if let Some((index, own)) = self.handed_over_table(table_id, section) {
                    self.remove(index, tables.get_mut(own.id), key, now_ms);
                }
            }
            Message::Note(_) | Message::LateUpdates(_) | Message::Update(..) | Message::Unknown => {
            }
        }
        Ok(())
    }

    /// The table that our predecessor has given this number, and its place in the section. None if
    /// the other side is not our predecessor.
    fn handed_over_table<'s>(
        &self,
        table_id: u64,
        section: &'s Section,
    ) -> Option<(usize, &'s SectionTable)> {
        let index = self.learner.table_of(table_id)?;
        let own = section.tables().get(index).filter(|_| self.role == Role::HandoverLearner);
        own.map(|own| (index, own))
    }

    /// Removes what our predecessor has removed: the entry of a key, or else all.
    fn remove(&self, index: usize, table: &mut StickTable, key: Option<&[u8]>, now_ms: u64) {
        match (&self.serves_since, key) {
            (None, Some(key)) => table.adopt_removal(&Removal::Entry(key.into()), now_ms),
            (None, None) => table.adopt_removal(&Removal::All, now_ms),
            (Some(origins), Some(key)) => {
                let origin = origins.get(index).copied().unwrap_or_default();
                table.remove_late(key, origin, now_ms);
            }
            // Most of the entries are newer, and the others will expire.
            (Some(_), None) => {}
        }
    }

    fn handle_control(
        &mut self,
        control: Control,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<SessionEvent>,
        now_ms: u64,
    ) {
        match control {
            Control::Heartbeat => section.peer_mut(self.peer).handle_heartbeat(now_ms),
            Control::ResyncRequest => {
                // A successor is taught unasked. If it asked, the resync would begin anew.
                if self.role == Role::Remote {
                    self.begin_resync(section, tables);
                    events.push_back(SessionEvent::TeachingBegun);
                }
            }
            Control::ResyncFinished => self.handle_resync_finished(false, section, events, now_ms),
            Control::ResyncPartial => self.handle_resync_finished(true, section, events, now_ms),
            Control::ResyncConfirm => {
                let acked = &mut section.peer_mut(self.peer).acked;
                if self.teacher.handle_confirm(acked) {
                    if self.role == Role::LocalTeacher {
                        section.handle_confirmed_locally();
                    }
                    events.push_back(SessionEvent::Confirmed);
                }
            }
        }
    }

    /// The other side has taught all that it has.
    fn handle_resync_finished(
        &mut self,
        partial: bool,
        section: &mut Section,
        events: &mut VecDeque<SessionEvent>,
        now_ms: u64,
    ) {
        match self.role {
            // Confirmed when the new process is ready to serve.
            Role::HandoverLearner => {}
            Role::Remote | Role::LocalLearner => {
                self.owe_confirm();
                section.handle_resync_finished(self.peer, partial, now_ms);
            }
            Role::LocalTeacher | Role::HandoverTeacher => self.owe_confirm(),
        }
        self.learner.set_resync(ResyncUpdates::None);
        let entries = self.learner.entries();
        section.note_lesson(self.peer, Taught::ThisNode, (entries, partial), now_ms);
        events.push_back(SessionEvent::LearningFinished { entries, partial });
    }

    /// Writes what is owed and as much of the tables as fits.
    pub(super) fn write(
        &mut self,
        out: &mut Writer<'_>,
        section: &mut Section,
        tables: &mut Tables,
        events: &mut VecDeque<SessionEvent>,
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
            let resync = if is_timed { ResyncUpdates::Timed } else { ResyncUpdates::All };
            self.learner.set_resync(resync);
            events.push_back(SessionEvent::ResyncRequested);
        }
        if std::mem::take(&mut self.resync_owed) {
            self.begin_resync(section, tables);
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
        events: &mut VecDeque<SessionEvent>,
        now_ms: u64,
    ) {
        let is_up_to_date = section.resync().is_up_to_date();
        let is_learning = section.resync().is_learning_from(self.peer);
        let rounds = if self.teacher.is_teaching() { RESYNC_ROUNDS } else { 1 };
        let updates_left = section.updates_max().saturating_mul(rounds);
        let (own, peer) = section.for_teaching(self.peer);
        let mut turn = TeachTurn {
            own,
            tables,
            out,
            receiver: self.role.receiver(),
            is_up_to_date,
            updates_left,
            updates_sent: 0,
            now_ms,
        };
        let taught = self.teacher.teach(&mut turn).map(|taught| (taught.entries, taught.partial));
        if let Some((entries, partial)) = taught {
            events.push_back(SessionEvent::TeachingFinished { entries, partial });
        }
        // A successor gets a resync and nothing else. A peer gets nothing while it teaches us.
        if self.role == Role::Remote && !is_learning {
            self.teacher.push(&mut turn, &mut peer.acked);
        }
        peer.counters.updates_sent += turn.updates_sent;
        if let Some(taught) = taught {
            section.note_lesson(self.peer, Taught::Peer, taught, now_ms);
        }
    }
}
