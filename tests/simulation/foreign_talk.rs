//! The sessions of the [`Foreign`] node: what it reads and what it writes.

use stickd::config::KeyType;
use stickd::config::data_type::{DataType, Kind};
use stickd::peers::wire::definition::{Column, OwnDefinition};
use stickd::peers::wire::message::{self, Control, Message};
use stickd::peers::wire::update::{self, Name, UpdateKind, Value};
use stickd::peers::wire::{MESSAGE_MAX, Reader, Writer};

use crate::foreign::{Entry, Foreign, HALF, Search};
use crate::network::{Network, Received, WireId};
use crate::random::Random;

const SILENCE_MS: u64 = 5_000;
const HEARTBEAT_MS: u64 = 3_000;
/// The updates of a turn.
const UPDATES_MAX: usize = 200;
/// What it stores, in the order of the types.
const TYPES: [DataType; 8] = [
    DataType::ServerId,
    DataType::Gpt0,
    DataType::Gpc0,
    DataType::ConnCnt,
    DataType::ConnRate,
    DataType::ConnCur,
    DataType::SessCnt,
    DataType::ServerKey,
];
const RATE_MS: u64 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Calling,
    AwaitStatus,
    AwaitHello,
    Up,
}

/// What it teaches in a session.
#[derive(Debug, PartialEq, Eq)]
enum Lesson {
    None,
    /// The places that are to come, the next one last.
    Walking(Vec<u32>),
    AwaitConfirm,
}

/// A session, or one to be.
#[derive(Debug)]
pub struct Talk {
    pub wire: WireId,
    pub side: usize,
    pub peer: Option<usize>,
    pub state: State,
    /// It ends because nothing was heard.
    pub is_silent: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    heard_ms: u64,
    said_ms: u64,
    /// When a session that began in a collision ends, unless something is heard.
    collision_ms: Option<u64>,
    // What it sends.
    pushed: u32,
    lesson: Lesson,
    origin: u32,
    is_defined: bool,
    previous: Option<u32>,
    slots: Vec<String>,
    next_slot: usize,
    // What it receives.
    columns: Option<(u64, Vec<Column>)>,
    received: u32,
    acked: Option<u32>,
    has_received: bool,
    names: Vec<Option<String>>,
}

/// The session is over.
pub struct Over;

