//! The names of servers that peers tell: each entry gets its own, however many there are.

use super::one_session::{NOW_MS, Node, T};
use super::{entries, set_server, sticky_table};
use crate::config::data_type::DataType;
use crate::peers::wire::Writer;
use crate::peers::wire::definition::{Column, OwnDefinition};
use crate::peers::wire::message;
use crate::peers::wire::update;
use crate::peers::wire::update::{Name, UpdateKind};
use crate::table::NAMES_MAX;

/// The table `name`, which stores servers, gets this number and keys of this type and length.
fn define(node: &mut Node, id: u64, name: &str, key: (u64, u64)) {
    let column = |data_type| Column { data_type, elements: 1, period_ms: 0 };
    let columns = [DataType::ServerId, DataType::ServerKey].map(column);
    let definition = OwnDefinition {
        table_id: id,
        name: name.as_bytes(),
        key_type: key.0,
        key_len: key.1,
        columns: &columns,
        expire_ms: 600_000,
    };
    node.say(|out| assert!(definition.write(out)));
}

/// An update of the current table: server 1 and this name.
fn update(node: &mut Node, client: u32, name: Name<'_>) {
    node.say(|out: &mut Writer<'_>| {
        update::write_update(out, UpdateKind::LIVE, client, 0, |payload| {
            payload.bytes(&client.to_be_bytes());
            payload.varint(1);
            name.write(payload);
        });
    });
}

fn slot(number: u32) -> u8 {
    u8::try_from(number % 128 + 1).unwrap()
}

/// The name that a client's entry has.
fn name_of(node: &Node, client: u32) -> String {
    let found = entries(&node.tables, T, NOW_MS).into_iter().find(|entry| entry.0 == client);
    found.unwrap().2
}

#[test]
fn names_that_no_entry_has_any_more_make_room() {
    let mut node = Node::new(100);
    define(&mut node, 1, "web", (4, 4));
    for number in 0..u32::try_from(NAMES_MAX).unwrap() + 5000 {
        let name = format!("server-{number}");
        update(&mut node, number % 50, Name::Define(slot(number), name.as_bytes()));
        assert_eq!(name_of(&node, number % 50), name);
    }
}

#[test]
fn a_slot_keeps_its_name_when_names_are_swept_out() {
    let mut node = Node::new(100);
    define(&mut node, 1, "web", (4, 4));
    update(&mut node, 1, Name::Define(7, b"wanted"));
    // Another peer, say, has the dictionary filled and the entry changed.
    update(&mut node, 1, Name::Define(8, b"other"));
    fill(&mut node);
    update(&mut node, 2, Name::Slot(7));
    update(&mut node, 3, Name::Slot(8));
    assert_eq!((&name_of(&node, 2)[..], &name_of(&node, 3)[..]), ("wanted", "other"));
}

/// Fills the dictionary with names that nobody has, has them swept out, and gives their numbers
/// to others.
fn fill(node: &mut Node) {
    for round in ["a", "b"] {
        for number in 0..NAMES_MAX {
            node.tables.names_mut().intern(format!("{round}{number}").as_bytes());
        }
        node.tables.sweep_names(NOW_MS);
    }
}

#[test]
fn a_name_is_sent_anew_when_its_number_means_another() {
    let mut node = Node::new(100);
    let set = |node: &mut Node, client: u32, name: &str| {
        let name = node.tables.names_mut().intern(name.as_bytes()).unwrap();
        let table = node.tables.get_mut(T);
        let (row, _) = table.find_or_insert(&client.to_be_bytes(), NOW_MS).unwrap();
        set_server(table, row, 1, name);
        table.touch_local(row, NOW_MS);
        name
    };
    let sends = |node: &mut Node, name: &[u8]| {
        node.sent_bytes().windows(name.len()).any(|bytes| bytes == name)
    };
    let first = set(&mut node, 1, "first");
    assert!(sends(&mut node, b"first"));
    let row = node.tables.get(T).find(&1_u32.to_be_bytes(), NOW_MS).unwrap();
    node.tables.get_mut(T).remove(row);
    for number in 0..NAMES_MAX {
        node.tables.names_mut().intern(number.to_string().as_bytes());
    }
    node.tables.sweep_names(NOW_MS);
    let mut name = String::new();
    for number in 0.. {
        name = format!("second-{number}");
        if set(&mut node, 2, &name) == first {
            break;
        }
    }
    assert!(sends(&mut node, name.as_bytes()), "the peer knows the slot under another name");
}

#[test]
fn names_are_read_in_the_updates_of_any_number_of_unknown_tables() {
    let mut node = Node::with_tables(&[sticky_table("web", 1000), sticky_table("odd", 1000)]);
    for number in 0..100 {
        // Ten of them are not unknown here, but have other keys.
        let (name, key) = match number % 10 {
            0 => ("odd".to_owned(), (5, 16)),
            _ => (format!("unknown-{number}"), (4, 4)),
        };
        define(&mut node, u64::from(number) + 2, &name, key);
        let text = format!("server-{number}");
        node.say(|out| {
            update::write_update(out, UpdateKind::LIVE, 1, 0, |payload| {
                payload.bytes(&[0; 16][..if key.0 == 5 { 16 } else { 4 }]);
                payload.varint(1);
                Name::Define(slot(number), text.as_bytes()).write(payload);
            });
        });
        // Whoever goes back to a table may also do it by its number.
        if number > 80 {
            node.say(|out| assert!(message::write_switch(out, 3)));
            let text = format!("again-{number}");
            update(&mut node, 1, Name::Define(slot(number), text.as_bytes()));
        }
    }
    let before = node.tables.names().len();
    define(&mut node, 1, "web", (4, 4));
    for number in 0..100 {
        update(&mut node, number, Name::Slot(slot(number)));
        let word = if number > 80 { "again" } else { "server" };
        assert_eq!(name_of(&node, number), format!("{word}-{number}"));
    }
    assert_eq!(before, 0, "names of unknown tables take no room");
}
