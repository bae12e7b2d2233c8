//! All peers sections with their listeners and links: who is called, who is let in, whose turn
//! it is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event as Readiness;
use slab::Slab;

use super::report;
use super::report::Who;
use super::strangers;
use super::strangers::Stranger;
use super::{Ending, Link, Step};
use crate::config::{Bind, Config, PeerAddress, PeersId};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::address::Address;
use crate::net::lookup::Lookup;
use crate::net::socket;
use crate::net::socket::ConnectOptions;
use crate::peers::{Event, LocalTeaching, Options, Peer, PeerId, Section, Session, Start};
use crate::reactor::Reactor;
use crate::reactor::listen::listeners::{Accepted, Listeners};
use crate::reactor::token::{Slot, Source};
use crate::table::Tables;

/// How many callers are let in in one turn.
const ACCEPTS_PER_TURN: usize = 16;

const CROWD: Topic = Topic::fault("too many callers without a hello");
const NO_REGISTER: Topic = Topic::fault("register a peer's socket");

/// What all sections are made with, besides the configuration.
#[derive(Clone, Copy, Debug)]
pub struct PeersOptions {
    /// The process id.
    pub pid: u32,
    /// Where random delays start from.
    pub seed: u64,
    /// Where the first lesson comes from.
    pub start: Start,
}

/// What a listening socket of a peers section is for.
#[derive(Debug)]
pub struct Purpose {
    /// The section that its callers belong to.
    pub section: PeersId,
    /// Its line in the configuration.
    pub bind: Bind,
}

/// How a peer is reached.
#[derive(Debug)]
struct Reach {
    address: PeerAddress,
    /// Where the descriptor is bound that the local peer listens at.
    bound_at: Option<Address>,
    /// Its host name is being looked up.
    lookup: Option<Lookup>,
    /// What that found, for the next call.
    found: Option<SocketAddr>,
}

/// One link with the section that it belongs to.
#[derive(Debug)]
struct Member {
    section: PeersId,
    slot: Slot,
    link: Link,
}

/// Why a turn may pass the peers by: looking through all of them costs more than relaying a small
/// request does.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    /// Turns that must not: after news one more, for what one session's news mean to another.
    turns_due: u8,
    /// When something is due.
    until_ms: Option<u64>,
    /// The changes of the tables that have been looked at.
    changes: u64,
}

/// All peers sections at run time.
#[derive(Debug)]
pub struct Peers {
    sections: Vec<Section>,
    /// By section and peer.
    contacts: Vec<Vec<Reach>>,
    listeners: Listeners<Purpose>,
    links: Slab<Member>,
    generation: u32,
    is_paused: bool,
    has_more: bool,
    quiet: Quiet,
    /// How many names were not taken, as was reported.
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
        let contact = |peer: &crate::config::Peer| Reach {
            address: peer.address.clone(),
            bound_at: None,
            lookup: None,
            found: None,
        };
        Self {
            sections: config.peers.iter().map(section).collect(),
            contacts: config.peers.iter().map(|s| s.peers.iter().map(contact).collect()).collect(),
            listeners: Listeners::new(Source::PeersListener, "a peer"),
            links: Slab::new(),
            generation: 0,
            is_paused: false,
            has_more: false,
            quiet: Quiet { turns_due: 1, until_ms: None, changes: 0 },
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
        let members = self.links.iter().map(|(_, member)| member);
        members.filter(move |member| member.section == section).map(|m| m.link.session())
    }

    /// Where the descriptor is bound that the peer listens at, if it is the local one.
    pub fn bound_at(&self, section: PeersId, peer: PeerId) -> Option<&Address> {
        self.contacts.get(section.index())?.get(peer.index())?.bound_at.as_ref()
    }

    /// The listeners.
    pub fn listeners(&self) -> &Listeners<Purpose> {
        &self.listeners
    }

    /// How often nobody could be accepted for want of descriptors or memory.
    pub fn accept_pauses(&self) -> u64 {
        self.listeners.pauses()
    }

