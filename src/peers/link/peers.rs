//! All peers sections with their listeners and connections. One turn accepts callers, calls the
//! peers that are due, and lets every connection receive and send.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use ipnet::IpNet;
use mio::event::Event as Readiness;
use slab::Slab;

use super::callers;
use super::callers::UnnamedCaller;
use super::connection::{CloseReason, Connection, TurnResult};
use super::dialer::Dialer;
use super::lent::{Lent, Lifelines};
use super::report;
use super::report::PeerLabel;
use crate::config::{Bind, Config, PeerTls, PeersId};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::address::Address;
use crate::net::socket;
use crate::net::tls::session::Session as TlsSession;
use crate::peers::{
    LocalTeaching, Options, Peer, PeerId, PeerSession, Section, Session, SessionEvent, Start,
    saved_parts,
};
use crate::reactor::listen::listeners::{Accepted, Listeners};
use crate::reactor::token::{Slot, Source};
use crate::reactor::{Reactor, clock};
use crate::table::Tables;

/// How many callers are accepted in one turn.
const ACCEPTS_PER_TURN: usize = 16;
/// How long TLS handshakes may take in a turn, in nanoseconds. One of RSA takes longer.
const HANDSHAKES_NS: u64 = 500_000;

const CROWD: Topic = Topic::fault("too many callers without a hello");
const NO_REGISTER: Topic = Topic::fault("register a peer's socket");

/// The parameters of all sections that are not in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct PeersOptions {
    /// The process id.
    pub pid: u32,
    /// The seed of random delays.
    pub seed: u64,
    /// Where the resync begins.
    pub start: Start,
}

/// The use of a listening socket of the peers.
#[derive(Debug)]
pub struct Purpose {
    /// The section that the callers belong to.
    pub section: PeersId,
    /// Its line in the configuration.
    pub bind: Bind,
}

/// One connection with the section that it belongs to.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) section: PeersId,
    slot: Slot,
    pub(super) connection: Connection,
    /// Its socket, if a successor may go on with the session.
    pub(super) lent: Option<Lent>,
}

/// When the next turn is due. Other turns of the process skip the peers, because looking through
/// all of them costs more than relaying a small request.
#[derive(Clone, Copy, Debug)]
struct NextTurn {
    /// This many turns are due at once. After an event there are two, as an event in one session
    /// may mean something to another.
    turns_due: u8,
    /// When a turn is due without an event.
    at_ms: Option<u64>,
    /// The changes of the tables that have been looked at. A turn is due when there are others.
    changes: u64,
}

/// All peers sections at run time.
#[derive(Debug)]
pub struct Peers {
    pub(super) sections: Vec<Section>,
    /// By section and peer.
    pub(super) dialers: Vec<Vec<Dialer>>,
    /// By section, the networks that callers may come from.
    allowed: Vec<Vec<IpNet>>,
    listeners: Listeners<Purpose>,
    pub(super) connections: Slab<Member>,
    /// How many connections have been made.
    generation: u32,
    /// Which connection has its turn first.
    first_in_turn: usize,
    pub(super) is_paused: bool,
    pub(super) has_more: bool,
    pub(super) lifelines: Lifelines,
    next_turn: NextTurn,
    /// The number of names that were not taken, as it was last reported.
    names_refused: u64,
}

impl Peers {
    /// The sections of `config`, before anything has been called.
    pub fn new(config: &Config, tables: &Tables, options: PeersOptions, now_ms: u64) -> Self {
        let section = |declaration: &crate::config::PeersSection| {
            let options = Options {
                pid: options.pid,
                seed: options.seed ^ declaration.name.len() as u64,
                updates_max: config.global.peers_max_updates_at_once,
                start: options.start,
            };
            Section::new(declaration, tables, options, now_ms)
        };
        let dialers = |s: &crate::config::PeersSection| s.peers.iter().map(Dialer::new).collect();
        Self {
            sections: config.peers.iter().map(section).collect(),
            dialers: config.peers.iter().map(dialers).collect(),
            allowed: config.peers.iter().map(|section| section.allowed.clone()).collect(),
            listeners: Listeners::new(Source::PeersListener, "a peer"),
            connections: Slab::new(),
            generation: 0,
            first_in_turn: 0,
            is_paused: false,
            has_more: false,
            lifelines: Lifelines::default(),
            next_turn: NextTurn { turns_due: 1, at_ms: None, changes: 0 },
            names_refused: 0,
        }
    }

