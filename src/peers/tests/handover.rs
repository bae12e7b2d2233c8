//! A stickd hands its tables to its successor over a socket pair.

use super::world::World;
use super::{Random, change, entries, section, set_server, sticky_table};
use crate::config::data_type::DataType;
use crate::config::{KeyType, TableId};
use crate::peers::events::SessionEvent;
use crate::peers::peer::PeerId;
use crate::peers::resync::Start;
use crate::peers::section::Section;
use crate::peers::session::{Closed, Session};
use crate::table::{NameId, Tables, UpdateId};

const T: TableId = TableId(0);

/// The two ends, and what each has said.
struct Handover {
    old: (Section, Session),
    new: (Section, Session),
    new_tables: Tables,
    events: Vec<SessionEvent>,
    old_events: Vec<SessionEvent>,
}

impl Handover {
    fn new(old_tables: &mut Tables, declarations: &[crate::config::StickTable], now: u64) -> Self {
        let new_tables = Tables::new(declarations).unwrap();
        let mut old = Section::for_handover(old_tables, 200);
        let mut new = Section::for_handover(&new_tables, 200);
        let teacher = Session::handover_teacher(&mut old, old_tables, now);
        let learner = Session::handover_learner(&mut new, now);
        Self {
            old: (old, teacher),
            new: (new, learner),
            new_tables,
            events: Vec::new(),
            old_events: Vec::new(),
        }
    }

    /// Moves at most `max` bytes each way.
    fn step(&mut self, old_tables: &mut Tables, max: usize, now: u64) {
        move_bytes(&mut self.old, old_tables, &mut self.new, &mut self.new_tables, max, now);
        move_bytes(&mut self.new, &mut self.new_tables, &mut self.old, old_tables, max, now);
        self.events.extend(std::iter::from_fn(|| self.new.1.poll_event()));
        self.old_events.extend(std::iter::from_fn(|| self.old.1.poll_event()));
    }
}

fn move_bytes(
    from: &mut (Section, Session),
    from_tables: &mut Tables,
    to: &mut (Section, Session),
    to_tables: &mut Tables,
    max: usize,
    now: u64,
) {
    let Some(bytes) = from.1.poll_transmit(&mut from.0, from_tables, now) else { return };
    let space = to.1.receive_space();
    let len = bytes.len().min(max).min(space.len());
    space[..len].copy_from_slice(&bytes[..len]);
    from.1.handle_sent(len, now);
    to.1.handle_received(len, &mut to.0, to_tables, now).unwrap();
    while to.1.has_input() {
        to.1.handle_received(0, &mut to.0, to_tables, now).unwrap();
    }
}

/// A change that came from a peer: it has no place in the log.
fn learn(tables: &mut Tables, client: u32, server: u32, now_ms: u64) {
    let name = tables.names_mut().intern(format!("s{server}").as_bytes()).unwrap();
    let table = tables.get_mut(T);
    let (row, _) = table.find_or_insert(&client.to_be_bytes(), now_ms).unwrap();
    set_server(table, row, server, name);
    table.touch_learned(row, Some(5000), now_ms);
}

#[test]
fn everything_arrives_with_its_place_and_what_changes_meanwhile_too() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let declarations = [sticky_table("web", 4000), sticky_table("other", 500)];
        let mut tables = Tables::new(&declarations).unwrap();
        let now = 5_000_000;
        for client in 0..2000 {
            change(&mut tables, T, client, client % 9, now);
        }
        for client in 0..400 {
            change(&mut tables, TableId(1), client, 1, now);
            learn(&mut tables, 2500 + client, 2, now);
        }
        let mut handover = Handover::new(&mut tables, &declarations, now);
        assert!(handover.new.1.queue_note(b"ready"));
        for _ in 0..300 {
            handover.step(&mut tables, 1 + random.index(3000), now);
            for _ in 0..3 {
                let client = u32::try_from(random.below(2600)).unwrap();
                change(&mut tables, T, client, 20 + client % 5, now);
                learn(&mut tables, 2800 + client % 900, 3, now);
            }
        }
        while !handover.old.1.is_caught_up(&handover.old.0, &tables) {
            handover.step(&mut tables, 5000, now);
        }
        change(&mut tables, T, 1, 77, now);
        assert!(handover.old.1.queue_note(b"s1 is down"));
        handover.old.1.finish_handover();
        while !handover
            .events
            .iter()
            .any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
        {
            handover.step(&mut tables, 1 + random.index(300), now);
        }
        assert!(handover.events.contains(&SessionEvent::Note(b"s1 is down".to_vec())));
        assert!(handover.old_events.contains(&SessionEvent::Note(b"ready".to_vec())));
        assert!(!handover.old_events.contains(&SessionEvent::Confirmed), "not ready yet");
        handover.new.1.confirm();
        handover.step(&mut tables, 1000, now);
        assert!(handover.old_events.contains(&SessionEvent::Confirmed));

        for id in tables.ids() {
            assert_eq!(entries(&tables, id, now), entries(&handover.new_tables, id, now));
            let (old, new) = (tables.get(id), handover.new_tables.get(id));
            assert_eq!(old.last_update(), new.last_update());
            let mut cursor = None;
            while let Some(row) = old.next_row(cursor) {
                cursor = Some(row);
                let twin = new.find(old.key(row), now).unwrap();
                assert_eq!(old.update_id(row), new.update_id(twin));
                assert_eq!(old.expires_in_ms(row, now), new.expires_in_ms(twin, now));
            }
        }
        let Handover { old: (section, session), .. } = &mut handover;
        session.handle_closed(Closed::ByUs, section, &mut tables, now);
        assert!(!tables.get(T).has_handover_changes());
    }
}

