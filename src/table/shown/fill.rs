//! How full a table was at the end of each minute of the last hour.

use std::collections::VecDeque;

/// The minutes that are remembered.
const MINUTES: usize = 60;
const MINUTE_MS: u64 = 60_000;

/// How full a table was.
#[derive(Debug, Default)]
pub(in crate::table) struct Fill {
    /// The entries at the end of each minute, oldest first.
    samples: VecDeque<u32>,
    /// When the present minute ends; 0 before the first one.
    next_ms: u64,
}

impl Fill {
    /// The table has so many entries now. To be called now and then. When nothing was done for
    /// minutes, the table has not changed in them.
    pub(in crate::table) fn note(&mut self, used: u32, now_ms: u64) {
        if self.next_ms == 0 {
            self.next_ms = now_ms + MINUTE_MS;
        }
        if self.next_ms + MINUTES as u64 * MINUTE_MS <= now_ms {
            self.samples.clear();
            self.samples.resize(MINUTES, used);
            self.next_ms = now_ms + MINUTE_MS;
        }
        while self.next_ms <= now_ms {
            self.push(used);
            self.next_ms += MINUTE_MS;
        }
    }

    fn push(&mut self, used: u32) {
        if self.samples.len() == MINUTES {
            self.samples.pop_front();
        }
        self.samples.push_back(used);
    }

    /// The entries at the end of each minute, oldest first.
    pub(in crate::table) fn samples(&self) -> impl Iterator<Item = u32> {
        self.samples.iter().copied()
    }

    /// Goes on with what another process has noted.
    pub(in crate::table) fn adopt(&mut self, samples: &[u32], now_ms: u64) {
        self.samples.clear();
        samples.iter().for_each(|used| self.push(*used));
        self.next_ms = now_ms + MINUTE_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(fill: &Fill) -> Vec<u32> {
        fill.samples().collect()
    }

    #[test]
    fn each_minute_has_one_sample_and_an_hour_is_kept() {
        let mut fill = Fill::default();
        fill.note(1, 1000);
        fill.note(2, 60_999);
        assert!(samples(&fill).is_empty());
        fill.note(3, 61_000);
        fill.note(4, 100_000);
        assert_eq!(samples(&fill), [3]);
        fill.note(5, 61_000 + 3 * 60_000);
        assert_eq!(samples(&fill), [3, 5, 5, 5]);
        (1..100).for_each(|minute| fill.note(minute, 300_000 + u64::from(minute) * 60_000));
        assert_eq!(fill.samples().count(), MINUTES);
        fill.note(7, 100_000_000_000);
        assert_eq!(samples(&fill), [7; MINUTES]);
    }

    #[test]
    fn a_successor_goes_on() {
        let mut fill = Fill::default();
        fill.note(1, 1000);
        fill.adopt(&[8; 100], 2000);
        fill.note(9, 62_000);
        assert_eq!((fill.samples().count(), fill.samples().last()), (MINUTES, Some(9)));
    }
}
