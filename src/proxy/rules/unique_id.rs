//! Makes the unique id of a connection (`unique-id-format`) when it is asked for first.

use super::context::Context;
use super::fetch::hostname;
use crate::config::Direction;
use crate::proxy::connection::log_record::LogRecord;
use crate::proxy::log_line::{ConnectionRecord, Stamp, Writer, write_custom_line, write_to};

/// The longest id, in bytes. The rest is cut off, as HAProxy does.
const ID_MAX: usize = 127;

impl Context<'_, '_> {
    /// The unique id of the connection. None if the frontend has no format for it, or if there is
    /// only a client so far that the frontend has not let in.
    pub fn unique_id(&mut self) -> Option<&[u8]> {
        if self.memory.unique_id().is_none() {
            let id = self.new_unique_id()?;
            self.memory.set_unique_id(id);
        }
        self.memory.unique_id()
    }

    fn new_unique_id(&mut self) -> Option<Box<[u8]>> {
        // Nothing is noted for the samples in the format: an id is no part of itself.
        let noted = self.facts.noted.take()?;
        let frontend = &self.frontends.get(noted.frontend.index())?.config;
        let format = frontend.unique_id.as_ref()?;
        let samples = Some(self.log_samples(format).into_iter().map(encoded).collect());
        let noted = LogRecord {
            client: self.facts.client,
            backend: self.facts.backend,
            is_early: frontend.options.logasap,
            captures: self.memory.captures(&frontend.rules.captures, Direction::Request),
            answer_captures: self.memory.captures(&frontend.rules.captures, Direction::Response),
            ..noted.clone()
        };
        let record = ConnectionRecord::new(&noted, self.frontends, self.backends);
        let writer = Writer { hostname: &hostname(), pid: std::process::id() };
        let mut id = Vec::new();
        write_custom_line(&mut id, format, &samples, &record, writer, &mut Stamp::default());
        id.truncate(ID_MAX);
        Some(id.into())
    }
}

/// A text with its control characters as `%` and two digits each, as in HAProxy.
fn encoded(text: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for byte in text? {
        if byte.is_ascii_control() {
            write_to(&mut out, format_args!("%{byte:02X}"));
        } else {
            out.push(byte);
        }
    }
    Some(out)
}