#[test]
fn a_predecessor_that_finishes_too_late_undoes_nothing() {
    let declarations = [sticky_table("web", 4000)];
    let mut tables = Tables::new(&declarations).unwrap();
    let now = 5_000_000;
    for client in 0..2000 {
        change(&mut tables, T, client, 1, now);
    }
    let mut handover = Handover::new(&mut tables, &declarations, now);
    handover.step(&mut tables, 10_000, now);
    let arrived = handover.new_tables.get(T).used();
    assert!((10..1900).contains(&arrived), "{arrived}");
    // The successor serves without it, and decides about known clients and others.
    let new = &mut handover.new_tables;
    new.get_mut(T).begin_late_updates();
    handover.new.1.serve_without_rest(vec![new.get(T).last_update()]);
    change(new, T, 0, 2, now);
    change(new, T, 1999, 2, now);
    learn(new, 1998, 3, now);
    let last_update = new.get(T).last_update();
    // The predecessor has removed what is newer here, and what is not.
    for client in [0_u32, 1] {
        let row = tables.get(T).find(&client.to_be_bytes(), now).unwrap();
        tables.get_mut(T).remove(row);
    }
    while !handover.old.1.is_caught_up(&handover.old.0, &tables) {
        handover.step(&mut tables, 5000, now);
    }
    handover.old.1.finish_handover();
    let is_finished = |events: &[SessionEvent]| {
        events.iter().any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
    };
    while !is_finished(&handover.events) {
        handover.step(&mut tables, 5000, now);
    }
    let table = handover.new_tables.get(T);
    let now_known = entries(&handover.new_tables, T, now);
    let server_of = |client: u32| {
        now_known.iter().find(|(known, ..)| *known == client).map(|(_, server, _)| *server)
    };
    assert_eq!(now_known.len(), 1999);
    assert_eq!([0, 1, 1998, 1999].map(server_of), [Some(2), None, Some(3), Some(2)]);
    assert_eq!(server_of(1997), Some(1), "what nobody has changed arrives");
    assert!(!last_update.is_after(table.last_update()), "the log goes on");
}

/// A successor takes the place of node 0, and knows what node 1 has acknowledged. Its section is to
/// be told how the handover ended.
fn succeed(
    world: &mut World,
    declarations: &[crate::config::StickTable],
) -> Vec<(String, TableId, UpdateId)> {
    let now = world.now_ms;
    let mut handover = Handover::new(&mut world.nodes[0].tables, declarations, now);
    handover.old.1.finish_handover();
    while !handover
        .events
        .iter()
        .any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
    {
        handover.step(&mut world.nodes[0].tables, 10_000, now);
    }
    let positions: Vec<(String, TableId, UpdateId)> = world.nodes[0]
        .section
        .positions()
        .map(|(peer, table, acked)| (peer.to_owned(), table, acked))
        .collect();
    let names = ["node0", "node1"];
    let mut successor = section(&names, 0, &handover.new_tables, Start::AfterHandover, now);
    for (peer, table, acked) in &positions {
        successor.adopt_position(peer, *table, *acked);
    }
    world.nodes[0].section = successor;
    world.nodes[0].tables = handover.new_tables;
    positions
}

