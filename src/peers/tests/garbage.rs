//! No input ends the process.

use super::captures::{captures, from_hex};
use super::{Random, section, sticky_table};
use crate::peers::peer::PeerId;
use crate::peers::resync::Start;
use crate::peers::session::{Closed, Session};
use crate::table::Tables;

/// One session with a peer that sends these bytes.
fn feed(bytes: &[u8], random: &mut Random) {
    let tables = [sticky_table("t1", 50), sticky_table("web", 50)];
    let mut tables = Tables::new(&tables).unwrap();
    let mut section = section(&["a", "b"], 0, &tables, Start::Alone, 1000);
    super::change(&mut tables, crate::config::TableId(0), 1, 1, 1000);
    let mut session = if random.one_in(2) {
        Session::accept(1000)
    } else {
        Session::connect(&mut section, PeerId(1), 1000)
    };
    let mut rest = bytes;
    let mut now_ms = 1000;
    while !rest.is_empty() {
        while let Some(offered) = session.poll_transmit(&mut section, &mut tables, now_ms) {
            let len = 1 + random.index(offered.len());
            session.handle_sent(len, now_ms);
        }
        let len = (1 + random.index(200)).min(rest.len());
        let space = session.receive_space();
        let len = len.min(space.len());
        space[..len].copy_from_slice(&rest[..len]);
        rest = &rest[len..];
        now_ms += random.below(50);
        let mut result = session.handle_received(len, &mut section, &mut tables, now_ms);
        while result.is_ok() && session.has_input() {
            result = session.handle_received(0, &mut section, &mut tables, now_ms);
        }
        if let Err(error) = result {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            break;
        }
    }
    while session.poll_event().is_some() {}
    session.poll_transmit(&mut section, &mut tables, now_ms);
    session.handle_closed(Closed::ByPeer, &mut section, &mut tables, now_ms);
}

#[test]
fn random_bytes_do_no_harm() {
    let mut random = Random::new(1);
    for _ in 0..300 {
        let mut bytes = match random.below(3) {
            0 => b"HAProxyS 2.1\na\nb 1 1\n".to_vec(),
            1 => b"200\n".to_vec(),
            _ => Vec::new(),
        };
        for _ in 0..random.below(3000) {
            let byte = match random.below(4) {
                0 => random.below(256),
                1 => [0, 1, 10, 128, 130, 131, 132, 133][random.index(8)],
                2 => random.below(16),
                _ => 0xf0 + random.below(16),
            };
            bytes.push(u8::try_from(byte).unwrap());
        }
        feed(&bytes, &mut random);
    }
}

#[test]
fn mutated_streams_do_no_harm() {
    let mut random = Random::new(2);
    for capture in captures() {
        for from in ["client", "server"] {
            let own = capture.entries().iter().filter(|entry| entry["from"] == from);
            let bytes: Vec<u8> =
                own.flat_map(|entry| from_hex(entry["hex"].as_str().unwrap())).collect();
            for _ in 0..20 {
                let mut bytes = bytes.clone();
                for _ in 0..1 + random.below(4) {
                    if bytes.len() < 40 {
                        break;
                    }
                    let at = 24 + random.index(bytes.len() - 24);
                    match random.below(4) {
                        0 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                        1 => drop(bytes.remove(at)),
                        2 => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
                        _ => bytes.truncate(at),
                    }
                }
                feed(&bytes, &mut random);
            }
        }
    }
}

#[test]
fn definitions_without_end_take_no_memory() {
    let mut random = Random::new(3);
    let mut bytes = b"HAProxyS 2.1\na\nb 1 1\n".to_vec();
    for id in 0..20_000_u32 {
        // Table ids of three bytes, an unknown name, an ip key, no data.
        let mut out = [0; 32];
        let mut writer = crate::peers::wire::Writer::new(&mut out);
        let name = format!("t{id}");
        let definition = crate::peers::wire::definition::OwnDefinition {
            table_id: u64::from(id) + 3000,
            name: name.as_bytes(),
            key_type: 4,
            key_len: 4,
            columns: &[],
            expire_ms: 0,
        };
        definition.write(&mut writer);
        let len = writer.len();
        bytes.extend_from_slice(&out[..len]);
    }
    feed(&bytes, &mut random);
}
