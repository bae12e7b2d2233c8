//! Several nodes with changes, cuts and restarts. When these stop, all tables become equal.

use super::world::World;
use super::{change, entries, sticky_table};
use crate::config::TableId;
use crate::peers::resync::Start;

fn assert_equal(world: &World, seed: u64) {
    let first = &world.nodes[0];
    for (index, node) in world.nodes.iter().enumerate().skip(1) {
        for table in first.tables.ids() {
            let (mut left, mut right) = (
                entries(&first.tables, table, world.now_ms),
                entries(&node.tables, table, world.now_ms),
            );
            if left != right {
                let all = (left.clone(), right.clone());
                left.retain(|entry| !all.1.contains(entry));
                right.retain(|entry| !all.0.contains(entry));
                panic!(
                    "seed {seed}, table {table:?}: only node 0 has {left:?}, only node {index} \
                     has {right:?}"
                );
            }
        }
    }
}

/// Clients come to any node, so several nodes change an entry at the same moment now and then.
fn change_something(world: &mut World) {
    let node = world.random.index(world.nodes.len());
    if world.nodes[node].is_down {
        return;
    }
    let client = world.random.below(100);
    let server = u32::try_from(world.random.below(150)).unwrap();
    let table = TableId(u16::from(world.random.one_in(3)));
    let client = u32::try_from(client).unwrap();
    change(&mut world.nodes[node].tables, table, client, server, world.now_ms);
}

#[test]
fn all_nodes_agree_after_cuts() {
    for seed in 0..12 {
        let count = 3 + usize::try_from(seed % 3).unwrap();
        let mut world =
            World::new(count, &[sticky_table("web", 2000), sticky_table("b", 2000)], seed);
        for _ in 0..600 {
            for _ in 0..world.random.below(4) {
                change_something(&mut world);
            }
            if world.random.one_in(15) {
                world.cut_one();
            }
            if world.random.one_in(60) {
                let node = world.random.index(count);
                world.cut_node(node);
            }
            if world.random.one_in(100) {
                let pair = (world.random.index(count), world.random.index(count));
                world.partitioned.push((pair.0.min(pair.1), pair.0.max(pair.1)));
            }
            if world.random.one_in(50) {
                world.partitioned.clear();
            }
            world.run(100);
        }
        world.partitioned.clear();
        world.run(25_000);
        assert_equal(&world, seed);
    }
}

#[test]
fn a_restarted_node_learns_everything_while_others_change() {
    for seed in 100..112 {
        let mut world = World::new(3, &[sticky_table("web", 2000), sticky_table("b", 2000)], seed);
        world.run(15_000);
        for _ in 0..4 {
            for _ in 0..300 {
                change_something(&mut world);
                if world.random.one_in(5) {
                    world.run(10);
                }
            }
            world.run(3000);
            let node = world.random.index(3);
            world.restart(node, Start::Alone);
            for _ in 0..200 {
                change_something(&mut world);
                if world.random.one_in(3) {
                    world.run(10);
                }
            }
            world.run(15_000);
        }
        world.run(15_000);
        assert_equal(&world, seed);
    }
}

#[test]
fn small_rings_do_not_lose_changes() {
    for seed in 200..206 {
        let mut world = World::new(3, &[sticky_table("web", 700), sticky_table("b", 700)], seed);
        world.run(12_000);
        for _ in 0..60 {
            for _ in 0..world.random.below(400) {
                change_something(&mut world);
            }
            if world.random.one_in(4) {
                world.cut_one();
            }
            world.run(300);
        }
        world.run(25_000);
        assert_equal(&world, seed);
    }
}
