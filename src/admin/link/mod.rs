//! The sockets of the Runtime API and the pages: accepts clients and gives each of them its
//! share of a turn.
//!
//! ```text
//!   mod.rs             AdminSockets: all listeners and clients
//!   admission.rs       whether another client may come in, and which client makes room
//!   client.rs          one client: moves bytes between its socket and its session
//!   session.rs         what all sessions have in common
//!   command_session/   a client of the Runtime API, without its socket
//!   http_session/      a client of the pages, without its socket
//!   output.rs          the bytes that a client is to be sent
//! ```

mod admission;
mod client;
pub mod command_session;
pub mod http_session;
mod output;
pub mod session;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use mio::event::Event as Readiness;
use slab::Slab;

pub use admission::{AdminListener, ListenerKind};

use super::context::Context;
use super::context::endpoint::{Change, Endpoint, EndpointId, EndpointState};
use crate::config::{Bind, Level};
use crate::logging::limited;
use crate::logging::limited::Topic;
use crate::net::socket;
use crate::net::tls::session::Session as TlsSession;
use crate::proxy::connection::entry_failure::EntryFailure;
use crate::proxy::connection::log_record::Refusal;
use crate::proxy::relay::side::Side;
use crate::reactor::Reactor;
use crate::reactor::clock;
use crate::reactor::listen::listeners::{Accepted, Listeners};
use crate::reactor::token::{Slot, Source};
use admission::{Admission, AdmittedClient};
use client::{AdminClient, ClientState};
use command_session::CommandSession;
use http_session::{Ends, HttpSession};
use session::Session;

/// How many clients are accepted in one turn.
const ACCEPTS_PER_TURN: usize = 16;
/// The most clients of the supervisor. It has fewer itself; those that it gave up on are ending.
const GIVEN_MAX: usize = 256;
/// How long a process that stops waits for the first command of a client.
const FIRST_COMMAND_MS: u64 = 1000;
/// How long a process that stops waits for a client that takes no byte of its answer.
const ANSWER_MS: u64 = 5000;
/// How long a turn works for all clients together. Who is left has its share in the next turn.
const TURN_NS: u64 = 400_000;

const CROWD: Topic = Topic::fault("no place for another client of the Runtime API");
const NO_REGISTER: Topic = Topic::fault("register a client of the Runtime API");

/// The sockets of the Runtime API and of the exporter.
#[derive(Debug)]
pub struct AdminSockets {
    listeners: Listeners<AdminListener>,
    clients: Slab<AdmittedClient>,
    /// The most clients of the Runtime API.
    commands_max: usize,
    /// How long a client of the Runtime API may be silent.
    timeout_ms: u32,
    generation: u32,
    /// The client whose share comes first in the next turn.
    first: usize,
    /// When the next turn is needed even without an event, as the last turn has found. It is asked
    /// for in every turn of the loop.
    deadline_ms: Option<u64>,
    /// When the listeners were closed; 0 while they are open.
    closed_ms: u64,
}

impl AdminSockets {
    /// No listeners and no clients yet. `commands_max` is `stats maxconn`, `timeout_ms` is `stats
    /// timeout`.
    pub fn new(commands_max: u32, timeout_ms: u32) -> Self {
        Self {
            listeners: Listeners::new(Source::AdminListener, "a client of the Runtime API"),
            clients: Slab::new(),
            commands_max: usize::try_from(commands_max).unwrap_or(usize::MAX).max(1),
            timeout_ms,
            generation: 0,
            first: 0,
            deadline_ms: None,
            closed_ms: 0,
        }
    }

    /// Accepts clients at a listening socket.
    ///
    /// # Errors
    /// What epoll_ctl(2) reports.
    pub fn add_listener(
        &mut self,
        fd: OwnedFd,
        kind: ListenerKind,
        bind: Bind,
        reactor: &Reactor,
    ) -> io::Result<()> {
        let label = bind.place.clone();
        self.listeners.add(fd, AdminListener { kind, bind }, label, reactor)
    }

    /// The listeners, in the order they were added.
    pub fn listeners(&self) -> &Listeners<AdminListener> {
        &self.listeners
    }

