//! One peers section at run time: who its peers are, what is known of each of them from one
//! session to the next, and when to call whom.

use std::collections::VecDeque;

use super::peer::{Contact, Peer, PeerId};
use super::resync::{Resync, Start};
use super::row_sources::Tellers;
use super::session::plan::EncodePlan;
use super::wire::hello::Version;
use crate::config;
use crate::config::TableId;
use crate::table::{Tables, UpdateId};

/// From one call of a peer to the next, and from the last heartbeat to a call (protocol.md, 3.6).
const CALL_AGAIN_MS: u64 = 5000;
/// Between calls that nobody answered, as long as the round lasts.
const CALL_RETRY_MS: u64 = 1000;
/// The calls of one round.
const CALLS_PER_ROUND: u8 = 3;
/// From one call of the successor to the next.
const LOCAL_AGAIN_MS: u64 = 500;
/// How long the successor is called.
const LOCAL_GIVE_UP_MS: u64 = 5000;
/// How long one session with the successor may take: it may be alive and never confirm.
const LOCAL_SESSION_MS: u64 = 60_000;
/// Shorter sessions are not followed by another call at once.
const SESSION_SHORT_MS: u64 = 1000;

/// What a section is made with, besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The process id that a hello tells.
    pub pid: u32,
    /// Where the random delays start from.
    pub seed: u64,
    /// The most messages handled, and updates sent, in one call (`max-updates-at-once`).
    pub updates_max: u32,
    /// Where the first lesson comes from.
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
    /// Learned, never pushed.
    pub(super) recv_only: bool,
}

/// Something that happened to the section as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionEvent {
    /// No predecessor taught; from now on remote peers are asked.
    LocalTeacherMissing,
    /// The first lesson is complete.
    UpToDate,
    /// No remote peer taught in time; what is there counts as up to date.
    RemoteTeacherMissing,
    /// The successor could not be taught over the local peer's address.
    SuccessorMissing,
}

/// Teaching the successor over the local peer's address. Each state that waits has a limit: the
/// process stays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTeaching {
    /// Nobody asked for it.
    Off,
    /// It is to be called at `next_call_ms`, until `give_up_ms`.
    Calling {
        /// When to call.
        next_call_ms: u64,
        /// When to stop calling.
        give_up_ms: u64,
    },
    /// A session with it is up or being made.
    Teaching {
        /// When to stop if the session fails before it is accepted.
        give_up_ms: u64,
        /// When to stop whatever the session does.
        until_ms: u64,
    },
    /// It has confirmed.
    Done,
    /// It could not be taught.
    GaveUp,
}

