//! Captured streams: what the bytes say, and the bytes of what is to be said.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json, json};

use super::Random;
use super::captures::{Capture, captures, from_hex};
use crate::config::KeyType;
use crate::config::data_type::{DataType, Kind};
use crate::peers::wire::buffers::ReceiveBuffer;
use crate::peers::wire::definition::{Column, Definition, OwnDefinition};
use crate::peers::wire::hello;
use crate::peers::wire::hello::Line;
use crate::peers::wire::message;
use crate::peers::wire::message::{Control, ErrorCode, Frame, Message};
use crate::peers::wire::update;
use crate::peers::wire::update::{Name, UpdateKind, Value};
use crate::peers::wire::{LINE_MAX, Reader, Writer};

pub(super) fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn from_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// One direction of a stream.
pub(super) struct Decoder {
    is_client: bool,
    buffer: ReceiveBuffer,
    lines: Vec<String>,
    hello_len: usize,
    greeted: bool,
    tables: HashMap<u64, (KeyType, u64, Vec<Column>)>,
    current: Option<u64>,
    last: HashMap<Option<u64>, u32>,
}

impl Decoder {
    pub(super) fn new(is_client: bool) -> Self {
        Self {
            is_client,
            buffer: ReceiveBuffer::new(),
            lines: Vec::new(),
            hello_len: 0,
            greeted: false,
            tables: HashMap::new(),
            current: None,
            last: HashMap::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], found: &mut Vec<Json>) {
        let space = self.buffer.space();
        space[..bytes.len()].copy_from_slice(bytes);
        self.buffer.fill(bytes.len());
        while self.next(found) {}
    }

    /// What is left at the end of an entry of the stream.
    fn end_entry(&mut self, found: &mut Vec<Json>) {
        let rest = self.buffer.unread().to_vec();
        self.buffer.consume(rest.len());
        if rest.is_empty() {
            return;
        }
        found.push(if self.greeted {
            json!({"type": "fragment", "payload_hex": to_hex(&rest)})
        } else {
            json!({"type": "fragment", "text": latin1(&rest)})
        });
    }

    fn next(&mut self, found: &mut Vec<Json>) -> bool {
        if !self.greeted {
            return self.next_line(found);
        }
        let bytes = self.buffer.unread().to_vec();
        let Ok(Some((frame, len))) = message::read_frame(&bytes) else {
            if let (&[255, kind, ..], true) = (&bytes[..], bytes.len() >= 2) {
                found.push(json!({"type": "unknown", "class": 255, "msg_type": kind}));
                self.buffer.consume(2);
                return true;
            }
            return false;
        };
        found.push(self.message(frame));
        self.buffer.consume(len);
        true
    }

    fn next_line(&mut self, found: &mut Vec<Json>) -> bool {
        let unread = self.buffer.unread()[self.hello_len..].to_vec();
        let Line::Whole(_, len) = hello::read_line(&unread) else { return false };
        let line = latin1(&unread[..len - 1]);
        if !self.is_client {
            let code = hello::read_status(line.as_bytes()).unwrap();
            found.push(json!({"type": "status", "code": code}));
            self.buffer.consume(len);
            self.greeted = true;
            return true;
        }
        self.lines.push(line);
        self.hello_len += len;
        if self.lines.len() == 3 {
            found.push(json!({"type": "hello", "lines": self.lines}));
            self.buffer.consume(self.hello_len);
            self.greeted = true;
        }
        true
    }

    fn message(&mut self, frame: Frame<'_>) -> Json {
        let length = frame.payload.len();
        let named = |kind: &str, names: &[&str], code: u8| {
            let name = names[usize::from(code)];
            json!({"type": kind, "code": code, "name": name})
        };
        match Message::read(frame) {
            Ok(Message::Control(_)) => named("control", &CONTROLS, frame.kind),
            Ok(Message::Error(code)) => named("error", &ERRORS, code),
            Ok(Message::Define(definition)) => self.definition(&definition, length),
            Ok(Message::Switch { table_id }) => {
                self.current = self.tables.contains_key(&table_id).then_some(table_id);
                json!({"type": "table_switch", "length": length, "table_id": table_id})
            }
            Ok(Message::Ack { table_id, update_id }) => json!({
                "type": "ack", "length": length, "table_id": table_id, "update_id": update_id
            }),
            Ok(Message::Update(kind, payload)) => {
                self.update(kind, payload).unwrap_or_else(|| malformed(frame))
            }
            Ok(
                Message::Note(_)
                | Message::Position { .. }
                | Message::Removal { .. }
                | Message::LateUpdates(_)
                | Message::Unknown,
            ) => {
                let mut unknown =
                    json!({"type": "unknown", "class": frame.class, "msg_type": frame.kind});
                if frame.kind >= 128 {
                    unknown["length"] = json!(length);
                    unknown["payload_hex"] = json!(to_hex(frame.payload));
                }
                unknown
            }
            Err(_) => malformed(frame),
        }
    }