    /// Closes the listeners: a new process serves from now on. Clients of the Runtime API stay;
    /// clients of the exporter stay until they have the answers to their requests.
    pub fn close_listeners(&mut self, reactor: &Reactor, now_ms: u64) {
        self.closed_ms = now_ms;
        self.listeners.close(reactor);
        for (_, admitted) in &mut self.clients {
            admitted.client.retire();
            admitted.ready = true;
        }
    }

    /// Opens, pauses and closes the listeners of the exporter as commands asked in this turn.
    pub fn follow(&mut self, endpoints: &mut [Endpoint], reactor: &Reactor) {
        for (id, endpoint) in (0..u16::MAX).map(EndpointId).zip(endpoints) {
            if !matches!(endpoint.change, Change::Asked) {
                continue;
            }
            self.deadline_ms = Some(0);
            let followed = match endpoint.state {
                EndpointState::Open => self.resume(id, endpoint),
                EndpointState::Paused => self.suspend(id, endpoint),
                EndpointState::Stopped => {
                    self.listeners.close_where(reactor, |listener| listener.is_of(id));
                    Ok(())
                }
            };
            endpoint.change = Change::Followed(followed);
        }
    }

    /// Suspends all listeners of an endpoint. If one of them cannot be suspended, all of them go
    /// on.
    fn suspend(&mut self, id: EndpointId, endpoint: &mut Endpoint) -> io::Result<()> {
        let Err(error) = self.listeners.suspend_where(|listener| listener.is_of(id)) else {
            return Ok(());
        };
        endpoint.state = EndpointState::Open;
        self.resume(id, endpoint)?;
        Err(error)
    }

    /// Resumes all listeners of an endpoint. If one of them cannot be resumed, the endpoint counts
    /// as paused and the command can be repeated.
    fn resume(&mut self, id: EndpointId, endpoint: &mut Endpoint) -> io::Result<()> {
        let backlog = |listener: &AdminListener| endpoint.backlog(&listener.bind);
        let resumed = self.listeners.resume_where(backlog, |listener| listener.is_of(id));
        if resumed.is_err() {
            endpoint.state = EndpointState::Paused;
        }
        resumed
    }

    /// How often accepting had to pause because no descriptor or memory was left.
    pub fn accept_pauses(&self) -> u64 {
        self.listeners.pauses()
    }

    /// Notes that clients may be waiting at a listener.
    pub fn note_listener(&mut self, slot: Slot) {
        self.deadline_ms = Some(0);
        self.listeners.mark_readable(slot);
    }

    /// Notes an event of a client's socket.
    pub fn note_client(&mut self, slot: Slot, event: &Readiness) {
        if let Some(admitted) = self.clients.get_mut(slot.index as usize)
            && admitted.slot == slot
        {
            admitted.client.handle_event(event);
            admitted.ready = true;
        }
    }

    /// One turn: accepts clients, then gives ready clients their shares, for a bounded time.
    pub fn run(&mut self, reactor: &Reactor, context: &mut Context<'_>) {
        self.accept(reactor, context);
        self.serve(context);
        self.deadline_ms = self.find_deadline_ms(context.endpoints);
    }

    fn serve(&mut self, context: &mut Context<'_>) {
        let until_ns = clock::now_ns() + TURN_NS;
        let count = self.clients.capacity().max(1);
        let first = std::mem::take(&mut self.first);
        for index in (0..count).map(|at| (first + at) % count) {
            let Some(admitted) = self.clients.get_mut(index) else { continue };
            if !admitted.ready && admitted.client.deadline_ms() > context.now_ms {
                continue;
            }
            if clock::now_ns() > until_ns {
                self.first = index;
                return;
            }
            let state = admitted.client.advance(context);
            if let Some(session) = admitted.client.take_new_session() {
                count_handshake(admitted.kind, session, context);
            }
            match state {
                ClientState::Busy => admitted.ready = true,
                ClientState::Waiting => admitted.ready = false,
                ClientState::Finished => self.remove(index, context),
            }
        }
    }

    /// Lets all clients look whether the process did what they wait for.
    pub fn wake(&mut self) {
        for (_, admitted) in &mut self.clients {
            admitted.ready = true;
        }
    }

