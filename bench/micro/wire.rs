//! Writing and reading one entry update, whole and field by field, and the integers of the
//! protocol.

use divan::{Bencher, black_box};
use stickd::config::KeyType;
use stickd::config::data_type::Kind;
use stickd::peers::wire::cursor::encode_varint;
use stickd::peers::wire::message::{Message, read_frame};
use stickd::peers::wire::update::{
    Name, ShortUpdate, UpdateKind, Value, read_key, write_key, write_update,
};
use stickd::peers::wire::{Reader, Writer};

const KEY: [u8; 4] = [192, 0, 2, 1];

/// Writes an update of a table that stores server_id and server_key. Returns its length.
fn encode(buffer: &mut [u8], update_id: u32) -> usize {
    let mut out = Writer::new(buffer);
    write_update(&mut out, UpdateKind::LIVE, update_id, 0, |payload| {
        write_key(payload, KeyType::Ipv4, &KEY);
        Value::Number(1).write(payload);
        Value::Name(Name::Slot(1)).write(payload);
    });
    out.len()
}

/// The update in the message `bytes`.
fn update_in(bytes: &[u8]) -> (UpdateKind, &[u8]) {
    let (frame, _) = read_frame(bytes).unwrap().unwrap();
    let Message::Update(kind, payload) = Message::read(frame).unwrap() else {
        panic!("not an update");
    };
    (kind, payload)
}

#[divan::bench]
fn encode_update(bencher: Bencher<'_, '_>) {
    let mut buffer = [0; 64];
    bencher.bench_local(|| {
        let mut out = Writer::new(black_box(&mut buffer));
        let update = ShortUpdate::new(black_box(7), 0, &KEY, 1, 1).unwrap();
        update.write(&mut out, UpdateKind::LIVE);
        out.len()
    });
}

#[divan::bench]
fn decode_update(bencher: Bencher<'_, '_>) {
    let mut buffer = [0; 64];
    let len = encode(&mut buffer, 7);
    bencher.bench_local(|| {
        let (kind, payload) = update_in(black_box(&buffer[..len]));
        ShortUpdate::read(kind, payload).unwrap().id
    });
}

#[divan::bench]
fn encode_update_by_fields(bencher: Bencher<'_, '_>) {
    let mut buffer = [0; 64];
    bencher.bench_local(|| encode(black_box(&mut buffer), black_box(7)));
}

#[divan::bench]
fn decode_update_by_fields(bencher: Bencher<'_, '_>) {
    let mut buffer = [0; 64];
    let len = encode(&mut buffer, 7);
    bencher.bench_local(|| {
        let (_, payload) = update_in(black_box(&buffer[..len]));
        let mut payload = Reader::new(payload);
        let update_id = payload.be32().unwrap();
        black_box(read_key(&mut payload, KeyType::Ipv4, 4).unwrap());
        black_box(Value::read(&mut payload, Kind::Unsigned).unwrap());
        black_box(Value::read(&mut payload, Kind::Name).unwrap());
        update_id
    });
}

#[divan::bench(args = [1, 1_000, 3_600_000, u64::MAX])]
fn encode_integer(value: u64) -> usize {
    encode_varint(black_box(value)).1
}
