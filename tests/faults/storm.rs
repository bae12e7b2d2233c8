//! A storm of reloads on one node of a mesh, while clients come to all nodes.

use std::time::Duration;

use crate::support::{Mesh, Place, Recipe, SOON, contents, source};

/// What is asked for by day. `scripts/soak` begins with all of it: 100 reloads in 10 s, with
/// 100,000 entries.
const STORM: Recipe = Recipe {
    entries: 10_000,
    clients: 3,
    reloads: 20,
    before: Duration::from_millis(300),
    gap: Duration::from_millis(100),
    after: Duration::from_millis(1500),
};

#[test]
fn a_storm_of_reloads_loses_nothing_on_any_node() {
    let place = Place::new();
    let mesh = Mesh::new(&place, &[("a", None), ("b", None), ("c", None)]);
    let nodes = mesh.start_all();
    mesh.until_all_connected(&nodes);
    nodes[0].api().set_servers(Mesh::TABLE, (0..STORM.entries).map(source), 1);
    Mesh::until_equal(&nodes, SOON);
    let outcome = STORM.run(&nodes[0], &mesh.fronts, Mesh::TABLE);
    eprintln!("a storm of reloads: {outcome}");
    assert!(outcome.is_clean(), "{outcome}");
    assert!(outcome.generations > 1, "{outcome}");
    mesh.until_all_connected(&nodes);
    Mesh::until_equal(&nodes, SOON);
    assert_eq!(contents(&nodes[1].api(), Mesh::TABLE).len(), 10_000);
}
