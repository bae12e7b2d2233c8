//! What a process that has handed over tells its successor of the entries that its remaining
//! connections still change, in packets.
//!
//! ```text
//! packet:   definition | removal or update | removal or update | ...
//! ```
//!
//! A packet stands alone: it defines its table and the names that it uses. So whoever reads the
//! next one needs to know nothing of those before, and the reading end can go on from one
//! successor to the next with the socket alone.

use super::row_sources::Tellers;
use super::section::{Section, SectionTable};
use super::session::error::Fault;
use super::session::learn::{Batch, Learner, Learning, Lesson};
use super::session::names::SentNames;
use super::session::teach::write_removal;
use super::wire::frame;
use super::wire::message;
use super::wire::message::{Message, UpdateKind};
use super::wire::{MESSAGE_MAX, TOLD_MAX, Writer};
use crate::table::{Removal, Tables, UpdateId};

/// The bytes that are read at a time; a packet is shorter.
pub const READ_MAX: usize = 65_536;

/// So many removals wait in vain, as the successor does not read: it is told nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate;

/// Writes what changed in the section's tables since it was asked last, as far as there is room.
/// Gives the length.
///
/// # Errors
/// When something was left out before.
pub fn write(
    section: &Section,
    tables: &mut Tables,
    out: &mut [u8],
    now_ms: u64,
) -> Result<usize, TooLate> {
    let mut out = Writer::new(out);
    let mut packet = [0; TOLD_MAX];
    for (index, own) in section.tables().iter().enumerate() {
        while tables.get(own.id).has_handover_changes() && out.room() > MESSAGE_MAX {
            let mut writer = Writer::new(&mut packet);
            write_packet(own, index as u64 + 1, tables, &mut writer, now_ms)?;
            let len = writer.len();
            message::write_told(&mut out, packet.get(..len).unwrap_or_default());
        }
    }
    Ok(out.len())
}

fn write_packet(
    own: &SectionTable,
    table_id: u64,
    tables: &mut Tables,
    out: &mut Writer<'_>,
    now_ms: u64,
) -> Result<(), TooLate> {
    own.plan.write_definition(out, table_id, &own.name);
    let empty = out.len();
    let mut names = SentNames::new();
    while let Some(removal) = tables.get_mut(own.id).next_handover_removal() {
        if removal == Removal::All {
            return Err(TooLate);
        }
        if !write_removal(out, table_id, &removal) && out.len() > empty {
            tables.get_mut(own.id).put_back_removal(removal);
            return Ok(());
        }
    }
    while let Some(row) = tables.get_mut(own.id).next_handover_change() {
        let (table, dictionary) = (tables.get(own.id), tables.names());
        let Some(entry) = table.entry(row, now_ms) else { continue };
        let (kind, known) = (UpdateKind::LESSON, (&mut names, dictionary));
        if own.plan.write_update(out, kind, 0, &entry, known, now_ms) {
            continue;
        }
        if out.len() > empty {
            tables.get_mut(own.id).note_changed(row);
            return Ok(());
        }
        names.forget(); // it is too long for any packet, as it is for any message to a peer
    }
    Ok(())
}

/// Takes the packets at the beginning of `bytes` and gives their length; what follows is not whole
/// yet. `origins` says of each table where its update log ended when the teller handed over: what
/// has changed here since is newer, unless it is from the teller itself.
///
/// # Errors
/// When these are no packets.
pub fn read(
    bytes: &[u8],
    section: &Section,
    tables: &mut Tables,
    origins: &[UpdateId],
    now_ms: u64,
) -> Result<usize, Fault> {
    let mut at = 0;
    while let Some((frame, len)) =
        frame::read(bytes.get(at..).unwrap_or_default()).map_err(Fault::Frame)?
    {
        if let Ok(Message::Told(packet)) = Message::read(frame) {
            read_packet(packet, section, tables, origins, now_ms)?;
        }
        at += len;
    }
    Ok(at)
}

fn read_packet(
    packet: &[u8],
    section: &Section,
    tables: &mut Tables,
    origins: &[UpdateId],
    now_ms: u64,
) -> Result<(), Fault> {
    let own = section.tables();
    let mut learner = Learner::new(own.len(), Lesson::All).converting();
    let mut tellers = Tellers::new(0);
    let mut batch = Batch::new();
    let mut unread = packet;
    while let Some((frame, len)) = frame::read(unread).map_err(Fault::Frame)? {
        let message = Message::read(frame);
        match message.map_err(|error| Fault::Message { kind: frame.kind, error })? {
            Message::Update(kind, payload) => {
                if batch.is_full() {
                    let learning = Learning::Told(origins);
                    learner.apply(&mut batch, own, tables, (learning, &mut tellers), now_ms);
                }
                let staged = learner.stage(kind, payload, own, tables, &mut batch);
                staged.map_err(|error| Fault::Update { kind: frame.kind, error })?;
            }
            // That a table does not fit was said when its entries were handed over.
            Message::Define(definition) => drop(learner.define(&definition, own, tables)),
            Message::Removal { table_id, key: Some(key) } => {
                if let Some(index) = learner.table_of(table_id)
                    && let (Some(own), Some(origin)) = (own.get(index), origins.get(index))
                {
                    tables.get_mut(own.id).remove_told(key, *origin, now_ms);
                }
            }
            _ => {}
        }
        unread = unread.get(len..).unwrap_or_default();
    }
    learner.apply(&mut batch, own, tables, (Learning::Told(origins), &mut tellers), now_ms);
    Ok(())
}
