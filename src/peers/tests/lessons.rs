//! What a resync may change of entries that are here already.

use super::one_session::{NOW_MS, Node, T};
use super::{change, entries, set_server, sticky_table, stored};
use crate::config::data_type::DataType;
use crate::config::{KeyType, StickTable};
use crate::peers::resync::Start;
use crate::peers::wire::Writer;
use crate::peers::wire::definition::{Column, OwnDefinition};
use crate::peers::wire::message;
use crate::peers::wire::message::Control;
use crate::peers::wire::update;
use crate::peers::wire::update::{Name, UpdateKind, Value};

const CLIENT: u32 = 7;

fn table(counts: bool) -> StickTable {
    let mut table = sticky_table("web", 10);
    if counts {
        table.data.insert(1, stored(DataType::ConnCnt));
    }
    table
}

/// An update of a lesson: the client goes to this server.
#[derive(Clone, Copy)]
struct Lesson {
    kind: UpdateKind,
    id: u32,
    left_ms: u32,
    server: u8,
    /// The clients that were counted, where the table counts them.
    clients: Option<u64>,
}

/// The other side teaches this entry and nothing else. Its update log ends at `last`.
fn teach(node: &mut Node, last: Option<u32>, lesson: Lesson) {
    let Lesson { kind, id, left_ms, server, clients } = lesson;
    let own = table(clients.is_some());
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
        assert!(last.is_none_or(|last| message::write_position(out, 1, last)));
        assert!(update::write_update(out, kind, id, left_ms, |out| {
            update::write_key(out, KeyType::Ipv4, &CLIENT.to_be_bytes());
            Value::Number(u64::from(server)).write(out);
            clients.into_iter().for_each(|clients| Value::Number(clients).write(out));
            Name::Define(1, format!("s{server}").as_bytes()).write(out);
        }));
        Control::ResyncFinished.write(out);
    });
}

/// The node knows that the client goes to server 5, from another node and until now.
fn know(node: &mut Node) {
    let name = node.tables.names_mut().intern(b"s5").unwrap();
    let table = node.tables.get_mut(T);
    let (row, _) = table.find_or_insert(&CLIENT.to_be_bytes(), NOW_MS).unwrap();
    set_server(table, row, 5, name);
    table.touch_learned(row, None, NOW_MS);
}

fn server(node: &Node) -> u32 {
    entries(&node.tables, T, NOW_MS)[0].1
}

/// How long the client's entry still lives.
fn lives_for_ms(node: &Node) -> Option<u32> {
    let table = node.tables.get(T);
    let row = table.find(&CLIENT.to_be_bytes(), NOW_MS).unwrap();
    table.expires_in_ms(row, NOW_MS)
}

#[test]
fn a_lesson_of_version_2_0_does_not_undo_what_the_learner_has_changed() {
    let mut node = Node::called(&[sticky_table("web", 10)], Start::Alone);
    node.receive(b"HAProxyS 2.0\na\nb 1 1\n");
    node.sent();
    change(&mut node.tables, T, CLIENT, 5, NOW_MS);
    teach(
        &mut node,
        None,
        Lesson { kind: UpdateKind::LIVE, id: 1, left_ms: 0, server: 2, clients: None },
    );
    assert_eq!(server(&node), 5);
}

/// The teacher's places are around the end of their range, so those of what it has learned are half
/// the circle away from there.
#[test]
fn what_a_teacher_has_only_heard_is_told_from_its_changes_wherever_its_update_ids_are() {
    let last = u32::MAX - 9;
    let learned = last.wrapping_add(1 << 31);
    for (id, kept) in [(learned, 5), (last - 1, 2), (20, 2)] {
        let mut node = Node::called(&[sticky_table("web", 10)], Start::Alone);
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        node.sent();
        // A third node has told it, a little later than the teacher has heard the other.
        know(&mut node);
        let kind = UpdateKind::TIMED;
        let lesson = Lesson { kind, id, left_ms: 599_500, server: 2, clients: None };
        teach(&mut node, Some(last), lesson);
        assert_eq!(server(&node), kept, "update {id}");
    }
}

/// The teacher has changed the entry itself, but long before the other change that was kept here or
/// saved: it has not heard of that yet.
#[test]
fn what_outlived_a_process_is_not_undone_by_an_older_change_of_the_teacher() {
    for (left_ms, kept) in [(500_000, 5), (599_500, 2)] {
        let mut node = Node::called(&[sticky_table("web", 10)], Start::Alone);
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        node.sent();
        know(&mut node);
        let kind = UpdateKind::TIMED;
        teach(&mut node, Some(1), Lesson { kind, id: 1, left_ms, server: 2, clients: None });
        assert_eq!(server(&node), kept, "{left_ms}");
    }
}