    /// Whether a client waits for something that the process does.
    pub fn is_waiting(&self) -> bool {
        self.clients.iter().any(|(_, admitted)| admitted.client.is_waiting())
    }

    /// Until when a process that has closed its listeners must still answer clients: a client whose
    /// answer is on its way, and a client of the Runtime API that has not sent its first command
    /// yet, because the process may have accepted it a moment ago. None if there is no such client.
    pub fn answers_until_ms(&self) -> Option<u64> {
        let until_ms = |admitted: &AdmittedClient| {
            let AdmittedClient { client, kind, .. } = admitted;
            let is_new = matches!(kind, ListenerKind::RuntimeApi(_)) && !client.has_spoken();
            match (client.is_busy(), is_new) {
                (true, _) => Some(client.moved_ms() + ANSWER_MS),
                (false, true) => Some(self.closed_ms + FIRST_COMMAND_MS),
                (false, false) => None,
            }
        };
        self.clients.iter().filter_map(|(_, admitted)| until_ms(admitted)).max()
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there is no client.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Whether a client has something to do without a further event.
    pub fn has_work(&self) -> bool {
        self.clients.iter().any(|(_, admitted)| admitted.ready)
    }

    /// When a turn is needed even without an event.
    #[inline]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    fn find_deadline_ms(&self, endpoints: &[Endpoint]) -> Option<u64> {
        let clients = self.clients.iter().map(|(_, admitted)| admitted.client.deadline_ms());
        let clients = clients.filter(|deadline_ms| *deadline_ms < u64::MAX);
        let admission =
            Admission { clients: &self.clients, commands_max: self.commands_max, endpoints };
        let accept = self.listeners.next_accept_ms(|at, listener| admission.free_ms(at, listener));
        clients.chain(accept).min()
    }

    /// Accepts clients. Those beyond the limits wait in the kernel's queue until a client leaves or
    /// has to make room.
    fn accept(&mut self, reactor: &Reactor, context: &mut Context<'_>) {
        let now_ms = context.now_ms;
        for _ in 0..ACCEPTS_PER_TURN {
            let Self { clients, commands_max, listeners, .. } = self;
            let admission =
                Admission { clients, commands_max: *commands_max, endpoints: context.endpoints };
            let has_room = |at: usize, listener: &AdminListener| {
                admission.free_ms(at, listener).is_some_and(|free_ms| free_ms <= now_ms)
            };
            let Some(Accepted { fd, at, from }) = listeners.accept(now_ms, has_room) else { break };
            let listener = listeners.purpose(at);
            if let Some((index, _)) =
                listener.and_then(|listener| admission.first_to_go(at, listener))
            {
                let text = format_args!(
                    "the connections that are allowed are all taken; one that is idle is closed"
                );
                let label = listener.map_or("", |listener| &listener.bind.place);
                limited::warn(now_ms, CROWD, label, format_args!("{label}: {text}"));
                self.remove(index, context);
            }
            self.add(fd, at, from, reactor, context);
        }
    }

    /// Serves a client of the supervisor, who may use the commands of `level`. If there are too
    /// many of these clients, the socket is closed.
    pub fn add_given(
        &mut self,
        fd: OwnedFd,
        level: Level,
        is_experimental: bool,
        reactor: &Reactor,
        now_ms: u64,
    ) {
        let given = self.clients.iter().filter(|(_, admitted)| admitted.listener.is_none());
        if given.count() >= GIVEN_MAX {
            return;
        }
        let session = CommandSession::new(level, self.timeout_ms, now_ms);
        let session = session.experimental(is_experimental);
        let kind = ListenerKind::RuntimeApi(level);
        let Some((slot, fd)) = self.register(fd, reactor, now_ms) else { return };
        let client = AdminClient::new(Side::accepted(fd, false, now_ms), Box::new(session), now_ms);
        self.clients.insert(AdmittedClient {
            slot,
            listener: None,
            kind,
            address: None,
            accepted_at: clock::wall(),
            client,
            ready: true,
        });
    }

