//! What to do when the system has no descriptor or memory left for a client: wait a moment, and
//! say so now and then.

use std::fmt::Display;
use std::io;

use super::throttle::Throttle;

/// How long nobody is accepted: accepting again at once would only fail again.
pub const PAUSE_MS: u64 = 100;

/// The shortages that some listening sockets met.
#[derive(Debug, Default)]
pub struct Shortage {
    warning: Throttle,
}

impl Shortage {
    /// Accepting from `whom` met one. Gives when to try again.
    pub fn begin(&mut self, whom: impl Display, error: &io::Error, now_ms: u64) -> u64 {
        if let Some(suppressed) = self.warning.permit(now_ms) {
            log::warn!(
                "accept {whom}: {error}; pausing for {PAUSE_MS} ms ({suppressed} times more since \
                 this was last said)"
            );
        }
        now_ms + PAUSE_MS
    }
}