    fn definition(&mut self, definition: &Definition<'_>, length: usize) -> Json {
        let columns = definition.columns().unwrap();
        let key_type = update::key_type_from_number(definition.key_type).unwrap();
        let names: Vec<&str> = columns.iter().map(|column| column.data_type.name()).collect();
        let params: Vec<Json> = columns.iter().filter_map(parameters).collect();
        self.current = Some(definition.table_id);
        self.tables.insert(definition.table_id, (key_type, definition.key_len, columns));
        json!({
            "type": "table_define",
            "length": length,
            "table_id": definition.table_id,
            "name": latin1(definition.name),
            "key_type": definition.key_type,
            "key_type_name": key_type_name(key_type),
            "key_len": definition.key_len,
            "data_bitfield": definition.data_types,
            "data_types": names,
            "expire_ms": definition.expire_ms.unwrap(),
            "params": params,
        })
    }

    fn update(&mut self, kind: UpdateKind, bytes: &[u8]) -> Option<Json> {
        let mut payload = Reader::new(bytes);
        let last = self.last.get(&self.current).copied().unwrap_or(0);
        let id = if kind.explicit { payload.be32().ok()? } else { last.wrapping_add(1) };
        let mut out = json!({
            "type": "update", "msg_type": kind.number(), "length": bytes.len(),
            "table_id": self.current, "id_on_wire": kind.explicit, "update_id": id,
        });
        self.last.insert(self.current, id);
        if kind.timed {
            out["expire_ms"] = json!(payload.be32().ok()?);
        }
        let Some(current) = self.current else {
            out["payload_hex"] = json!(to_hex(bytes));
            return Some(out);
        };
        let (key_type, key_len, columns) = &self.tables[&current];
        let key = update::read_key(&mut payload, *key_type, *key_len).ok()?;
        out["key"] = key_to_json(*key_type, key);
        let mut values = Map::new();
        for column in columns {
            let name = column.data_type.name().to_owned();
            let mut all = Vec::new();
            for _ in 0..column.elements {
                let before = payload;
                let value = Value::read(&mut payload, column.data_type.kind()).ok()?;
                all.push(value_to_json(value, before));
            }
            let is_array = column.data_type.is_array();
            values.insert(name, if is_array { Json::Array(all) } else { all.remove(0) });
        }
        out["values"] = Json::Object(values);
        if !payload.is_empty() {
            out["trailing_hex"] = json!(to_hex(payload.rest()));
        }
        Some(out)
    }
}

const CONTROLS: [&str; 5] =
    ["resync_request", "resync_finished", "resync_partial", "resync_confirm", "heartbeat"];
const ERRORS: [&str; 2] = ["protocol", "size_limit"];

fn malformed(frame: Frame<'_>) -> Json {
    json!({
        "type": "malformed", "class": frame.class, "msg_type": frame.kind,
        "length": frame.payload.len(), "payload_hex": to_hex(frame.payload),
    })
}

fn key_type_name(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Integer => "integer",
        KeyType::Ipv4 => "ipv4",
        KeyType::Ipv6 => "ipv6",
        KeyType::String => "string",
        KeyType::Binary => "binary",
    }
}

fn parameters(column: &Column) -> Option<Json> {
    let is_rate = column.data_type.kind() == Kind::Rate;
    if !column.data_type.is_array() && !is_rate {
        return None;
    }
    let number = column.data_type.number();
    let mut out = json!({"data_type": number, "name": column.data_type.name()});
    if column.data_type.is_array() {
        out["nb_elem"] = json!(column.elements);
    }
    if is_rate {
        out["period_ms"] = json!(column.period_ms);
    }
    Some(out)
}

pub(super) fn key_to_json(key_type: KeyType, key: &[u8]) -> Json {
    match key_type {
        KeyType::Integer => json!(i32::from_be_bytes(key.try_into().unwrap())),
        KeyType::Ipv4 => json!(Ipv4Addr::from(<[u8; 4]>::try_from(key).unwrap()).to_string()),
        KeyType::Ipv6 => {
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(key).unwrap());
            // The captures write mapped addresses without dots.
            let [.., high, low] = address.segments();
            match address.to_ipv4_mapped() {
                Some(_) => json!(format!("::ffff:{high:x}:{low:x}")),
                None => json!(address.to_string()),
            }
        }
        KeyType::String => json!(latin1(key)),
        KeyType::Binary => json!(to_hex(key)),
    }
}

