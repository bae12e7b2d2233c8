//! A session that goes on in another process.

use super::one_session::{Node, T};
use super::{entries, sticky_table};
use crate::peers::wire::message::Control;

/// What another node sends: two entries, whose server has a name.
fn two_entries() -> Vec<u8> {
    let mut other = Node::new(100);
    other.change([10, 11]);
    let bytes = other.sent_bytes();
    bytes.strip_prefix(b"200\n").unwrap_or(&bytes).to_vec()
}

#[test]
fn it_goes_on_at_any_byte_and_sends_nothing_twice() {
    let bytes = two_entries();
    for cut in 0..=bytes.len() {
        let mut old = Node::new(100);
        old.change(0..3);
        assert_eq!(old.sent(), [1, 2, 3]);
        old.acknowledge(2);
        old.receive(&bytes[..cut]);
        let mut node = old.carried(&[sticky_table("web", 100)]).unwrap();
        node.receive(&bytes[cut..]);
        let names: Vec<_> = entries(&node.tables, T, super::one_session::NOW_MS);
        let of_others = names.iter().filter(|(client, ..)| *client >= 10);
        assert_eq!(of_others.map(|(.., name)| &**name).collect::<Vec<_>>(), ["s1"; 2], "{cut}");
        assert_eq!(node.sent(), [0; 0], "{cut}");
        node.acknowledge(3);
        assert_eq!(node.acked().0, 3, "what the old process has pushed can be acknowledged");
        // A change of an entry that was pushed gets a new place, and is sent.
        node.change([1, 20]);
        assert_eq!(node.sent(), [4, 5]);
        node.acknowledge(5);
        assert_eq!(node.acked().0, 5);
    }
}

#[test]
fn what_was_received_is_acknowledged_once() {
    let bytes = two_entries();
    let is_ack = |frames: Vec<u8>| frames.windows(2).any(|pair| pair == [10, 132]);
    let mut old = Node::new(100);
    old.receive(&bytes);
    let mut node = old.carried(&[sticky_table("web", 100)]).unwrap();
    assert!(is_ack(node.sent_bytes()), "the old process has not acknowledged it");
    let mut node = node.carried(&[sticky_table("web", 100)]).unwrap();
    assert!(!is_ack(node.sent_bytes()));
}

#[test]
fn it_does_not_go_on_during_a_resync_or_with_other_tables() {
    let mut teaching = Node::new(100);
    teaching.say(|out| Control::ResyncRequest.write(out));
    assert!(teaching.carried(&[sticky_table("web", 100)]).is_none());
    let tables = [sticky_table("web", 100), sticky_table("other", 100)];
    assert!(Node::new(100).carried(&tables).is_none());
    // The old process pushed changes that the log of the new one does not have.
    let mut ahead = Node::new(100);
    ahead.change(0..3);
    ahead.sent();
    assert!(ahead.carried_into_empty(&[sticky_table("web", 100)]).is_none());
}
