//! When a worker that serves has crashed: the supervisor starts another one, with the sockets and
//! the tables that the first has given it to keep.

use super::keepsakes::Keepsakes;

/// A worker that has served for so long is taken for sound: the next crash is the first one again.
const SOUND_MS: u64 = 60_000;

/// The longest time between a crash and the next start.
const DELAY_MAX_MS: u64 = 30_000;

/// So many workers in a row may fail to come to serve. Then the service ends, so that the service
/// manager sees it.
const FAILURES_MAX: u32 = 8;

/// After so many failures the entries are given up: they may be what no worker survives, or what
/// takes the memory that a worker needs.
const FAILURES_WITH_TABLES_MAX: u32 = 2;

/// How often workers have crashed of late.
#[derive(Debug, Default)]
pub(super) struct Crashes {
    in_a_row: u32,
    serves_since_ms: u64,
}

/// A worker has crashed, and another one is to follow.
#[derive(Debug)]
pub(super) struct Restart {
    pub(super) keepsakes: Keepsakes,
    /// When the next start is due.
    pub(super) at_ms: u64,
    failures: u32,
}

impl Crashes {
    /// A worker serves from now on.
    pub(super) fn note_serving(&mut self, now_ms: u64) {
        self.serves_since_ms = now_ms;
    }

    /// The worker that served has crashed. The first crash is followed by a start at once, those
    /// that come soon after by one that waits, so that a worker that crashes at every start leaves
    /// the machine to others.
    pub(super) fn note_crash(&mut self, keepsakes: Keepsakes, now_ms: u64) -> Restart {
        if now_ms.saturating_sub(self.serves_since_ms) >= SOUND_MS {
            self.in_a_row = 0;
        }
        let at_ms = now_ms + delay_ms(self.in_a_row);
        self.in_a_row = self.in_a_row.saturating_add(1);
        Restart { keepsakes, at_ms, failures: 0 }
    }
}

impl Restart {
    /// The worker that was started does not come to serve. Returns whether another one is to
    /// follow.
    pub(super) fn note_failure(&mut self, now_ms: u64) -> bool {
        self.failures += 1;
        if self.failures == FAILURES_WITH_TABLES_MAX {
            log::error!("supervisor: the next worker begins without the entries");
            self.keepsakes.forget_tables();
        }
        self.at_ms = now_ms + delay_ms(self.failures);
        self.failures < FAILURES_MAX
    }
}

fn delay_ms(before: u32) -> u64 {
    match before {
        0 => 0,
        before => 1000_u64.checked_shl(before - 1).map_or(DELAY_MAX_MS, |ms| ms.min(DELAY_MAX_MS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_in_a_row_are_followed_by_starts_ever_later() {
        let mut crashes = Crashes::default();
        crashes.note_serving(1000);
        let mut delays = Vec::new();
        let mut now_ms = 2000;
        for _ in 0..8 {
            let restart = crashes.note_crash(Keepsakes::default(), now_ms);
            delays.push(restart.at_ms - now_ms);
            now_ms = restart.at_ms + 10;
            crashes.note_serving(now_ms);
        }
        assert_eq!(delays, [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        now_ms += SOUND_MS;
        assert_eq!(crashes.note_crash(Keepsakes::default(), now_ms).at_ms, now_ms);
        assert_eq!(delay_ms(1000), DELAY_MAX_MS);
    }

    #[test]
    fn starts_that_always_fail_come_to_an_end() {
        let mut restart = Crashes::default().note_crash(Keepsakes::default(), SOUND_MS);
        let failures = (0..).take_while(|_| restart.note_failure(0)).count();
        assert_eq!(failures, FAILURES_MAX as usize - 1);
    }
}
