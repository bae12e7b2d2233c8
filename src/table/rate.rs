//! Event-rate counters over a sliding period: what the current period counted, plus what is left
//! of the one before.

/// A rate as it is stored and exchanged. Times are wrapping numbers of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// When the current period began.
    pub start_ms: u32,
    /// Events in the current period.
    pub current: u32,
    /// Events in the period before.
    pub previous: u32,
}

impl Rate {
    /// A rate learned from a peer: its period began `age_ms` ago. An age of two periods or more
    /// says that the counter has run out, whatever it counted (peers protocol, section 8.3);
    /// taking it literally could put the start into the future.
    pub fn learned(age_ms: u32, current: u32, previous: u32, period_ms: u32, now_ms: u64) -> Self {
        if u64::from(age_ms) >= 2 * u64::from(period_ms) {
            return Self::default();
        }
        Self { start_ms: tick(now_ms).wrapping_sub(age_ms), current, previous }
    }

    /// How long ago the current period began.
    pub fn age_ms(self, now_ms: u64) -> u32 {
        tick(now_ms).wrapping_sub(self.start_ms)
    }

    /// Counts `by` events.
    pub fn count(&mut self, by: u32, period_ms: u32, now_ms: u64) {
        let age = u64::from(self.age_ms(now_ms));
        let period = u64::from(period_ms);
        if age >= 2 * period {
            *self = Self { start_ms: tick(now_ms), current: 0, previous: 0 };
        } else if age >= period {
            self.start_ms = self.start_ms.wrapping_add(period_ms);
            self.previous = self.current;
            self.current = 0;
        }
        self.current = self.current.saturating_add(by);
    }

    /// The estimate of the events in the last `period_ms`.
    pub fn estimate(self, period_ms: u32, now_ms: u64) -> u32 {
        let age = u64::from(self.age_ms(now_ms));
        let period = u64::from(period_ms);
        let (current, previous, into) = if age < period {
            (self.current, self.previous, age)
        } else if age < 2 * period {
            (0, self.current, age - period)
        } else {
            return 0;
        };
        // A single old event counts in full until it is too old, rather than flap.
        if current == 0 && previous <= 1 {
            return previous;
        }
        let kept = u64::from(previous) * (period - into) / period;
        current.saturating_add(u32::try_from(kept).unwrap_or(u32::MAX))
    }
}

/// The time as rates and rows hold it.
#[expect(clippy::cast_possible_truncation, reason = "ticks wrap every 49.7 days by design")]
pub(super) fn tick(now_ms: u64) -> u32 {
    now_ms as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_MS: u32 = 4000;

    fn counted(events: &[(u64, u32)]) -> Rate {
        let mut rate = Rate::default();
        for (now_ms, by) in events {
            rate.count(*by, PERIOD_MS, *now_ms);
        }
        rate
    }

    #[test]
    fn the_period_before_counts_for_what_is_left_of_it() {
        // Seen with haproxy 2.6.12: ten events, and three more 4.2 s later.
        let first = 100_000;
        let rate = counted(&[(first, 10)]);
        for (after_ms, expected) in [(1000, 10), (3999, 10), (4190, 9)] {
            assert_eq!(rate.estimate(PERIOD_MS, first + after_ms), expected);
        }
        let rate = counted(&[(first, 10), (first + 4200, 3)]);
        let seen =
            [(5230, 9), (6270, 7), (7290, 4), (8310, 2), (9350, 1), (10_350, 1), (11_370, 0)];
        for (after_ms, expected) in seen {
            assert_eq!(rate.estimate(PERIOD_MS, first + after_ms), expected, "{after_ms}");
        }
    }

    #[test]
    fn a_single_event_is_seen_for_two_periods() {
        let rate = counted(&[(100_000, 1)]);
        assert_eq!(rate.estimate(PERIOD_MS, 103_999), 1);
        assert_eq!(rate.estimate(PERIOD_MS, 107_999), 1);
        assert_eq!(rate.estimate(PERIOD_MS, 108_000), 0);
    }

    #[test]
    fn an_event_after_two_silent_periods_starts_anew() {
        let rate = counted(&[(100_000, 50), (108_000, 1)]);
        assert_eq!(rate, Rate { start_ms: 108_000, current: 1, previous: 0 });
    }

    #[test]
    fn a_rate_never_used_is_nothing() {
        assert_eq!(Rate::default().estimate(PERIOD_MS, 10), 0);
        assert_eq!(Rate::default().estimate(PERIOD_MS, u64::from(u32::MAX) + 10), 0);
        assert_eq!(Rate::default().estimate(0, 10), 0);
    }

    #[test]
    fn a_period_may_span_the_wrap_of_the_tick() {
        let wrap = 1 << 32;
        let rate = counted(&[(wrap - 1000, 8)]);
        assert_eq!(rate.estimate(PERIOD_MS, wrap + 1000), 8);
        assert_eq!(rate.estimate(PERIOD_MS, wrap + 5000), 4);
    }

    #[test]
    fn a_learned_rate_goes_on_and_a_huge_age_is_nothing() {
        let now_ms = 100_000;
        let rate = Rate::learned(1000, 4, 8, PERIOD_MS, now_ms);
        assert_eq!(rate.estimate(PERIOD_MS, now_ms), 4 + 6);
        assert_eq!(rate.age_ms(now_ms), 1000);
        for age_ms in [8000, 78_483_012, 4_294_955_034, u32::MAX] {
            let rate = Rate::learned(age_ms, 4, 8, PERIOD_MS, now_ms);
            assert_eq!(rate.estimate(PERIOD_MS, now_ms + 20_000), 0);
        }
    }

    #[test]
    fn counters_stop_at_their_limit() {
        let rate = counted(&[(100_000, u32::MAX), (100_001, 5), (104_000, u32::MAX)]);
        assert_eq!(rate.estimate(PERIOD_MS, 104_000), u32::MAX);
    }
}
