//! Two nodes: each test is a story.

use super::one_session::{NOW_MS, Node};
use super::world::World;
use super::{change, entries, sticky_table};
use crate::config::TableId;
use crate::peers::events::SessionEvent;
use crate::peers::peer::PeerId;
use crate::peers::section::Taught;
use crate::peers::wire::hello::Version;
use crate::peers::wire::message::Control;

const T: TableId = TableId(0);

fn has_event(world: &World, node: usize, wanted: &SessionEvent) -> bool {
    world.nodes[node].log.iter().any(|(_, _, event)| event == wanted)
}

fn are_equal(world: &World) -> bool {
    let all: Vec<_> =
        world.nodes.iter().map(|node| entries(&node.tables, T, world.now_ms)).collect();
    all.windows(2).all(|pair| pair[0] == pair[1])
}

#[test]
fn two_empty_nodes_come_up_and_stay_up() {
    let mut world = World::new(2, &[sticky_table("web", 100)], 1);
    world.run(30_000);
    assert!(world.is_up(0, 1) && world.is_up(1, 0));
    for node in &world.nodes {
        assert!(node.section.resync().is_up_to_date());
        let peers: Vec<_> = node.section.peers().collect();
        let counters: Vec<_> = peers.iter().map(|(_, peer)| peer.counters().sessions).collect();
        assert!(counters.iter().sum::<u64>() < 6, "{counters:?} {:?}", node.errors);
    }
    assert!(world.nodes[0].section.peer(PeerId(1)).counters().heartbeats_received > 5);
}

#[test]
fn a_change_reaches_the_other_node_and_is_acknowledged() {
    let mut world = World::new(2, &[sticky_table("web", 100)], 2);
    world.run(20_000);
    change(&mut world.nodes[0].tables, T, 1, 3, world.now_ms);
    change(&mut world.nodes[1].tables, T, 2, 4, world.now_ms);
    world.run(500);
    assert_eq!(entries(&world.nodes[0].tables, T, world.now_ms).len(), 2);
    assert!(are_equal(&world));
    assert_eq!(world.nodes[0].section.peer(PeerId(1)).acked()[0].0, 1);
    assert_eq!(world.nodes[1].section.peer(PeerId(0)).acked()[0].0, 1);
}

#[test]
fn an_entry_that_is_given_up_ends_at_the_other_node_too() {
    let mut world = World::new(2, &[sticky_table("web", 100)], 2);
    world.run(20_000);
    change(&mut world.nodes[0].tables, T, 1, 3, world.now_ms);
    change(&mut world.nodes[0].tables, T, 2, 4, world.now_ms);
    world.run(500);
    assert_eq!(entries(&world.nodes[1].tables, T, world.now_ms).len(), 2);
    let table = world.nodes[0].tables.get_mut(T);
    let row = table.next_row(None).unwrap();
    table.end_soon(row, world.now_ms);
    world.run(2000);
    assert_eq!(entries(&world.nodes[1].tables, T, world.now_ms).len(), 1);
    assert!(are_equal(&world));
    let counters = *world.nodes[1].section.peer(PeerId(0)).counters();
    assert_eq!(
        counters.bytes_received,
        world.nodes[0].section.peer(PeerId(1)).counters().bytes_sent
    );
}

#[test]
fn lessons_are_remembered_with_their_time_and_number() {
    let mut world = World::new(2, &[sticky_table("web", 100)], 3);
    world.nodes[1].is_down = true;
    (0..40).for_each(|client| change(&mut world.nodes[0].tables, T, client, 1, world.now_ms));
    world.run(20_000);
    world.restart(1, crate::peers::resync::Start::Alone);
    world.run(10_000);
    let of = |node: usize| world.nodes[node].section.lessons().last().unwrap();
    assert_eq!((of(0).taught, of(0).entries, &*of(0).peer), (Taught::Peer, 40, "node1"));
    assert_eq!((of(1).taught, &*of(1).peer), (Taught::ThisNode, "node0"));
    // What was pushed before the request arrived comes twice.
    assert!(of(1).entries >= 40 && !of(1).is_partial && of(1).at_ms <= world.now_ms);
}

#[test]
fn a_late_joiner_is_taught_everything() {
    let mut world = World::new(2, &[sticky_table("web", 5000)], 3);
    world.nodes[1].is_down = true;
    for client in 0..4000 {
        change(&mut world.nodes[0].tables, T, client, client % 7, world.now_ms);
    }
    world.run(20_000);
    world.restart(1, crate::peers::resync::Start::Alone);
    world.run_until("node 1 has learned", |world| world.nodes[1].section.resync().is_up_to_date());
    world.run(1000);
    assert_eq!(entries(&world.nodes[1].tables, T, world.now_ms).len(), 4000);
    assert!(are_equal(&world));
    assert!(has_event(&world, 1, &SessionEvent::ResyncRequested));
    assert!(has_event(&world, 0, &SessionEvent::Confirmed));
    assert_eq!(world.nodes[0].section.peer(PeerId(1)).acked()[0].0, 4000);
    let sent = world.nodes[0].section.peer(PeerId(1)).counters().updates_sent;
    // What was pushed before the request arrived comes twice.
    assert!(sent <= 4400, "{sent} updates for 4000 entries");
}

#[test]
fn delivery_may_be_cut_at_every_byte_position() {
    for chunk in [1, 2, 3, 5, 7, 11, 64] {
        let mut world = World::new(2, &[sticky_table("web", 100)], 4);
        world.chunk_max = chunk;
        for client in 0..20 {
            let node = usize::from(client % 2 == 1);
            change(&mut world.nodes[node].tables, T, client, 1, world.now_ms);
        }
        world.run(40_000);
        assert_eq!(entries(&world.nodes[0].tables, T, world.now_ms).len(), 20);
        assert!(are_equal(&world), "chunks of {chunk}");
        assert!(
            world
                .nodes
                .iter()
                .all(|node| { node.errors.iter().all(|error| error.contains("taken its place")) }),
            "{:?}",
            world.nodes[0].errors
        );
    }
}

