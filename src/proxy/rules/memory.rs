//! What rules remember of one connection.

use super::tracked::TrackedEntries;
use super::variables::{ProcessVariables, Variables};
use crate::table::Tables;

/// The texts that are kept for the log, each in its slot.
type Captures = Vec<Option<Vec<u8>>>;

/// What rules remember of one connection. A connection for which they remember nothing holds only
/// empty places.
#[derive(Debug, Default)]
pub struct Memory {
    /// The entries that the connection tracks.
    pub(super) tracks: Option<Box<TrackedEntries>>,
    /// The variables that have been set.
    pub(super) variables: Option<Box<Variables>>,
    /// The texts that are kept for the log, each in its slot.
    captures: Option<Box<Captures>>,
    /// The unique id, once it is made.
    unique_id: Option<Box<[u8]>>,
}

impl Memory {
    /// Counts a session in every tracked entry: the rules have let the connection in.
    pub fn count_session(&self, tables: &mut Tables, now_ms: u64) {
        if let Some(tracks) = &self.tracks {
            tracks.count_session(tables, now_ms);
        }
    }

    /// Keeps a text for the log, at most `len` bytes.
    pub(super) fn keep(&mut self, slot: u16, text: &[u8], len: u32) {
        let captures = self.captures.get_or_insert_default();
        let slot = usize::from(slot);
        if captures.len() <= slot {
            captures.resize(slot + 1, None);
        }
        let text = text.get(..len as usize).unwrap_or(text);
        if let Some(place) = captures.get_mut(slot) {
            *place = Some(text.to_vec());
        }
    }

    /// The text that is kept in a slot.
    pub fn capture(&self, slot: u16) -> Option<&Vec<u8>> {
        self.captures.as_ref()?.get(usize::from(slot))?.as_ref()
    }

    /// The texts that are kept in the first `slots` slots; none without slots.
    pub fn captures(&self, slots: u16) -> Option<Box<[Option<Vec<u8>>]>> {
        (slots > 0).then(|| (0..slots).map(|slot| self.capture(slot).cloned()).collect())
    }

    /// The unique id, once it is made.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.unique_id.as_deref()
    }

    /// Keeps the unique id.
    pub(super) fn set_unique_id(&mut self, id: Box<[u8]>) {
        self.unique_id = Some(id);
    }

    /// Forgets the variables of the request: the answer begins.
    pub fn begin_answer(&mut self, of_process: &mut ProcessVariables) {
        if let Some(variables) = &mut self.variables {
            variables.begin_answer(of_process);
        }
    }

    /// Ends the tracking, counts the bytes that the connection has moved, and gives back the room
    /// that the variables take.
    pub fn finish(
        self,
        (bytes_in, bytes_out): (u64, u64),
        tables: &mut Tables,
        of_process: &mut ProcessVariables,
        now_ms: u64,
    ) {
        if let Some(tracks) = self.tracks {
            tracks.finish(bytes_in, bytes_out, tables, now_ms);
        }
        if let Some(variables) = self.variables {
            variables.finish(of_process);
        }
    }
}
