//! The same bytes of a peer, taken by both programs.

use crate::support::peer::{FakePeer, Message, definition, table_message};
use crate::support::{Node, Place};
use crate::{Flavour, flavours, start};

/// A node `a` with the peer `fake`, which calls it, and these tables.
fn called(flavour: Flavour, place: &Place, tables: &str) -> (Node, FakePeer) {
    let (address, nowhere) = (place.address(), place.address());
    let peers = format!("peers mesh\n    peer a {address}\n    peer fake {nowhere}\n");
    let node = start(flavour, place, "", &(peers + tables));
    (node, FakePeer::call(address, "a", "fake"))
}

/// What every program says to these messages.
#[track_caller]
fn assert_answers(tables: &str, messages: &[Vec<u8>], expected: &[Message]) {
    for flavour in flavours() {
        let place = Place::new();
        let (_node, mut peer) = called(flavour, &place, tables);
        // The lesson that it asks for is over.
        peer.answers();
        let mut said = Vec::new();
        for message in messages {
            peer.send(message);
            said.extend(peer.answers().into_iter().filter(|(class, _, _)| *class == 10));
        }
        assert_eq!(said, expected, "{flavour:?}");
    }
}

fn ack(id: u32) -> Message {
    (10, 132, [&[1], &id.to_be_bytes()[..]].concat())
}

#[test]
fn timed_updates_outside_a_lesson_are_acknowledged() {
    let tables = "backend t\n    stick-table type ip size 100 expire 10m store gpc0 peers mesh\n";
    let entry = |n: u8| [10, 0, 0, n, 7];
    let left = 50_000_u32.to_be_bytes();
    let full = |id: u32, n: u8| table_message(133, &[&id.to_be_bytes(), &left, &entry(n)]);
    let next = |n: u8| table_message(134, &[&left, &entry(n)]);
    let live = |id: u32, n: u8| table_message(128, &[&id.to_be_bytes(), &entry(n)]);
    let messages = [
        [definition(1, "t", (4, 4), 4), full(9, 1)].concat(),
        [next(2), next(3)].concat(),
        live(20, 1),
        full(0x8000_0002, 4),
        live(21, 1),
    ];
    assert_answers(tables, &messages, &[ack(9), ack(11), ack(20), ack(0x8000_0002), ack(21)]);
}