#[test]
fn a_successor_that_asks_for_everything_takes_what_the_peer_changes_meanwhile() {
    for seed in 0..5 {
        let declarations = [sticky_table("web", 1000)];
        let mut world = World::new(2, &declarations, seed);
        world.run(20_000);
        for client in 0..900 {
            change(&mut world.nodes[0].tables, T, client, 1, world.now_ms);
        }
        world.run(2000);
        world.partitioned.push((0, 1));
        world.cut_node(0);
        world.step();
        change(&mut world.nodes[0].tables, T, 3, 2, world.now_ms);
        change(&mut world.nodes[1].tables, T, 4, 3, world.now_ms);
        succeed(&mut world, &declarations);
        let now = world.now_ms;
        world.nodes[0].section.handle_handover_incomplete(false, now);
        world.partitioned.clear();
        let mut client = 5;
        while !world.nodes[0].section.resync().is_up_to_date() {
            change(&mut world.nodes[1].tables, T, 5 + client % 895, 3, world.now_ms);
            client += 7;
            world.step();
        }
        world.run(10_000);
        let all = entries(&world.nodes[0].tables, T, world.now_ms);
        assert_eq!(all, entries(&world.nodes[1].tables, T, world.now_ms), "seed {seed}");
        let server_of = |client: u32| all.iter().find(|(known, ..)| *known == client).unwrap().1;
        assert_eq!([2, 3, 4].map(server_of), [1, 2, 3], "seed {seed}");
    }
}

#[test]
fn a_remote_peer_that_lagged_gets_exactly_what_it_lacks_from_the_successor() {
    let declarations = [sticky_table("web", 1000)];
    let mut world = World::new(2, &declarations, 11);
    world.run(20_000);
    for client in 0..100 {
        change(&mut world.nodes[0].tables, T, client, 1, world.now_ms);
    }
    world.run(2000);
    world.partitioned.push((0, 1));
    world.cut_node(0);
    world.step();
    for client in 95..110 {
        change(&mut world.nodes[0].tables, T, client, 2, world.now_ms);
    }
    let positions = succeed(&mut world, &declarations);
    assert_eq!(positions, [("node1".to_owned(), T, UpdateId(100))]);
    world.nodes[0].section.handle_handover_finished();
    assert!(world.nodes[0].section.resync().is_up_to_date());
    world.nodes[1].section.set_calling(false, world.now_ms);
    world.partitioned.clear();
    world.run(10_000);
    let peer = world.nodes[0].section.peer(PeerId(1));
    assert_eq!(peer.counters().updates_sent, 15);
    assert_eq!(peer.acked()[0], UpdateId(115));
    let all = entries(&world.nodes[0].tables, T, world.now_ms);
    assert_eq!(all.len(), 110);
    assert_eq!(all, entries(&world.nodes[1].tables, T, world.now_ms));
}

#[test]
fn a_table_that_has_other_keys_in_the_successor_is_named() {
    let other_len = |len| {
        let mut table = sticky_table("texts", 100);
        (table.key_type, table.key_len, table.wire_key_len) = (KeyType::String, len, len + 1);
        table
    };
    // Another length is no reason: those keys are cut or padded.
    let before = [sticky_table("web", 100), other_len(20), sticky_table("gone", 100)];
    let mut tables = Tables::new(&before).unwrap();
    for id in [T, TableId(2)] {
        change(&mut tables, id, 1, 5, 1000);
    }
    let mut web = sticky_table("web", 100);
    (web.key_type, web.key_len, web.wire_key_len) = (KeyType::Ipv6, 16, 16);
    let mut handover = Handover::new(&mut tables, &[web, other_len(30)], 1000);
    handover.old.1.finish_handover();
    for _ in 0..5 {
        handover.step(&mut tables, 10_000, 1000);
    }
    let named: Vec<_> = handover
        .events
        .iter()
        .filter_map(|event| match event {
            SessionEvent::TableMismatch { table, mismatch } => {
                Some((&table[..], mismatch.to_string()))
            }
            _ => None,
        })
        .collect();
    let types = "its keys are of type ip there and of type ipv6 here".to_owned();
    assert_eq!(named, [(&b"web"[..], types)]);
}

#[test]
fn a_successor_with_other_tables_takes_those_that_fit() {
    let mut wide = sticky_table("web", 100);
    wide.data.insert(1, super::stored(DataType::Gpc0));
    let mut tables = Tables::new(&[wide, sticky_table("gone", 100)]).unwrap();
    change(&mut tables, T, 1, 5, 1000);
    change(&mut tables, TableId(1), 1, 5, 1000);
    change(&mut tables, T, 2, 6, 1000);
    let mut handover = Handover::new(&mut tables, &[sticky_table("web", 100)], 1000);
    handover.old.1.finish_handover();
    for _ in 0..5 {
        handover.step(&mut tables, 10_000, 1000);
    }
    assert!(
        handover.events.iter().any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
    );
    let all = entries(&handover.new_tables, T, 1000);
    assert_eq!(all, [(1, 5, "s5".to_owned()), (2, 6, "s6".to_owned())]);
    let names = handover.new_tables.names();
    assert_eq!(names.name(NameId(1)), Some(&b"s5"[..]));
}

