//! Questions between this process and older ones that drain: about their connections, and about
//! what they have counted. `admin` asks, and finds the answers in `proxy::elders`.

use super::Process;
use super::succession::Role;
use crate::admin::commands::sessions;
use crate::proxy::elders::{Question, Told};
use crate::reload::message::questions;

/// The most questions that are answered in one turn. An answer reads a few dozen connections, or
/// looks for one.
const ANSWERS_PER_TURN: usize = 4;

impl Process {
    /// Sends older processes what they are asked, and wakes who waits for answers.
    pub(super) fn ask_elders(&mut self, now_ms: u64) {
        for asked in self.shared.elders.take_asked() {
            if !self.succession.receivers.ask(&asked, now_ms) {
                self.shared.elders.give_up(asked.ticket);
            }
        }
        if self.shared.elders.take_news() {
            self.admin.wake();
        }
    }

    /// Answers what the process asks that serves in this one's place.
    pub(super) fn answer_successor(&mut self, now_ms: u64) {
        for _ in 0..ANSWERS_PER_TURN {
            let Role::Draining { late_updates: Some(sender), .. } = &mut self.succession.role
            else {
                return;
            };
            let Some((ticket, question)) = sender.next_question() else { return };
            if question == Question::ForgetCounts {
                sender.forget_counts(&self.shared, now_ms);
            }
            let told = self.answer_to(&question, now_ms);
            if let Role::Draining { late_updates: Some(sender), .. } = &mut self.succession.role {
                sender.answer(ticket, told);
            }
        }
    }

    fn answer_to(&mut self, question: &Question, now_ms: u64) -> Told {
        let (generation, shared) = (self.succession.generation, &mut self.shared);
        match question {
            Question::Sessions { from } => {
                let lines = sessions::lines_for_successor(
                    *from,
                    &self.clients,
                    &*shared,
                    (generation, self.info.pid),
                    now_ms,
                );
                questions::page(lines)
            }
            Question::End { id } => {
                Told::Done(sessions::end(*id, generation, &mut self.clients, shared))
            }
            Question::EndAt { backend, server } => {
                Told::Done(sessions::end_at(backend, server, &mut self.clients, shared))
            }
            Question::ForgetCounts => Told::Done(0),
        }
    }
}
