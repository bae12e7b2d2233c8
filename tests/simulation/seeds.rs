//! The seeds of runs that failed once, each with what was wrong.

use crate::scenario::{Fault, Scenario};
use crate::story::Story;

/// A seed, and what it found before clients came to any node.
const SEEDS: [(u64, &str); 6] = [
    (5, "a lesson of version 2.0 undid what the learner had changed"),
    (3, "a lesson after a reload left out what the teacher had changed since it knew our change"),
    (20_021, "a change that had won once lost against the same update"),
    (20_008, "a lesson undid what a predecessor had handed over"),
    (5027, "a lesson brought a newer count than a third node had sent, and it was not taken"),
    (20_019, "update ids near 2^32 were taken for those of learned entries"),
];

/// A seed, and what it found since then.
const ROAMING: [(u64, &str); 3] = [
    (2013, "an entry ended here although the lesson that was refused for it gave it more time"),
    (45, "an entry that won ended although the visit that lost was later"),
    (700_277, "an entry ended although a lesson of version 2.0 had counted a later visit"),
];

/// A seed, and what it found since nodes save their tables, and before all hosts vanished at once.
const SAVING: [(u64, &str); 2] = [
    (1_100_171, "a lesson undid a newer entry that had outlived a crash of the learner"),
    (1_500_103, "lessons crossed in which both nodes refused the change of the other"),
];

/// The cluster of a seed without what was not modelled when the seed failed.
fn without_later_faults(seed: u64) -> Scenario {
    Scenario::new(seed).supervised(false).without_files().teaching()
}

#[test]
fn what_failed_once_does_not_fail_again() {
    let before = SEEDS.map(|(seed, what)| {
        let scenario = without_later_faults(seed);
        (Scenario { roaming: 0, has_foreign: false, ..scenario }, what)
    });
    let since = ROAMING.map(|(seed, what)| (without_later_faults(seed), what));
    let saving = SAVING.map(|(seed, what)| {
        let mut scenario = Scenario::new(seed);
        scenario.faults.retain(|(fault, _)| *fault != Fault::Blackout);
        (scenario, what)
    });
    for (scenario, what) in before.into_iter().chain(since).chain(saving) {
        let (broken, _) = crate::run(scenario.clone(), Story::default());
        assert!(broken.is_none(), "{what}:\n{}", crate::tell(&scenario, broken.as_ref()));
    }
}
