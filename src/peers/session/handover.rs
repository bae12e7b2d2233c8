//! Sessions between a process and its successor over a socket pair. They have no handshake and no
//! timers; the driver has limits of its own.

use super::exchange::{Exchange, Role};
use super::{Owner, Session, State};
use crate::config::TableId;
use crate::peers::peer::PeerId;
use crate::peers::section::Section;
use crate::peers::wire::hello::Version;
use crate::table::{Tables, UpdateId};

/// The other process, in a section made by [`Section::for_handover`].
const OTHER: PeerId = PeerId(0);

impl Session {
    /// The predecessor's end of the socket pair. Teaches all tables and what changes in them until
    /// [`Session::finish_handover`]. The section is one made by [`Section::for_handover`].
    pub fn handover_teacher(section: &mut Section, tables: &mut Tables, now_ms: u64) -> Self {
        let mut exchange = Exchange::new(OTHER, Role::HandoverTeacher, Version::V2_1, section);
        exchange.begin_resync(section, tables);
        Self::handover(exchange, section, now_ms)
    }

    /// The successor's end. The section is one made by [`Section::for_handover`].
    pub fn handover_learner(section: &mut Section, now_ms: u64) -> Self {
        let exchange = Exchange::new(OTHER, Role::HandoverLearner, Version::V2_1, section);
        Self::handover(exchange, section, now_ms)
    }

    fn handover(exchange: Exchange, section: &mut Section, now_ms: u64) -> Self {
        let serial = section.accept(OTHER, Version::V2_1, now_ms);
        let owner = Owner { peer: OTHER, serial, is_local_call: false };
        Self::new(State::Messages(Box::new(exchange)), Some(owner), now_ms)
    }

    /// Teaches nothing until [`Session::teach_all_but`].
    pub fn hold_teaching(&mut self) {
        if let Some(exchange) = self.messages_mut() {
            exchange.teacher.hold();
        }
    }

    /// Teaches all tables of the section but these, which the successor takes over with their
    /// memory.
    pub fn teach_all_but(&mut self, lent: &[TableId], section: &Section) {
        if let Some(exchange) = self.messages_mut() {
            exchange.teacher.begin_but(lent, section.tables());
        }
    }

    /// Queues a note for the other end. False if the note is too long.
    pub fn queue_note(&mut self, note: &[u8]) -> bool {
        self.messages_mut().is_some_and(|exchange| exchange.queue_note(note))
    }

    /// Whether the successor has been sent everything that there is at this moment.
    pub fn is_caught_up(&self, section: &Section, tables: &Tables) -> bool {
        let Some(exchange) = self.exchange() else { return false };
        self.output.is_empty()
            && !exchange.has_notes()
            && exchange.teacher.is_drained(section.tables(), tables)
    }

    /// Whether the predecessor could send something now. While it waits for the confirmation, there
    /// is nothing to send.
    pub fn has_entries_to_send(&self, section: &Section, tables: &Tables) -> bool {
        let Some(exchange) = self.exchange() else { return false };
        !self.output.is_empty()
            || exchange.has_notes()
            || exchange.teacher.has_entries_to_send(section.tables(), tables)
    }

    /// Sends what is left, the notes, then the end of the handover.
    /// [`SessionEvent::Confirmed`](crate::peers::SessionEvent::Confirmed) follows once the
    /// successor has taken over.
    pub fn finish_handover(&mut self) {
        if let Some(exchange) = self.messages_mut() {
            exchange.teacher.finish_handover();
        }
    }

    /// The successor has seen
    /// [`SessionEvent::LearningFinished`](crate::peers::SessionEvent::LearningFinished) and serves
    /// from now on.
    pub fn confirm(&mut self) {
        if let Some(exchange) = self.messages_mut() {
            exchange.owe_confirm();
        }
    }

    /// The successor serves although the predecessor has not finished. `last_updates` are the ends
    /// of the update logs, by table.
    pub fn serve_without_rest(&mut self, last_updates: Vec<UpdateId>) {
        if let Some(exchange) = self.messages_mut() {
            exchange.serve_without_rest(last_updates);
        }
    }

    /// Whether all that was owed has been sent.
    pub fn is_flushed(&self) -> bool {
        let owes = self.exchange().is_some_and(Exchange::owes_confirm);
        self.output.is_empty() && !owes
    }
}
