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
