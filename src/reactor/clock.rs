//! The only place that reads a clock.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

/// Milliseconds of the monotonic clock. Read once per turn of the loop.
pub fn now_ms() -> u64 {
    now_ns() / 1_000_000
}

/// Nanoseconds of the monotonic clock, for measuring how long a turn takes.
pub fn now_ns() -> u64 {
    // Every Linux has this clock, so a failure is a bug of this program.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("BUG: no monotonic clock");
    u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970 by the time of day, for what people read.
pub fn unix_ms() -> u64 {
    let since = wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time of day. Only log lines and answers to people use it.
pub fn wall() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    SystemTime::now()
}
