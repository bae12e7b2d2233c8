//! Two machines that remember together.

use super::{SOON, answers, named, under_each_program, until};
use crate::support::Place;

#[test]
fn two_machines_know_where_the_clients_of_both_belong() {
    under_each_program("two-nodes.cfg", |example, flavour| {
        let _servers =
            named(example, &[("192.168.0.131:9000", "app1"), ("192.168.0.132:9000", "app2")]);
        let places = [Place::new(), Place::new()];
        let [left, right] = [("left", &places[0]), ("right", &places[1])]
            .map(|(name, place)| example.start_on(flavour, place, name));
        let fronts = [0, 1].map(|n| example.front_on(&places[n], 9000));
        let first = answers(fronts[0], 0..8);
        until("the other machine knows them", SOON, || right.api().used("service") == 8);
        assert_eq!(answers(fronts[1], 0..8), first, "{flavour:?}");
        // One machine fails and comes back: it learns from the other.
        let later = answers(fronts[1], 8..16);
        drop(left);
        let left = example.start_on(flavour, &places[0], "left");
        until("it has learned everything", SOON, || left.api().used("service") == 16);
        assert_eq!(answers(fronts[0], 0..8), first, "{flavour:?}");
        assert_eq!(answers(fronts[0], 8..16), later, "{flavour:?}");
    });
}
