//! One peers section at run time: its peers and tables, and which peer is to be called.

use std::collections::VecDeque;
use std::ops::Range;

use super::conflict::Rivals;
use super::entries::encode::EncodePlan;
use super::events::SectionEvent;
use super::local_teaching::LocalTeaching;
use super::peer::{Caller, Peer, PeerId, PeerSession, SessionEnd};
use super::precedence::Precedence;
use super::resync::{Resync, Start};
use super::wire::hello::Version;
use crate::config;
use crate::config::TableId;
use crate::table::{Tables, UpdateId};

/// The parameters of a section that are not in its own configuration.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The process id that a hello tells.
    pub pid: u32,
    /// The seed of the random delays.
    pub seed: u64,
    /// The most messages handled, and updates sent, in one call (`max-updates-at-once`).
    pub updates_max: u32,
    /// Where the resync begins.
    pub start: Start,
}

/// One table of a section.
#[derive(Debug)]
pub struct SectionTable {
    /// Which table.
    pub id: TableId,
    /// The name that peers know it by.
    pub(super) name: Vec<u8>,
    pub(super) plan: EncodePlan,
    /// Entries are learned and never sent to peers.
    pub(super) recv_only: bool,
}

/// One peers section: everything that outlives a session.
#[derive(Debug)]
pub struct Section {
    name: String,
    /// The local peer; none in a section that does not name this process.
    local: Option<PeerId>,
    pid: u32,
    peers: Vec<Peer>,
    tables: Vec<SectionTable>,
    resync: Resync,
    local_teaching: LocalTeaching,
    updates_max: u32,
    /// Whether remote peers are called.
    calls_remote: bool,
    next_serial: u64,
    random: u64,
    events: VecDeque<SectionEvent>,
    lessons: VecDeque<Lesson>,
}

/// How many of the last lessons a section remembers.
const LESSONS_MAX: usize = 16;

/// The teaching of everything that has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// When it ended.
    pub at_ms: u64,
    /// The other node.
    pub peer: String,
    /// Who was taught.
    pub taught: Taught,
    /// The entries sent or received.
    pub entries: u64,
    /// Whether the teacher was not up to date itself.
    pub is_partial: bool,
}

/// Who was taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taught {
    /// This node, by the other.
    ThisNode,
    /// The other node, by this one.
    Peer,
}

impl Section {
    /// A section at the start of the process. A peer's id is its position in the configuration.
    pub fn new(
        declaration: &config::PeersSection,
        tables: &Tables,
        options: Options,
        now_ms: u64,
    ) -> Self {
        let own = declaration.tables.iter().map(|id| {
            let table = tables.get(*id);
            let name = table.declaration().wire_name.clone().into_bytes();
            let recv_only = table.declaration().recv_only;
            SectionTable { id: *id, name, plan: EncodePlan::new(table, true), recv_only }
        });
        let own: Vec<SectionTable> = own.collect();
        let local = declaration.local.and_then(|index| u16::try_from(index).ok()).map(PeerId);
        let peers: Vec<Peer> =
            declaration.peers.iter().map(|peer| Peer::new(peer, own.len(), now_ms)).collect();
        let has_remote = local.is_some() && peers.len() > 1;
        let mut events = VecDeque::new();
        let resync = Resync::new(options.start, has_remote, own.len(), now_ms);
        // A section without a local peer is not started: nothing happens to it.
        if resync.is_up_to_date() && local.is_some() {
            events.push_back(SectionEvent::UpToDate);
        }
        Self {
            name: declaration.name.clone(),
            local,
            pid: options.pid,
            peers,
            tables: own,
            resync,
            local_teaching: LocalTeaching::Off,
            updates_max: options.updates_max.max(1),
            calls_remote: local.is_some(),
            next_serial: 1,
            random: options.seed | 1,
            events,
            lessons: VecDeque::new(),
        }
    }

