//! What a node's own parts of sums (`aggregate`) have from their files. Who asked for a lesson
//! before this node has started does not know it and does not ask again, and nobody else tells it.

use super::events::SectionEvent;
use super::section::Section;
use crate::table::{StickTable, Tables};

/// Something has happened in the section. If no peer is asked any more, nobody knows the saved
/// parts better: all peers are sent them. Returns whether there is something to send.
pub(super) fn handle_event(section: &Section, event: SectionEvent, tables: &mut Tables) -> bool {
    match event {
        SectionEvent::UpToDate | SectionEvent::RemoteTeacherMissing => {}
        SectionEvent::LocalTeacherMissing | SectionEvent::SuccessorMissing => return false,
    }
    let before = tables.changes();
    for own in section.tables() {
        let table = tables.get_mut(own.id);
        let declaration = table.declaration();
        if declaration.save.is_some() && declaration.sum_name().is_some() {
            send_unsent(table);
        }
    }
    tables.changes() != before
}

/// Sends the entries that are no change of this process, as they are.
fn send_unsent(table: &mut StickTable) {
    let mut next = table.next_row(None);
    while let Some(row) = next {
        if table.update_id(row).is_none() {
            table.send_again(row);
        }
        next = table.next_row(Some(row));
    }
}
