//! What an acknowledgement confirms, however late it comes.

use super::super::peer::PeerId;
use super::super::resync::Start;
use super::super::section::Section;
use super::super::session::Session;
use super::super::wire::Writer;
use super::super::wire::frame;
use super::super::wire::message::{self, Control, Message};
use super::{change, section, sticky_table};
use crate::config::TableId;
use crate::table::{Tables, UpdateId};

const T: TableId = TableId(0);
const NOW_MS: u64 = 1_000_000;

/// A node with one session, whose other side is the test.
struct Node {
    section: Section,
    tables: Tables,
    session: Session,
}

impl Node {
    fn new(size: u32) -> Self {
        let tables = Tables::new(&[sticky_table("web", size)]).unwrap();
        let section = section(&["a", "b"], 0, &tables, Start::Alone, NOW_MS);
        let mut node = Self { section, tables, session: Session::accept(NOW_MS) };
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        // The lesson that it asks for is over.
        node.sent();
        node.say(|out| Control::ResyncFinished.write(out));
        node.sent();
        node
    }

    fn receive(&mut self, bytes: &[u8]) {
        let Self { section, tables, session } = self;
        session.receive_space()[..bytes.len()].copy_from_slice(bytes);
        session.handle_received(bytes.len(), section, tables, NOW_MS).unwrap();
    }

    fn say(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let mut bytes = vec![0; 1000];
        let mut out = Writer::new(&mut bytes);
        write(&mut out);
        let len = out.len();
        self.receive(&bytes[..len]);
    }

    fn acknowledge(&mut self, id: u32) {
        self.say(|out| assert!(message::write_ack(out, 1, id)));
    }

    fn change(&mut self, clients: impl IntoIterator<Item = u32>) {
        for client in clients {
            change(&mut self.tables, T, client, 1, NOW_MS);
        }
    }

    /// Another peer has been sent everything: what changes again gets a new place.
    fn push_to_another(&mut self) {
        let table = self.tables.get_mut(T);
        let last = table.last_update();
        table.note_pushed(last);
    }

    /// The update ids of what it sends now.
    fn sent(&mut self) -> Vec<u32> {
        let Self { section, tables, session } = self;
        let mut bytes = Vec::new();
        while let Some(part) = session.poll_transmit(section, tables, NOW_MS) {
            let len = part.len();
            bytes.extend_from_slice(part);
            session.handle_sent(len, NOW_MS);
        }
        let mut ids = Vec::new();
        let mut unread = bytes.strip_prefix(b"200\n").unwrap_or(&bytes);
        while let Ok(Some((frame, len))) = frame::read(unread) {
            if let Ok(Message::Update(_, payload)) = Message::read(frame) {
                ids.push(u32::from_be_bytes(payload[..4].try_into().unwrap()));
            }
            unread = &unread[len..];
        }
        ids
    }

    fn acked(&self) -> UpdateId {
        self.section.peer(PeerId(1)).acked()[0]
    }
}

/// Sixty clients are pushed live; then the log laps the peer, and all are pushed in full. The row
/// that is sent last has the id that it was pushed live with.
fn lapped() -> Node {
    let mut node = Node::new(64);
    node.change(0..60);
    assert_eq!(node.sent().last(), Some(&60));
    for _ in 0..6 {
        node.push_to_another();
        node.change(0..59);
    }
    let full = node.sent();
    assert!(full.len() >= 60 && full.contains(&60), "{full:?}");
    node
}

#[test]
fn a_late_acknowledgement_of_a_live_push_does_not_confirm_a_full_push() {
    let mut node = lapped();
    node.acknowledge(60);
    assert_eq!(node.acked(), UpdateId(0), "the full push may never arrive");
}

#[test]
fn the_last_update_of_a_full_push_confirms_it() {
    let mut node = Node::new(64);
    node.change(0..60);
    for _ in 0..6 {
        node.push_to_another();
        node.change(0..59);
    }
    let start = node.tables.get(T).last_update();
    let last = *node.sent().last().unwrap();
    node.acknowledge(last);
    assert_eq!(node.acked(), start);
    node.change([3]);
    let after = node.sent();
    assert_eq!(after.len(), 1);
    node.acknowledge(after[0]);
    assert_eq!(node.acked(), UpdateId(after[0]));
    assert_eq!(node.sent(), [0; 0]);
}

#[test]
fn a_change_behind_a_full_push_confirms_it_and_is_not_confirmed_by_it() {
    let mut node = lapped();
    let start = node.acked();
    node.change([7]);
    let change = node.sent();
    assert_eq!(change.len(), 1, "{change:?}");
    node.acknowledge(60);
    assert_eq!(node.acked(), start);
    node.acknowledge(change[0]);
    assert_eq!(node.acked(), UpdateId(change[0]));
}
