//! What rules remember of one connection.

use std::net::SocketAddr;

use super::tracked::TrackedEntries;
use super::variables::{ProcessVariables, Variables};
use crate::config::rules::{CaptureSlot, CaptureSlots, RulePlace};
use crate::config::{Direction, TableId};
use crate::proxy::backend::queue::Priority;
use crate::table::{RowId, Tables};

/// Both ends of a connection, after a rule has set the client's address or the destination.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetEnds {
    /// The client's address.
    pub client: Option<SocketAddr>,
    /// The address that the client connected to.
    pub destination: Option<SocketAddr>,
}

/// The texts that are kept for the log, those of rules each in its slot.
#[derive(Debug, Default)]
struct Captures {
    request: Vec<Option<Vec<u8>>>,
    response: Vec<Option<Vec<u8>>>,
    /// The unique id, once it is made.
    unique_id: Option<Box<[u8]>>,
}

/// What rules remember of one connection. A connection for which they remember nothing holds only
/// empty places.
#[derive(Debug, Default)]
pub struct Memory {
    /// The entries that the connection tracks.
    pub(super) tracks: Option<Box<TrackedEntries>>,
    /// The variables that have been set.
    pub(super) variables: Option<Box<Variables>>,
    /// The ends of the client's own connection that later rules have replaced.
    pub(super) own_ends: Option<Box<SetEnds>>,
    /// The texts that are kept for the log.
    captures: Option<Box<Captures>>,
    /// The place of the content rule that decided last.
    pub(super) last_rule: Option<RulePlace>,
    /// Its place in queues.
    pub priority: Priority,
}

impl Memory {
    /// Counts a session in every tracked entry: the rules have let the connection in.
    pub fn count_session(&self, tables: &mut Tables, now_ms: u64) {
        if let Some(tracks) = &self.tracks {
            tracks.count_session(tables, now_ms);
        }
    }

    /// The entries of tables have moved: `follow` knows where to.
    pub fn follow_entries(&mut self, follow: &mut impl FnMut(TableId, RowId) -> Option<RowId>) {
        if let Some(tracks) = &mut self.tracks {
            tracks.follow(follow);
        }
    }

    /// Keeps a text for the log, at most `len` bytes.
    pub(super) fn keep(&mut self, slot: CaptureSlot, text: &[u8], len: u32) {
        let captures = self.captures.get_or_insert_default();
        let places = match slot.side {
            Direction::Request => &mut captures.request,
            Direction::Response => &mut captures.response,
        };
        let number = usize::from(slot.number);
        if places.len() <= number {
            places.resize(number + 1, None);
        }
        let text = text.get(..len as usize).unwrap_or(text);
        if let Some(place) = places.get_mut(number) {
            *place = Some(text.to_vec());
        }
    }

    /// The text that is kept in a slot.
    pub fn capture(&self, slot: CaptureSlot) -> Option<&Vec<u8>> {
        let captures = self.captures.as_ref()?;
        let places = match slot.side {
            Direction::Request => &captures.request,
            Direction::Response => &captures.response,
        };
        places.get(usize::from(slot.number))?.as_ref()
    }

    /// The texts that are kept in the slots of a side; none without slots.
    pub fn captures(
        &self,
        slots: &CaptureSlots,
        side: Direction,
    ) -> Option<Box<[Option<Vec<u8>>]>> {
        let text = |number| self.capture(CaptureSlot { side, number }).cloned();
        let count = Some(slots.of(side).len()).filter(|count| *count > 0)?;
        Some((0..).take(count).map(text).collect())
    }

    /// The unique id, once it is made.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.captures.as_ref()?.unique_id.as_deref()
    }

    /// Keeps the unique id.
    pub(super) fn set_unique_id(&mut self, id: Box<[u8]>) {
        self.captures.get_or_insert_default().unique_id = Some(id);
    }

    /// Keeps the ends of the client's own connection, which a PROXY header replaces.
    pub fn keep_own_ends(&mut self, client: Option<SocketAddr>, destination: Option<SocketAddr>) {
        self.own_ends = Some(Box::new(SetEnds { client, destination }));
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
