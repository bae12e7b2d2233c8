//! Event-rate counters over a sliding period: what the current period counted, plus what is left
//! of the one before.

/// On the wire, an age of this or more is a negative one.
const AGE_END_MS: u32 = 1 << 31;

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
    /// A rate learned from a peer: its period began `age_ms` ago. A sender with threads may send a
    /// little less than 0. That is taken for 0, as a start in the future would read as long ago. An
    /// age of two periods or more says that the counter has run out.
    pub fn learned(age_ms: u32, current: u32, previous: u32, period_ms: u32, now_ms: u64) -> Self {
        let age_ms = if age_ms < AGE_END_MS { age_ms } else { 0 };
        let has_run_out = u64::from(age_ms) >= 2 * u64::from(period_ms);
        if has_run_out || (current, previous) == (0, 0) {
            return Self::default();
        }
        Self { start_ms: tick(now_ms).wrapping_sub(age_ms), current, previous }
    }

    /// The rate as it is sent to peers. They take an age of 2^31 ms or more for a negative one, so
    /// a rate of that age is sent without its counts, which have run out long ago.
    pub fn as_sent(self, now_ms: u64) -> Self {
        let is_old = self.age_ms(now_ms) >= AGE_END_MS;
        if is_old { Self { current: 0, previous: 0, ..self } } else { self }
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
        for age_ms in [8000, 78_483_012, AGE_END_MS - 1] {
            assert_eq!(Rate::learned(age_ms, 4, 8, PERIOD_MS, now_ms), Rate::default());
        }
    }

    #[test]
    fn a_learned_period_that_begins_in_the_future_begins_now() {
        // Seen with haproxy 2.6.12: taught 50 events with these ages, it shows a rate of 50.
        let now_ms = 100_000;
        for age_ms in [-1_i32, -13, -16, -256, -25_000, -(1 << 30), i32::MIN] {
            let rate = Rate::learned(age_ms.cast_unsigned(), 50, 0, PERIOD_MS, now_ms);
            assert_eq!(rate, Rate { start_ms: 100_000, current: 50, previous: 0 }, "{age_ms}");
        }
        // A counter that was never used has the raw clock for its age.
        assert_eq!(Rate::learned(4_294_955_034, 0, 0, PERIOD_MS, now_ms), Rate::default());
    }

    #[test]
    fn a_rate_too_old_to_be_sent_is_sent_without_its_counts() {
        let rate = Rate { start_ms: 1000, current: 50, previous: 7 };
        let end_ms = 1000 + u64::from(AGE_END_MS);
        assert_eq!(rate.as_sent(end_ms - 1), rate);
        assert_eq!(rate.as_sent(end_ms), Rate { current: 0, previous: 0, ..rate });
    }

    #[test]
    fn counters_stop_at_their_limit() {
        let rate = counted(&[(100_000, u32::MAX), (100_001, 5), (104_000, u32::MAX)]);
        assert_eq!(rate.estimate(PERIOD_MS, 104_000), u32::MAX);
    }
}