    /// The sections, in the order of the configuration.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The sections, in the order of the configuration.
    pub fn sections_mut(&mut self) -> &mut [Section] {
        self.wake();
        &mut self.sections
    }

    /// The sessions of a section.
    pub fn sessions(&self, section: PeersId) -> impl Iterator<Item = &Session> {
        let members = self.connections.iter().map(|(_, member)| member);
        members.filter(move |member| member.section == section).map(|m| m.connection.session())
    }

    /// Where the descriptor is bound that the peer listens at, if it is the local one; or where
    /// nameservers say that it is.
    pub fn bound_at(&self, section: PeersId, peer: PeerId) -> Option<&Address> {
        self.dialers.get(section.index())?.get(peer.index())?.bound_at()
    }

    /// Nameservers say that a peer is there. If it is elsewhere than before, it is called.
    pub fn set_address(
        &mut self,
        section: PeersId,
        peer: PeerId,
        address: SocketAddr,
        now_ms: u64,
    ) {
        let dialers = self.dialers.get_mut(section.index());
        let Some(dialer) = dialers.and_then(|all| all.get_mut(peer.index())) else { return };
        let address = Address::Ip(address);
        if dialer.bound_at() == Some(&address) {
            return;
        }
        dialer.set_bound_at(address);
        self.wake();
        if let Some(section) = self.sections.get_mut(section.index()) {
            section.call_soon(peer, now_ms);
        }
    }

