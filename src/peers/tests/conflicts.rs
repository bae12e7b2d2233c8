//! Several nodes change one entry at the same moment: all keep the same.

use super::world::World;
use super::{change, entries, sticky_table, stored};
use crate::config::data_type::DataType;
use crate::config::{StickTable, TableId};

const WEB: TableId = TableId(0);
const CLIENT: u32 = 7;

/// Nodes whose sessions are up.
fn mesh(count: usize, table: StickTable, seed: u64) -> World {
    let mut world = World::new(count, &[table], seed);
    world.run_until("all sessions are up", |world| {
        let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        pairs.filter(|(from, to)| from != to).all(|(from, to)| world.is_up(from, to))
    });
    world.run(6000);
    world
}

fn move_client(world: &mut World, node: usize, server: u32) {
    let now_ms = world.now_ms;
    change(&mut world.nodes[node].tables, WEB, CLIENT, server, now_ms);
}

/// Where the nodes send the client.
fn servers(world: &World) -> Vec<u32> {
    let server = |node: &super::world::Node| {
        let found = entries(&node.tables, WEB, world.now_ms);
        found.iter().find(|(client, ..)| *client == CLIENT).unwrap().1
    };
    world.nodes.iter().map(server).collect()
}

#[test]
fn nodes_that_move_a_client_at_the_same_moment_agree_on_the_first_name() {
    for seed in 0..20 {
        let mut world = mesh(2, sticky_table("web", 100), seed);
        move_client(&mut world, 1, 2);
        move_client(&mut world, 0, 1);
        world.run(2000);
        assert_eq!(servers(&world), [1, 1], "seed {seed}");
    }
}

#[test]
fn a_move_by_a_node_that_knew_the_other_move_counts() {
    for seed in 0..20 {
        let mut world = mesh(2, sticky_table("web", 100), seed);
        for server in 1..6 {
            let node = usize::from(server % 2 == 0);
            move_client(&mut world, node, server);
            world.run(2000);
            assert_eq!(servers(&world), [server, server], "seed {seed}");
        }
    }
}

#[test]
fn a_third_node_agrees_too() {
    for seed in 0..60 {
        let count = 3 + usize::try_from(seed % 3).unwrap();
        let mut world = mesh(count, sticky_table("web", 100), seed);
        for round in 0..20 {
            for _ in 0..1 + world.random.below(4) {
                let (node, server) = (world.random.index(count), world.random.below(90));
                move_client(&mut world, node, u32::try_from(server).unwrap());
                let pause_ms = world.random.below(30);
                world.run(pause_ms);
            }
            world.run(3000);
            let servers = servers(&world);
            assert!(
                servers.iter().all(|server| *server == servers[0]),
                "{seed}/{round} {servers:?}"
            );
        }
    }
}

#[test]
fn nodes_that_a_network_parted_agree_when_it_heals() {
    for seed in 0..20 {
        let mut world = mesh(3, sticky_table("web", 100), seed);
        world.partitioned = vec![(0, 1), (0, 2), (1, 2)];
        for node in 0..3 {
            world.cut_node(node);
        }
        for (node, server) in [(1, 11), (2, 12), (0, 10), (1, 13)] {
            move_client(&mut world, node, server);
            world.run(50);
        }
        world.partitioned = Vec::new();
        world.run(30_000);
        let servers = servers(&world);
        assert!(servers.iter().all(|server| *server == servers[0]), "{seed}: {servers:?}");
    }
}

#[test]
fn of_a_counter_the_greater_value_stays_and_of_a_tag_the_first_nodes() {
    let data = vec![stored(DataType::Gpt0), stored(DataType::Gpc0), stored(DataType::ConnCnt)];
    let table = StickTable { data, ..sticky_table("web", 100) };
    for seed in 0..20 {
        let mut world = mesh(3, table.clone(), seed);
        for (node, [tag, rules, traffic]) in [(0, [1, 5, 900]), (1, [2, 50, 90]), (2, [3, 500, 9])]
        {
            let now_ms = world.now_ms;
            let table = world.nodes[node].tables.get_mut(WEB);
            let (row, _) = table.find_or_insert(&CLIENT.to_be_bytes(), now_ms).unwrap();
            let cells = [DataType::Gpt0, DataType::Gpc0, DataType::ConnCnt];
            for (data_type, value) in cells.into_iter().zip([tag, rules, traffic]) {
                let cell = table.cell(data_type).unwrap();
                table.set_u32(row, cell, 0, value);
            }
            table.touch_local(row, now_ms);
        }
        world.run(3000);
        for node in &world.nodes {
            let table = node.tables.get(WEB);
            let row = table.find(&CLIENT.to_be_bytes(), world.now_ms).unwrap();
            let value = |data_type| table.get_u32(row, table.cell(data_type).unwrap(), 0);
            let values = [DataType::Gpt0, DataType::Gpc0, DataType::ConnCnt].map(value);
            assert_eq!(values, [1, 500, 900], "seed {seed}");
        }
    }
}

/// The node that comes first has an entry of the client too, and passes on what it hears.
#[test]
fn a_node_that_passes_a_move_on_does_not_undo_the_next_move() {
    for seed in 0..60 {
        let mut world = mesh(3, sticky_table("web", 100), seed);
        move_client(&mut world, 0, 1);
        world.run(1000);
        for server in 2..12 {
            move_client(&mut world, 1, server);
            let pause_ms = world.random.below(25);
            world.run(pause_ms);
        }
        world.run(3000);
        assert_eq!(servers(&world), [11, 11, 11], "seed {seed}");
    }
}

#[test]
fn a_conflict_costs_a_few_updates_and_then_nothing() {
    for seed in 0..20 {
        let mut world = mesh(4, sticky_table("web", 100), seed);
        let sent = |world: &World| -> u64 {
            let of_node = |node: &super::world::Node| {
                node.section.peers().map(|(_, peer)| peer.counters().updates_sent).sum::<u64>()
            };
            world.nodes.iter().map(of_node).sum()
        };
        let before = sent(&world);
        for node in 0..4 {
            move_client(&mut world, node, 1 + u32::try_from(node).unwrap());
        }
        world.run(3000);
        let settled = sent(&world);
        assert!(settled - before <= 48, "seed {seed}: {} updates", settled - before);
        world.run(60_000);
        assert_eq!(sent(&world), settled, "seed {seed}");
    }
}