    /// Registers the socket of a client, which is to be inserted next.
    fn register(&mut self, fd: OwnedFd, reactor: &Reactor, now_ms: u64) -> Option<(Slot, OwnedFd)> {
        self.generation = self.generation.wrapping_add(1);
        let index = u32::try_from(self.clients.vacant_key()).unwrap_or(u32::MAX);
        let slot = Slot { index, generation: self.generation };
        match reactor.register(fd.as_fd(), Source::Admin(slot)) {
            Ok(()) => Some((slot, fd)),
            Err(error) => {
                let text = format_args!("register a client of the Runtime API: {error}");
                limited::warn(now_ms, NO_REGISTER, "", text);
                None
            }
        }
    }

    fn add(
        &mut self,
        fd: OwnedFd,
        at: usize,
        client: Option<SocketAddr>,
        reactor: &Reactor,
        context: &mut Context<'_>,
    ) {
        let Some(listener) = self.listeners.purpose(at) else { return };
        let (kind, now_ms) = (listener.kind, context.now_ms);
        let AdminListener { bind, .. } = listener;
        let expects_header = bind.settings.accept_proxy;
        let session: Box<dyn Session> = match kind {
            ListenerKind::RuntimeApi(level) => {
                Box::new(CommandSession::new(level, self.timeout_ms, now_ms))
            }
            ListenerKind::Pages(id) => {
                let Some(endpoint) = context.endpoints.get_mut(id.index()) else { return };
                let timeout_ms = endpoint.config.timeout_client_ms;
                let own = socket::local_address(fd.as_fd()).ok();
                let ends = Ends { client, destination: own.and_then(|address| address.ip()) };
                Box::new(HttpSession::new(id, ends, expects_header, timeout_ms, now_ms))
            }
        };
        let (address, acceptor) = (client, bind.settings.tls.clone());
        let Some((slot, fd)) = self.register(fd, reactor, now_ms) else { return };
        let side = Side::accepted(fd, address.is_some(), now_ms);
        let mut client = AdminClient::new(side, session, now_ms);
        if let Some(acceptor) = &acceptor {
            let totals = &mut context.shared.totals.tls;
            totals.connections += 1;
            totals.rate.count(now_ms);
            client = client.secured(acceptor, expects_header);
        }
        self.clients.insert(AdmittedClient {
            slot,
            listener: Some(at),
            kind,
            address,
            accepted_at: context.wall,
            client,
            ready: true,
        });
        if let Some(endpoint) = endpoint_of(kind, context) {
            endpoint.begin(now_ms);
        }
    }

    fn remove(&mut self, index: usize, context: &mut Context<'_>) {
        let admitted = self.clients.remove(index);
        let Some(endpoint) = endpoint_of(admitted.kind, context) else { return };
        endpoint.end();
        if let Some(failure) = admitted.client.failure() {
            let bind = admitted.listener.and_then(|at| self.listeners.purpose(at)).map(|l| &l.bind);
            endpoint.refuse(Refusal {
                listener: bind.map(Bind::label).unwrap_or_default(),
                client: admitted.address,
                accepted_at: admitted.accepted_at,
                why: EntryFailure::Handshake(failure),
            });
        }
    }
}

/// Counts the TLS handshake of a client.
fn count_handshake(kind: ListenerKind, session: &TlsSession, context: &mut Context<'_>) {
    if !session.is_resumed() {
        context.shared.totals.tls.client_keys.count(context.now_ms);
    }
    if let Some(endpoint) = endpoint_of(kind, context) {
        endpoint.counters.tls.count(session);
    }
}

