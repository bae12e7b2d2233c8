//! Both programs have the same entries, also after a late start or a crash.

use std::path::Path;
use std::time::Duration;

use crate::haproxy_or_skip;
use crate::support::{Mesh, Node, Place, SOON, ask, contents, mesh_check, source, until};

/// A mesh of `a` and `b`. The node with the index `which` is HAProxy.
fn pair(place: &Place, haproxy: &Path, which: usize) -> Mesh {
    let member = |index: usize| (index == which).then(|| haproxy.to_path_buf());
    Mesh::new(place, &[("a", member(0)), ("b", member(1))])
}

#[test]
fn clients_of_either_side_are_known_to_the_other() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    for first in [0, 1] {
        let place = Place::new();
        let mesh = pair(&place, &haproxy, 1);
        // The one that starts second calls first: both are once the side that is connected to.
        let (one, two) = (mesh.start(first), mesh.start(1 - first));
        Mesh::until_connected(&one, if first == 0 { "b" } else { "a" });
        for n in 0..1000 {
            let front = mesh.fronts[usize::from(n % 2 == 1)];
            ask(source(n), front).unwrap();
        }
        // Both call when they start; until that is settled a session may end once more.
        for node in [&one, &two] {
            until("all clients", SOON, || node.api().used(Mesh::TABLE) == 1000);
        }
        let expected = contents(&one.api(), Mesh::TABLE);
        Mesh::until_holds(&two, &expected, SOON);
        for n in (0..1000).step_by(29) {
            let name = ask(source(n), mesh.fronts[0]).unwrap();
            assert_eq!(ask(source(n), mesh.fronts[1]).unwrap(), name);
        }
    }
}

#[test]
fn a_late_joiner_learns_everything_from_the_other() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    for early in [0, 1] {
        let place = Place::new();
        let mesh = pair(&place, &haproxy, 1);
        let first = mesh.start(early);
        first.api().set_servers(Mesh::TABLE, (0..10_000).map(source), 2);
        for n in 0..200 {
            ask(source(50_000 + n), mesh.fronts[early]).unwrap();
        }
        let expected = contents(&first.api(), Mesh::TABLE);
        assert_eq!(expected.len(), 10_200);
        let late = mesh.start(1 - early);
        until("all entries", SOON, || late.api().used(Mesh::TABLE) == expected.len());
        // An entry without a server's name may get one on the way back; its id stays.
        let ids = |node: &Node| node.api().server_ids(Mesh::TABLE);
        assert!(ids(&first) == ids(&late), "the servers differ");
        assert_eq!(ask(source(77), mesh.fronts[1 - early]).unwrap(), "s2");
    }
}

#[test]
fn a_node_that_was_killed_learns_again() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    for victim in [0, 1] {
        let place = Place::new();
        let mesh = pair(&place, &haproxy, 1);
        let mut nodes = mesh.start_all();
        Mesh::until_connected(&nodes[0], "b");
        for n in 0..200 {
            ask(source(n), mesh.fronts[usize::from(n % 2 == 1)]).unwrap();
        }
        for node in &nodes {
            until("all clients", SOON, || node.api().used(Mesh::TABLE) == 200);
        }
        let mut killed = nodes.remove(victim);
        let survivor = nodes.remove(0);
        killed.crash();
        for n in 200..300 {
            ask(source(n), mesh.fronts[1 - victim]).unwrap();
        }
        let killed = killed.start_again();
        let expected = contents(&survivor.api(), Mesh::TABLE);
        assert_eq!(expected.len(), 300);
        Mesh::until_holds(&killed, &expected, Duration::from_secs(15));
        ask(source(400), mesh.fronts[0]).unwrap();
        ask(source(401), mesh.fronts[1]).unwrap();
        for node in [&survivor, &killed] {
            until("the new ones", SOON, || node.api().used(Mesh::TABLE) == 302);
        }
    }
}

#[test]
fn a_mixed_mesh_of_three_is_in_step_after_ten_thousand_clients() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("h", Some(haproxy)), ("b", None)]);
    let nodes = mesh.start_all();
    for (node, peer) in [(0, "h"), (0, "b"), (2, "h"), (2, "a"), (1, "a"), (1, "b")] {
        Mesh::until_connected(&nodes[node], peer);
    }
    std::thread::scope(|scope| {
        for (index, front) in mesh.fronts.iter().enumerate() {
            let first = u32::try_from(index).unwrap() * 100_000;
            scope.spawn(move || {
                for n in first..first + 3334 {
                    ask(source(n), *front).unwrap();
                }
            });
        }
    });
    for node in &nodes {
        until("all clients", SOON, || node.api().used(Mesh::TABLE) == 3 * 3334);
    }
    let expected = contents(&nodes[0].api(), Mesh::TABLE);
    for node in &nodes {
        Mesh::until_holds(node, &expected, SOON);
    }
}

