//! The engine in the place of one side of a captured stream.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::captures::{Capture, captures, from_hex};
use super::decoding::{Decoder, key_from_json};
use super::section;
use crate::config::data_type::{DataType, Kind, StoredData};
use crate::config::{KeyType, PeersId, ServerKey, StickTable, TableId};
use crate::peers::events::SessionEvent;
use crate::peers::peer::{Caller, PeerId, PeerSession};
use crate::peers::resync::Start;
use crate::peers::section::Section;
use crate::peers::session::error::{SessionError, SessionErrorKind};
use crate::peers::session::{Closed, Session};
use crate::peers::wire::hello::Version;
use crate::peers::wire::update;
use crate::table::{NameId, Rate, Tables};

const NOW_MS: u64 = 500_000_000;

/// The engine at one end of a captured connection.
struct Player {
    section: Section,
    tables: Tables,
    session: Session,
    sent: Vec<u8>,
    events: Vec<SessionEvent>,
    error: Option<SessionError>,
}

impl Player {
    fn accept(names: &[&str], tables: &[StickTable], start: Start) -> Self {
        let tables = Tables::new(tables).unwrap();
        let section = section(names, 0, &tables, start, NOW_MS);
        Self::new(section, tables, Session::accept(NOW_MS))
    }

    fn connect(names: &[&str], tables: &[StickTable], version_2_0: bool) -> Self {
        let tables = Tables::new(tables).unwrap();
        let mut section = section(names, 0, &tables, Start::Alone, NOW_MS);
        if names.len() == 1 {
            section.start_local_teaching(NOW_MS);
        } else if version_2_0 {
            section.peer_mut(PeerId(1)).refuse_version(Version::V2_1);
        }
        let peer = section.poll_call(NOW_MS).unwrap();
        let session = Session::connect(&mut section, peer, NOW_MS);
        Self::new(section, tables, session)
    }

    fn new(section: Section, tables: Tables, session: Session) -> Self {
        let (sent, events) = (Vec::new(), Vec::new());
        let mut player = Self { section, tables, session, sent, events, error: None };
        player.transmit();
        player
    }

    fn receive(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let (section, tables) = (&mut self.section, &mut self.tables);
        self.session.receive_space()[..bytes.len()].copy_from_slice(bytes);
        let mut result = self.session.handle_received(bytes.len(), section, tables, NOW_MS);
        while result.is_ok() && self.session.has_input() {
            result = self.session.handle_received(0, section, tables, NOW_MS);
        }
        self.error = result.err();
        self.transmit();
    }

