//! Saying something at most once per interval.

/// Lets one message through per interval and counts the ones in between.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    interval_ms: u64,
    open_at_ms: u64,
    suppressed: u64,
}

impl Throttle {
    /// One message per `interval_ms`.
    pub const fn new(interval_ms: u64) -> Self {
        Self { interval_ms, open_at_ms: 0, suppressed: 0 }
    }

    /// Whether to say it now: `Some` with the number of times it was not said since the last one.
    pub fn permit(&mut self, now_ms: u64) -> Option<u64> {
        if now_ms < self.open_at_ms {
            self.suppressed += 1;
            return None;
        }
        self.open_at_ms = now_ms + self.interval_ms;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_per_interval_with_the_count_of_the_others() {
        let mut throttle = Throttle::new(1000);
        assert_eq!(throttle.permit(5), Some(0));
        assert_eq!(throttle.permit(6), None);
        assert_eq!(throttle.permit(1004), None);
        assert_eq!(throttle.permit(1005), Some(2));
        assert_eq!(throttle.permit(9000), Some(0));
    }
}
