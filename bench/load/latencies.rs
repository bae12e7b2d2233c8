//! Collects latencies and prints their quantiles.

use std::time::Duration;

/// The names of the quantiles, in thousandths.
const QUANTILES: [(&str, usize); 4] =
    [("p50_us", 500), ("p99_us", 990), ("p99.9_us", 999), ("max_us", 1000)];

/// The durations of many operations of one kind.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn report(&mut self) {
        self.0.sort_unstable();
        let last = self.0.len() - 1;
        for (name, of_1000) in QUANTILES {
            let place = (self.0.len() * of_1000 / 1000).min(last);
            println!("{name} {:.3}", self.0[place].as_secs_f64() * 1e6);
        }
    }
}
