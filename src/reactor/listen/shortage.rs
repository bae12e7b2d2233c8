//! What to do when the system has no descriptor or memory left for a client: wait a moment, and
//! say so now and then.

use std::fmt::Display;
use std::io;

use crate::logging::limited;
use crate::logging::limited::Topic;

/// How long nobody is accepted: accepting again at once would only fail again.
pub const PAUSE_MS: u64 = 100;

const SHORTAGE: Topic = Topic::fault("no client can be accepted");

/// Accepting from `whom` met a shortage. Gives when to try again.
pub fn begin(whom: impl Display, error: &io::Error, now_ms: u64) -> u64 {
    let text = format_args!("accept {whom}: {error}; pausing for {PAUSE_MS} ms each time");
    limited::warn(now_ms, SHORTAGE, &whom, text);
    now_ms + PAUSE_MS
}
