//! Both programs get the same bytes from a peer and must behave the same.

use crate::support::peer::{FakePeer, Message, definition, table_message, varint};
use crate::support::{Node, Place, SOON, ask, source, until};
use crate::{Flavour, flavours, start};

/// A node `a` with these tables, and its peer `fake`, which has called it.
fn called(flavour: Flavour, place: &Place, tables: &str) -> (Node, FakePeer) {
    let (address, nowhere) = (place.address(), place.address());
    let peers = format!("peers mesh\n    peer a {address}\n    peer fake {nowhere}\n");
    let node = start(flavour, place, "", &(peers + tables));
    (node, FakePeer::call(address, "a", "fake"))
}

/// Checks the answers of every program to these messages.
#[track_caller]
fn assert_answers(tables: &str, messages: &[Vec<u8>], expected: &[Message]) {
    for flavour in flavours() {
        let place = Place::new();
        let (_node, mut peer) = called(flavour, &place, tables);
        // The resync that it asks for is over.
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
fn timed_updates_outside_a_resync_are_acknowledged() {
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

/// The lines of `show peers` about the peer `fake`, without values that differ from run to run.
fn shown(node: &Node, command: &str) -> Vec<String> {
    let said = node.api().command(command);
    let own = said.split("id=fake(remote").nth(1).unwrap().split("id=a(local").next().unwrap();
    let tables = own.split("shared tables:").nth(1).unwrap();
    let lines = tables.lines().map(|line| {
        let words = line.split_whitespace().filter(|word| !word.contains("0x0000"));
        let words = words.filter(|word| !word.starts_with("0x") && !word.starts_with("table:"));
        words.collect::<Vec<_>>().join(" ")
    });
    // Behind `id=` are the counters of the table, in which HAProxy also counts learned entries.
    lines.filter(|line| !line.is_empty() && !line.starts_with("id=")).collect()
}

#[test]
fn what_was_told_and_acknowledged_is_shown_alike() {
    let mut seen = Vec::new();
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = crate::support::Server::name(place.address(), "s1");
        let tables = format!(
            "listen t\n    bind {front}\n    stick on src\n    server s1 {}\n    \
             stick-table type ip size 100 expire 10m store gpc0 peers mesh\n\
             backend u\n    stick-table type string len 20 size 100 store gpc0 peers mesh\n",
            server.address()
        );
        let (node, mut peer) = called(flavour, &place, &tables);
        peer.answers();
        let mut views = vec![shown(&node, "show peers")];
        assert_eq!(ask(source(1), front).unwrap(), "s1");
        until("it is pushed", SOON, || {
            shown(&node, "show peers").iter().any(|line| line.contains("last_pushed=1 "))
        });
        // server_id, gpc0 and server_key, of which the last one's name is "s9".
        peer.send(&definition(7, "t", (4, 4), 1 | 1 << 2 | 1 << 19));
        peer.send(&table_message(
            128,
            &[&6_u32.to_be_bytes(), &[10, 0, 0, 1], &varint(1), &varint(3), b"\x04\x02\x02s9"],
        ));
        peer.answers();
        views.push(shown(&node, "show peers"));
        // It acknowledges what it was sent.
        peer.send(&table_message(132, &[&[1], &1_u32.to_be_bytes()]));
        peer.answers();
        views.extend(["show peers", "show peers dict"].map(|command| shown(&node, command)));
        seen.push(views);
    }
    let last = seen[0].last().unwrap();
    let has = |part: &str| last.iter().any(|line| line.contains(part));
    assert!(has("last_acked=6 last_pushed=1 last_get=6 teaching_origin=0 update=1"), "{last:#?}");
    assert!(has("0 -> s1") && has("0 -> - 1 -> s9 2 -> -"), "{last:#?}");
    for other in &seen[1..] {
        assert_eq!(seen[0], *other);
    }
}

#[test]
fn proxies_are_numbered_and_shown_alike() {
    let forced: [&[Option<u32>]; 4] = [
        &[Some(1), None, None],
        &[None, None, Some(4), None, None, Some(2), None],
        &[Some(9), None, Some(3), None],
        &[None, None, Some(1), None],
    ];
    for ids in forced {
        let mut seen = Vec::new();
        for flavour in flavours() {
            let place = Place::new();
            let section = |(at, id): (usize, &Option<u32>)| {
                let id = id.map_or(String::new(), |id| format!("    id {id}\n"));
                let head = match at % 3 {
                    0 => format!("backend p{at}\n    server s 127.0.0.1:9\n"),
                    1 => {
                        let bind = place.address();
                        format!("frontend p{at}\n    bind {bind}\n    default_backend p0\n")
                    }
                    _ => {
                        let bind = place.address();
                        format!("listen p{at}\n    bind {bind}\n    server s 127.0.0.1:9\n")
                    }
                };
                head + &id
            };
            let body: String = ids.iter().enumerate().map(section).collect();
            let node = start(flavour, &place, "", &body);
            let rows = node.api().command("show stat");
            let row = |line: &str| {
                let cells: Vec<&str> = line.split(',').collect();
                [cells[0], cells[1], cells[27]].map(str::to_owned)
            };
            let rows = rows.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            seen.push(rows.map(row).collect::<Vec<_>>());
        }
        for other in &seen[1..] {
            assert_eq!(seen[0], *other, "{ids:?}");
        }
        assert!(seen[0].iter().map(|row| &row[0]).is_sorted(), "the order of the file");
    }
}

#[test]
fn words_of_servers_are_taken_in_peers_sections() {
    let words = "inter 1s fastinter 1s downinter 1s rise 3 fall 3 weight 10 maxconn 5 check \
                 disabled backup on-error fastinter on-marked-down shutdown-sessions \
                 observe layer4 error-limit 3 init-addr last slowstart 1s";
    for flavour in flavours() {
        let place = Place::new();
        let (own, other) = (place.address(), place.address());
        let table = "backend t\n    stick-table type ip size 100 peers mesh\n";
        for section in [
            format!("default-server {words}\n    peer a {own}\n    peer b {other}\n"),
            format!("peer a {own} {words}\n    peer b {other} {words}\n"),
            format!("bind {own}\n    server a {words}\n    server b {other} {words}\n"),
        ] {
            let node = start(flavour, &place, "", &format!("peers mesh\n    {section}{table}"));
            drop(FakePeer::call(own, "a", "b"));
            drop(node);
        }
    }
}

#[test]
fn entries_that_are_over_are_not_counted_as_used() {
    for flavour in flavours() {
        let place = Place::new();
        let tables = "backend t\n    stick-table type ip size 100 expire 300ms store gpc0\n";
        let node = start(flavour, &place, "", tables);
        node.api().command("set table t key 10.0.0.1 data.gpc0 1");
        until("the entry is over", SOON, || {
            let said = node.api().command("show table t");
            let rows = said.matches("key=").count();
            assert!(said.contains(&format!("used:{rows}")), "{flavour:?}: {said}");
            rows == 0
        });
    }
}

#[test]
fn strings_may_be_as_long_as_haproxy_takes_them() {
    let key = "k".repeat(5000);
    for flavour in flavours() {
        let place = Place::new();
        let tables =
            "backend t\n    stick-table type string len 100000 size 10 store gpc0 peers mesh\n";
        let (node, mut peer) = called(flavour, &place, tables);
        peer.answers();
        peer.send(&definition(1, "t", (6, 100_001), 1 << 2));
        let len = varint(key.len() as u64);
        peer.send(&table_message(128, &[&1_u32.to_be_bytes(), &len, key.as_bytes(), &[7]]));
        let answers = peer.answers();
        assert!(answers.contains(&ack(1)), "{flavour:?}: {answers:?}");
        assert!(node.api().command("show table t").contains(&key), "{flavour:?}");
    }
}

/// Such a line may come from a name in the environment that is not set.
#[test]
fn a_peer_without_a_port_is_not_called_and_may_call() {
    for flavour in flavours() {
        for nowhere in [":", ":0", "127.0.0.1", "*:"] {
            let place = Place::new();
            let address = place.address();
            let peers = format!(
                "peers mesh\n    bind {address}\n    server a\n    server fake {nowhere}\n\
                 backend t\n    stick-table type ip size 100 peers mesh\n"
            );
            let _node = start(flavour, &place, "", &peers);
            let mut peer = FakePeer::call(address, "a", "fake");
            peer.answers();
        }
    }
}
