//! All listeners and clients of the Runtime API and the exporter: who is let in, and whose turn
//! it is.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event as Readiness;
use slab::Slab;

use super::conversation::Conversation;
use super::{AdminLink, Step};
use crate::admin::metrics::{Change, Endpoint, EndpointId, EndpointState, HttpSession};
use crate::admin::{Session, World};
use crate::config::{Bind, Level};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::reactor::Reactor;
use crate::reactor::listen::listeners::{Accepted, Listeners};
use crate::reactor::token::{Slot, Source};

/// How many clients are let in in one turn.
const ACCEPTS_PER_TURN: usize = 16;

/// How long a scraper that says and takes nothing keeps its place when others wait for one, and how
/// long whoever has not said anything yet does.
const IDLE_MS: u64 = 1000;
const SILENT_MS: u64 = 100;

const CROWD: Topic = Topic::fault("no place for another client of the Runtime API");
const NO_REGISTER: Topic = Topic::fault("register a client of the Runtime API");

/// What the clients at a listening socket are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The Runtime API, at this level.
    Commands(Level),
    /// The exporter.
    Metrics(EndpointId),
}

/// What a listening socket is for.
#[derive(Debug)]
pub struct Purpose {
    /// What its clients are given.
    pub service: Service,
    /// Its line in the configuration.
    pub bind: Bind,
}

impl Purpose {
    fn is_of(&self, endpoint: EndpointId) -> bool {
        self.service == Service::Metrics(endpoint)
    }
}

#[derive(Debug)]
struct Member {
    slot: Slot,
    /// The position of the listener that it came in at.
    listener: usize,
    service: Service,
    link: AdminLink,
    /// It has something to do without a further event.
    ready: bool,
}

/// The sockets of the Runtime API and of the exporter.
#[derive(Debug)]
pub struct AdminLinks {
    listeners: Listeners<Purpose>,
    links: Slab<Member>,
    links_max: usize,
    timeout_ms: u32,
    generation: u32,
}

impl AdminLinks {
    /// Nobody yet. `links_max` is `stats maxconn`, `timeout_ms` is `stats timeout`.
    pub fn new(links_max: u32, timeout_ms: u32) -> Self {
        Self {
            listeners: Listeners::new(Source::AdminListener, "a client of the Runtime API"),
            links: Slab::new(),
            links_max: usize::try_from(links_max).unwrap_or(usize::MAX).max(1),
            timeout_ms,
            generation: 0,
        }
    }

