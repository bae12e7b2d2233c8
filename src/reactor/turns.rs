//! How long the turns of the loop take.

/// The longest recent turn is remembered for at least this time, and at most for twice this time.
const WINDOW_MS: u64 = 60_000;
/// The shortest time over which the share of waiting is measured, in milliseconds.
const IDLE_WINDOW_MS: u64 = 1000;

/// How long turns of the loop take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    /// The number of turns.
    pub count: u64,
    /// The number of turns that began with events.
    pub with_events: u64,
    /// The total duration of the turns in nanoseconds, without waiting.
    pub busy_ns: u64,
    /// The longest turn, in nanoseconds.
    pub longest_ns: u64,
    /// The share of the last second or more that was spent waiting, in percent.
    pub idle_percent: u32,
    window: Window,
    idle_began: Option<(u64, u64)>,
}

/// The longest recent turn.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began_ms: u64,
    current_ns: u64,
    previous_ns: u64,
}

impl Turns {
    /// Counts a turn that ended at `now_ns` and took `took_ns`.
    pub fn record(&mut self, now_ns: u64, took_ns: u64, has_events: bool) {
        self.count += 1;
        self.with_events += u64::from(has_events);
        self.busy_ns += took_ns;
        self.longest_ns = self.longest_ns.max(took_ns);
        self.window.record(now_ns / 1_000_000, took_ns);
        self.update_idle(now_ns);
    }

    /// The longest turn of the last one to two minutes, in nanoseconds.
    pub fn recent_longest_ns(&self) -> u64 {
        self.window.current_ns.max(self.window.previous_ns)
    }

    fn update_idle(&mut self, now_ns: u64) {
        let Some((began_ns, busy_ns)) = self.idle_began else {
            self.idle_began = Some((now_ns, self.busy_ns));
            self.idle_percent = 100;
            return;
        };
        let elapsed_ns = now_ns.saturating_sub(began_ns);
        if elapsed_ns >= IDLE_WINDOW_MS * 1_000_000 {
            let busy = (self.busy_ns - busy_ns).saturating_mul(100) / elapsed_ns;
            self.idle_percent = 100 - u32::try_from(busy.min(100)).unwrap_or(100);
            self.idle_began = Some((now_ns, self.busy_ns));
        }
    }
}

impl Window {
    fn record(&mut self, now_ms: u64, took_ns: u64) {
        let age_ms = now_ms.saturating_sub(self.began_ms);
        if age_ms >= WINDOW_MS {
            self.previous_ns = if age_ms < 2 * WINDOW_MS { self.current_ns } else { 0 };
            self.current_ns = 0;
            self.began_ms = now_ms;
        }
        self.current_ns = self.current_ns.max(took_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn the_longest_recent_turn_is_forgotten_after_two_windows() {
        let mut turns = Turns::default();
        turns.record(100 * SECOND_NS, 7000, true);
        turns.record(150 * SECOND_NS, 10, true);
        assert_eq!((turns.longest_ns, turns.recent_longest_ns()), (7000, 7000));
        turns.record(165 * SECOND_NS, 20, true);
        assert_eq!(turns.recent_longest_ns(), 7000);
        turns.record(230 * SECOND_NS, 30, true);
        assert_eq!((turns.longest_ns, turns.recent_longest_ns()), (7000, 30));
        turns.record(900 * SECOND_NS, 5, true);
        assert_eq!(turns.recent_longest_ns(), 5);
    }

    #[test]
    fn idle_percent_is_the_share_of_waiting_in_the_last_second() {
        let mut turns = Turns::default();
        turns.record(SECOND_NS, 10, true);
        assert_eq!(turns.idle_percent, 100);
        turns.record(2 * SECOND_NS, SECOND_NS / 4, true);
        assert_eq!(turns.idle_percent, 75);
        turns.record(3 * SECOND_NS, SECOND_NS, true);
        assert_eq!(turns.idle_percent, 0);
        turns.record(30 * SECOND_NS, 10, true);
        assert_eq!(turns.idle_percent, 100);
    }
}
