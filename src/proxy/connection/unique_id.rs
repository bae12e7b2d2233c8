//! The unique id of a connection (`unique-id-format`): a line that is written when something asks
//! for it first, and never again.

use super::Connection;
use super::log_record::LogRecord;
use crate::proxy::rules::{Context, EntryFacts, Facts, Memory};
use crate::proxy::shared::Turn;

impl Connection {
    /// What the unique id is made of, if rules may ask for the id and it has not been made yet.
    pub(super) fn noted_for_rules(&self, turn: &Turn<'_>) -> Option<Box<LogRecord>> {
        let shared = &*turn.shared;
        let has_format = shared.frontend(self.route.frontend).config.unique_id.is_some();
        let is_wanted = shared.has_unique_id_rules && has_format;
        (is_wanted && self.memory.unique_id().is_none())
            .then(|| Box::new(self.record(None, shared, turn.now_ms)))
    }

    /// The unique id; it is empty if the frontend has no format for it.
    pub(super) fn unique_id(&mut self, turn: &mut Turn<'_>) -> Box<[u8]> {
        let record = self.record(None, turn.shared, turn.now_ms);
        let mut memory = std::mem::take(&mut self.memory);
        let id = make(&record, self.entry_facts(), &mut memory, turn);
        self.memory = memory;
        id.unwrap_or_default()
    }
}

/// The unique id of a connection, made of `record` if it has not been made yet; none if the
/// frontend has no format for it.
pub(super) fn make(
    record: &LogRecord,
    entry: EntryFacts<'_>,
    memory: &mut Memory,
    turn: &mut Turn<'_>,
) -> Option<Box<[u8]>> {
    let facts = Facts::of_record(record, entry);
    let (objects, _) = turn.shared.for_rules();
    Context::new(facts, objects, memory, turn.now_ms).unique_id().map(Box::from)
}
