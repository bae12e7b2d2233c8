//! Saying something at most once per interval.

/// How often the same is said at most.
pub const INTERVAL_MS: u64 = 10_000;

/// Lets one message through per interval and counts the ones in between.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throttle {
    open_at_ms: u64,
    suppressed: u64,
}

impl Throttle {
    /// Whether to say it now: `Some` with the number of times it was not said since the last one.
    pub fn permit(&mut self, now_ms: u64) -> Option<u64> {
        if now_ms < self.open_at_ms {
            self.suppressed += 1;
            return None;
        }
        self.open_at_ms = now_ms + INTERVAL_MS;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_per_interval_with_the_count_of_the_others() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.permit(5), Some(0));
        assert_eq!(throttle.permit(6), None);
        assert_eq!(throttle.permit(4 + INTERVAL_MS), None);
        assert_eq!(throttle.permit(5 + INTERVAL_MS), Some(2));
        assert_eq!(throttle.permit(9 * INTERVAL_MS), Some(0));
    }
}