#[test]
fn a_session_with_haproxy_stays_up_when_nothing_happens() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let mesh = pair(&place, &haproxy, 1);
    let nodes = mesh.start_all();
    Mesh::until_connected(&nodes[1], "a");
    let said = || {
        let said = nodes[1].api().command("show peers");
        said.split_once("id=a(remote").unwrap().1.to_owned()
    };
    until("a sign of life came from each side", SOON, || {
        let said = said();
        !said.contains(" tx_hbt=0") && !said.contains(" rx_hbt=0")
    });
    let said = said();
    assert!(said.contains("no_hbt=0") && said.contains("proto_err=0"), "{said}");
    assert!(said.contains("last_status=ESTA"), "{said}");
}

/// HAProxy learns that their time is over and that they have no number of a server. It keeps the
/// name, and looks at it until the time is over that the entry had before.
#[test]
fn haproxy_is_told_of_entries_that_are_given_up() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let mesh = pair(&place, &haproxy, 1);
    let (stickd, other) = (mesh.start(0), mesh.start(1));
    Mesh::until_connected(&stickd, "b");
    (0..60).for_each(|n| drop(ask(source(n), mesh.fronts[0]).unwrap()));
    until("all clients", SOON, || other.api().used(Mesh::TABLE) == 60);
    let of_s2 = || {
        let left = contents(&other.api(), Mesh::TABLE);
        left.into_values().filter(|entry| entry["server_key"] == "s2").collect::<Vec<_>>()
    };
    assert_eq!(of_s2().len(), 20);
    stickd.api().command("drain server web/s2 1000");
    until("the time of those of s2 is over", SOON, || {
        of_s2().iter().all(|entry| entry["server_id"] == "0")
    });
}

/// The protocol does not say what is newer, so two HAProxy nodes may stay different here.
#[test]
fn nodes_that_move_the_same_clients_at_the_same_moment_agree() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    for which in 0..3 {
        let place = Place::new();
        let member = |index: usize| (index == which).then(|| haproxy.clone());
        let names = ["a", "b", "c"];
        let members = [0, 1, 2].map(|index| (names[index], member(index)));
        let mesh = Mesh::new(&place, &members);
        let nodes = mesh.start_all();
        for (index, node) in nodes.iter().enumerate() {
            for name in names.iter().filter(|name| **name != names[index]) {
                Mesh::until_connected(node, name);
            }
        }
        for round in 0..3 {
            let keys = move || (round * 1000..(round + 1) * 1000).map(source);
            std::thread::scope(|scope| {
                for (node, id) in nodes.iter().zip(1..) {
                    scope.spawn(move || node.api().set_servers(Mesh::TABLE, keys(), id));
                }
            });
        }
        let ids = |node: &Node| node.api().server_ids(Mesh::TABLE);
        let agree = || nodes.iter().skip(1).all(|node| ids(node) == ids(&nodes[0]));
        until("the nodes agree", SOON, agree);
        assert_eq!(ids(&nodes[0]).len(), 3000);
        let (is_same, said) = mesh_check(&names.map(|name| place.path(&format!("{name}.admin"))));
        assert!(is_same && said == "web: the same entries on 3 nodes\n", "{said}");
    }
}

/// The lines of `show peers` of a HAProxy about a peer.
fn shown_of(node: &Node, peer: &str) -> String {
    let shown = node.api().command("show peers");
    let begin = format!("id={peer}(remote");
    let rest = shown.split_once(&begin).map(|(_, rest)| rest).unwrap_or_default();
    rest.split(" id=").next().unwrap_or_default().to_owned()
}

/// How many sessions there were with the peer, in the words of `show peers`.
fn sessions_with(node: &Node, peer: &str) -> Vec<String> {
    let shown = shown_of(node, peer);
    let words = shown.split_whitespace().map(str::to_owned);
    words
        .filter(|word| ["new_conn=", "proto_err=", "coll="].iter().any(|w| word.starts_with(w)))
        .collect()
}

#[test]
fn haproxy_notices_no_reload() {
    let Some(haproxy) = haproxy_or_skip() else { return };
    let place = Place::new();
    let mesh = pair(&place, &haproxy, 1);
    let (own, other) = (mesh.start(0), mesh.start(1));
    Mesh::until_connected(&own, "b");
    until("up to date", SOON, || own.api().command("show mesh").contains(", up to date"));
    let visit = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            let front = mesh.fronts[usize::from(number % 2 == 1)];
            ask(source(number), front).unwrap();
        }
    };
    visit(0..50);
    let before = sessions_with(&other, "a");
    assert_eq!(before.len(), 3, "{}", shown_of(&other, "a"));
    for round in 1..=4 {
        own.reload();
        visit(round * 50..round * 50 + 50);
    }
    for node in [&own, &other] {
        until("all clients", SOON, || node.api().used(Mesh::TABLE) == 250);
    }
    Mesh::until_holds(&other, &contents(&own.api(), Mesh::TABLE), SOON);
    assert_eq!(sessions_with(&other, "a"), before, "{}", shown_of(&other, "a"));
    assert_eq!(own.log().matches(": the session goes on").count(), 4, "{}", own.log());
    // Both sides still know each other's tables and names.
    for number in (0..250).step_by(7) {
        let name = ask(source(number), mesh.fronts[0]).unwrap();
        assert_eq!(ask(source(number), mesh.fronts[1]).unwrap(), name);
    }
    assert!(Mesh::is_connected(&other, "a"));
}
