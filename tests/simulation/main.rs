//! A whole cluster in one thread, under a clock and a network that follow from a seed.
//!
//! ```sh
//! cargo test --release --test simulation              # a minute of clusters, from a fresh seed on
//! SEED=7 cargo test --release --test simulation       # this one, with its story if it fails
//! SECONDS=600 cargo test --release --test simulation  # for so long; RUNS=600 for so many clusters
//! ```

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may stop, and use the real clock"
)]

mod clients;
mod draining;
mod faults;
mod filter;
mod foreign;
mod foreign_talk;
mod invariants;
mod network;
mod planted;
mod process;
mod random;
mod reload;
mod saves;
mod scenario;
mod seeds;
mod story;
mod truth;
mod world;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use scenario::Scenario;
use story::Story;
use world::{Broken, Counts, World};

/// How long clusters are tried if nothing else is said.
const SECONDS: u64 = 60;

/// One run. What is wrong, if anything, and what has happened.
fn run(scenario: Scenario, story: Story) -> (Option<Broken>, World) {
    let mut world = World::new(scenario, story);
    world.run();
    (world.broken.take(), world)
}

/// The story of a run that fails at this key.
fn tell(scenario: &Scenario, broken: Option<&Broken>) -> String {
    let story = Story::told(broken.and_then(|broken| broken.key));
    let (broken, world) = run(scenario.clone(), story);
    let Some(Broken { what, key }) = broken else {
        return "BUG: the same seed does not fail again".to_owned();
    };
    let key_text = key.map_or_else(String::new, |key| format!(" (key {key})"));
    format!(
        "{}\nSEED={} cargo test --release --test simulation: at {} ms{key_text}:\n{what}\n\
         {scenario:?}",
        world.story.show(key),
        scenario.seed,
        world.now_ms
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn clusters_keep_what_their_clients_were_promised() {
    let given = number("SEED");
    let first = given.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 24);
    let seconds = number("SECONDS").unwrap_or_else(|| if given.is_some() { 0 } else { SECONDS });
    let most = number("RUNS").unwrap_or(u64::MAX);
    let (began, mut runs, mut sum) = (Instant::now(), 0, Counts::default());
    loop {
        let scenario = Scenario::new(first.wrapping_add(runs));
        let (broken, world) = run(scenario.clone(), Story::default());
        assert!(broken.is_none(), "{}", tell(&scenario, broken.as_ref()));
        sum.add(&world.counts);
        runs += 1;
        if began.elapsed() >= Duration::from_secs(seconds) || runs >= most {
            break;
        }
    }
    eprintln!("{runs} clusters from seed {first} on in {:?}: {sum:?}", began.elapsed());
}