impl Talk {
    pub fn new(wire: WireId, side: usize, peer: Option<usize>, state: State, now_ms: u64) -> Self {
        Self {
            wire,
            side,
            peer,
            state,
            is_silent: false,
            input: Vec::new(),
            output: Vec::new(),
            heard_ms: now_ms,
            said_ms: now_ms,
            collision_ms: None,
            pushed: 0,
            lesson: Lesson::None,
            origin: 0,
            is_defined: false,
            previous: None,
            slots: Vec::new(),
            next_slot: 0,
            columns: None,
            received: 0,
            acked: None,
            has_received: false,
            names: vec![None; 128],
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let mut space = vec![0; 2 * MESSAGE_MAX];
        let mut out = Writer::new(&mut space);
        write(&mut out);
        let len = out.len();
        self.output.extend_from_slice(&space[..len]);
    }

    fn control(&mut self, control: Control) {
        self.write(|out| control.write(out));
    }

    /// Sends an entry with an id; without one if it follows the update before.
    fn update(&mut self, key: u32, entry: &Entry, id: u32, is_timed: bool, now_ms: u64) {
        let is_next = self.previous.is_some_and(|before| before.wrapping_add(1) == id);
        self.previous = Some(id);
        let kind = UpdateKind { explicit: !is_next, timed: is_timed };
        let left_ms = entry.ends_ms.map_or(0, |ends_ms| ends_ms.saturating_sub(now_ms));
        let known = self.slots.iter().position(|name| *name == entry.name);
        let slot = known.unwrap_or(self.next_slot);
        if known.is_none() {
            if slot == self.slots.len() {
                self.slots.push(entry.name.clone());
            } else {
                self.slots[slot].clone_from(&entry.name);
            }
            self.next_slot = (slot + 1) % 128;
        }
        let number = u8::try_from(slot + 1).unwrap();
        let name = match known {
            Some(_) => Name::Slot(number),
            None => Name::Define(number, entry.name.as_bytes()),
        };
        self.write(|out| {
            let left_ms = u32::try_from(left_ms).unwrap();
            update::write_update(out, kind, id, left_ms, |out| {
                update::write_key(out, KeyType::Ipv4, &key.to_be_bytes());
                for data_type in TYPES {
                    match data_type {
                        DataType::ServerId => Value::Number(u64::from(entry.server)).write(out),
                        DataType::ConnCnt => Value::Number(u64::from(entry.visits)).write(out),
                        DataType::SessCnt => Value::Number(u64::from(entry.stamp)).write(out),
                        DataType::ServerKey => name.write(out),
                        // A counter that was never used is as old as the clock.
                        DataType::ConnRate => {
                            Value::Rate { age_ms: 0xFFFF_0000, current: 0, previous: 0 }.write(out);
                        }
                        // Each node has its own.
                        DataType::ConnCur => Value::Number(9).write(out),
                        _ => Value::Number(0).write(out),
                    }
                }
            });
        });
    }

    fn define(&mut self, expire_ms: Option<u32>) {
        if std::mem::replace(&mut self.is_defined, true) {
            return;
        }
        let column = |data_type: DataType| {
            let is_rate = data_type.kind() == Kind::Rate;
            Column { data_type, elements: 1, period_ms: if is_rate { RATE_MS } else { 0 } }
        };
        let columns = TYPES.map(column);
        self.write(|out| {
            let definition = OwnDefinition {
                table_id: 1,
                name: b"web",
                key_type: 4,
                key_len: 4,
                columns: &columns,
                expire_ms: u64::from(expire_ms.unwrap_or(0)),
            };
            definition.write(out);
        });
    }
}

/// One session receives and sends.
pub fn advance(
    own: &mut Foreign,
    at: usize,
    network: &mut Network,
    random: &mut Random,
    now_ms: u64,
) -> Result<(), Over> {
    let index = own.index;
    let talk = &mut own.talks[at];
    if talk.state == State::Calling {
        match network.is_made(talk.wire, now_ms) {
            Some(true) => {
                let called = talk.peer.unwrap_or_default();
                let hello = format!("HAProxyS 2.1\nnode{called}\nnode{index} 99 1\n");
                talk.output.extend_from_slice(hello.as_bytes());
                talk.state = State::AwaitStatus;
                talk.heard_ms = now_ms;
            }
            Some(false) => return Err(Over),
            None => return Ok(()),
        }
    }
    let wire = talk.wire;
    let mut space = vec![0; 16_384];
    match network.receive(talk.wire, talk.side, &mut space, now_ms) {
        Received::Nothing => {}
        Received::End => return Err(Over),
        Received::Bytes(len) => {
            talk.input.extend_from_slice(&space[..len]);
            talk.heard_ms = now_ms;
            talk.collision_ms = None;
        }
    }
    if talk.collision_ms.is_some_and(|at_ms| at_ms <= now_ms)
        || talk.heard_ms + SILENCE_MS <= now_ms
    {
        talk.is_silent = true;
        return Err(Over);
    }
    read_lines(own, at, network, random, now_ms)?;
    // An older session with the same peer may be gone now.
    let Some(at) = own.talks.iter().position(|talk| talk.wire == wire) else { return Ok(()) };
    if own.talks[at].state == State::Up {
        read_messages(own, at, now_ms)?;
        say(own, at, now_ms);
    }
    let talk = &mut own.talks[at];
    if !talk.output.is_empty() {
        let sent = network.send(talk.wire, talk.side, &talk.output, now_ms);
        talk.output.drain(..sent);
    }
    Ok(())
}

fn read_lines(
    own: &mut Foreign,
    at: usize,
    network: &mut Network,
    random: &mut Random,
    now_ms: u64,
) -> Result<(), Over> {
    let talk = &mut own.talks[at];
    let lines = match talk.state {
        State::AwaitStatus => 1,
        State::AwaitHello => 3,
        State::Calling | State::Up => return Ok(()),
    };
    let ends = talk.input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let Some((end, _)) = ends.map(|(place, byte)| (place, *byte)).nth(lines - 1) else {
        return Ok(());
    };
    let text: Vec<u8> = talk.input.drain(..=end).collect();
    let text = String::from_utf8_lossy(&text).into_owned();
    if talk.state == State::AwaitStatus {
        if text.trim() != "200" {
            if let Some(peer) = talk.peer {
                own.peers[peer].is_given_up = true;
            }
            return Err(Over);
        }
        begin(own, at);
        return Ok(());
    }
    let caller = text.lines().nth(2).and_then(|line| line.split(' ').next());
    let caller = caller.and_then(|name| name.strip_prefix("node")?.parse::<usize>().ok());
    let Some(caller) = caller.filter(|caller| *caller < own.peers.len()) else {
        own.wrong.get_or_insert_with(|| format!("a hello that makes no sense: {text:?}"));
        return Err(Over);
    };
    talk.output.extend_from_slice(b"200\n");
    let wire = talk.wire;
    let is_older = |talk: &Talk| talk.wire != wire && talk.peer == Some(caller);
    while let Some(older) = own.talks.iter().position(is_older) {
        own.lose(older, network, random, now_ms);
        let delay_ms = random.between(50, 2_050);
        if let Some(talk) = own.talks.iter_mut().find(|talk| talk.wire == wire) {
            talk.collision_ms = Some(now_ms + delay_ms);
        }
    }
    own.peers[caller].is_given_up = false;
    let Some(at) = own.talks.iter().position(|talk| talk.wire == wire) else { return Err(Over) };
    own.talks[at].peer = Some(caller);
    begin(own, at);
    Ok(())
}

/// Messages pass from now on.
fn begin(own: &mut Foreign, at: usize) {
    let last_own = own.last_own;
    let talk = &mut own.talks[at];
    talk.state = State::Up;
    let Some(peer) = talk.peer else { return };
    let acked = &mut own.peers[peer].acked;
    if acked.wrapping_sub(last_own).cast_signed() > 0 {
        *acked = last_own.wrapping_add(HALF);
    }
    talk.pushed = *acked;
    talk.control(Control::Heartbeat);
}

fn read_messages(own: &mut Foreign, at: usize, now_ms: u64) -> Result<(), Over> {
    let input = std::mem::take(&mut own.talks[at].input);
    let mut unread = &input[..];
    let mut result = Ok(());
    while result.is_ok() {
        match message::read_frame(unread) {
            Ok(Some((frame, len))) => {
                let read = Message::read(frame).map_err(|error| error.to_string());
                result = read.and_then(|message| handle(own, at, message, now_ms));
                unread = &unread[len..];
            }
            Ok(None) => break,
            Err(error) => result = Err(error.to_string()),
        }
    }
    own.talks[at].input = unread.to_vec();
    result.map_err(|error| {
        own.wrong.get_or_insert(error);
        Over
    })
}

fn handle(own: &mut Foreign, at: usize, message: Message<'_>, now_ms: u64) -> Result<(), String> {
    let Some(peer) = own.talks[at].peer else { return Ok(()) };
    match message {
        Message::Define(definition) => {
            let columns = definition.columns().map_err(|_| "bad parameters".to_owned())?;
            let is_known = definition.name == b"web";
            own.talks[at].columns = is_known.then_some((definition.table_id, columns));
        }
        Message::Update(kind, payload) => take(own, at, kind, payload, now_ms)?,
        // It takes any number.
        Message::Ack { update_id, .. } if own.talks[at].lesson == Lesson::None => {
            own.peers[peer].acked = update_id;
        }
        Message::Control(Control::ResyncRequest) => {
            let origin = own.peers[peer].acked;
            // From the place behind `origin` once around the circle.
            let behind = own.log.range(origin.saturating_add(1)..).map(|(place, _)| *place);
            let before = own.log.range(..=origin).map(|(place, _)| *place);
            let mut places: Vec<u32> = behind.chain(before).collect();
            places.reverse();
            let talk = &mut own.talks[at];
            talk.origin = origin;
            talk.lesson = Lesson::Walking(places);
        }
        Message::Control(end @ (Control::ResyncFinished | Control::ResyncPartial)) => {
            own.talks[at].control(Control::ResyncConfirm);
            own.finish_lesson(peer, end == Control::ResyncPartial, now_ms);
        }
        Message::Control(Control::ResyncConfirm) => {
            let talk = &mut own.talks[at];
            if talk.lesson == Lesson::AwaitConfirm {
                talk.lesson = Lesson::None;
                talk.pushed = talk.origin;
                own.peers[peer].acked = talk.origin;
            }
        }
        Message::Error(code) => return Err(format!("the error {code}")),
        Message::Switch { .. } => return Err("a table switch".to_owned()),
        _ => {}
    }
    Ok(())
}

/// Takes an update, whatever it knew.
fn take(
    own: &mut Foreign,
    at: usize,
    kind: UpdateKind,
    payload: &[u8],
    now_ms: u64,
) -> Result<(), String> {
    let expire_ms = own.expire_ms;
    let talk = &mut own.talks[at];
    let Some((_, columns)) = &talk.columns else { return Err("an update of no table".to_owned()) };
    let mut payload = Reader::new(payload);
    let text = |error: stickd::peers::wire::ReadError| error.to_string();
    let next = talk.received.wrapping_add(1);
    talk.received = if kind.explicit { payload.be32().map_err(text)? } else { next };
    talk.has_received = true;
    let left_ms = if kind.timed { Some(payload.be32().map_err(text)?) } else { None };
    let key = update::read_key(&mut payload, KeyType::Ipv4, 4).map_err(text)?;
    let key = u32::from_be_bytes(key.try_into().unwrap());
    let mut entry = own.rows.get(&key).cloned().unwrap_or_default();
    let low = |number: u64| u32::try_from(number & 0xFFFF_FFFF).unwrap();
    for column in columns {
        let value = Value::read(&mut payload, column.data_type.kind());
        match (column.data_type, value.map_err(|error| error.to_string())?) {
            (DataType::ServerId, Value::Number(number)) => entry.server = low(number),
            (DataType::ConnCnt, Value::Number(number)) => entry.visits = low(number),
            (DataType::SessCnt, Value::Number(number)) => entry.stamp = low(number),
            (DataType::ServerKey, Value::Name(Name::Define(slot, name))) => {
                entry.name = String::from_utf8_lossy(name).into_owned();
                talk.names[usize::from(slot) - 1] = Some(entry.name.clone());
            }
            (DataType::ServerKey, Value::Name(Name::Slot(slot))) => {
                let Some(name) = &talk.names[usize::from(slot) - 1] else {
                    return Err(format!("slot {slot}, which has no name"));
                };
                entry.name.clone_from(name);
            }
            _ => {}
        }
    }
    // It does not limit the time to what its own table gives.
    let left_ms = match (left_ms, expire_ms) {
        (Some(left_ms), Some(_)) => Some(left_ms),
        (_, expire_ms) => expire_ms,
    };
    entry.ends_ms = left_ms.map(|left_ms| now_ms + u64::from(left_ms));
    own.store(key, entry, false);
    Ok(())
}

/// Writes what there is to say.
fn say(own: &mut Foreign, at: usize, now_ms: u64) {
    let Some(peer) = own.talks[at].peer else { return };
    if let Search::Seeking { .. } = own.search
        && !own.peers[peer].is_partial
    {
        own.search = Search::Learning { from: peer };
        own.talks[at].control(Control::ResyncRequest);
    }
    let is_learning = own.search == Search::Learning { from: peer };
    let talk = &mut own.talks[at];
    if talk.has_received
        && talk.acked != Some(talk.received)
        && let Some((table_id, _)) = talk.columns
    {
        let id = talk.received;
        talk.acked = Some(id);
        talk.write(|out| {
            message::write_ack(out, table_id, id);
        });
    }
    // What is not sent yet waits: so a slow reader costs no memory.
    if talk.output.len() < 8_000 {
        teach(own, at, now_ms);
        if !is_learning {
            push(own, at, now_ms);
        }
    }
    let talk = &mut own.talks[at];
    if talk.said_ms + HEARTBEAT_MS <= now_ms {
        talk.said_ms = now_ms;
        talk.control(Control::Heartbeat);
    }
}

fn teach(own: &mut Foreign, at: usize, now_ms: u64) {
    let Foreign { talks, log, rows, search, expire_ms, .. } = own;
    let talk = &mut talks[at];
    let Lesson::Walking(mut places) = std::mem::replace(&mut talk.lesson, Lesson::None) else {
        return;
    };
    talk.define(*expire_ms);
    for _ in 0..UPDATES_MAX {
        let Some(place) = places.pop() else {
            let is_whole = *search == Search::Finished;
            let end = if is_whole { Control::ResyncFinished } else { Control::ResyncPartial };
            talk.control(end);
            talk.lesson = Lesson::AwaitConfirm;
            return;
        };
        if let Some(key) = log.get(&place)
            && let Some(row) = rows.get(key)
        {
            talk.update(*key, row, place, true, now_ms);
        }
    }
    talk.lesson = Lesson::Walking(places);
}

fn push(own: &mut Foreign, at: usize, now_ms: u64) {
    let Foreign { talks, log, rows, last_own, expire_ms, .. } = own;
    let talk = &mut talks[at];
    if talk.lesson != Lesson::None || talk.pushed == *last_own {
        return;
    }
    talk.define(*expire_ms);
    talk.said_ms = now_ms;
    for _ in 0..UPDATES_MAX {
        // The next place behind `pushed` on the circle, up to the last change.
        let next = log.range(talk.pushed.saturating_add(1)..).chain(log.iter()).next();
        let next = next.filter(|(place, _)| {
            last_own.wrapping_sub(**place) < last_own.wrapping_sub(talk.pushed)
        });
        let Some((place, key)) = next else {
            talk.pushed = *last_own;
            return;
        };
        if let Some(row) = rows.get(key) {
            talk.update(*key, row, *place, false, now_ms);
        }
        talk.pushed = *place;
    }
}