    /// Lets clients in at a listening socket.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn add_listener(
        &mut self,
        fd: OwnedFd,
        service: Service,
        bind: Bind,
        reactor: &Reactor,
    ) -> io::Result<()> {
        let label = bind.place.clone();
        self.listeners.add(fd, Purpose { service, bind }, label, reactor)
    }

    /// The listeners, in the order they were added.
    pub fn listeners(&self) -> &Listeners<Purpose> {
        &self.listeners
    }

    /// Closes the listeners: a successor serves from now on. Clients stay, but those of the
    /// exporter only for what they have asked for.
    pub fn close_listeners(&mut self, reactor: &Reactor) {
        self.listeners.close(reactor);
        for (_, member) in &mut self.links {
            member.link.retire();
            member.ready = true;
        }
    }

    /// Makes the listeners of the exporter do what was asked for in this turn.
    pub fn follow(&mut self, endpoints: &mut [Endpoint], reactor: &Reactor) {
        for (id, endpoint) in (0..u16::MAX).map(EndpointId).zip(endpoints) {
            if !matches!(endpoint.change, Change::Asked) {
                continue;
            }
            let followed = match endpoint.state {
                EndpointState::Open => self.resume(id, endpoint),
                EndpointState::Paused => self.suspend(id, endpoint),
                EndpointState::Stopped => {
                    self.listeners.close_where(reactor, |purpose| purpose.is_of(id));
                    Ok(())
                }
            };
            endpoint.change = Change::Followed(followed);
        }
    }

    /// Where not every listener can be suspended, all of them go on.
    fn suspend(&mut self, id: EndpointId, endpoint: &mut Endpoint) -> io::Result<()> {
        let Err(error) = self.listeners.suspend_where(|purpose| purpose.is_of(id)) else {
            return Ok(());
        };
        endpoint.state = EndpointState::Open;
        self.resume(id, endpoint)?;
        Err(error)
    }

    /// Where not every listener can be resumed, that can be tried again.
    fn resume(&mut self, id: EndpointId, endpoint: &mut Endpoint) -> io::Result<()> {
        let backlog = |purpose: &Purpose| endpoint.backlog(&purpose.bind);
        let resumed = self.listeners.resume_where(backlog, |purpose| purpose.is_of(id));
        if resumed.is_err() {
            endpoint.state = EndpointState::Paused;
        }
        resumed
    }

    /// How often nobody could be accepted for want of descriptors or memory.
    pub fn accept_pauses(&self) -> u64 {
        self.listeners.pauses()
    }

    /// Notes that clients may be waiting.
    pub fn note_listener(&mut self, slot: Slot) {
        self.listeners.mark_readable(slot);
    }

    /// Notes what an event says of a client.
    pub fn note_link(&mut self, slot: Slot, event: &Readiness) {
        if let Some(member) = self.links.get_mut(slot.index as usize)
            && member.slot == slot
        {
            let gone = event.is_error() || event.is_read_closed();
            member.link.note_ready(
                event.is_readable() || gone,
                event.is_writable() || event.is_write_closed() || event.is_error(),
            );
            member.ready = true;
        }
    }

    /// One turn: lets clients in, then gives each that is ready its share.
    pub fn run(&mut self, reactor: &Reactor, world: &mut World<'_>) {
        self.accept(reactor, world);
        for index in 0..self.links.capacity() {
            let Some(member) = self.links.get_mut(index) else { continue };
            if !member.ready && member.link.deadline_ms() > world.now_ms {
                continue;
            }
            match member.link.advance(world) {
                Step::Again => member.ready = true,
                Step::Wait => member.ready = false,
                Step::Closed => self.remove(index, world),
            }
        }
    }

    /// What clients wait for has happened.
    pub fn wake(&mut self) {
        for (_, member) in &mut self.links {
            member.ready = true;
        }
    }

    /// Whether a client waits for something that the process does.
    pub fn is_waiting(&self) -> bool {
        self.links.iter().any(|(_, member)| member.link.is_waiting())
    }

    /// Whether a scraper is being answered.
    pub fn is_answering(&self) -> bool {
        let is_answered = |member: &Member| {
            matches!(member.service, Service::Metrics(_)) && member.link.is_busy()
        };
        self.links.iter().any(|(_, member)| is_answered(member))
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is no client.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether another turn is wanted at once.
    pub fn has_work(&self) -> bool {
        self.links.iter().any(|(_, member)| member.ready)
    }

    /// When a turn is wanted even without an event.
    pub fn next_deadline_ms(&self, endpoints: &[Endpoint]) -> Option<u64> {
        let links = self.links.iter().map(|(_, member)| member.link.deadline_ms());
        let links = links.filter(|deadline_ms| *deadline_ms < u64::MAX);
        let room = Room { links: &self.links, commands_max: self.links_max, endpoints };
        let accept = self.listeners.next_accept_ms(|at, purpose| room.free_ms(at, purpose));
        links.chain(accept).min()
    }

    /// Those beyond the limits wait in the kernel's queue until somebody leaves, or can be made to.
    fn accept(&mut self, reactor: &Reactor, world: &mut World<'_>) {
        let now_ms = world.now_ms;
        for _ in 0..ACCEPTS_PER_TURN {
            let Self { links, links_max, listeners, .. } = self;
            let room = Room { links, commands_max: *links_max, endpoints: world.endpoints };
            let is_left = |at: usize, purpose: &Purpose| {
                room.free_ms(at, purpose).is_some_and(|free_ms| free_ms <= now_ms)
            };
            let Some(Accepted { fd, at, .. }) = listeners.accept(now_ms, is_left) else { break };
            let purpose = listeners.purpose(at);
            if let Some((index, _)) = purpose.and_then(|purpose| room.first_to_go(at, purpose)) {
                let text = format_args!(
                    "the connections that are allowed are all taken; one that is idle is closed"
                );
                let label = purpose.map_or("", |purpose| &purpose.bind.place);
                limited::warn(now_ms, CROWD, label, format_args!("{label}: {text}"));
                self.remove(index, world);
            }
            self.add(fd, at, reactor, world);
        }
    }

    fn add(&mut self, fd: OwnedFd, at: usize, reactor: &Reactor, world: &mut World<'_>) {
        let Some(purpose) = self.listeners.purpose(at) else { return };
        let (service, now_ms) = (purpose.service, world.now_ms);
        let session: Box<dyn Conversation> = match service {
            Service::Commands(level) => Box::new(Session::new(level, self.timeout_ms, now_ms)),
            Service::Metrics(id) => {
                let Some(endpoint) = world.endpoints.get_mut(id.index()) else { return };
                let timeout_ms = endpoint.config.timeout_client_ms;
                let expects_header = purpose.bind.accept_proxy;
                Box::new(HttpSession::new(id, expects_header, timeout_ms, now_ms))
            }
        };
        let entry = self.links.vacant_entry();
        self.generation = self.generation.wrapping_add(1);
        let index = u32::try_from(entry.key()).unwrap_or(u32::MAX);
        let slot = Slot { index, generation: self.generation };
        match reactor.register(fd.as_fd(), Source::Admin(slot)) {
            Ok(()) => {
                let link = AdminLink::new(fd, session, now_ms);
                entry.insert(Member { slot, listener: at, service, link, ready: true });
                if let Some(endpoint) = endpoint_of(service, world) {
                    endpoint.begin(now_ms);
                }
            }
            Err(error) => {
                let text = format_args!("register a client of the Runtime API: {error}");
                limited::warn(now_ms, NO_REGISTER, "", text);
            }
        }
    }

    fn remove(&mut self, index: usize, world: &mut World<'_>) {
        let member = self.links.remove(index);
        if let Some(endpoint) = endpoint_of(member.service, world) {
            endpoint.end();
        }
    }
}