#[test]
fn an_entry_that_is_learned_anew_before_the_successor_reads_has_no_place() {
    let declarations = [sticky_table("web", 100)];
    let (mut tables, began) = (Tables::new(&declarations).unwrap(), 1000);
    change(&mut tables, T, 1, 5, began);
    let mut handover = Handover::new(&mut tables, &declarations, began);
    let (section, session) = &mut handover.old;
    let first = session.poll_transmit(section, &mut tables, began).unwrap().to_vec();
    session.handle_sent(first.len(), began);
    let later = began + u64::from(declarations[0].expire_ms.unwrap());
    learn(&mut tables, 1, 6, later);
    let (section, session) = &mut handover.new;
    session.receive_space()[..first.len()].copy_from_slice(&first);
    session.handle_received(first.len(), section, &mut handover.new_tables, later).unwrap();
    for _ in 0..5 {
        handover.step(&mut tables, 10_000, later);
    }
    assert_eq!(entries(&handover.new_tables, T, later), [(1, 6, "s6".to_owned())]);
    let table = handover.new_tables.get(T);
    let row = table.find(&1_u32.to_be_bytes(), later).unwrap();
    assert_eq!(table.update_id(row), None);
}

/// The notes that the successor has received, in order.
fn notes(handover: &Handover) -> Vec<Vec<u8>> {
    let notes = handover.events.iter().filter_map(|event| match event {
        SessionEvent::Note(note) => Some(note.clone()),
        _ => None,
    });
    notes.collect()
}

#[test]
fn every_note_arrives_however_many_there_are() {
    let declarations = [sticky_table("web", 100)];
    let mut tables = Tables::new(&declarations).unwrap();
    let mut handover = Handover::new(&mut tables, &declarations, 1000);
    let sent: Vec<_> = (0..10_000).map(|n| format!("server s{n} {n:>60}").into_bytes()).collect();
    assert!(sent.iter().all(|note| handover.old.1.queue_note(note)));
    assert!(!handover.old.1.queue_note(&[b'x'; 20_000]), "a note that is too long is refused");
    handover.old.1.finish_handover();
    while !handover
        .events
        .iter()
        .any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
    {
        handover.step(&mut tables, 100_000, 1000);
    }
    assert_eq!(notes(&handover), sent);
}

#[test]
fn a_teacher_that_waits_for_the_confirmation_has_nothing_to_send() {
    let declarations = [sticky_table("web", 100)];
    let mut tables = Tables::new(&declarations).unwrap();
    change(&mut tables, T, 1, 5, 1000);
    let mut handover = Handover::new(&mut tables, &declarations, 1000);
    let has_more = |handover: &Handover, tables: &Tables| {
        handover.old.1.has_entries_to_send(&handover.old.0, tables)
    };
    assert!(has_more(&handover, &tables));
    handover.step(&mut tables, 100_000, 1000);
    assert!(!has_more(&handover, &tables), "all that changed so far is sent");
    change(&mut tables, T, 2, 5, 1000);
    assert!(has_more(&handover, &tables));
    handover.old.1.finish_handover();
    while !handover
        .events
        .iter()
        .any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
    {
        handover.step(&mut tables, 100_000, 1000);
    }
    assert!(!has_more(&handover, &tables), "the confirmation is awaited");
}

#[test]
fn what_is_removed_while_the_successor_learns_is_removed_there_as_well() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let declarations = [sticky_table("web", 2000)];
        let mut tables = Tables::new(&declarations).unwrap();
        let now = 1_000_000;
        (0..1500).for_each(|client| change(&mut tables, T, client, 1, now));
        let mut handover = Handover::new(&mut tables, &declarations, now);
        // More removals than may wait in some of the rounds.
        for _ in 0..300 {
            if random.index(3) == 0 {
                handover.step(&mut tables, 1 + random.index(2000), now);
            }
            for _ in 0..random.index(40) {
                let client = u32::try_from(random.below(1500)).unwrap();
                let table = tables.get_mut(T);
                match table.find(&client.to_be_bytes(), now) {
                    Some(row) => assert!(table.remove(row)),
                    None => change(&mut tables, T, client, 2 + client % 5, now),
                }
            }
        }
        handover.old.1.finish_handover();
        while !handover
            .events
            .iter()
            .any(|event| matches!(event, SessionEvent::LearningFinished { .. }))
        {
            handover.step(&mut tables, 5000, now);
        }
        assert_eq!(entries(&tables, T, now), entries(&handover.new_tables, T, now), "seed {seed}");
    }
}