    /// The section of a handover session: all tables, by their names in the Runtime API, and one
    /// peer, the process at the other end.
    pub fn for_handover(tables: &Tables, updates_max: u32) -> Self {
        let all = tables.ids().map(|id| {
            let table = tables.get(id);
            let name = table.declaration().name.clone().into_bytes();
            SectionTable { id, name, plan: EncodePlan::new(table, false), recv_only: false }
        });
        let all: Vec<SectionTable> = all.collect();
        Self {
            name: "handover".to_owned(),
            local: None,
            pid: 0,
            peers: vec![Peer::named("handover".to_owned(), all.len(), 0)],
            tables: all,
            resync: Resync::new(Start::Alone, false, 0, 0),
            local_teaching: LocalTeaching::Off,
            updates_max: updates_max.max(1),
            calls_remote: false,
            next_serial: 1,
            random: 1,
            events: VecDeque::new(),
            lessons: VecDeque::new(),
        }
    }

    /// The section's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local peer; none in a section that does not name this process.
    pub fn local(&self) -> Option<PeerId> {
        self.local
    }

    /// The local peer's name.
    pub fn local_name(&self) -> Option<&str> {
        self.local.and_then(|id| self.peers.get(id.index())).map(Peer::name)
    }

    /// Every peer with its id, the local one included.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        (0..).map(PeerId).zip(&self.peers)
    }

    /// One peer.
    pub fn peer(&self, id: PeerId) -> &Peer {
        &self.peers[id.index()]
    }

    /// One peer.
    pub(super) fn peer_mut(&mut self, id: PeerId) -> &mut Peer {
        &mut self.peers[id.index()]
    }

    /// The tables, in the order of [`Peer::acked`].
    pub fn tables(&self) -> &[SectionTable] {
        &self.tables
    }

    /// How the section's resync stands.
    pub fn resync(&self) -> &Resync {
        &self.resync
    }

    /// The last lessons, oldest first.
    pub fn lessons(&self) -> impl Iterator<Item = &Lesson> {
        self.lessons.iter()
    }

    pub(super) fn note_lesson(
        &mut self,
        id: PeerId,
        taught: Taught,
        (entries, is_partial): (u64, bool),
        now_ms: u64,
    ) {
        if self.lessons.len() == LESSONS_MAX {
            self.lessons.pop_front();
        }
        let peer = self.peer(id).name().to_owned();
        self.lessons.push_back(Lesson { at_ms: now_ms, peer, taught, entries, is_partial });
    }

    /// Whether the section has this table.
    pub fn has_table(&self, id: TableId) -> bool {
        self.tables.iter().any(|own| own.id == id)
    }

    /// The peer of this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<PeerId> {
        let mut peers = self.peers().filter(|(_, peer)| !peer.is_absent());
        peers.find(|(_, peer)| peer.name().as_bytes() == name).map(|(id, _)| id)
    }

    /// The process id that a hello tells.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The most messages handled, and updates sent, in one call.
    pub(super) fn updates_max(&self) -> u32 {
        self.updates_max
    }

    pub(super) fn is_local(&self, id: PeerId) -> bool {
        self.local == Some(id)
    }

    /// The next thing that happened to the section. Nothing happens to a section that is not
    /// started because it has no local peer.
    pub fn poll_event(&mut self) -> Option<SectionEvent> {
        if self.local.is_none() {
            self.events.clear();
        }
        self.events.pop_front()
    }

    // The places of nodes that come and go.

    /// The nodes for these places are those of these names. A node that was here before gets its
    /// old place, if that is still free.
    pub fn set_nodes(&mut self, places: Range<u16>, names: &[&str], now_ms: u64) {
        let local = self.local_name().map(str::to_owned);
        let is_node = |name: &str| names.contains(&name) && local.as_deref() != Some(name);
        for peer in self.places_mut(&places) {
            // A session that is up needs no record.
            peer.is_absent = !is_node(peer.name()) && peer.session() == PeerSession::None;
        }
        for name in names.iter().filter(|name| is_node(name)) {
            if self.peers.iter().any(|peer| peer.name() == *name && !peer.is_absent) {
                continue;
            }
            let Some(id) = self.place_for(name, &places) else { continue };
            self.settle(id, name);
            let peer = self.peer_mut(id);
            peer.is_absent = false;
            peer.call_at(now_ms);
        }
    }

    /// The predecessor knew a node of this name. Returns its place.
    pub fn adopt_node(&mut self, name: &str) -> Option<PeerId> {
        if let Some(id) = self.place_of(name) {
            return Some(id);
        }
        let id = self.reserve(name)?;
        self.peer_mut(id).is_absent = false;
        Some(id)
    }

    /// The place of a node of this name, if there is one.
    pub fn place_of(&self, name: &str) -> Option<PeerId> {
        self.find(name.as_bytes()).filter(|id| !self.is_local(*id))
    }

    /// Keeps a place for a node that the predecessor knew.
    fn reserve(&mut self, name: &str) -> Option<PeerId> {
        let all = 0..u16::try_from(self.peers.len()).unwrap_or(u16::MAX);
        let id = self.place_for(name, &all)?;
        self.settle(id, name);
        Some(id)
    }

    /// A free place: the old one of this name, else one that nobody had, else any.
    fn place_for(&self, name: &str, places: &Range<u16>) -> Option<PeerId> {
        let free = |(id, peer): &(PeerId, &Peer)| places.contains(&id.0) && peer.is_absent();
        let rank = |peer: &Peer| (peer.name() != name, !peer.name().is_empty());
        let free = self.peers().filter(free);
        free.min_by_key(|(_, peer)| rank(peer)).map(|(id, _)| id)
    }

    fn settle(&mut self, id: PeerId, name: &str) {
        let tables = self.tables.len();
        let peer = self.peer_mut(id);
        if peer.name() != name {
            *peer = peer.succeeded_by(name.to_owned(), tables);
            peer.is_absent = true;
        }
    }

    fn places_mut(&mut self, places: &Range<u16>) -> impl Iterator<Item = &mut Peer> {
        let places = usize::from(places.start)..usize::from(places.end);
        self.peers.get_mut(places).unwrap_or_default().iter_mut()
    }

    /// Calls a peer as soon as possible.
    pub fn call_soon(&mut self, id: PeerId, now_ms: u64) {
        self.peer_mut(id).call_at(now_ms);
    }

    // Which peer is to be called.

    /// A peer that is to be called now: open a socket to it and make a
    /// [`Session::connect`](super::Session::connect) for it, or say
    /// [`Section::handle_call_failed`]. Ask again until there is none.
    pub fn poll_call(&self, now_ms: u64) -> Option<PeerId> {
        if self.local_teaching.wants_call(now_ms) {
            return self.local;
        }
        let mut due = self.idle_peers().filter(|(_, peer)| peer.next_call_ms() <= now_ms);
        due.next().map(|(id, _)| id)
    }

    /// When to ask [`Section::poll_call`] and [`Section::handle_timeout`] again.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let calls = self.idle_peers().map(|(_, peer)| peer.next_call_ms());
        let others = [self.local_teaching.deadline_ms(), self.resync.deadline_ms()];
        calls.chain(others.into_iter().flatten()).min()
    }

    /// The remote peers without a session; none if no peer is to be called.
    fn idle_peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        let remote = self.peers().filter(|(id, _)| self.calls_remote && !self.is_local(*id));
        remote.filter(|(_, peer)| peer.session() == PeerSession::None && !peer.is_absent())
    }

    /// Gives up on teachers and on the successor when their time is over.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        let resync = self.resync.handle_timeout(now_ms);
        let local_teaching = self.local_teaching.handle_timeout(now_ms);
        self.events.extend(resync.into_iter().chain(local_teaching));
    }

    /// A call that [`Section::poll_call`] asked for could not be made, for instance because the
    /// peer's host name does not resolve.
    pub fn handle_call_failed(&mut self, id: PeerId, now_ms: u64) {
        let serial = self.begin_call(id, now_ms);
        if self.is_local(id) {
            self.end_local_call(false, now_ms);
        } else {
            self.end_session(id, serial, SessionEnd::Unreachable, now_ms);
        }
    }

    /// Begins or stops calling remote peers. Sessions that are up are left alone.
    pub fn set_calling(&mut self, calling: bool, now_ms: u64) {
        if calling && !self.calls_remote {
            for peer in &mut self.peers {
                peer.call_at(now_ms);
            }
        }
        self.calls_remote = calling && self.local.is_some();
    }

    /// Begins to call the local peer's address, to teach a successor there.
    pub fn start_local_teaching(&mut self, now_ms: u64) {
        self.local_teaching = if self.local.is_some() && self.resync.is_up_to_date() {
            LocalTeaching::start(now_ms)
        } else {
            LocalTeaching::GaveUp
        };
    }

    /// How teaching a successor over the local peer's address stands.
    pub fn local_teaching(&self) -> LocalTeaching {
        self.local_teaching
    }

    // The end of a handover from the predecessor.

    /// The predecessor has handed over everything: no peer is asked to teach.
    pub fn handle_handover_finished(&mut self) {
        let event = self.resync.handle_handover_finished();
        self.events.extend(event.filter(|_| self.local.is_some()));
    }

    /// The predecessor has handed over, and the tables may lack entries that peers have: a peer is
    /// asked to teach. With `adds`, the peer only adds to the tables, because the predecessor had
    /// everything that its own tables had room for.
    pub fn handle_handover_incomplete(&mut self, adds: bool, now_ms: u64) {
        self.resync.handle_handover_incomplete(adds, now_ms);
    }

    /// The predecessor has looked for a teacher already: `left_ms` is the rest of its time.
    pub fn shorten_search(&mut self, left_ms: u64, now_ms: u64) {
        self.resync.shorten_search(left_ms, now_ms);
    }

    /// The predecessor has not handed over: remote peers are asked instead.
    pub fn handle_handover_failed(&mut self, now_ms: u64) {
        let event = self.resync.handle_handover_failed(now_ms);
        self.events.extend(event);
    }

    // What the successor takes over.

    /// What each remote peer has acknowledged: the peer's name, the table and the update id.
    pub fn positions(&self) -> impl Iterator<Item = (&str, TableId, UpdateId)> {
        let remote = self.peers().filter(|(id, _)| !self.is_local(*id));
        let remote = remote.filter(|(_, peer)| !peer.is_absent());
        remote.flat_map(|(_, peer)| {
            let acked = self.tables.iter().zip(peer.acked());
            acked.map(|(table, acked)| (peer.name(), table.id, *acked))
        })
    }

    /// Takes over what a remote peer had acknowledged to the predecessor. A peer or a table that
    /// this section does not have is passed over.
    pub fn adopt_position(&mut self, peer: &str, table: TableId, acked: UpdateId) {
        let Some(index) = self.tables.iter().position(|own| own.id == table) else { return };
        let Some(id) = self.find(peer.as_bytes()).or_else(|| self.reserve(peer)) else { return };
        if let Some(place) = self.peer_mut(id).acked.get_mut(index) {
            *place = acked;
        }
    }

    // What sessions ask and report.

    /// What a session sends is taken from: the tables, and the peer with its acknowledgements.
    pub(super) fn for_teaching(&mut self, id: PeerId) -> (&[SectionTable], &mut Peer) {
        (&self.tables, &mut self.peers[id.index()])
    }

    /// The tables that a session may change, and what its updates may change in them.
    pub(super) fn for_learning(&mut self, from: PeerId) -> (&[SectionTable], Precedence<'_>) {
        let rivals = Rivals { peers: &self.peers, from, local: self.local };
        (&self.tables, self.resync.precedence(rivals))
    }

    /// The version of the next call. A successor at the local peer's address speaks 2.1.
    pub(super) fn version_to_announce(&self, id: PeerId) -> Version {
        if self.is_local(id) { Version::V2_1 } else { self.peer(id).version_to_announce() }
    }

    /// A call begins. Returns the serial number of its session.
    pub(super) fn begin_call(&mut self, id: PeerId, now_ms: u64) -> u64 {
        let serial = self.new_serial();
        if self.is_local(id) {
            self.local_teaching.begin_call(now_ms);
        } else {
            self.peer_mut(id).begin_call(serial, now_ms);
        }
        serial
    }

    /// A peer called and is accepted. Returns the serial number of its session. The last valid
    /// hello wins: an older session or attempt is not the peer's any more.
    pub(super) fn accept(&mut self, id: PeerId, version: Version, now_ms: u64) -> u64 {
        let serial = self.new_serial();
        let delay_ms = self.random_delay_ms();
        if self.peer(id).session() != PeerSession::None {
            self.lose_teacher(id, now_ms);
        }
        self.peer_mut(id).accept(serial, version, delay_ms, now_ms);
        self.note_session(id);
        serial
    }

    /// A call was accepted: the messages begin.
    pub(super) fn begin_session(&mut self, id: PeerId, serial: u64, version: Version, now_ms: u64) {
        self.peer_mut(id).begin_session(serial, version, Caller::ThisNode, now_ms);
        self.note_session(id);
    }

    /// A session of the predecessor goes on here. Returns its serial number.
    pub(super) fn carry_on(
        &mut self,
        id: PeerId,
        (version, caller): (Version, Caller),
        is_partial: bool,
        since_ms: u64,
    ) -> u64 {
        let serial = self.new_serial();
        let peer = self.peer_mut(id);
        peer.carry_on(serial, version, caller, since_ms);
        if is_partial {
            peer.note_partial();
        }
        serial
    }

    fn note_session(&mut self, id: PeerId) {
        if self.is_local(id) {
            self.resync.handle_local_up();
        }
    }

    /// The successor at the local peer's address has confirmed what it was taught.
    pub(super) fn handle_confirmed_locally(&mut self) {
        self.local_teaching.confirm();
    }

    /// A teacher has taught all that it has, whether it was asked or not.
    pub(super) fn handle_resync_finished(&mut self, id: PeerId, is_partial: bool, now_ms: u64) {
        if is_partial {
            self.peer_mut(id).note_partial();
        }
        let event = if self.is_local(id) {
            self.resync.handle_local_finished(is_partial, now_ms)
        } else {
            self.resync.handle_remote_finished(id, is_partial, now_ms)
        };
        self.events.extend(event);
    }

    /// Whether this peer is to be asked to teach now. If so, it counts as asked.
    pub(super) fn poll_request(&mut self, id: PeerId, now_ms: u64) -> bool {
        let asks =
            !self.is_local(id) && !self.peer(id).is_partial() && self.resync.wants_remote_teacher();
        if asks {
            self.resync.begin_remote(id, now_ms);
        }
        asks
    }

    /// The session or attempt with a peer is over. Nothing changes if a later one has taken its
    /// place.
    pub(super) fn end_session(&mut self, id: PeerId, serial: u64, end: SessionEnd, now_ms: u64) {
        if self.peer(id).session().serial() != Some(serial) {
            return;
        }
        self.lose_teacher(id, now_ms);
        let delay_ms = self.random_delay_ms();
        self.peer_mut(id).end_session(end, delay_ms, now_ms);
    }

    /// The call of the successor is over.
    pub(super) fn end_local_call(&mut self, was_accepted: bool, now_ms: u64) {
        self.local_teaching.end_call(was_accepted, now_ms);
    }

    fn lose_teacher(&mut self, id: PeerId, now_ms: u64) {
        if self.is_local(id) {
            self.resync.handle_local_lost(now_ms);
        } else {
            self.resync.handle_remote_lost(id, now_ms);
        }
    }

    fn new_serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    /// 50 to 2050 ms, so that two nodes that drop each other's call do not do so again at the same
    /// moment.
    fn random_delay_ms(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        50 + (self.random >> 11) % 2001
    }
}