fn value_to_json(value: Value<'_>, before: Reader<'_>) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Rate { age_ms, current, previous } => {
            json!({"age_ms": age_ms, "curr": current, "prev": previous})
        }
        Value::Name(Name::Absent) => Json::Null,
        Value::Name(name) => {
            let mut before = before;
            let length = before.varint().unwrap();
            match name {
                Name::Define(slot, text) => json!({
                    "length": length, "cache_id": slot,
                    "string_length": text.len(), "value": latin1(text),
                }),
                Name::Slot(slot) => json!({"length": length, "cache_id": slot}),
                Name::Absent => Json::Null,
            }
        }
    }
}

/// Builds the bytes of what was decoded, with the functions that sessions use.
#[derive(Default)]
pub(super) struct Builder {
    kinds: HashMap<u64, (KeyType, Vec<Kind>)>,
}

impl Builder {
    pub(super) fn build(&mut self, decoded: &Json) -> Vec<u8> {
        let mut out = vec![0; 2 * LINE_MAX];
        let mut writer = Writer::new(&mut out);
        let text = |field: &str| decoded[field].as_str().unwrap();
        let number = |field: &str| decoded[field].as_u64().unwrap();
        match text("type") {
            "hello" => write_hello(&mut writer, decoded),
            "status" => writer.bytes(format!("{}\n", number("code")).as_bytes()),
            "control" => {
                let all = [
                    Control::ResyncRequest,
                    Control::ResyncFinished,
                    Control::ResyncPartial,
                    Control::ResyncConfirm,
                    Control::Heartbeat,
                ];
                all[usize::try_from(number("code")).unwrap()].write(&mut writer);
            }
            "error" if number("code") == 0 => ErrorCode::Protocol.write(&mut writer),
            "error" => ErrorCode::SizeLimit.write(&mut writer),
            "table_define" => self.write_definition(&mut writer, decoded),
            "table_switch" => {
                assert!(message::write_switch(&mut writer, number("table_id")));
            }
            "ack" => {
                let id = u32::try_from(number("update_id")).unwrap();
                assert!(message::write_ack(&mut writer, number("table_id"), id));
            }
            "update" if !decoded["table_id"].is_null() => self.write_update(&mut writer, decoded),
            "fragment" if decoded["text"].is_string() => writer.bytes(&from_latin1(text("text"))),
            "fragment" => writer.bytes(&from_hex(text("payload_hex"))),
            _ => {
                let class = decoded["class"].as_u64().unwrap_or(10);
                let (class, kind) = (u8::try_from(class).unwrap(), number("msg_type"));
                let kind = u8::try_from(kind).unwrap();
                match decoded["payload_hex"].as_str() {
                    Some(payload) => {
                        let payload = from_hex(payload);
                        assert!(writer.message(class, kind, 20_000, |out| out.bytes(&payload)));
                    }
                    None => writer.bytes(&[class, kind]),
                }
            }
        }
        let len = writer.len();
        out.truncate(len);
        out
    }

    fn write_definition(&mut self, out: &mut Writer<'_>, decoded: &Json) {
        let number = |field: &str| decoded[field].as_u64().unwrap();
        let parameter = |data_type: DataType, field: &str| {
            let all = decoded["params"].as_array().unwrap();
            let own = all.iter().find(|one| one["data_type"] == data_type.number());
            own.and_then(|one| one[field].as_u64())
        };
        let names = decoded["data_types"].as_array().unwrap();
        let column = |name: &Json| {
            let data_type = DataType::from_name(name.as_str().unwrap()).unwrap();
            Column {
                data_type,
                elements: parameter(data_type, "nb_elem").unwrap_or(1),
                period_ms: parameter(data_type, "period_ms").unwrap_or(0),
            }
        };
        let columns: Vec<Column> = names.iter().map(column).collect();
        let name = from_latin1(decoded["name"].as_str().unwrap());
        let id = number("table_id");
        let definition = OwnDefinition {
            table_id: id,
            name: &name,
            key_type: number("key_type"),
            key_len: number("key_len"),
            columns: &columns,
            expire_ms: number("expire_ms"),
        };
        assert!(definition.write(out));
        let key_type = update::key_type_from_number(definition.key_type).unwrap();
        let kinds = columns.iter().map(|column| column.data_type.kind()).collect();
        self.kinds.insert(id, (key_type, kinds));
    }