/// Who is in already, and who may be.
struct Room<'a> {
    links: &'a Slab<Member>,
    commands_max: usize,
    endpoints: &'a [Endpoint],
}

impl Room<'_> {
    /// When another client may come in at the listener at a position, if nobody leaves before.
    fn free_ms(&self, at: usize, purpose: &Purpose) -> Option<u64> {
        if self.is_full(at, purpose) {
            self.first_to_go(at, purpose).map(|(_, from_ms)| from_ms)
        } else {
            Some(0)
        }
    }

    fn is_full(&self, at: usize, purpose: &Purpose) -> bool {
        let members = || self.links.iter().map(|(_, member)| member);
        match purpose.service {
            Service::Commands(_) => {
                members().filter(|member| is_command(member)).count() >= self.commands_max
            }
            Service::Metrics(id) => {
                let here = members().filter(|member| member.listener == at).count();
                !self.endpoints.get(id.index()).is_some_and(|e| e.has_room(&purpose.bind, here))
            }
        }
    }

    /// Who makes room for another client where all places are taken, and from when on. Of the
    /// Runtime API: whoever came in with a lower level than that of the listener, those that are
    /// idle first. Of the exporter: whoever has neither said nor taken anything for a while.
    fn first_to_go(&self, at: usize, purpose: &Purpose) -> Option<(usize, u64)> {
        if !self.is_full(at, purpose) {
            return None;
        }
        let members = self.links.iter().filter(|(_, member)| match purpose.service {
            Service::Commands(level) => {
                matches!(member.service, Service::Commands(other) if other < level)
            }
            Service::Metrics(_) => {
                let is_limited_here = purpose.bind.maxconn.is_some();
                member.service == purpose.service && (member.listener == at || !is_limited_here)
            }
        });
        let first = match purpose.service {
            Service::Commands(_) => {
                members.min_by_key(|(_, member)| (member.link.is_busy(), member.link.moved_ms()))
            }
            Service::Metrics(_) => members.min_by_key(|(_, member)| kept_until_ms(member)),
        };
        first.map(|(index, member)| (index, kept_until_ms(member)))
    }
}

