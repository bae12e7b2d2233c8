//! The pause in accepting when the system has no descriptor or memory left for a client.

use std::fmt::Display;
use std::io;

use crate::logging::limited;
use crate::logging::limited::Topic;

/// How long no client is accepted, in milliseconds. Accepting again at once would fail again.
pub const PAUSE_MS: u64 = 100;

const SHORTAGE: Topic = Topic::fault("no client can be accepted");

/// Logs that accepting a `client` failed with `error`. Returns when to accept again.
pub fn begin(client: impl Display, error: &io::Error, now_ms: u64) -> u64 {
    let text = format_args!("accept {client}: {error}; pausing for {PAUSE_MS} ms each time");
    limited::warn(now_ms, SHORTAGE, &client, text);
    now_ms + PAUSE_MS
}
