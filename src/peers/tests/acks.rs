//! What an acknowledgement confirms, however late it comes.

use super::one_session::{Node, T};
use crate::table::UpdateId;

/// Sixty clients are pushed live; then the log laps the peer, and all are pushed in full. The row
/// that is sent last has the id that it was pushed live with.
fn lapped() -> Node {
    let mut node = Node::new(64);
    node.change(0..60);
    assert_eq!(node.sent().last(), Some(&60));
    for _ in 0..6 {
        node.push_to_another();
        node.change(0..59);
    }
    let full = node.sent();
    assert!(full.len() >= 60 && full.contains(&60), "{full:?}");
    node
}

#[test]
fn a_late_acknowledgement_of_a_live_push_does_not_confirm_a_full_push() {
    let mut node = lapped();
    node.acknowledge(60);
    assert_eq!(node.acked(), UpdateId(0), "the full push may never arrive");
}

#[test]
fn the_last_update_of_a_full_push_confirms_it() {
    let mut node = Node::new(64);
    node.change(0..60);
    for _ in 0..6 {
        node.push_to_another();
        node.change(0..59);
    }
    let start = node.tables.get(T).last_update();
    let last = *node.sent().last().unwrap();
    node.acknowledge(last);
    assert_eq!(node.acked(), start);
    node.change([3]);
    let after = node.sent();
    assert_eq!(after.len(), 1);
    node.acknowledge(after[0]);
    assert_eq!(node.acked(), UpdateId(after[0]));
    assert_eq!(node.sent(), [0; 0]);
}

#[test]
fn a_change_behind_a_full_push_confirms_it_and_is_not_confirmed_by_it() {
    let mut node = lapped();
    let start = node.acked();
    node.change([7]);
    let change = node.sent();
    assert_eq!(change.len(), 1, "{change:?}");
    node.acknowledge(60);
    assert_eq!(node.acked(), start);
    node.acknowledge(change[0]);
    assert_eq!(node.acked(), UpdateId(change[0]));
}

#[test]
fn a_full_push_leaves_out_what_was_acknowledged() {
    let mut node = Node::new(64);
    node.change(0..60);
    assert_eq!(node.sent().last(), Some(&60));
    node.acknowledge(60);
    for _ in 0..6 {
        node.push_to_another();
        node.change(0..58);
    }
    let full = node.sent();
    assert!(full.len() >= 58 && full.iter().all(|id| *id > 60), "{full:?}");
}
