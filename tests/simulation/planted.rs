//! Bugs that are planted in the messages: each must be found soon, or the checks are worth nothing.

use std::time::Instant;

use crate::filter::Plant;
use crate::scenario::{Fault, Scenario};
use crate::story::Story;

/// Each bug with the faults in whose company it shows.
const PLANTS: [(Plant, &[(Fault, u64)]); 13] = [
    (Plant::DroppedAck, &[]),
    (Plant::SkippedRow, &[]),
    (Plant::AckedNotStored, &[]),
    (Plant::StaleExpiry, &[(Fault::Crash, 10_000)]),
    (Plant::ShortExpiry, &[(Fault::Reload, 8_000)]),
    (Plant::LostRemoval, &[(Fault::Reload, 4_000), (Fault::Removal, 300)]),
    (Plant::LostLateUpdate, &[(Fault::Reload, 4_000)]),
    (Plant::SkippedHandover, &[(Fault::Reload, 4_000)]),
    (Plant::LostLent, &[(Fault::Reload, 4_000)]),
    (Plant::DroppedConfirm, &[(Fault::Crash, 10_000)]),
    (Plant::DroppedHeartbeat, &[]),
    (Plant::Repeated, &[]),
    (Plant::SavedAsChanged, &[(Fault::PowerLoss, 10_000)]),
];
/// The clusters that are tried.
const RUNS: u64 = 10;

fn scenario(plant: Option<Plant>, faults: &[(Fault, u64)], seed: u64) -> Scenario {
    Scenario {
        nodes: 3,
        keys: 100,
        servers: 30,
        size: 300,
        expire_ms: Some(600_000),
        nopurge: false,
        first_update: 0,
        updates_max: 200,
        latency_max_ms: 20,
        window: 65_536,
        step_max_ms: 20,
        visit_every_ms: 100,
        trouble_ms: 45_000,
        faults: faults.to_vec(),
        successors_die: false,
        removes: faults.iter().any(|(fault, _)| *fault == Fault::Removal),
        old_pairs: 0,
        roaming: 0,
        has_foreign: false,
        // Who loses power has a file.
        save_every_ms: faults.iter().any(|(f, _)| *f == Fault::PowerLoss).then_some(5_000),
        lends: plant == Some(Plant::LostLent),
        plant,
        ..Scenario::new(seed)
    }
}

#[test]
fn every_planted_bug_is_found() {
    for (plant, faults) in PLANTS {
        let began = Instant::now();
        let found = (1..=RUNS).find_map(|seed| {
            let (broken, world) = crate::run(scenario(Some(plant), faults, seed), Story::default());
            broken.map(|broken| (seed, world.counts.ticks_ms, broken.what))
        });
        let Some((runs, at_ms, what)) = found else { panic!("{plant:?} is not found") };
        let took = began.elapsed();
        eprintln!("{plant:?}: cluster {runs}, after {at_ms} ms there and {took:?} here: {what}");
        // The same without the bug.
        let without = scenario(None, faults, runs);
        let (broken, _) = crate::run(without.clone(), Story::default());
        assert!(
            broken.is_none(),
            "{plant:?} is not the bug:\n{}",
            crate::tell(&without, broken.as_ref())
        );
    }
}
