//! Learning and teaching in memory: nanoseconds for each entry of a lesson of a `type ip` table
//! with `server_id` and `server_key`.

#![expect(clippy::print_stdout, reason = "the figures are the output")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::unwrap_used, reason = "a bench may end at once")]

use std::time::Instant;

use stickd::config::data_type::{DataType, StoredData};
use stickd::config::{
    KeyType, Peer, PeerAddress, PeersId, PeersSection, ServerKey, StickTable, TableId,
};
use stickd::peers::resync::Start;
use stickd::peers::{Options, Section, Session};
use stickd::table::Tables;

const ENTRIES: u32 = 1_000_000;
const NOW_MS: u64 = 1_000_000;
const T: TableId = TableId(0);

fn table() -> StickTable {
    let stored = |data_type| StoredData { data_type, elements: 1, period_ms: 0 };
    StickTable {
        name: "web".to_owned(),
        wire_name: "web".to_owned(),
        key_type: KeyType::Ipv4,
        key_len: 4,
        wire_key_len: 4,
        size: ENTRIES,
        expire_ms: Some(600_000),
        nopurge: false,
        recv_only: false,
        server_key: ServerKey::Name,
        data: vec![stored(DataType::ServerId), stored(DataType::ServerKey)],
        peers: Some(PeersId(0)),
    }
}

fn node(local: usize, updates_max: u32) -> (Section, Tables) {
    let tables = Tables::new(&[table()]).unwrap();
    let peer = |name: &str| Peer {
        name: name.to_owned(),
        address: PeerAddress::Unresolved { host: name.to_owned(), port: 1 },
    };
    let declaration = PeersSection {
        name: "mypeers".to_owned(),
        disabled: false,
        peers: vec![peer("a"), peer("b")],
        local: Some(local),
        binds: Vec::new(),
        tables: vec![T],
        log: Vec::new(),
    };
    let options = Options { pid: 1, seed: 1, updates_max, start: Start::Alone };
    let mut section = Section::new(&declaration, &tables, options, NOW_MS);
    // Nobody teaches it: it is up to date.
    section.handle_timeout(NOW_MS + 10_000);
    (section, tables)
}

/// The client with this number; neighbours in time are not neighbours in the table.
fn client(number: u32) -> [u8; 4] {
    number.wrapping_mul(2_654_435_761).to_be_bytes()
}

fn fill(tables: &mut Tables) {
    for number in 0..ENTRIES {
        let server = number % 8;
        let name = tables.names_mut().intern(format!("s{server}").as_bytes()).unwrap();
        let table = tables.get_mut(T);
        let id = table.cell(DataType::ServerId).unwrap();
        let key = table.cell(DataType::ServerKey).unwrap();
        let (row, _) = table.find_or_insert(&client(number), NOW_MS).unwrap();
        table.set_u32(row, id, 0, server);
        table.set_u32(row, key, 0, name.0);
        table.touch_local(row, NOW_MS);
    }
}

fn receive(session: &mut Session, section: &mut Section, tables: &mut Tables, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() || session.has_input() {
        let space = session.receive_space();
        let len = space.len().min(rest.len());
        space[..len].copy_from_slice(&rest[..len]);
        rest = &rest[len..];
        session.handle_received(len, section, tables, NOW_MS).unwrap();
        while let Some(bytes) = session.poll_transmit(section, tables, NOW_MS) {
            let len = bytes.len();
            session.handle_sent(len, NOW_MS);
        }
        while session.poll_event().is_some() {}
    }
}

fn main() {
    for updates_max in [200, 1000] {
        let (mut section, mut tables) = node(0, updates_max);
        fill(&mut tables);
        let mut session = Session::accept(NOW_MS);
        // The request comes with the hello, so that nothing is pushed live before it.
        let hello = b"HAProxyS 2.1\na\nb 1 1\n\x00\x00";
        session.receive_space()[..hello.len()].copy_from_slice(hello);
        session.handle_received(hello.len(), &mut section, &mut tables, NOW_MS).unwrap();
        let mut lesson = Vec::with_capacity(40_000_000);
        let begin = Instant::now();
        while let Some(bytes) = session.poll_transmit(&mut section, &mut tables, NOW_MS) {
            lesson.extend_from_slice(bytes);
            let len = bytes.len();
            session.handle_sent(len, NOW_MS);
        }
        report("teach", updates_max, begin);

        let (mut section, mut tables) = node(1, updates_max);
        let peer = section.poll_call(NOW_MS).unwrap();
        let mut session = Session::connect(&mut section, peer, NOW_MS);
        let len = session.poll_transmit(&mut section, &mut tables, NOW_MS).unwrap().len();
        session.handle_sent(len, NOW_MS);
        let begin = Instant::now();
        receive(&mut session, &mut section, &mut tables, &lesson);
        report("learn, empty table", updates_max, begin);
        assert_eq!(tables.get(T).used(), ENTRIES);
        let begin = Instant::now();
        // Again, without the status line.
        receive(&mut session, &mut section, &mut tables, &lesson[4..]);
        report("learn, known entries", updates_max, begin);
    }
}

fn report(what: &str, updates_max: u32, begin: Instant) {
    let ns = begin.elapsed().as_secs_f64() * 1e9 / f64::from(ENTRIES);
    let rate = 1e3 / ns;
    println!("{what:24} {ns:6.1} ns/entry {rate:6.1} M/s   ({updates_max} updates at once)");
}