    /// Lets peers in at a listening socket.
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
        let contacts = self.contacts.get_mut(section.index());
        if let Some(contact) = contacts.zip(local).and_then(|(all, id)| all.get_mut(id.index()))
            && contact.address == PeerAddress::Descriptor
        {
            contact.bound_at = Some(socket::local_address(fd.as_fd())?);
        }
        let label = bind.place.clone();
        self.listeners.add(fd, Purpose { section, bind }, label, reactor)
    }

    /// Notes that callers may be waiting.
    pub fn note_listener(&mut self, slot: Slot) {
        self.wake();
        self.listeners.mark_readable(slot);
    }

    /// Notes what an event says of a link.
    pub fn note_link(&mut self, slot: Slot, event: &Readiness) {
        self.wake();
        if let Some(member) = self.links.get_mut(slot.index as usize)
            && member.slot == slot
        {
            member.link.note(event);
        }
    }

    /// One turn: lets callers in, calls who is due, moves what can be moved.
    pub fn run(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        if self.is_paused || self.is_quiet(tables, now_ms) {
            return;
        }
        self.has_more = false;
        self.accept(reactor, tables, now_ms);
        self.finish_lookups(now_ms);
        self.call(reactor, tables, now_ms);
        for index in 0..self.links.capacity() {
            self.advance(index, tables, now_ms);
        }
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
            }
        }
        self.quiet = Quiet {
            turns_due: self.quiet.turns_due.saturating_sub(1),
            until_ms: self.find_deadline_ms(),
            changes: tables.changes(),
        };
    }

    /// Whether nothing has happened that concerns the peers.
    fn is_quiet(&self, tables: &Tables, now_ms: u64) -> bool {
        let Quiet { turns_due, until_ms, changes } = self.quiet;
        turns_due == 0
            && !self.has_more
            && until_ms.is_none_or(|until_ms| now_ms < until_ms)
            && changes == tables.changes()
    }

    /// Something has happened that concerns the peers.
    fn wake(&mut self) {
        self.quiet.turns_due = 2;
    }

    /// Whether another turn is wanted at once: also for what was changed behind the last.
    pub fn has_work(&self, tables: &Tables) -> bool {
        !self.is_paused && (self.has_more || self.quiet.changes != tables.changes())
    }

    /// When a turn is wanted even without an event.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        match self.quiet.turns_due {
            _ if self.is_paused => None,
            0 => self.quiet.until_ms,
            _ => self.find_deadline_ms(),
        }
    }

    fn find_deadline_ms(&self) -> Option<u64> {
        let links = self.links.iter().filter_map(|(_, member)| member.link.deadline_ms());
        let sections = self.sections.iter().filter_map(Section::next_deadline_ms);
        let contacts = self.contacts.iter().flatten();
        let lookups = contacts.filter_map(|contact| contact.lookup.as_ref());
        let others =
            lookups.map(Lookup::deadline_ms).chain(self.listeners.next_accept_ms(|_, _| Some(0)));
        links.chain(sections).chain(others).min()
    }

    /// Receives and sends nothing until [`Peers::resume`]: what arrives stays unacknowledged, so
    /// that its sender still owes it to whoever comes next.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Goes on after [`Peers::pause`].
    pub fn resume(&mut self) {
        self.is_paused = false;
        self.has_more = true;
        self.wake();
    }

    /// Stops calling and listening and closes all sessions with remote peers: a successor has
    /// them from now on.
    pub fn retire(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        self.is_paused = false;
        self.wake();
        for section in &mut self.sections {
            section.set_calling(false, now_ms);
        }
        self.listeners.close(reactor);
        for index in 0..self.links.capacity() {
            self.close(index, &Ending::ByUs, tables, now_ms);
        }
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
        self.sections.iter().any(|section| {
            matches!(
                section.local_teaching(),
                LocalTeaching::Calling { .. } | LocalTeaching::Teaching { .. }
            )
        })
    }

    /// The remote peers, and those of them with a session.
    pub fn count(&self) -> (u32, u32) {
        let mut count = (0, 0);
        for section in &self.sections {
            for (_, peer) in section.peers().filter(|(id, _)| section.local() != Some(*id)) {
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
                let who = Who::peer(section, id);
                log::info!("{who}: {role}, {state}, {:?}", peer.counters());
            }
        }
    }

    fn accept(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(Accepted { fd, from, at }) = self.listeners.accept(now_ms, |_, _| true) else {
                break;
            };
            let Some(&Purpose { section, .. }) = self.listeners.purpose(at) else { break };
            self.make_room(section, tables, now_ms);
            let link = Link::accepted(fd, from, Session::accept(now_ms));
            self.add(link, section, reactor, tables, now_ms);
        }
    }

    /// Lets one caller go that has said no valid hello, if there are as many of them as may be. The
    /// sessions of peers take none of their places.
    fn make_room(&mut self, section: PeersId, tables: &mut Tables, now_ms: u64) {
        let strangers: Vec<Stranger> = self.strangers().collect();
        let Some(&Stranger { index, from, .. }) = strangers::first_to_go(&strangers) else {
            return;
        };
        let count = strangers.len();
        let name = self.sections.get(section.index()).map_or("", Section::name);
        let from = from.map_or_else(|| "a unix socket".to_owned(), |from| from.to_string());
        let text = format_args!(
            "peers {name}: {count} callers have said no hello; the one from {from} is closed"
        );
        limited::warn(now_ms, CROWD, name, text);
        self.close(index, &Ending::ByUs, tables, now_ms);
    }

    fn strangers(&self) -> impl Iterator<Item = Stranger> {
        let unnamed =
            self.links.iter().filter(|(_, member)| member.link.session().peer().is_none());
        unnamed.map(|(index, member)| {
            let from = member.link.from();
            Stranger {
                index,
                from,
                is_expected: from.is_some_and(|from| self.is_expected(member.section, from.ip())),
                age: self.generation.wrapping_sub(member.slot.generation),
            }
        })
    }

    /// Whether a peer of the section has this address.
    fn is_expected(&self, section: PeersId, ip: IpAddr) -> bool {
        // A socket for both families shows IPv4 as IPv6.
        let is = |address: &SocketAddr| address.ip().to_canonical() == ip.to_canonical();
        let contacts = self.contacts.get(section.index()).into_iter().flatten();
        contacts.into_iter().any(|contact| match &contact.address {
            PeerAddress::Known(Address::Ip(address)) => is(address),
            PeerAddress::Known(Address::Unix(_) | Address::Abstract(_)) => false,
            PeerAddress::Descriptor => {
                matches!(&contact.bound_at, Some(Address::Ip(address)) if is(address))
            }
            PeerAddress::Unresolved { .. } => false,
        })
    }

    /// Takes what was found out about host names.
    fn finish_lookups(&mut self, now_ms: u64) {
        for index in 0..self.contacts.len() {
            let section = PeersId(u16::try_from(index).unwrap_or(u16::MAX));
            for (number, peer) in (0..self.contacts[index].len()).zip((0..).map(PeerId)) {
                let contact = &mut self.contacts[index][number];
                let Some(answer) = contact.lookup.as_mut().and_then(|l| l.poll(now_ms)) else {
                    continue;
                };
                contact.lookup = None;
                match answer {
                    Ok(address) => contact.found = Some(address),
                    Err(error) => self.note_unreachable(section, peer, &error, now_ms),
                }
            }
        }
    }

    fn call(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        for index in 0..self.sections.len() {
            let id = PeersId(u16::try_from(index).unwrap_or(u16::MAX));
            while let Some(section) = self.sections.get_mut(index)
                && let Some(peer) = section.poll_call(now_ms)
            {
                let contact = self.contacts[index].get_mut(peer.index());
                match contact.map(|contact| contact.open(now_ms)) {
                    Some(Ok(Some(fd))) => {
                        let session = Session::connect(section, peer, now_ms);
                        self.add(Link::connecting(fd, session), id, reactor, tables, now_ms);
                    }
                    Some(Err(error)) => {
                        section.handle_call_failed(peer, now_ms);
                        self.note_unreachable(id, peer, &error, now_ms);
                    }
                    // Its name is being looked up: the next call knows.
                    Some(Ok(None)) | None => section.handle_call_failed(peer, now_ms),
                }
            }
        }
    }

    fn note_unreachable(
        &self,
        section: PeersId,
        peer: PeerId,
        error: &dyn std::fmt::Display,
        now_ms: u64,
    ) {
        report::unreachable(Who::peer(&self.sections[section.index()], peer), error, now_ms);
    }

    fn add(
        &mut self,
        link: Link,
        section: PeersId,
        reactor: &Reactor,
        tables: &mut Tables,
        now_ms: u64,
    ) {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.links.vacant_entry();
        let key = entry.key();
        let index = u32::try_from(key).expect("links are few: strangers and twice the peers");
        let slot = Slot { index, generation: self.generation };
        let registered = reactor.register(link.as_fd(), Source::Peer(slot));
        entry.insert(Member { section, slot, link });
        if let Err(error) = registered {
            // The section is told, so that the peer is called again.
            let text = format_args!("register a peer's socket: {error}");
            limited::warn(now_ms, NO_REGISTER, "", text);
            self.close(key, &Ending::ConnectFailed(error), tables, now_ms);
        }
    }

    fn advance(&mut self, index: usize, tables: &mut Tables, now_ms: u64) {
        let Some(member) = self.links.get_mut(index) else { return };
        let id = member.section;
        let Some(section) = self.sections.get_mut(id.index()) else { return };
        let step = member.link.advance(section, tables, now_ms);
        let mut accepted = None;
        while let Some(event) = member.link.poll_event() {
            if let Event::HelloAccepted { peer } = &event {
                accepted = Some(*peer);
            }
            report::event(Who::at(section, &member.link), &event, now_ms);
        }
        if let Some(peer) = accepted {
            self.close_others(index, id, peer, tables, now_ms);
        }
        match step {
            Step::Again => self.has_more = true,
            Step::Wait => {}
            Step::Closed(ending) => self.close(index, &ending, tables, now_ms),
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
            *key != index && member.section == section && member.link.session().peer() == Some(peer)
        };
        let others: Vec<usize> = self.links.iter().filter(is_other).map(|(key, _)| key).collect();
        for other in others {
            self.close(other, &Ending::ByUs, tables, now_ms);
        }
    }

    fn close(&mut self, index: usize, ending: &Ending, tables: &mut Tables, now_ms: u64) {
        let Some(mut member) = self.links.try_remove(index) else { return };
        let Some(section) = self.sections.get_mut(member.section.index()) else { return };
        report::ended(Who::at(section, &member.link), member.link.session(), ending, now_ms);
        member.link.session_mut().handle_closed(ending.closed(), section, tables, now_ms);
        self.has_more = true;
    }
}

fn is_up(peer: &Peer) -> bool {
    matches!(peer.link(), crate::peers::Contact::Up { .. })
}

impl Reach {
    /// A socket that is being connected; none while the host name is looked up.
    fn open(&mut self, now_ms: u64) -> io::Result<Option<OwnedFd>> {
        let address = match &self.address {
            PeerAddress::Known(address) => address.clone(),
            PeerAddress::Descriptor => {
                self.bound_at.clone().ok_or(io::ErrorKind::AddrNotAvailable)?
            }
            PeerAddress::Unresolved { host, port } => match self.found.take() {
                Some(address) => Address::Ip(address),
                None => {
                    if self.lookup.is_none() {
                        self.lookup = Some(Lookup::start(host, *port, now_ms)?);
                    }
                    return Ok(None);
                }
            },
        };
        socket::connect(&address, &ConnectOptions::default()).map(Some)
    }
}
