//! A node with one session, whose other side is the test.

use super::{change, section, sticky_table};
use crate::config::{StickTable, TableId};
use crate::peers::peer::PeerId;
use crate::peers::resync::Start;
use crate::peers::section::Section;
use crate::peers::session::Session;
use crate::peers::wire::Writer;
use crate::peers::wire::message;
use crate::peers::wire::message::{Control, Message};
use crate::table::{Tables, UpdateId};

pub(super) const T: TableId = TableId(0);
pub(super) const NOW_MS: u64 = 1_000_000;

/// The node, and its end of the session.
pub(super) struct Node {
    pub(super) section: Section,
    pub(super) tables: Tables,
    session: Session,
}

impl Node {
    pub(super) fn new(size: u32) -> Self {
        Self::with_tables(&[sticky_table("web", size)])
    }

    pub(super) fn with_tables(declarations: &[StickTable]) -> Self {
        let mut node = Self::called(declarations, Start::Alone);
        node.receive(b"HAProxyS 2.1\na\nb 1 1\n");
        // The resync that it asks for is over.
        node.sent();
        node.say(|out| Control::ResyncFinished.write(out));
        node.sent();
        node
    }

    /// A node that is called, and has not heard the hello.
    pub(super) fn called(declarations: &[StickTable], start: Start) -> Self {
        let tables = Tables::new(declarations).unwrap();
        let section = section(&["a", "b"], 0, &tables, start, NOW_MS);
        Self { section, tables, session: Session::accept(NOW_MS) }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let Self { section, tables, session } = self;
        session.receive_space()[..bytes.len()].copy_from_slice(bytes);
        session.handle_received(bytes.len(), section, tables, NOW_MS).unwrap();
    }

    pub(super) fn say(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let mut bytes = vec![0; 1000];
        let mut out = Writer::new(&mut bytes);
        write(&mut out);
        let len = out.len();
        self.receive(&bytes[..len]);
    }

    /// The successor of the node, which goes on with the session. It has these tables, and keeps
    /// the entries if they are the same.
    pub(super) fn carried(&mut self, declarations: &[StickTable]) -> Option<Self> {
        let is_same = declarations.len() == self.tables.ids().count();
        let empty = Tables::new(declarations).unwrap();
        let tables = if is_same { std::mem::replace(&mut self.tables, empty) } else { empty };
        self.carried_with(tables)
    }

    /// The same without an entry.
    pub(super) fn carried_into_empty(&mut self, declarations: &[StickTable]) -> Option<Self> {
        self.carried_with(Tables::new(declarations).unwrap())
    }

    fn carried_with(&mut self, mut tables: Tables) -> Option<Self> {
        while self.session.poll_event().is_some() {}
        let carried = self.session.carry(&mut self.section, &mut tables, NOW_MS)?;
        let mut next = section(&["a", "b"], 0, &tables, Start::AfterHandover, NOW_MS);
        next.handle_handover_finished();
        for (peer, table, acked) in self.section.positions() {
            next.adopt_position(peer, table, acked);
        }
        let peer = PeerId(1);
        let session = Session::carried(&carried, peer, &mut next, &mut tables, NOW_MS)?;
        Some(Self { section: next, tables, session })
    }

    pub(super) fn acknowledge(&mut self, id: u32) {
        self.say(|out| assert!(message::write_ack(out, 1, id)));
    }

    pub(super) fn change(&mut self, clients: impl IntoIterator<Item = u32>) {
        for client in clients {
            change(&mut self.tables, T, client, 1, NOW_MS);
        }
    }

    /// Another peer has been sent everything: what changes again gets a new place.
    pub(super) fn push_to_another(&mut self) {
        let table = self.tables.get_mut(T);
        let last = table.last_update();
        table.note_pushed(last);
    }

    /// The bytes that the node sends now.
    pub(super) fn sent_bytes(&mut self) -> Vec<u8> {
        let Self { section, tables, session } = self;
        let mut bytes = Vec::new();
        while let Some(part) = session.poll_transmit(section, tables, NOW_MS) {
            let len = part.len();
            bytes.extend_from_slice(part);
            session.handle_sent(len, NOW_MS);
        }
        bytes
    }

    /// The ids of the updates that the node sends now.
    pub(super) fn sent(&mut self) -> Vec<u32> {
        let bytes = self.sent_bytes();
        let mut ids = Vec::new();
        let mut unread = bytes.strip_prefix(b"200\n").unwrap_or(&bytes);
        while let Ok(Some((frame, len))) = message::read_frame(unread) {
            if let Ok(Message::Update(_, payload)) = Message::read(frame) {
                ids.push(u32::from_be_bytes(payload[..4].try_into().unwrap()));
            }
            unread = &unread[len..];
        }
        ids
    }

    /// Whether the session goes on when it is asked at this time.
    pub(super) fn goes_on(&mut self, now_ms: u64) -> bool {
        self.session.handle_timeout(&mut self.section, now_ms).is_ok()
    }

    /// Goes on with what was received. Returns whether more of it is left.
    pub(super) fn handle_more(&mut self, now_ms: u64) -> bool {
        let Self { section, tables, session } = self;
        session.handle_received(0, section, tables, now_ms).unwrap();
        session.has_input()
    }

    pub(super) fn acked(&self) -> UpdateId {
        self.section.peer(PeerId(1)).acked()[0]
    }
}