#[test]
fn after_a_break_only_what_was_not_acknowledged_is_sent() {
    let mut world = World::new(2, &[sticky_table("web", 1000)], 5);
    world.run(20_000);
    for client in 0..100 {
        change(&mut world.nodes[0].tables, T, client, 1, world.now_ms);
    }
    world.run(1000);
    world.cut_one();
    change(&mut world.nodes[0].tables, T, 5, 2, world.now_ms);
    change(&mut world.nodes[0].tables, T, 500, 2, world.now_ms);
    // Two calls at the same moment would make it several sessions.
    world.nodes[1].section.set_calling(false, world.now_ms);
    let before = world.nodes[0].section.peer(PeerId(1)).counters().updates_sent;
    world.run(10_000);
    let after = world.nodes[0].section.peer(PeerId(1)).counters().updates_sent;
    assert_eq!(after - before, 2);
    assert!(are_equal(&world));
}

#[test]
fn a_peer_that_was_lapped_gets_everything_that_has_a_place() {
    let mut world = World::new(2, &[sticky_table("web", 64)], 6);
    world.run(20_000);
    world.partitioned.push((0, 1));
    world.cut_one();
    for round in 0..10 {
        for client in 0..60 {
            change(&mut world.nodes[0].tables, T, client, round, world.now_ms);
        }
        // Another reader keeps the log moving.
        let table = world.nodes[0].tables.get_mut(T);
        let last = table.last_update();
        table.note_pushed(last);
    }
    let last = world.nodes[0].tables.get(T).last_update();
    world.run(3000);
    world.partitioned.clear();
    world.run(20_000);
    assert!(are_equal(&world));
    assert_eq!(entries(&world.nodes[1].tables, T, world.now_ms).len(), 60);
    assert_eq!(world.nodes[0].section.peer(PeerId(1)).acked()[0], last);
    world.cut_one();
    let before = world.nodes[0].section.peer(PeerId(1)).counters().updates_sent;
    world.run(10_000);
    assert_eq!(world.nodes[0].section.peer(PeerId(1)).counters().updates_sent, before);
}

#[test]
fn update_ids_pass_the_end_of_their_range() {
    let mut world = World::new(2, &[sticky_table("web", 1000)], 7);
    let near_end = crate::table::UpdateId(u32::MAX - 50);
    world.nodes[0].tables.get_mut(T).adopt_last_update(near_end);
    world.nodes[0].section.adopt_position("node1", T, near_end);
    world.run(20_000);
    for round in 0..20 {
        for client in 0..20 {
            change(&mut world.nodes[0].tables, T, client + round, round, world.now_ms);
        }
        world.run(100);
        if round % 5 == 4 {
            world.cut_one();
            world.run(8000);
        }
    }
    world.run(8000);
    assert!(are_equal(&world));
    let last = world.nodes[0].tables.get(T).last_update();
    assert!(last.0 < 1000, "{last:?}");
    assert_eq!(world.nodes[0].section.peer(PeerId(1)).acked()[0], last);
}

#[test]
fn version_2_0_is_spoken_with_a_peer_that_announced_it() {
    let mut world = World::new(2, &[sticky_table("web", 1000)], 8);
    world.nodes[1].section.peer_mut(PeerId(0)).refuse_version(Version::V2_1);
    world.nodes[0].section.set_calling(false, world.now_ms);
    for client in 0..300 {
        change(&mut world.nodes[0].tables, T, client, 1, world.now_ms);
    }
    world.run(20_000);
    assert!(are_equal(&world));
    let spoken = SessionEvent::Established { peer: PeerId(0), version: Version::V2_0 };
    assert!(has_event(&world, 1, &spoken));
    assert!(world.nodes[0].section.peer(PeerId(1)).speaks_2_0());
    let timed = world.sent_by(0).windows(2).any(|pair| pair == [10, 133]);
    assert!(!timed, "2.0 has no timed updates");
}

#[test]
fn learned_entries_are_not_sent_back() {
    let mut world = World::new(2, &[sticky_table("web", 1000)], 9);
    world.run(20_000);
    for client in 0..100 {
        change(&mut world.nodes[0].tables, T, client, 1, world.now_ms);
    }
    world.run(20_000);
    assert_eq!(world.nodes[1].section.peer(PeerId(0)).counters().updates_sent, 0);
    assert!(are_equal(&world));
}

#[test]
fn a_peer_is_not_silent_while_messages_of_it_wait_here() {
    let mut node = Node::new(10);
    node.say(|out| (0..450).for_each(|_| Control::Heartbeat.write(out)));
    let mut now_ms = NOW_MS + 3000;
    while node.handle_more(now_ms) {
        now_ms += 3000;
        assert!(node.goes_on(now_ms));
    }
    assert!(now_ms >= NOW_MS + 6000 && !node.goes_on(now_ms + 5000));
}

#[test]
fn a_silent_peer_is_dropped_after_5_s_and_called_again() {
    let mut world = World::new(2, &[sticky_table("web", 100)], 10);
    world.run(20_000);
    world.nodes[1].is_down = true;
    world.run(5500);
    assert!(!world.is_up(0, 1));
    world.nodes[1].is_down = false;
    world.run(10_000);
    assert!(world.is_up(0, 1) && world.is_up(1, 0));
    assert!(world.nodes[0].section.peer(PeerId(1)).counters().silences > 0);
}
