//! Late updates: the changes that a process makes after it has handed over its tables. It still has
//! connections, and sends its successor the entries that these change, in packets.
//!
//! ```text
//! packet:   definition | removal or update | removal or update | ...
//! ```
//! Between packets there may be notes: messages of the reload, which mean nothing here.
//!
//! A packet stands alone: it defines its table and the names that it uses. So the reader of a
//! packet needs nothing from the packets before, and the reading end can go from one successor to
//! the next with the socket alone.

use std::collections::VecDeque;

use super::entries::encode::{NameEncoder, SentNames};
use super::precedence::Precedence;
use super::section::{Section, SectionTable};
use super::session::error::SessionErrorKind;
use super::session::learn::{Batch, Learner, ResyncUpdates};
use super::session::teach::write_removal;
use super::wire::message;
use super::wire::message::Message;
use super::wire::update::UpdateKind;
use super::wire::{LATE_PACKET_MAX, MESSAGE_MAX, Writer};
use crate::table::{Author, Removal, Tables, UpdateId};

/// The most bytes that are read at a time. A packet is shorter.
pub const READ_MAX: usize = 65_536;

/// The error when too many removals wait because the successor does not read. Nothing can be sent
/// any more, as some removals were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalsLost;

/// Writes what has changed in the section's tables and was not written before, as far as there is
/// room. Returns the number of bytes.
///
/// # Errors
/// If a removal was dropped because too many waited.
pub fn write(
    section: &Section,
    tables: &mut Tables,
    out: &mut [u8],
    now_ms: u64,
) -> Result<usize, RemovalsLost> {
    let mut out = Writer::new(out);
    let mut packet = [0; LATE_PACKET_MAX];
    for (index, own) in section.tables().iter().enumerate() {
        while tables.get(own.id).has_handover_changes() && out.room() > MESSAGE_MAX {
            let mut writer = Writer::new(&mut packet);
            write_packet(own, index as u64 + 1, tables, &mut writer, now_ms)?;
            let len = writer.len();
            message::write_late_updates(&mut out, packet.get(..len).unwrap_or_default());
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
) -> Result<(), RemovalsLost> {
    own.plan.write_definition(out, table_id, &own.name);
    let empty = out.len();
    let mut names = SentNames::new();
    while let Some(removal) = tables.get_mut(own.id).next_handover_removal() {
        if removal == Removal::All {
            return Err(RemovalsLost);
        }
        if !write_removal(out, table_id, &removal) && out.len() > empty {
            tables.get_mut(own.id).put_back_removal(removal);
            return Ok(());
        }
    }
    while let Some(row) = tables.get_mut(own.id).next_handover_change() {
        let (table, dictionary) = (tables.get(own.id), tables.names());
        let Some(entry) = table.entry(row, now_ms) else { continue };
        let encoder = NameEncoder { sent: &mut names, dictionary };
        if own.plan.write_update(out, UpdateKind::TIMED, 0, &entry, encoder, now_ms) {
            continue;
        }
        if out.len() > empty {
            tables.get_mut(own.id).note_changed(row);
            return Ok(());
        }
        names.forget(); // the update is too long for any packet, as for any message to a peer
    }
    Ok(())
}

/// Writes the notes that there is room for, and takes them out of the queue. Returns the number of
/// bytes. A note that is too long for a message is dropped.
pub fn write_notes(notes: &mut VecDeque<Vec<u8>>, out: &mut [u8]) -> usize {
    let mut out = Writer::new(out);
    while out.room() > MESSAGE_MAX
        && let Some(note) = notes.pop_front()
    {
        message::write_note(&mut out, &note);
    }
    out.len()
}

/// Takes the packets and notes at the beginning of `bytes` and returns their length. The bytes
/// behind them are not a whole packet yet. Notes are added to `notes`. `origins` has the end of the
/// update log of each table when the sender handed over: an entry that has changed here since then
/// is newer, unless the change came from the sender itself.
///
/// # Errors
/// If the bytes are not packets.
pub fn read(
    bytes: &[u8],
    section: &Section,
    tables: &mut Tables,
    origins: &[UpdateId],
    notes: &mut Vec<Vec<u8>>,
    now_ms: u64,
) -> Result<usize, SessionErrorKind> {
    let mut at = 0;
    while let Some((frame, len)) =
        message::read_frame(bytes.get(at..).unwrap_or_default()).map_err(SessionErrorKind::Frame)?
    {
        match Message::read(frame) {
            Ok(Message::LateUpdates(packet)) => {
                read_packet(packet, section, tables, origins, now_ms)?;
            }
            Ok(Message::Note(note)) => notes.push(note.to_vec()),
            _ => {}
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
) -> Result<(), SessionErrorKind> {
    let own = section.tables();
    let mut learner =
        Learner::new(own.len(), ResyncUpdates::All, Author::Predecessor).adapting_keys();
    let mut batch = Batch::new();
    let mut unread = packet;
    while let Some((frame, len)) = message::read_frame(unread).map_err(SessionErrorKind::Frame)? {
        let message = Message::read(frame);
        match message.map_err(|error| SessionErrorKind::Message { kind: frame.kind, error })? {
            Message::Update(kind, payload) => {
                if batch.is_full() {
                    learner.apply(&mut batch, own, tables, Precedence::Late { origins }, now_ms);
                }
                let read = learner.read(kind, payload, own, tables, &mut batch);
                read.map_err(|error| SessionErrorKind::Update { kind: frame.kind, error })?;
            }
            Message::Define(definition) => {
                // The updates so far are of the table before.
                learner.apply(&mut batch, own, tables, Precedence::Late { origins }, now_ms);
                // A table that does not fit was reported at the handover.
                let _ = learner.define(&definition, own, tables);
            }
            Message::Removal { table_id, key: Some(key) } => {
                if let Some(index) = learner.table_of(table_id)
                    && let (Some(own), Some(origin)) = (own.get(index), origins.get(index))
                {
                    tables.get_mut(own.id).remove_late(key, *origin, now_ms);
                }
            }
            Message::Removal { key: None, .. }
            | Message::Control(_)
            | Message::Error(_)
            | Message::Switch { .. }
            | Message::Ack { .. }
            | Message::Note(_)
            | Message::Position { .. }
            | Message::LateUpdates(_)
            | Message::Unknown => {}
        }
        unread = unread.get(len..).unwrap_or_default();
    }
    learner.apply(&mut batch, own, tables, Precedence::Late { origins }, now_ms);
    Ok(())
}
