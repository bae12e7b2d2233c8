//! A whole resync between two nodes in memory: the time to teach and to learn an entry.

use divan::Bencher;
use divan::counter::ItemsCount;
use stickd::config::data_type::DataType;
use stickd::config::{Peer, PeerAddress, PeersSection, TableId};
use stickd::peers::resync::Start;
use stickd::peers::{Options, Section, Session};
use stickd::table::Tables;

use crate::keys::{declaration, key};

const ENTRIES: u32 = 1_000_000;
const NOW_MS: u64 = 1_000_000;
/// The request for a resync comes with the hello, so that no entry is pushed before it.
const HELLO: &[u8] = b"HAProxyS 2.1\na\nb 1 1\n\x00\x00";
const STATUS_LEN: usize = "200\n".len();

struct Node {
    section: Section,
    tables: Tables,
}

impl Node {
    fn new(local: usize) -> Self {
        let tables = Tables::new(&[declaration(ENTRIES)]).unwrap();
        let peer = |name: &str| Peer {
            name: name.to_owned(),
            address: PeerAddress::Unresolved { host: name.to_owned(), port: 1 },
            tls: None,
            verify_host: None,
        };
        let declaration = PeersSection {
            name: "mypeers".to_owned(),
            disabled: false,
            peers: vec![peer("a"), peer("b")],
            local: Some(local),
            binds: Vec::new(),
            templates: Vec::new(),
            allowed: Vec::new(),
            tables: vec![TableId(0)],
            log: Vec::new(),
        };
        let options = Options { pid: 1, seed: 1, updates_max: 200, start: Start::Alone };
        let mut section = Section::new(&declaration, &tables, options, NOW_MS);
        // No peer teaches this node, so it counts as up to date.
        section.handle_timeout(NOW_MS + 10_000);
        Self { section, tables }
    }

    fn teacher() -> Self {
        let mut node = Self::new(0);
        let name = node.tables.names_mut().intern(b"s1").unwrap();
        let table = node.tables.get_mut(TableId(0));
        let id = table.cell(DataType::ServerId).unwrap();
        let server_key = table.cell(DataType::ServerKey).unwrap();
        for number in 0..ENTRIES {
            let (row, _) = table.find_or_insert(&key(number), NOW_MS).unwrap();
            table.set_u32(row, id, 0, 1);
            table.set_u32(row, server_key, 0, name.0);
            table.touch_local(row, NOW_MS);
        }
        node
    }

    /// All bytes that are sent to a peer that requests a resync.
    fn teach(&mut self, mut take: impl FnMut(&[u8])) {
        let mut session = Session::accept(NOW_MS);
        session.receive_space()[..HELLO.len()].copy_from_slice(HELLO);
        session.handle_received(HELLO.len(), &mut self.section, &mut self.tables, NOW_MS).unwrap();
        while let Some(bytes) = session.poll_transmit(&mut self.section, &mut self.tables, NOW_MS) {
            let len = bytes.len();
            take(bytes);
            session.handle_sent(len, NOW_MS);
        }
    }

    fn call(&mut self) -> Session {
        let peer = self.section.poll_call(NOW_MS).unwrap();
        let mut session = Session::connect(&mut self.section, peer, NOW_MS);
        let hello = session.poll_transmit(&mut self.section, &mut self.tables, NOW_MS).unwrap();
        let len = hello.len();
        session.handle_sent(len, NOW_MS);
        session
    }

    fn learn(&mut self, session: &mut Session, mut resync: &[u8]) {
        while !resync.is_empty() || session.has_input() {
            let space = session.receive_space();
            let (now, later) = resync.split_at(space.len().min(resync.len()));
            space[..now.len()].copy_from_slice(now);
            resync = later;
            session
                .handle_received(now.len(), &mut self.section, &mut self.tables, NOW_MS)
                .unwrap();
            while let Some(answer) =
                session.poll_transmit(&mut self.section, &mut self.tables, NOW_MS)
            {
                let len = answer.len();
                session.handle_sent(len, NOW_MS);
            }
            while session.poll_event().is_some() {}
        }
        assert_eq!(self.tables.get(TableId(0)).used(), ENTRIES);
    }
}

fn resync() -> Vec<u8> {
    let mut resync = Vec::new();
    Node::teacher().teach(|bytes| resync.extend_from_slice(bytes));
    resync
}

#[divan::bench(sample_count = 10)]
fn teach(bencher: Bencher<'_, '_>) {
    let mut teacher = Node::teacher();
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let mut len = 0;
        teacher.teach(|bytes| len += bytes.len());
        len
    });
}

#[divan::bench(sample_count = 10)]
fn learn_new_entries(bencher: Bencher<'_, '_>) {
    let resync = resync();
    bencher
        .counter(ItemsCount::new(ENTRIES))
        .with_inputs(|| {
            let mut node = Node::new(1);
            let session = node.call();
            (node, session)
        })
        .bench_local_refs(|(node, session)| node.learn(session, &resync));
}

#[divan::bench(sample_count = 10)]
fn learn_known_entries(bencher: Bencher<'_, '_>) {
    let resync = resync();
    let mut node = Node::new(1);
    let mut session = node.call();
    node.learn(&mut session, &resync);
    bencher
        .counter(ItemsCount::new(ENTRIES))
        .bench_local(|| node.learn(&mut session, &resync[STATUS_LEN..]));
}