    fn write_update(&self, out: &mut Writer<'_>, decoded: &Json) {
        let (key_type, kinds) = &self.kinds[&decoded["table_id"].as_u64().unwrap()];
        let kind = u8::try_from(decoded["msg_type"].as_u64().unwrap()).unwrap();
        let kind = UpdateKind::from_number(kind).unwrap();
        let word =
            |field: &str| u32::try_from(decoded[field].as_u64().unwrap_or_default()).unwrap();
        let trailing = from_hex(decoded["trailing_hex"].as_str().unwrap_or_default());
        let is_written =
            update::write_update(out, kind, word("update_id"), word("expire_ms"), |out| {
                update::write_key(out, *key_type, &key_from_json(*key_type, &decoded["key"]));
                let values = decoded["values"].as_object().unwrap();
                let mut types: Vec<DataType> =
                    values.keys().map(|name| DataType::from_name(name).unwrap()).collect();
                types.sort();
                for (data_type, kind) in types.iter().zip(kinds) {
                    let value = &values[data_type.name()];
                    for element in match value {
                        Json::Array(all) => all.as_slice(),
                        one => std::slice::from_ref(one),
                    } {
                        write_value(out, *kind, element);
                    }
                }
                out.bytes(&trailing);
            });
        assert!(is_written);
    }
}

/// As [`hello::write`] does where the lines are of that form.
fn write_hello(out: &mut Writer<'_>, decoded: &Json) {
    let lines: Vec<&str> =
        decoded["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let words: Vec<&str> = lines[2].split(' ').collect();
    let version = hello::read_version(lines[0].as_bytes());
    match (version, words.as_slice()) {
        (Ok(version), [caller, pid, "1"]) if lines[0].len() == 12 && !lines[1].ends_with('\r') => {
            hello::write(out, version, lines[1], caller, pid.parse().unwrap());
        }
        _ => {
            for line in lines {
                out.bytes(&from_latin1(line));
                out.u8(b'\n');
            }
        }
    }
}

pub(super) fn key_from_json(key_type: KeyType, key: &Json) -> Vec<u8> {
    match key_type {
        KeyType::Integer => i32::try_from(key.as_i64().unwrap()).unwrap().to_be_bytes().to_vec(),
        KeyType::Ipv4 => key.as_str().unwrap().parse::<Ipv4Addr>().unwrap().octets().to_vec(),
        KeyType::Ipv6 => key.as_str().unwrap().parse::<Ipv6Addr>().unwrap().octets().to_vec(),
        KeyType::String => from_latin1(key.as_str().unwrap()),
        KeyType::Binary => from_hex(key.as_str().unwrap()),
    }
}

fn write_value(out: &mut Writer<'_>, kind: Kind, value: &Json) {
    let number = |field: &str| value[field].as_u64().unwrap();
    match kind {
        Kind::Signed | Kind::Unsigned | Kind::Wide => {
            Value::Number(value.as_u64().unwrap()).write(out);
        }
        Kind::Rate => Value::Rate {
            age_ms: number("age_ms"),
            current: number("curr"),
            previous: number("prev"),
        }
        .write(out),
        Kind::Name if value.is_null() => Name::Absent.write(out),
        Kind::Name => {
            let slot = u8::try_from(number("cache_id")).unwrap();
            match value["value"].as_str() {
                Some(text) => Name::Define(slot, &from_latin1(text)).write(out),
                None => Name::Slot(slot).write(out),
            }
        }
    }
}

/// Decodes a stream, each entry in pieces as long as `next_len` says.
fn check_decoding(capture: &Capture, mut next_len: impl FnMut(usize) -> usize) {
    let mut sides = [Decoder::new(true), Decoder::new(false)];
    for (at, entry) in capture.entries().iter().enumerate() {
        let side = usize::from(entry["from"] == "server");
        let bytes = from_hex(entry["hex"].as_str().unwrap());
        let mut found = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(next_len(rest.len()).clamp(1, rest.len()));
            sides[side].push(piece, &mut found);
            rest = later;
        }
        sides[side].end_entry(&mut found);
        assert_eq!(&Json::Array(found), &entry["decoded"], "{} entry {at}", capture.name);
    }
}

#[test]
fn captured_streams_are_decoded_whole() {
    for capture in captures() {
        check_decoding(&capture, |len| len.min(30_000));
    }
}

#[test]
fn captured_streams_are_decoded_byte_by_byte() {
    for capture in captures() {
        if !capture.name.starts_with("b12") {
            check_decoding(&capture, |_| 1);
        }
    }
}

#[test]
fn captured_streams_are_decoded_in_random_pieces() {
    for seed in 0..5 {
        let mut random = Random::new(seed);
        for capture in captures() {
            check_decoding(&capture, |len| 1 + random.index(len.min(40)));
        }
    }
}

#[test]
fn what_was_captured_is_written_byte_for_byte() {
    for capture in captures() {
        let mut builders = [Builder::default(), Builder::default()];
        for (at, entry) in capture.entries().iter().enumerate() {
            let builder = &mut builders[usize::from(entry["from"] == "server")];
            let decoded = entry["decoded"].as_array().unwrap();
            let bytes: Vec<u8> = decoded.iter().flat_map(|one| builder.build(one)).collect();
            assert_eq!(to_hex(&bytes), entry["hex"], "{} entry {at}", capture.name);
        }
    }
}