    fn transmit(&mut self) {
        while let Some(bytes) =
            self.session.poll_transmit(&mut self.section, &mut self.tables, NOW_MS)
        {
            let len = bytes.len();
            self.sent.extend(bytes);
            self.session.handle_sent(len, NOW_MS);
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    fn sent_messages(&self, is_client: bool) -> Vec<Json> {
        let mut found = Vec::new();
        let mut decoder = Decoder::new(is_client);
        for piece in self.sent.chunks(10_000) {
            decoder.push(piece, &mut found);
        }
        found
    }
}

/// The bytes and the messages of one side.
fn side<'v>(capture: &'v Capture, from: &str) -> (Vec<Vec<u8>>, Vec<&'v Json>) {
    let own = capture.entries().iter().filter(|entry| entry["from"] == from);
    let bytes = own.clone().map(|entry| from_hex(entry["hex"].as_str().unwrap())).collect();
    let decoded = own.flat_map(|entry| entry["decoded"].as_array().unwrap()).collect();
    (bytes, decoded)
}

fn count(messages: &[impl std::borrow::Borrow<Json>], kind: &str, code: u64) -> usize {
    let is = |one: &Json| one["type"] == kind && one["code"] == code;
    messages.iter().filter(|one| is((*one).borrow())).count()
}

/// Our tables: what one side defines, as it defines it.
fn declarations(messages: &[&Json]) -> Vec<StickTable> {
    let mut tables: Vec<StickTable> = Vec::new();
    for one in messages.iter().filter(|one| one["type"] == "table_define") {
        let name = one["name"].as_str().unwrap();
        if tables.iter().any(|table| table.wire_name == name) {
            continue;
        }
        let key_type = update::key_type_from_number(one["key_type"].as_u64().unwrap()).unwrap();
        let wire_key_len = u32::try_from(one["key_len"].as_u64().unwrap()).unwrap();
        let data = one["data_types"].as_array().unwrap().iter().map(|name| {
            let data_type = DataType::from_name(name.as_str().unwrap()).unwrap();
            let all = one["params"].as_array().unwrap();
            let own = all.iter().find(|one| one["data_type"] == data_type.number());
            let number = |field: &str| {
                own.and_then(|own| own[field].as_u64()).and_then(|n| u32::try_from(n).ok())
            };
            let elements = number("nb_elem").unwrap_or(1);
            StoredData { data_type, elements, period_ms: number("period_ms").unwrap_or(0) }
        });
        let expire_ms = u32::try_from(one["expire_ms"].as_u64().unwrap_or(0)).unwrap();
        tables.push(StickTable {
            name: name.to_owned(),
            wire_name: name.to_owned(),
            key_type,
            key_len: if key_type == KeyType::String { wire_key_len - 1 } else { wire_key_len },
            wire_key_len,
            size: 4000,
            expire_ms: (expire_ms > 0).then_some(expire_ms),
            nopurge: false,
            recv_only: false,
            counts: crate::config::Counts::Shared,
            origins: false,
            save: None,
            server_key: ServerKey::Name,
            data: data.collect(),
            peers: Some(PeersId(0)),
        });
    }
    tables
}

/// What must be in the tables at the end: by table and key, the latest value of each data type.
type Expected = BTreeMap<(String, String), (Json, BTreeMap<String, Json>, u64)>;

fn expected(messages: &[&Json], tables: &[StickTable]) -> Expected {
    let mut all = Expected::new();
    let mut names: BTreeMap<u64, Json> = BTreeMap::new();
    let mut ids: BTreeMap<u64, Option<String>> = BTreeMap::new();
    for one in messages {
        if one["type"] == "table_define" {
            let fits = |table: &&StickTable| {
                one["name"] == *table.wire_name
                    && one["key_type"] == update::key_type_number(table.key_type)
                    && one["key_len"] == table.wire_key_len
            };
            let table = tables.iter().find(fits).map(|table| table.wire_name.clone());
            ids.insert(one["table_id"].as_u64().unwrap(), table);
        }
        let id = one["table_id"].as_u64();
        let Some(Some(table)) = id.and_then(|id| ids.get(&id)) else { continue };
        if one["type"] != "update" || one["table_id"].is_null() {
            continue;
        }
        let place = (table.clone(), one["key"].to_string());
        let fresh = || (one["key"].clone(), BTreeMap::new(), 0);
        let (_, values, expires) = all.entry(place).or_insert_with(fresh);
        *expires = one["expire_ms"].as_u64().unwrap_or(u64::MAX);
        for (name, value) in one["values"].as_object().unwrap() {
            let mut value = value.clone();
            if name == "server_key" && !value.is_null() {
                let slot = value["cache_id"].as_u64().unwrap();
                if value["value"].is_string() {
                    names.insert(slot, value["value"].clone());
                }
                value = names[&slot].clone();
            }
            if !(name == "server_key" && value.is_null()) {
                values.insert(name.clone(), value);
            }
        }
    }
    all
}

fn check_tables(file: &str, tables: &Tables, expected: &Expected) {
    for ((table, _), (key, values, expires)) in expected {
        let table = tables.get(tables.by_name(table).unwrap());
        let key_bytes = key_from_json(table.declaration().key_type, key);
        let Some(row) = table.find(&key_bytes, NOW_MS) else {
            assert_eq!(*expires, 0, "{file}: {key} is missing");
            continue;
        };
        assert_eq!(table.update_id(row), None, "{file}: {key} is learned");
        for (name, value) in values {
            let cell = table.cell(DataType::from_name(name).unwrap()).unwrap();
            for element in 0..cell.elements() {
                let value =
                    if cell.data_type().is_array() { &value[element as usize] } else { value };
                let low = |value: &Json| (value.as_u64().unwrap() & 0xffff_ffff) as u32;
                let found = match cell.kind() {
                    Kind::Wide => json!(table.get_u64(row, cell, element)),
                    Kind::Name => {
                        let name = NameId(table.get_u32(row, cell, element));
                        let text = tables.names().name(name).unwrap_or_default();
                        json!(String::from_utf8(text.to_vec()).unwrap())
                    }
                    Kind::Rate => {
                        let (age, current, previous) =
                            (low(&value["age_ms"]), low(&value["curr"]), low(&value["prev"]));
                        let period = cell.period_ms();
                        let rate = Rate::learned(age, current, previous, period, NOW_MS);
                        assert_eq!(table.get_rate(row, cell, element), rate, "{file} {key} {name}");
                        continue;
                    }
                    Kind::Signed | Kind::Unsigned => json!(table.get_u32(row, cell, element)),
                };
                let wanted = match cell.kind() {
                    Kind::Signed | Kind::Unsigned if name == "conn_cur" => json!(0),
                    Kind::Signed | Kind::Unsigned => json!(low(value)),
                    _ => value.clone(),
                };
                assert_eq!(found, wanted, "{file} {key} {name}");
            }
        }
    }
}

/// The names in a captured hello, if it is a good one: who is called, who calls, and the version.
fn names(capture: &Capture) -> Option<(String, String, bool)> {
    let hello = capture.entries()[0]["decoded"][0]["lines"].as_array()?.clone();
    let line = |index: usize| hello[index].as_str().unwrap().trim_end_matches('\r').to_owned();
    let caller = line(2).split_once(' ')?.0.to_owned();
    Some((line(1), caller, line(0).ends_with("2.0")))
}

fn play(capture: &Capture, from: &str) -> Option<Player> {
    let (called, caller, version_2_0) = names(capture)?;
    let (bytes, messages) = side(capture, from);
    let tables = declarations(&messages);
    let (own, other) = if from == "client" { (&called, &caller) } else { (&caller, &called) };
    let all = if own == other { vec![own.as_str()] } else { vec![own.as_str(), other.as_str()] };
    let mut player = if from == "client" {
        let start = if all.len() == 1 { Start::AfterLocal } else { Start::Alone };
        Player::accept(&all, &tables, start)
    } else {
        Player::connect(&all, &tables, version_2_0)
    };
    for piece in &bytes {
        player.receive(piece);
    }
    let what = format!("{} {from}", capture.name);
    check_tables(&what, &player.tables, &expected(&messages, &tables));
    let own_messages = player.sent_messages(from == "server");
    if player.error.is_none() {
        let ends = count(&messages, "control", 1) + count(&messages, "control", 2);
        assert_eq!(count(&own_messages, "control", 3), ends, "{what}: one confirm for each end");
        let taught = count(&own_messages, "control", 1) + count(&own_messages, "control", 2);
        let is_asked = count(&messages, "control", 0) > 0;
        assert!(!is_asked || taught > 0, "{what}: a request is answered with a resync");
        assert!(count(&own_messages, "control", 4) > 0, "{what}: a heartbeat at once");
    }
    Some(player)
}

#[test]
fn everything_that_was_captured_is_learned() {
    for capture in captures() {
        if capture.name.starts_with('b') && !capture.name.starts_with("b1") {
            continue;
        }
        for from in ["client", "server"] {
            let Some(player) = play(&capture, from) else { continue };
            let is_refused = |prefix: &str| capture.name.starts_with(prefix);
            let kind = player.error.map(|error| error.kind);
            match kind {
                None => {}
                Some(SessionErrorKind::Frame(_) | SessionErrorKind::Update { .. })
                    if from == "client" =>
                {
                    assert!(is_refused("r01") || is_refused("r04") || is_refused("r05"));
                }
                Some(SessionErrorKind::ErrorReceived { .. } | SessionErrorKind::Refused { .. }) => {
                    assert_eq!(from, "server");
                }
                Some(SessionErrorKind::LineTooLong) => assert!(is_refused("b12")),
                Some(other) => panic!("{} {from}: {other}", capture.name),
            }
        }
    }
}

#[test]
fn hellos_are_answered_as_haproxy_does() {
    for capture in captures().iter().filter(|capture| capture.name.starts_with('b')) {
        let (bytes, _) = side(capture, "client");
        let (_, answers) = side(capture, "server");
        let mut player = Player::accept(&["a", "b"], &[], Start::Alone);
        if capture.name.starts_with("b13") {
            player.section.peer_mut(PeerId(0)).begin_session(
                1,
                Version::V2_1,
                Caller::ThisNode,
                NOW_MS,
            );
        }
        for piece in &bytes {
            for byte in piece {
                player.receive(&[*byte]);
            }
        }
        let status = player.sent_messages(false).first().map(|one| one["code"].clone());
        assert_eq!(status, answers.first().map(|one| one["code"].clone()), "{}", capture.name);
        if status != Some(json!(200)) {
            let sent = String::from_utf8(player.sent.clone()).unwrap();
            let expected: Vec<u8> = capture
                .entries()
                .iter()
                .filter(|entry| entry["from"] == "server")
                .flat_map(|entry| from_hex(entry["hex"].as_str().unwrap()))
                .collect();
            assert_eq!(sent.as_bytes(), &expected, "{}", capture.name);
            assert!(player.error.is_some());
        }
    }
}

#[test]
fn broken_messages_are_answered_as_haproxy_does() {
    for capture in captures().iter().filter(|capture| capture.name.starts_with('r')) {
        let player = play(capture, "client").unwrap();
        let (bytes, _) = side(capture, "client");
        let (_, answers) = side(capture, "server");
        let own = player.sent_messages(false);
        for code in [0, 1] {
            assert_eq!(
                count(&own, "error", code),
                count(&answers, "error", code),
                "{}: error {code}",
                capture.name
            );
        }
        let ends = answers.iter().any(|one| one["type"] == "error");
        assert_eq!(player.error.is_some(), ends, "{}", capture.name);
        if let Some(error) = player.error {
            let total: usize = bytes.iter().map(Vec::len).sum();
            assert!(error.offset > 20 && error.offset < total as u64, "{error}");
        }
    }
}

#[test]
fn live_updates_are_acknowledged_once_and_rightly() {
    for capture in captures().iter().filter(|capture| capture.name.starts_with("u-")) {
        let player = play(capture, "client").unwrap();
        let (_, messages) = side(capture, "client");
        let last = messages.iter().rfind(|one| one["type"] == "update").unwrap();
        let own = player.sent_messages(false);
        let acks: Vec<&Json> = own.iter().filter(|one| one["type"] == "ack").collect();
        assert_eq!(acks.last().unwrap()["update_id"], last["update_id"], "{}", capture.name);
        assert_eq!(acks.last().unwrap()["table_id"], last["table_id"]);
    }
}

#[test]
fn a_502_makes_the_next_call_announce_2_0() {
    for capture in captures().iter().filter(|capture| capture.name.starts_with("m2")) {
        let mut player = play(capture, "server").unwrap();
        assert_eq!(player.error.unwrap().kind, SessionErrorKind::Refused { status: 502 });
        let Player { section, tables, session, .. } = &mut player;
        session.handle_closed(Closed::ByError, section, tables, NOW_MS);
        assert!(section.peer(PeerId(1)).speaks_2_0());
        assert_eq!(section.poll_call(NOW_MS), Some(PeerId(1)));
        let mut session = Session::connect(section, PeerId(1), NOW_MS);
        let hello = session.poll_transmit(section, tables, NOW_MS).unwrap();
        assert!(hello.starts_with(b"HAProxyS 2.0\nb\na 4242 1\n"), "{hello:?}");
    }
}

#[test]
fn an_inbound_hello_replaces_the_running_session() {
    let find = |prefix: &str| captures().into_iter().find(|one| one.name.starts_with(prefix));
    let (old, new) = (find("t1").unwrap(), find("t2").unwrap());
    let mut player = play(&old, "server").unwrap();
    assert!(player.session.is_established());
    let Player { section, tables, session, .. } = &mut player;
    let mut second = Session::accept(NOW_MS);
    for piece in side(&new, "client").0 {
        second.receive_space()[..piece.len()].copy_from_slice(&piece);
        second.handle_received(piece.len(), section, tables, NOW_MS).unwrap();
    }
    assert_eq!(second.poll_event(), Some(SessionEvent::HelloAccepted { peer: PeerId(1) }));
    assert!(second.is_established());
    let error = session.handle_received(0, section, tables, NOW_MS).unwrap_err();
    assert_eq!(error.kind, SessionErrorKind::Replaced);
    assert!(session.poll_transmit(section, tables, NOW_MS).is_none(), "dropped without a word");
    session.handle_closed(Closed::ByError, section, tables, NOW_MS);
    assert!(matches!(section.peer(PeerId(1)).session(), PeerSession::Up { .. }));
    let mut sent = Vec::new();
    while let Some(bytes) = second.poll_transmit(section, tables, NOW_MS) {
        let len = bytes.len();
        sent.extend(bytes);
        second.handle_sent(len, NOW_MS);
    }
    assert!(sent.starts_with(b"200\n"));
    assert!(sent.windows(2).any(|pair| pair == [0, 4]), "a heartbeat right behind the status");
}

#[test]
fn an_old_haproxy_teaches_its_successor() {
    for capture in captures().iter().filter(|capture| capture.name.starts_with('j')) {
        let player = play(capture, "client").unwrap();
        assert!(player.section.resync().is_up_to_date(), "{}", capture.name);
        let own = player.sent_messages(false);
        assert_eq!(count(&own, "control", 0), 0, "a predecessor is not asked");
        let player = play(capture, "server").unwrap();
        assert!(player.events.contains(&SessionEvent::Confirmed), "{:?}", player.events);
    }
}

#[test]
fn what_the_dictionary_cannot_take_is_no_value() {
    let mut out = vec![0; 2000];
    let mut writer = crate::peers::wire::Writer::new(&mut out);
    let long = [b'x'; 300];
    update::write_update(&mut writer, update::UpdateKind::LIVE, 1, 0, |payload| {
        payload.bytes(&[10, 0, 0, 1, 7]);
        update::Name::Define(1, &long).write(payload);
    });
    let len = writer.len();
    let tables = [super::sticky_table("t1", 10)];
    let mut player = Player::accept(&["a", "b"], &tables, Start::Alone);
    player.receive(b"HAProxyS 2.1\na\nb 1 1\n");
    player.receive(&from_hex("0a820e010274310404f1f1fe00f0eda301"));
    player.receive(&out[..len]);
    assert_eq!(player.error, None);
    let table = player.tables.get(TableId(0));
    let row = table.find(&[10, 0, 0, 1], NOW_MS).unwrap();
    assert_eq!(table.get_u32(row, table.cell(DataType::ServerId).unwrap(), 0), 7);
    assert_eq!(table.get_u32(row, table.cell(DataType::ServerKey).unwrap(), 0), 0);
}
