//! What a teacher sends to a successor only.

use super::{State, TableProgress, TeachTurn, Teacher, taught_id, write_removal};
use crate::config::TableId;
use crate::peers::section::SectionTable;
use crate::peers::wire::update::UpdateKind;
use crate::table::Tables;

impl Teacher {
    /// Sends nothing until [`Teacher::begin_but`].
    pub(in crate::peers::session) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Sends all tables but those that a successor takes over with their memory.
    pub(in crate::peers::session) fn begin_but(&mut self, lent: &[TableId], own: &[SectionTable]) {
        self.is_held = false;
        for (progress, own) in self.tables.iter_mut().zip(own) {
            progress.is_lent = lent.contains(&own.id);
        }
    }

    pub(in crate::peers::session) fn is_lent(&self, index: usize) -> bool {
        self.tables.get(index).is_some_and(|progress| progress.is_lent)
    }

    /// Whether the successor has been sent everything that has changed so far.
    pub(in crate::peers::session) fn is_drained(
        &self,
        own: &[SectionTable],
        tables: &Tables,
    ) -> bool {
        let has_changes = |(progress, own): (&TableProgress, &SectionTable)| {
            !progress.is_lent && tables.get(own.id).has_handover_changes()
        };
        self.state == State::HandoverDraining && !self.tables.iter().zip(own).any(has_changes)
    }

    /// Whether there is something to send to a successor now.
    pub(in crate::peers::session) fn has_entries_to_send(
        &self,
        own: &[SectionTable],
        tables: &Tables,
    ) -> bool {
        match self.state {
            _ if self.is_held => false,
            State::Walking { .. } | State::Draining { .. } => true,
            State::HandoverDraining => self.ends_handover || !self.is_drained(own, tables),
            State::Live | State::AwaitingConfirm => false,
        }
    }

    /// The handover is to end once everything is sent.
    pub(in crate::peers::session) fn finish_handover(&mut self) {
        self.ends_handover = true;
    }

    /// Sends what has changed in all tables since the handover began. False if nothing has.
    pub(in crate::peers::session) fn drain_handover(
        &mut self,
        turn: &mut TeachTurn<'_, '_>,
    ) -> bool {
        let mut found = false;
        for index in 0..self.tables.len() {
            if self.is_lent(index) {
                continue;
            }
            while turn.has_room()
                && let Some(removal) = turn.table_mut(index).next_handover_removal()
            {
                found = true;
                turn.updates_left -= 1;
                write_removal(turn.out, index as u64 + 1, &removal);
            }
            while turn.has_room()
                && let Some(row) = turn.table_mut(index).next_handover_change()
            {
                found = true;
                let id = taught_id(turn.table(index), row, true);
                self.write(turn, index, row, id, UpdateKind::TIMED);
            }
        }
        found
    }
}
