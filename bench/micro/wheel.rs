//! The timing wheel.

use divan::{Bencher, black_box};
use stickd::reactor::wheel::Wheel;

/// The numbers of timers in the wheel, besides the timer that is measured.
const TIMERS: [u32; 3] = [0, 1_000, 100_000];
const TIMEOUT_MS: u64 = 60_000;

fn wheel(timers: u32) -> Wheel<u32> {
    let mut wheel = Wheel::new(timers as usize + 1, 0);
    for number in 0..timers {
        wheel.insert(number, TIMEOUT_MS + u64::from(number));
    }
    wheel
}

#[divan::bench(args = TIMERS)]
fn insert_and_remove(bencher: Bencher<'_, '_>, timers: u32) {
    let mut wheel = wheel(timers);
    bencher.bench_local(|| {
        let timer = wheel.insert(black_box(7), TIMEOUT_MS);
        wheel.remove(timer);
    });
}

#[divan::bench(args = TIMERS)]
fn next(bencher: Bencher<'_, '_>, timers: u32) {
    let wheel = wheel(timers);
    bencher.bench_local(|| black_box(&wheel).next_ms());
}

/// A timer fires each millisecond and is armed again.
#[divan::bench(args = TIMERS)]
fn fire_and_insert(bencher: Bencher<'_, '_>, timers: u32) {
    let mut wheel = wheel(timers);
    let mut now_ms = 0;
    bencher.bench_local(|| {
        wheel.insert(7, now_ms + 10);
        now_ms += 1;
        while let Some(owner) = wheel.pop_due(now_ms) {
            if owner != 7 {
                wheel.insert(owner, now_ms + TIMEOUT_MS);
            }
        }
    });
}
