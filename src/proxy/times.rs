//! How long connections waited for a place, for their server to accept, and how long they were:
//! averages over the last ones, and the longest.

/// So many connections an average goes back: what HAProxy 2.6 is seen to do, though its manual
/// says 1024.
const WINDOW: u64 = 512;

/// The times of the connections that reached a server, taken when they end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Until they had a place at their server.
    pub queue: Time,
    /// From there until the server accepted.
    pub connect: Time,
    /// From accept to end.
    pub total: Time,
}

impl Times {
    /// Takes the times of a connection, in milliseconds.
    pub fn count(&mut self, queue_ms: u32, connect_ms: u32, total_ms: u32) {
        self.queue.count(queue_ms);
        self.connect.count(connect_ms);
        self.total.count(total_ms);
    }

    /// Forgets the longest.
    pub fn clear_max(&mut self) {
        for time in [&mut self.queue, &mut self.connect, &mut self.total] {
            time.max_ms = 0;
        }
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time {
    /// Of the last `count` connections; from [`WINDOW`] on each one pushes out an average one.
    sum_ms: u64,
    count: u64,
    max_ms: u32,
}

impl Time {
    fn count(&mut self, ms: u32) {
        if self.count == WINDOW {
            self.sum_ms -= self.sum_ms.div_ceil(WINDOW);
        } else {
            self.count += 1;
        }
        self.sum_ms += u64::from(ms);
        self.max_ms = self.max_ms.max(ms);
    }

    /// The average in milliseconds, rounded up.
    pub fn average_ms(&self) -> u64 {
        self.sum_ms.div_ceil(self.count.max(1))
    }

    /// The longest in milliseconds.
    pub fn max_ms(&self) -> u32 {
        self.max_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_make_a_plain_average_and_many_a_sliding_one() {
        let mut time = Time::default();
        assert_eq!((time.average_ms(), time.max_ms()), (0, 0));
        time.count(300);
        time.count(0);
        assert_eq!((time.average_ms(), time.max_ms()), (150, 300));
        (0..10 * WINDOW).for_each(|_| time.count(500));
        assert_eq!((time.average_ms(), time.max_ms()), (500, 500));
        (0..WINDOW).for_each(|_| time.count(0));
        assert!((150..200).contains(&time.average_ms()), "{}", time.average_ms());
        (0..20 * WINDOW).for_each(|_| time.count(0));
        assert_eq!((time.average_ms(), time.max_ms()), (0, 500), "nothing is left of them");
    }
}