    /// Where nameservers say that peers are: the section, the peer and its address.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &str, SocketAddr)> {
        let sections = self.sections.iter().zip(&self.dialers);
        sections.flat_map(|(section, dialers)| {
            let peers = section.peers().zip(dialers);
            peers.filter(|((_, peer), dialer)| dialer.is_named() && !peer.is_absent()).filter_map(
                |((_, peer), dialer)| {
                    let address = dialer.bound_at().and_then(Address::ip)?;
                    Some((section.name(), peer.name(), address))
                },
            )
        })
    }

    /// The predecessor knew that a peer is there.
    pub fn adopt_node(&mut self, section: &str, peer: &str, address: SocketAddr, now_ms: u64) {
        let Some(at) = self.sections.iter().position(|own| own.name() == section) else { return };
        let id = self.sections.get_mut(at).and_then(|section| section.adopt_node(peer));
        let dialer = id.and_then(|id| self.dialers.get(at)?.get(id.index()));
        if let (Some(id), Ok(section), true) =
            (id, u16::try_from(at), dialer.is_some_and(Dialer::is_named))
        {
            self.set_address(PeersId(section), id, address, now_ms);
        }
    }

    /// The listeners.
    pub fn listeners(&self) -> &Listeners<Purpose> {
        &self.listeners
    }

    /// How often no caller could be accepted for want of descriptors or memory.
    pub fn accept_pauses(&self) -> u64 {
        self.listeners.pauses()
    }

    /// Accepts callers at a listening socket from now on.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn add_listener(
        &mut self,
        fd: OwnedFd,
        section: PeersId,
        bind: Bind,
        reactor: &Reactor,
    ) -> io::Result<()> {
        self.wake();
        let local = self.sections.get(section.index()).and_then(Section::local);
        let dialers = self.dialers.get_mut(section.index());
        if let Some(dialer) = dialers.zip(local).and_then(|(all, id)| all.get_mut(id.index()))
            && dialer.is_descriptor()
        {
            dialer.set_bound_at(socket::local_address(fd.as_fd())?);
        }
        let label = bind.place.clone();
        self.listeners.add(fd, Purpose { section, bind }, label, reactor)
    }

    /// Notes that callers may be waiting.
    pub fn note_listener(&mut self, slot: Slot) {
        self.wake();
        self.listeners.mark_readable(slot);
    }

    /// Notes what an event says of a connection.
    pub fn note_connection(&mut self, slot: Slot, event: &Readiness) {
        self.wake();
        if let Some(member) = self.connections.get_mut(slot.index as usize)
            && member.slot == slot
        {
            member.connection.note(event);
        }
    }

    /// One turn: accepts callers, calls the peers that are due, and lets every connection receive
    /// and send. Does nothing if no turn is due.
    #[inline]
    pub fn run(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        if !self.is_paused && self.is_due(tables, now_ms) {
            self.turn(reactor, tables, now_ms);
        }
    }

    #[inline(never)]
    fn turn(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        self.has_more = false;
        self.accept(reactor, tables, now_ms);
        self.finish_lookups(now_ms);
        self.call(reactor, tables, now_ms);
        self.advance_all(tables, now_ms);
        let refused = tables.names().refusals();
        if std::mem::replace(&mut self.names_refused, refused) != refused {
            report::names_refused(refused, now_ms);
        }
        for section in &mut self.sections {
            let state = section.resync().state();
            section.handle_timeout(now_ms);
            // Another peer may have to be asked.
            self.has_more |= section.resync().state() != state;
            while let Some(event) = section.poll_event() {
                report::section_event(section, event, now_ms);
                self.has_more |= saved_parts::handle_event(section, event, tables);
            }
        }
        self.next_turn = NextTurn {
            turns_due: self.next_turn.turns_due.saturating_sub(1),
            at_ms: self.find_deadline_ms(),
            changes: tables.changes(),
        };
    }

    /// Whether something has happened that concerns the peers.
    fn is_due(&self, tables: &Tables, now_ms: u64) -> bool {
        let NextTurn { turns_due, at_ms, changes } = self.next_turn;
        turns_due > 0
            || self.has_more
            || at_ms.is_some_and(|at_ms| at_ms <= now_ms)
            || changes != tables.changes()
    }

    /// Something has happened that concerns the peers.
    pub(super) fn wake(&mut self) {
        self.next_turn.turns_due = 2;
    }

    /// Whether another turn is wanted at once, also for a change in the tables since the last turn.
    pub fn has_work(&self, tables: &Tables) -> bool {
        !self.is_paused && (self.has_more || self.next_turn.changes != tables.changes())
    }

    /// When a turn is wanted even without an event.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        match self.next_turn.turns_due {
            _ if self.is_paused => None,
            0 => self.next_turn.at_ms,
            _ => self.find_deadline_ms(),
        }
    }

    fn find_deadline_ms(&self) -> Option<u64> {
        let connections = self.connections.iter();
        let connections = connections.filter_map(|(_, member)| member.connection.deadline_ms());
        let sections = self.sections.iter().filter_map(Section::next_deadline_ms);
        let lookups = self.dialers.iter().flatten().filter_map(Dialer::deadline_ms);
        let accept = self.listeners.next_accept_ms(|_, _| Some(0));
        connections.chain(sections).chain(lookups).chain(accept).min()
    }

    /// Closes the listeners.
    pub(super) fn close_listeners(&mut self, reactor: &Reactor) {
        self.listeners.close(reactor);
    }

    /// Begins to teach a successor that listens at the local peer's address (the way of HAProxy).
    pub fn start_local_teaching(&mut self, now_ms: u64) {
        self.wake();
        for section in &mut self.sections {
            section.start_local_teaching(now_ms);
        }
    }

    /// Whether a successor is still being taught at the local peer's address.
    pub fn is_teaching_locally(&self) -> bool {
        self.sections.iter().map(Section::local_teaching).any(LocalTeaching::is_under_way)
    }

    /// The remote peers, and those of them with a session.
    pub fn count(&self) -> (u32, u32) {
        let mut count = (0, 0);
        for section in &self.sections {
            let is_remote =
                |id: PeerId, peer: &Peer| section.local() != Some(id) && !peer.is_absent();
            for (_, peer) in section.peers().filter(|(id, peer)| is_remote(*id, peer)) {
                count.0 += 1;
                count.1 += u32::from(is_up(peer));
            }
        }
        count
    }

    /// Logs the state of every peer.
    pub fn log_state(&self) {
        for section in &self.sections {
            for (id, peer) in section.peers() {
                let role = if section.local() == Some(id) { "local" } else { "remote" };
                let state = if is_up(peer) { "session up" } else { "no session" };
                let label = PeerLabel::peer(section, id);
                log::info!("{label}: {role}, {state}, {:?}", peer.counters());
            }
        }
    }

    fn accept(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(Accepted { fd, from, at }) = self.listeners.accept(now_ms, |_, _| true) else {
                break;
            };
            let Some(Purpose { section, bind }) = self.listeners.purpose(at) else { break };
            let (section, tls) = (*section, bind.settings.tls.as_ref().map(TlsSession::accepting));
            if let Some(stranger) = from.filter(|from| !self.allows(section, from.ip())) {
                let name = self.sections.get(section.index()).map_or("", Section::name);
                report::stranger(name, stranger, now_ms);
                continue;
            }
            self.make_room(section, tables, now_ms);
            let connection = Connection::accepted(fd, from, tls, Session::accept(now_ms));
            self.add(connection, section, reactor, tables, now_ms);
        }
    }

    /// Whether a caller of the section may come from this address.
    pub(super) fn allows(&self, section: PeersId, ip: IpAddr) -> bool {
        let networks = self.allowed.get(section.index()).map_or(&[][..], Vec::as_slice);
        let ip = ip.to_canonical();
        networks.is_empty() || networks.iter().any(|network| network.contains(&ip))
    }

    /// Closes one caller that has said no valid hello, if there are as many of them as may be.
    /// Sessions take none of their places.
    fn make_room(&mut self, section: PeersId, tables: &mut Tables, now_ms: u64) {
        let unnamed: Vec<UnnamedCaller> = self.unnamed_callers().collect();
        let Some(&UnnamedCaller { index, from, .. }) = callers::first_to_go(&unnamed) else {
            return;
        };
        let count = unnamed.len();
        let name = self.sections.get(section.index()).map_or("", Section::name);
        let from = from.map_or_else(|| "a unix socket".to_owned(), |from| from.to_string());
        let text = format_args!(
            "peers {name}: {count} callers have said no hello; the one from {from} is closed"
        );
        limited::warn(now_ms, CROWD, name, text);
        self.close(index, &CloseReason::ByUs, tables, now_ms);
    }

    fn unnamed_callers(&self) -> impl Iterator<Item = UnnamedCaller> {
        let members = self.connections.iter();
        let unnamed = members.filter(|(_, member)| member.connection.session().peer().is_none());
        unnamed.map(|(index, member)| {
            let from = member.connection.from();
            UnnamedCaller {
                index,
                from,
                is_expected: from.is_some_and(|from| self.is_expected(member.section, from.ip())),
                age: self.generation.wrapping_sub(member.slot.generation),
            }
        })
    }

    /// Whether a peer of the section has this address.
    fn is_expected(&self, section: PeersId, ip: IpAddr) -> bool {
        let dialers = self.dialers.get(section.index());
        dialers.is_some_and(|dialers| dialers.iter().any(|dialer| dialer.has_ip(ip)))
    }

    /// Takes the answers about host names.
    fn finish_lookups(&mut self, now_ms: u64) {
        for (section, dialers) in self.sections.iter().zip(&mut self.dialers) {
            for (peer, dialer) in (0..).map(PeerId).zip(dialers) {
                if let Err(error) = dialer.poll_lookup(now_ms) {
                    report::unreachable(PeerLabel::peer(section, peer), &error, now_ms);
                }
            }
        }
    }

    /// Calls the peers that are due.
    fn call(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        for index in 0..self.sections.len() {
            let id = PeersId(u16::try_from(index).unwrap_or(u16::MAX));
            while let Some(section) = self.sections.get_mut(index)
                && let Some(peer) = section.poll_call(now_ms)
            {
                let Some(dialer) = self.dialers[index].get_mut(peer.index()) else { break };
                match open(dialer, section, peer, now_ms) {
                    Ok(Some(connection)) => self.add(connection, id, reactor, tables, now_ms),
                    Ok(None) => section.handle_call_failed(peer, now_ms),
                    Err(error) => {
                        section.handle_call_failed(peer, now_ms);
                        report::unreachable(PeerLabel::peer(section, peer), &error, now_ms);
                    }
                }
            }
        }
    }

    pub(super) fn add(
        &mut self,
        connection: Connection,
        section: PeersId,
        reactor: &Reactor,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let index =
            u32::try_from(key).expect("connections are few: unnamed callers and twice the peers");
        let slot = Slot { index, generation: self.generation };
        let registered = reactor.register(connection.as_fd(), Source::Peer(slot));
        entry.insert(Member { section, slot, connection, lent: None });
        if let Err(error) = registered {
            // The section hears of it, so that the peer is called again.
            let text = format_args!("register a peer's socket: {error}");
            limited::warn(now_ms, NO_REGISTER, "", text);
            self.close(key, &CloseReason::ConnectFailed(error), tables, now_ms);
        }
    }

    /// Lets every connection receive and send. Those in a TLS handshake, of which one goes on at
    /// least, stop when the time for them is used up: so clients wait little for them.
    fn advance_all(&mut self, tables: &mut Tables, now_ms: u64) {
        let count = self.connections.capacity();
        let mut handshakes_until_ns = None;
        for nth in 0..count {
            // Each is the first once, so that none of them keeps the others from their turn.
            let index = (nth + self.first_in_turn) % count;
            let member = self.connections.get(index);
            if member.is_some_and(|member| member.connection.is_securing()) {
                let at_ns = clock::now_ns();
                if at_ns >= *handshakes_until_ns.get_or_insert(at_ns + HANDSHAKES_NS) {
                    self.has_more = true;
                    continue;
                }
            }
            self.advance(index, tables, now_ms);
        }
        self.first_in_turn = self.first_in_turn.wrapping_add(1);
    }

    fn advance(&mut self, index: usize, tables: &mut Tables, now_ms: u64) {
        let Some(member) = self.connections.get_mut(index) else { return };
        let id = member.section;
        let Some(section) = self.sections.get_mut(id.index()) else { return };
        let result = member.connection.advance(section, tables, now_ms);
        let mut accepted = None;
        while let Some(event) = member.connection.poll_event() {
            if let SessionEvent::HelloAccepted { peer } = &event {
                accepted = Some(*peer);
            }
            report::event(PeerLabel::at(section, &member.connection), &event, now_ms);
        }
        if let Some(peer) = accepted {
            self.close_others(index, id, peer, tables, now_ms);
        }
        match result {
            TurnResult::Again => self.has_more = true,
            TurnResult::Wait => {}
            TurnResult::Closed(reason) => self.close(index, &reason, tables, now_ms),
        }
    }

    /// The last valid hello wins: older connections with the same peer are closed.
    fn close_others(
        &mut self,
        index: usize,
        section: PeersId,
        peer: PeerId,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let is_other = |(key, member): &(usize, &Member)| {
            *key != index
                && member.section == section
                && member.connection.session().peer() == Some(peer)
        };
        let others: Vec<usize> =
            self.connections.iter().filter(is_other).map(|(key, _)| key).collect();
        for other in others {
            self.close(other, &CloseReason::ByUs, tables, now_ms);
        }
    }

    pub(super) fn close(
        &mut self,
        index: usize,
        reason: &CloseReason,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        let Some(mut member) = self.connections.try_remove(index) else { return };
        let Some(section) = self.sections.get_mut(member.section.index()) else { return };
        let Member { connection, .. } = &mut member;
        let label = PeerLabel::at(section, connection);
        report::closed(label, connection.session(), reason, now_ms);
        connection.session_mut().handle_closed(reason.closed(), section, tables, now_ms);
        self.has_more = true;
    }
}

/// Begins a call. None while the host name is looked up: the next call has the address.
fn open(
    dialer: &mut Dialer,
    section: &mut Section,
    peer: PeerId,
    now_ms: u64,
) -> io::Result<Option<Connection>> {
    let Some(fd) = dialer.open(now_ms)? else { return Ok(None) };
    let Some(PeerTls { connector, verifies }) = dialer.tls() else {
        let session = Session::connect(section, peer, now_ms);
        return Ok(Some(Connection::connecting(fd, session)));
    };
    let tls = TlsSession::connecting(connector, None, Vec::new()).map_err(io::Error::other)?;
    let session = Session::connect(section, peer, now_ms);
    Ok(Some(Connection::securing(fd, tls, *verifies, session)))
}

fn is_up(peer: &Peer) -> bool {
    matches!(peer.session(), PeerSession::Up { .. })
}
