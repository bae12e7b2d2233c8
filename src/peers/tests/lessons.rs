//! A resync of version 2.0, which says no times.

use super::one_session::{NOW_MS, Node, T};
use super::{change, entries, sticky_table};
use crate::config::KeyType;
use crate::peers::resync::Start;
use crate::peers::wire::definition::{Column, OwnDefinition};
use crate::peers::wire::message::Control;
use crate::peers::wire::update;
use crate::peers::wire::update::{Name, UpdateKind, Value};

const CLIENT: u32 = 7;

/// The other side teaches that the client goes to this server, and nothing else.
fn teach(node: &mut Node, server: u8) {
    let own = sticky_table("web", 10);
    let column = |data_type| Column { data_type, elements: 1, period_ms: 0 };
    let columns: Vec<Column> = own.data.iter().map(|data| column(data.data_type)).collect();
    node.say(|out| {
        let definition = OwnDefinition {
            table_id: 1,
            name: b"web",
            key_type: 4,
            key_len: 4,
            columns: &columns,
            expire_ms: 600_000,
        };
        assert!(definition.write(out));
        assert!(update::write_update(out, UpdateKind::LIVE, 1, 500_000, |out| {
            update::write_key(out, KeyType::Ipv4, &CLIENT.to_be_bytes());
            Value::Number(u64::from(server)).write(out);
            Name::Define(1, format!("s{server}").as_bytes()).write(out);
        }));
        Control::ResyncFinished.write(out);
    });
}

fn server(node: &Node) -> u32 {
    entries(&node.tables, T, NOW_MS)[0].1
}

#[test]
fn a_lesson_of_version_2_0_does_not_undo_what_the_learner_has_changed() {
    let mut node = Node::called(&[sticky_table("web", 10)], Start::Alone);
    node.receive(b"HAProxyS 2.0\na\nb 1 1\n");
    node.sent();
    change(&mut node.tables, T, CLIENT, 5, NOW_MS);
    teach(&mut node, 2);
    assert_eq!(server(&node), 5);
}
