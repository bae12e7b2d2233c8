//! The pause in accepting when the system has no descriptor or memory left for a client.

use std::fmt::Display;
use std::io;

use crate::logging::limited;
use crate::logging::limited::Topic;

/// How long no client is accepted. Accepting again at once would only fail again.
pub const PAUSE_MS: u64 = 100;

const SHORTAGE: Topic = Topic::fault("no client can be accepted");

/// Logs that accepting from `whom` failed with `error`. Returns when to try again.
pub fn begin(whom: impl Display, error: &io::Error, now_ms: u64) -> u64 {
    let text = format_args!("accept {whom}: {error}; pausing for {PAUSE_MS} ms each time");
    limited::warn(now_ms, SHORTAGE, &whom, text);
    now_ms + PAUSE_MS
}