/// The teacher may refuse it in a lesson of this node, and both would take it for known.
#[test]
fn a_change_that_meets_another_one_in_a_lesson_is_sent_once_more() {
    let last = 7;
    for (id, taught, is_sent) in [(1, 2, true), (1, 5, false), (1 << 31, 2, false)] {
        let mut node = Node::called(&[sticky_table("web", 10)], Start::Alone);
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        node.sent();
        change(&mut node.tables, T, CLIENT, 5, NOW_MS);
        node.say(|out| Control::ResyncRequest.write(out));
        node.sent();
        let before = node.tables.get(T).last_update();
        let kind = UpdateKind::TIMED;
        let lesson = Lesson { kind, id, left_ms: 599_500, server: taught, clients: None };
        teach(&mut node, Some(last), lesson);
        assert_eq!(server(&node), 5);
        assert_eq!(node.tables.get(T).last_update() != before, is_sent, "{id} {taught}");
    }
}

#[test]
fn what_a_lesson_has_counted_counts_although_the_entry_is_newer_here() {
    for (taught, kept) in [(7, 7), (2, 3)] {
        let mut node = Node::called(&[table(true)], Start::Alone);
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        node.sent();
        change(&mut node.tables, T, CLIENT, 5, NOW_MS);
        let table = node.tables.get_mut(T);
        let row = table.find(&CLIENT.to_be_bytes(), NOW_MS).unwrap();
        let counted = table.cell(DataType::ConnCnt).unwrap();
        table.set_u32(row, counted, 0, 3);
        let (kind, clients) = (UpdateKind::TIMED, Some(taught));
        let lesson = Lesson { kind, id: 1, left_ms: 500_000, server: 2, clients };
        teach(&mut node, Some(1), lesson);
        assert_eq!(server(&node), 5);
        assert_eq!(node.tables.get(T).get_u32(row, counted, 0), kept);
    }
}

#[test]
fn an_entry_that_is_newer_here_lives_as_long_as_its_teacher_says() {
    for (left_ms, lives_ms) in [(500_000, 500_000), (100_000, 300_000)] {
        let mut node = Node::called(&[table(false)], Start::Alone);
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        node.sent();
        change(&mut node.tables, T, CLIENT, 5, NOW_MS - 300_000);
        let kind = UpdateKind::TIMED;
        teach(&mut node, Some(1), Lesson { kind, id: 1, left_ms, server: 2, clients: None });
        assert_eq!(server(&node), 5);
        assert_eq!(lives_for_ms(&node), Some(lives_ms));
    }
}

/// Version 2.0 says no times: an entry that was counted lives for its full time.
#[test]
fn an_entry_that_is_newer_here_lives_on_when_version_2_0_has_counted_more() {
    for (clients, lives_ms) in [(7, 600_000), (0, 300_000)] {
        let mut node = Node::called(&[table(true)], Start::Alone);
        node.receive(b"HAProxyS 2.0\na\nb 1 1\n");
        node.sent();
        change(&mut node.tables, T, CLIENT, 5, NOW_MS - 300_000);
        let (kind, clients) = (UpdateKind::LIVE, Some(clients));
        teach(&mut node, None, Lesson { kind, id: 1, left_ms: 0, server: 2, clients });
        assert_eq!(server(&node), 5);
        assert_eq!(lives_for_ms(&node), Some(lives_ms));
    }
}

#[test]
fn what_is_sent_once_more_shortens_no_life() {
    for (left_ms, lives_ms) in [(5000, 300_000), (400_000, 400_000), (1, 1)] {
        let mut node = Node::with_tables(&[table(true)]);
        change(&mut node.tables, T, CLIENT, 5, NOW_MS - 300_000);
        assert_eq!(node.sent(), [1]);
        node.acknowledge(1);
        let (kind, clients) = (UpdateKind::TIMED, Some(7));
        teach(&mut node, Some(1), Lesson { kind, id: 1, left_ms, server: 5, clients });
        assert_eq!(lives_for_ms(&node), Some(lives_ms), "{left_ms}");
    }
}

#[test]
fn a_teacher_says_where_its_update_log_ends() {
    let mut node = Node::new(10);
    node.change([1, 2, 3]);
    node.sent();
    node.say(|out| Control::ResyncRequest.write(out));
    let bytes = node.sent_bytes();
    let mut out = [0; 20];
    let mut writer = Writer::new(&mut out);
    assert!(message::write_position(&mut writer, 1, 3));
    let position = &out[..8];
    let at = bytes.windows(position.len()).position(|bytes| bytes == position).unwrap();
    let first = bytes.windows(2).position(|bytes| bytes == [10, 133]).unwrap();
    assert!(at < first, "the learner must know it before the first entry");
}
