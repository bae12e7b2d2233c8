//! The unique id of a connection (`unique-id-format`): a line that is written when something asks
//! for it first, and never again.

use super::Connection;
use super::content_rules::look_at;
use super::log_record::LogRecord;
use crate::config::FormatString;
use crate::proxy::rules::{Context, Facts, Memory, Sent};
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
        let id = self.make_unique_id(&record, &mut memory, turn);
        self.memory = memory;
        id.unwrap_or_default()
    }

    /// Makes the unique id for the log before what the client has sent is thrown away, if the id
    /// is made of that.
    pub(super) fn keep_unique_id(&mut self, turn: &mut Turn<'_>) {
        let frontend = &turn.shared.frontend(self.route.frontend).config;
        if frontend.unique_id.as_ref().is_some_and(FormatString::looks_at_content) {
            self.unique_id(turn);
        }
    }

    /// The unique id, made of `record` if it has not been made yet; none if the frontend has no
    /// format for it.
    pub(super) fn make_unique_id(
        &mut self,
        record: &LogRecord,
        memory: &mut Memory,
        turn: &mut Turn<'_>,
    ) -> Option<Box<[u8]>> {
        let (objects, scratch) = turn.shared.for_rules();
        let format = objects.frontends[record.frontend.index()].config.unique_id.as_ref()?;
        // What has been passed on is gone, and what follows it is not what the client said first.
        let looks = format.looks_at_content() && record.bytes_in == 0;
        let is_new = memory.unique_id().is_none();
        let (sent, _) =
            if looks && is_new { look_at(&mut self.client, scratch) } else { (&[][..], false) };
        let facts =
            Facts { sent: Sent::ByClient(sent), ..Facts::of_record(record, self.entry_facts()) };
        Context::new(facts, objects, memory, turn.now_ms).unique_id().map(Box::from)
    }
}