fn endpoint_of<'a>(kind: ListenerKind, context: &'a mut Context<'_>) -> Option<&'a mut Endpoint> {
    match kind {
        ListenerKind::RuntimeApi(_) => None,
        ListenerKind::Pages(id) => context.endpoints.get_mut(id.index()),
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
    use crate::admin::fixture::Fixture;
    use crate::config::{BindAddress, BindSettings, Level};
    use crate::net::address::Address;

    /// The Runtime API on a socket, with the turns that the process gives it.
    struct Served {
        fixture: Fixture,
        reactor: Reactor,
        sockets: AdminSockets,
        address: SocketAddr,
    }

    fn bind(address: Address) -> Bind {
        Bind {
            address: BindAddress::Address(address),
            id: None,
            settings: BindSettings::default(),
            place: "test:1".to_owned(),
        }
    }

    impl Served {
        fn new(name: &str, commands_max: u32) -> Self {
            let name = format!("stickd-admin-{name}-{}", std::process::id());
            let address = SocketAddr::from_abstract_name(&name).unwrap();
            let listener = UnixListener::bind_addr(&address).unwrap();
            listener.set_nonblocking(true).unwrap();
            let reactor = Reactor::new().unwrap();
            let mut sockets = AdminSockets::new(commands_max, 10_000);
            let bind = bind(Address::Abstract(name));
            sockets
                .add_listener(
                    listener.into(),
                    ListenerKind::RuntimeApi(Level::Admin),
                    bind,
                    &reactor,
                )
                .unwrap();
            Self { fixture: Fixture::new(), reactor, sockets, address }
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
                    Some(Source::AdminListener(slot)) => self.sockets.note_listener(slot),
                    Some(Source::Admin(slot)) => self.sockets.note_client(slot, event),
                    other => panic!("{other:?}"),
                }
            }
            self.sockets.run(&self.reactor, &mut self.fixture.context());
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
        assert!(served.sockets.is_empty());
        assert!(!served.sockets.has_work());
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
        assert_eq!(served.sockets.len(), 1);
        assert!(!served.sockets.has_work(), "the loop may sleep");
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
        let (user, bind) = (ListenerKind::RuntimeApi(Level::User), bind(Address::Abstract(name)));
        served.sockets.add_listener(listener.into(), user, bind, &served.reactor).unwrap();
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
        assert_eq!(served.sockets.len(), 2, "the third waits");
        // An administrator comes in at once, twice; the third waits for one of them to leave.
        let mut admins = [served.connect(), served.connect(), served.connect()];
        for admin in &mut admins {
            admin.write_all(b"prompt\n").unwrap();
        }
        served.turn();
        served.turn();
        let has_come_in = |admin: &mut UnixStream| admin.read(&mut [0; 10]).is_ok_and(|n| n > 0);
        assert_eq!(admins.iter_mut().map(has_come_in).filter(|is_in| *is_in).count(), 2);
        assert_eq!(served.sockets.len(), 2);
        assert!(!served.sockets.has_work(), "the loop may sleep");
    }

    #[test]
    fn a_silent_client_is_let_go_in_time() {
        let mut served = Served::new("silent", 1);
        let mut client = served.connect();
        served.turn();
        assert_eq!(served.sockets.len(), 1);
        served.fixture.now_ms = served.sockets.next_deadline_ms().unwrap();
        assert_eq!(served.read_to_end(&mut client), "");
    }

    #[test]
    fn where_one_listener_of_the_exporter_cannot_be_suspended_all_go_on() {
        let mut served = Served::new("suspend", 1);
        let Served { fixture, reactor, sockets, .. } = &mut served;
        *fixture = Fixture::with_endpoint();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let unix = SocketAddr::from_abstract_name(format!("stickd-{}", address.port())).unwrap();
        let unix = UnixListener::bind_addr(&unix).unwrap();
        for fd in [OwnedFd::from(tcp.try_clone().unwrap()), OwnedFd::from(unix)] {
            let (service, bind) = (ListenerKind::Pages(EndpointId(0)), bind(Address::Ip(address)));
            sockets.add_listener(fd, service, bind, reactor).unwrap();
        }
        fixture.endpoints[0].state = EndpointState::Paused;
        fixture.endpoints[0].change = Change::Asked;
        sockets.follow(&mut fixture.endpoints, reactor);
        assert!(matches!(fixture.endpoints[0].change, Change::Followed(Err(_))));
        assert_eq!(fixture.endpoints[0].state, EndpointState::Open);
        TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    }

    #[test]
    fn the_backlog_of_a_bind_line_comes_before_that_of_its_section() {
        let mut fixture = Fixture::with_endpoint();
        fixture.endpoints[0].config.backlog = Some(9);
        let section = bind(Address::Abstract("a".to_owned()));
        let settings = BindSettings { backlog: Some(7), ..BindSettings::default() };
        let own = Bind { settings, ..section.clone() };
        assert_eq!([own, section].map(|bind| fixture.endpoints[0].backlog(&bind)), [7, 9]);
    }
}