/// One peers section: what outlives its sessions.
#[derive(Debug)]
pub struct Section {
    name: String,
    local: Option<PeerId>,
    pub(super) pid: u32,
    pub(super) peers: Vec<Peer>,
    pub(super) tables: Vec<SectionTable>,
    pub(super) resync: Resync,
    pub(super) tellers: Tellers,
    pub(super) updates_max: u32,
    calling: bool,
    local_teaching: LocalTeaching,
    next_serial: u64,
    random: u64,
    pub(super) events: VecDeque<SectionEvent>,
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
        let peers: Vec<Peer> = declaration
            .peers
            .iter()
            .map(|peer| Peer::new(peer.name.clone(), own.len(), now_ms))
            .collect();
        let has_remote = local.is_some() && peers.len() > 1;
        let mut events = VecDeque::new();
        let resync = Resync::new(options.start, has_remote, now_ms);
        // One that names no peer of this process takes no part in anything.
        if resync.is_up_to_date() && local.is_some() {
            events.push_back(SectionEvent::UpToDate);
        }
        Self {
            name: declaration.name.clone(),
            local,
            pid: options.pid,
            peers,
            tellers: Tellers::new(own.len()),
            tables: own,
            resync,
            updates_max: options.updates_max.max(1),
            calling: local.is_some(),
            local_teaching: LocalTeaching::Off,
            next_serial: 1,
            random: options.seed | 1,
            events,
        }
    }

    /// What a handover session works on: all tables, by their names in the Runtime API, and one
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
            peers: vec![Peer::new("handover".to_owned(), all.len(), 0)],
            tellers: Tellers::new(all.len()),
            tables: all,
            resync: Resync::new(Start::Alone, false, 0),
            updates_max: updates_max.max(1),
            calling: false,
            local_teaching: LocalTeaching::Off,
            next_serial: 1,
            random: 1,
            events: VecDeque::new(),
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

    pub(super) fn peer_mut(&mut self, id: PeerId) -> &mut Peer {
        &mut self.peers[id.index()]
    }

    /// The tables, in the order that [`Peer::acked`] has.
    pub fn tables(&self) -> &[SectionTable] {
        &self.tables
    }

    /// Where the first lesson of the section stands.
    pub fn resync(&self) -> &Resync {
        &self.resync
    }

    /// The peer of this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<PeerId> {
        self.peers().find(|(_, peer)| peer.name().as_bytes() == name).map(|(id, _)| id)
    }

    pub(super) fn is_local(&self, id: PeerId) -> bool {
        self.local == Some(id)
    }

    /// The next thing that happened to the section. Nothing happens to one that is not started, as
    /// it has no local peer, though its lessons count as over.
    pub fn poll_event(&mut self) -> Option<SectionEvent> {
        if self.local.is_none() {
            self.events.clear();
        }
        self.events.pop_front()
    }

    // Who is to be called.

    /// A peer that is to be called now: open a socket to it and make a
    /// [`Session::connect`](super::Session::connect) for it, or say
    /// [`Section::handle_call_failed`]. Ask again until there is none.
    pub fn poll_call(&self, now_ms: u64) -> Option<PeerId> {
        if let LocalTeaching::Calling { next_call_ms, .. } = self.local_teaching
            && next_call_ms <= now_ms
        {
            return self.local;
        }
        let due = |peer: &Peer| peer.link == Contact::Idle && peer.next_call_ms <= now_ms;
        let mut remote = self.peers().filter(|(id, _)| self.calling && !self.is_local(*id));
        remote.find(|(_, peer)| due(peer)).map(|(id, _)| id)
    }

    /// When to ask [`Section::poll_call`] and [`Section::handle_timeout`] again.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let idle = |(id, peer): &(PeerId, &Peer)| {
            self.calling && !self.is_local(*id) && peer.link == Contact::Idle
        };
        let calls = self.peers().filter(idle).map(|(_, peer)| peer.next_call_ms);
        let local = match self.local_teaching {
            LocalTeaching::Calling { next_call_ms, give_up_ms } => {
                Some(next_call_ms.min(give_up_ms))
            }
            LocalTeaching::Teaching { until_ms, .. } => Some(until_ms),
            LocalTeaching::Off | LocalTeaching::Done | LocalTeaching::GaveUp => None,
        };
        calls.chain(local).chain(self.resync.deadline_ms()).min()
    }

    /// Time has passed: gives up on teachers and on the successor.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if let Some(event) = self.resync.handle_timeout(now_ms) {
            self.events.push_back(event);
            if self.resync.is_up_to_date() {
                self.tellers.clear();
            }
        }
        if let LocalTeaching::Calling { give_up_ms: at_ms, .. }
        | LocalTeaching::Teaching { until_ms: at_ms, .. } = self.local_teaching
            && at_ms <= now_ms
        {
            self.local_teaching = LocalTeaching::GaveUp;
            self.events.push_back(SectionEvent::SuccessorMissing);
        }
    }

    /// A call that [`Section::poll_call`] asked for could not be made, for instance because the
    /// peer's host name does not resolve.
    pub fn handle_call_failed(&mut self, id: PeerId, now_ms: u64) {
        self.begin_call(id, now_ms);
        if self.is_local(id) {
            self.end_local_call(false, now_ms);
        } else {
            self.end_link(id, End::Unreachable, now_ms);
        }
    }

    /// Begins or stops calling remote peers. Sessions that are up are left alone.
    pub fn set_calling(&mut self, calling: bool, now_ms: u64) {
        if calling && !self.calling {
            for peer in &mut self.peers {
                peer.next_call_ms = now_ms;
            }
        }
        self.calling = calling && self.local.is_some();
    }

    /// The tables came from the predecessor, completely: no peer is asked for a lesson.
    pub fn handle_handover_finished(&mut self) {
        let event = self.resync.handle_handover_finished();
        self.events.extend(event.filter(|_| self.local.is_some()));
    }

    /// The tables came from the predecessor and may lack what peers have, of whom one is asked for
    /// a lesson. It `adds` to what is here if the predecessor had all that its tables had room for.
    pub fn handle_handover_short(&mut self, adds: bool, now_ms: u64) {
        self.resync.handle_handover_short(adds, now_ms);
    }

    /// The predecessor has looked for a teacher already: so much is left of the time for that.
    pub fn shorten_search(&mut self, left_ms: u64, now_ms: u64) {
        self.resync.shorten_search(left_ms, now_ms);
    }

    /// Whether it has this table.
    pub fn has_table(&self, id: TableId) -> bool {
        self.tables.iter().any(|own| own.id == id)
    }

    /// The predecessor did not hand over: remote peers are asked instead.
    pub fn handle_handover_failed(&mut self, now_ms: u64) {
        if let Some(event) = self.resync.handle_handover_failed(now_ms) {
            self.events.push_back(event);
        }
    }

    /// Begins to call the local peer's address, to teach a successor there. See
    /// [`Section::local_teaching`] for how it went.
    pub fn start_local_teaching(&mut self, now_ms: u64) {
        self.local_teaching = if self.local.is_some() && self.resync.is_up_to_date() {
            let give_up_ms = now_ms + LOCAL_GIVE_UP_MS;
            LocalTeaching::Calling { next_call_ms: now_ms, give_up_ms }
        } else {
            LocalTeaching::GaveUp
        };
    }

    /// How teaching a successor over the local peer's address stands.
    pub fn local_teaching(&self) -> LocalTeaching {
        self.local_teaching
    }

    // What the successor takes over.

    /// What each remote peer has acknowledged: its name, the table, the update id.
    pub fn positions(&self) -> impl Iterator<Item = (&str, TableId, UpdateId)> {
        let remote = self.peers().filter(|(id, _)| !self.is_local(*id));
        remote.flat_map(|(_, peer)| {
            let acked = self.tables.iter().zip(&peer.acked);
            acked.map(|(table, acked)| (peer.name(), table.id, *acked))
        })
    }

    /// Takes over what a remote peer had acknowledged to the predecessor. Names that this section
    /// does not have are passed over.
    pub fn adopt_position(&mut self, peer: &str, table: TableId, acked: UpdateId) {
        let Some(index) = self.tables.iter().position(|own| own.id == table) else { return };
        let Some(id) = self.find(peer.as_bytes()) else { return };
        if let Some(place) = self.peer_mut(id).acked.get_mut(index) {
            *place = acked;
        }
    }

    // What sessions report.

    pub(super) fn version_to_announce(&self, id: PeerId) -> Version {
        if self.peer(id).speaks_2_0 { Version::V2_0 } else { Version::V2_1 }
    }

    /// A call begins; the serial number of its session.
    pub(super) fn begin_call(&mut self, id: PeerId, now_ms: u64) -> u64 {
        let serial = self.new_serial();
        if self.is_local(id) {
            if let LocalTeaching::Calling { give_up_ms, .. } = self.local_teaching {
                let until_ms = now_ms + LOCAL_SESSION_MS;
                self.local_teaching = LocalTeaching::Teaching { give_up_ms, until_ms };
            }
            return serial;
        }
        let peer = self.peer_mut(id);
        peer.counters.calls += 1;
        peer.link = Contact::Calling { serial };
        peer.next_call_ms = now_ms + CALL_AGAIN_MS;
        if peer.failed_calls == 0 {
            peer.round_began_ms = now_ms;
        }
        serial
    }

    /// A peer called and was accepted; the serial number of its session. An older session or
    /// attempt has lost the peer with this (section 4: the last valid hello wins).
    pub(super) fn take_over(&mut self, id: PeerId, version: Version, now_ms: u64) -> u64 {
        let serial = self.new_serial();
        let delay_ms = self.random_delay_ms();
        let is_collision = self.peer(id).link != Contact::Idle;
        if is_collision {
            self.lose_lesson(id, now_ms);
        }
        let peer = self.peer_mut(id);
        if is_collision {
            peer.counters.collisions += 1;
            peer.next_call_ms = now_ms + delay_ms;
        } else {
            peer.next_call_ms = now_ms + CALL_AGAIN_MS;
        }
        peer.counters.accepted += 1;
        peer.speaks_2_0 = version == Version::V2_0;
        self.begin_session(id, serial, now_ms);
        serial
    }

    /// The messages begin.
    pub(super) fn begin_session(&mut self, id: PeerId, serial: u64, now_ms: u64) {
        let is_local = self.is_local(id);
        let peer = self.peer_mut(id);
        peer.link = Contact::Up { serial };
        peer.up_since_ms = now_ms;
        peer.failed_calls = 0;
        peer.is_not_up_to_date = false;
        peer.last_status = Some(200);
        peer.last_status_ms = now_ms;
        if is_local {
            self.resync.handle_local_up();
        }
    }

    /// A session of the local peer that calls: it does not count as the one that is let in once.
    pub(super) fn handle_confirmed_locally(&mut self) {
        self.local_teaching = LocalTeaching::Done;
    }

    pub(super) fn handle_heartbeat(&mut self, id: PeerId, now_ms: u64) {
        let peer = self.peer_mut(id);
        peer.counters.heartbeats_received += 1;
        peer.next_call_ms = now_ms + CALL_AGAIN_MS;
    }

    /// A teacher ended a lesson, asked for or not.
    pub(super) fn handle_lesson_over(&mut self, id: PeerId, is_partial: bool, now_ms: u64) {
        if is_partial {
            self.peer_mut(id).is_not_up_to_date = true;
        }
        let event = if self.is_local(id) {
            self.resync.handle_local_over(is_partial, now_ms)
        } else {
            self.resync.handle_remote_over(id, is_partial, now_ms)
        };
        self.events.extend(event);
        if self.resync.is_up_to_date() {
            self.tellers.clear();
        }
    }

    /// Whether this peer is to be asked for the section's lesson now. If so, it counts as asked.
    pub(super) fn poll_request(&mut self, id: PeerId, now_ms: u64) -> bool {
        let asks = !self.is_local(id)
            && !self.peer(id).is_not_up_to_date
            && self.resync.wants_remote_teacher();
        if asks {
            self.resync.begin_remote(id, now_ms);
        }
        asks
    }

    /// The session or attempt with a peer is over, unless a later one has taken its place.
    pub(super) fn end_session(&mut self, id: PeerId, serial: u64, end: End, now_ms: u64) {
        if self.peer(id).link.serial() == Some(serial) {
            self.end_link(id, end, now_ms);
        }
    }

    /// The call of the successor is over.
    pub(super) fn end_local_call(&mut self, was_accepted: bool, now_ms: u64) {
        if let LocalTeaching::Teaching { give_up_ms, .. } = self.local_teaching {
            let next_call_ms = now_ms + LOCAL_AGAIN_MS;
            let give_up_ms = if was_accepted { now_ms + LOCAL_GIVE_UP_MS } else { give_up_ms };
            self.local_teaching = LocalTeaching::Calling { next_call_ms, give_up_ms };
        }
    }

    fn end_link(&mut self, id: PeerId, end: End, now_ms: u64) {
        self.lose_lesson(id, now_ms);
        let delay_ms = self.random_delay_ms();
        let peer = self.peer_mut(id);
        let was_short = now_ms.saturating_sub(peer.up_since_ms) < SESSION_SHORT_MS;
        peer.link = Contact::Idle;
        match end {
            End::Unreachable => {
                peer.counters.failed_calls += 1;
                peer.failed_calls += 1;
                if peer.failed_calls < CALLS_PER_ROUND {
                    peer.next_call_ms = now_ms + CALL_RETRY_MS;
                } else {
                    peer.failed_calls = 0;
                    let next_round_ms = peer.round_began_ms + CALL_AGAIN_MS;
                    peer.next_call_ms = next_round_ms.max(now_ms + CALL_RETRY_MS);
                }
            }
            // The pupil will ask again only if it is called back within its 5 s (10.2).
            End::Closed { was_teaching: true } if !was_short => peer.next_call_ms = now_ms,
            End::Closed { was_teaching: true } => peer.next_call_ms = now_ms + LOCAL_AGAIN_MS,
            End::Closed { was_teaching: false } => {
                peer.next_call_ms = peer.next_call_ms.max(now_ms);
            }
            End::NoAnswer => peer.next_call_ms = now_ms,
            End::Silent => peer.next_call_ms = now_ms + delay_ms,
            End::Refused { status, at_once } => {
                peer.counters.refusals += 1;
                peer.last_status = Some(status);
                peer.last_status_ms = now_ms;
                if at_once {
                    peer.next_call_ms = now_ms;
                }
            }
        }
    }

    fn lose_lesson(&mut self, id: PeerId, now_ms: u64) {
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

    /// 50 to 2050 ms, so that two that drop each other do not do it again at the same moment.
    fn random_delay_ms(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        50 + (self.random >> 11) % 2001
    }
}

/// How a session or an attempt ended, as far as the next call depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The connection was not made.
    Unreachable,
    /// It was made, and no status came.
    NoAnswer,
    /// The status was not 200.
    Refused {
        /// The status.
        status: u32,
        /// The other version may be announced without delay.
        at_once: bool,
    },
    /// Nothing was received for too long.
    Silent,
    /// The other side closed, or one of both broke the protocol.
    Closed {
        /// A lesson that the other side had asked for was not over.
        was_teaching: bool,
    },
}
