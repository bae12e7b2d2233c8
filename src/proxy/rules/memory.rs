//! What rules remember of one connection.

use super::tracked::TrackedEntries;
use super::variables::{ProcessVariables, Variables};
use crate::table::Tables;

/// What rules remember of one connection. A connection for which they remember nothing holds only
/// empty places.
#[derive(Debug, Default)]
pub struct Memory {
    /// The entries that the connection tracks.
    pub(super) tracks: Option<Box<TrackedEntries>>,
    /// The variables that have been set.
    pub(super) variables: Option<Box<Variables>>,
}

impl Memory {
    /// Counts a session in every tracked entry: the rules have let the connection in.
    pub fn count_session(&self, tables: &mut Tables, now_ms: u64) {
        if let Some(tracks) = &self.tracks {
            tracks.count_session(tables, now_ms);
        }
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