/// How long a client's place is its own although others wait.
fn kept_until_ms(member: &Member) -> u64 {
    let link = &member.link;
    match member.service {
        Service::Commands(_) => 0,
        Service::Metrics(_) if link.has_spoken() => link.moved_ms() + IDLE_MS,
        Service::Metrics(_) => link.moved_ms() + SILENT_MS,
    }
}

fn is_command(member: &Member) -> bool {
    matches!(member.service, Service::Commands(_))
}

fn endpoint_of<'a>(service: Service, world: &'a mut World<'_>) -> Option<&'a mut Endpoint> {
    match service {
        Service::Commands(_) => None,
        Service::Metrics(id) => world.endpoints.get_mut(id.index()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

    use mio::Events;

    use super::*;
    use crate::admin::testing::Fixture;
    use crate::config::{BindAddress, BindTcp};
    use crate::net::address::Address;

    /// The Runtime API on a socket, with everything that the process does for it.
    struct Served {
        fixture: Fixture,
        reactor: Reactor,
        links: AdminLinks,
        address: SocketAddr,
    }

    fn bind(address: Address) -> Bind {
        Bind {
            address: BindAddress::Address(address),
            name: None,
            id: None,
            backlog: None,
            maxconn: None,
            accept_proxy: false,
            interface: None,
            v4v6: None,
            tcp: BindTcp::default(),
            mode: None,
            uid: None,
            gid: None,
            place: "test:1".to_owned(),
        }
    }

    impl Served {
        fn new(name: &str, links_max: u32) -> Self {
            let name = format!("stickd-admin-{name}-{}", std::process::id());
            let address = SocketAddr::from_abstract_name(&name).unwrap();
            let listener = UnixListener::bind_addr(&address).unwrap();
            listener.set_nonblocking(true).unwrap();
            let reactor = Reactor::new().unwrap();
            let mut links = AdminLinks::new(links_max, 10_000);
            let bind = bind(Address::Abstract(name));
            links
                .add_listener(listener.into(), Service::Commands(Level::Admin), bind, &reactor)
                .unwrap();
            Self { fixture: Fixture::new(), reactor, links, address }
        }

        fn connect(&self) -> UnixStream {
            let client = UnixStream::connect_addr(&self.address).unwrap();
            client.set_nonblocking(true).unwrap();
            client
        }

        fn turn(&mut self) {
            let mut events = Events::with_capacity(16);
            self.reactor.wait(&mut events, Some(0)).unwrap();
            for event in &events {
                match Source::from_token(event.token()) {
                    Some(Source::AdminListener(slot)) => self.links.note_listener(slot),
                    Some(Source::Admin(slot)) => self.links.note_link(slot, event),
                    other => panic!("{other:?}"),
                }
            }
            self.links.run(&self.reactor, &mut self.fixture.world());
        }

        /// Turns until the client's connection is closed, at most so many times.
        fn read_to_end(&mut self, client: &mut UnixStream) -> String {
            let mut text = Vec::new();
            for _ in 0..100_000 {
                self.turn();
                let mut buffer = [0; 4096];
                match client.read(&mut buffer) {
                    Ok(0) => return String::from_utf8(text).unwrap(),
                    Ok(count) => text.extend_from_slice(&buffer[..count]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            panic!("never closed after {} bytes", text.len());
        }
    }

    #[test]
    fn a_client_is_answered_and_let_go() {
        let mut served = Served::new("answer", 10);
        for key in 0..5000_u32 {
            served.fixture.insert(4, &key.to_be_bytes());
        }
        let mut client = served.connect();
        client.write_all(b"show table t_int;show cli level\n").unwrap();
        let text = served.read_to_end(&mut client);
        assert_eq!(text.lines().count(), 5004);
        assert!(text.ends_with("\n\nadmin\n\n"));
        assert!(served.links.is_empty());
        assert!(!served.links.has_work());
    }

    #[test]
    fn those_beyond_the_limit_wait_until_somebody_leaves() {
        let mut served = Served::new("limit", 1);
        let mut first = served.connect();
        first.write_all(b"prompt\n").unwrap();
        served.turn();
        served.turn();
        let mut second = served.connect();
        second.write_all(b"show cli level\n").unwrap();
        for _ in 0..10 {
            served.turn();
        }
        assert_eq!(served.links.len(), 1);
        assert!(!served.links.has_work(), "the loop may sleep");
        drop(first);
        assert_eq!(served.read_to_end(&mut second), "admin\n\n");
    }

    #[test]
    fn a_client_of_a_lower_level_makes_room_for_a_higher_one() {
        let mut served = Served::new("levels", 2);
        let name = format!("stickd-admin-user-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (user, bind) = (Service::Commands(Level::User), bind(Address::Abstract(name)));
        served.links.add_listener(listener.into(), user, bind, &served.reactor).unwrap();
        let connect_user = || {
            let client = UnixStream::connect_addr(&address).unwrap();
            client.set_nonblocking(true).unwrap();
            client
        };
        let mut users = [connect_user(), connect_user(), connect_user()];
        for user in &mut users {
            user.write_all(b"prompt;set timeout cli 1d\n").unwrap();
        }
        served.turn();
        served.turn();
        assert_eq!(served.links.len(), 2, "the third waits");
        // An administrator comes in at once, twice; the third waits for one of them to leave.
        let mut admins = [served.connect(), served.connect(), served.connect()];
        for admin in &mut admins {
            admin.write_all(b"prompt\n").unwrap();
        }
        served.turn();
        served.turn();
        let has_come_in = |admin: &mut UnixStream| admin.read(&mut [0; 10]).is_ok_and(|n| n > 0);
        assert_eq!(admins.iter_mut().map(has_come_in).filter(|is_in| *is_in).count(), 2);
        assert_eq!(served.links.len(), 2);
        assert!(!served.links.has_work(), "the loop may sleep");
    }

    #[test]
    fn a_silent_client_is_let_go_in_time() {
        let mut served = Served::new("silent", 1);
        let mut client = served.connect();
        served.turn();
        assert_eq!(served.links.len(), 1);
        served.fixture.now_ms = served.links.next_deadline_ms(&[]).unwrap();
        assert_eq!(served.read_to_end(&mut client), "");
    }

    #[test]
    fn where_one_listener_of_the_exporter_cannot_be_suspended_all_go_on() {
        let mut served = Served::new("suspend", 1);
        let Served { fixture, reactor, links, .. } = &mut served;
        *fixture = Fixture::with_endpoint();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let unix = SocketAddr::from_abstract_name(format!("stickd-{}", address.port())).unwrap();
        let unix = UnixListener::bind_addr(&unix).unwrap();
        for fd in [OwnedFd::from(tcp.try_clone().unwrap()), OwnedFd::from(unix)] {
            let (service, bind) = (Service::Metrics(EndpointId(0)), bind(Address::Ip(address)));
            links.add_listener(fd, service, bind, reactor).unwrap();
        }
        fixture.endpoints[0].state = EndpointState::Paused;
        fixture.endpoints[0].change = Change::Asked;
        links.follow(&mut fixture.endpoints, reactor);
        assert!(matches!(fixture.endpoints[0].change, Change::Followed(Err(_))));
        assert_eq!(fixture.endpoints[0].state, EndpointState::Open);
        TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    }

    #[test]
    fn the_backlog_of_a_bind_line_comes_before_that_of_its_section() {
        let mut fixture = Fixture::with_endpoint();
        fixture.endpoints[0].config.backlog = Some(9);
        let section = bind(Address::Abstract("a".to_owned()));
        let own = Bind { backlog: Some(7), ..section.clone() };
        assert_eq!([own, section].map(|bind| fixture.endpoints[0].backlog(&bind)), [7, 9]);
    }
}
