//! A client that does not exist, led to the server that it would get. Its states, rules and choices
//! are those of every connection: the socket that it comes in on is one of a pair, and what it
//! sends is written into the other one. It ends where the loop would open a socket to the server.
//! Nobody else is connected to, and no time passes.

use std::io;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::state::{LogEntry, State, Wanted};
use super::{Accepted, Connection};
use crate::config::{BackendId, Bind, FrontendId, ServerIndex};
use crate::net::proxy_protocol;
use crate::net::proxy_protocol::{Ends, Version};
use crate::net::tls::connector::{Connector, ConnectorOptions};
use crate::net::tls::policy::Policy;
use crate::net::tls::session::Session;
use crate::net::tls::trust::ServerCheck;
use crate::proxy::backend::stick::{ClientKeys, MadeEntries};
use crate::proxy::frontend::admission;
use crate::proxy::frontend::admission::{Admitted, Opening};
use crate::proxy::rules::SetEnds;
use crate::proxy::shared::{Shared, Turn};
use crate::reactor::clock;
use crate::reactor::token::Slot;
use crate::table::key::Key;

/// How often the connection goes on, at most.
const STEPS_MAX: usize = 64;

/// A client that does not exist.
#[derive(Clone, Debug)]
pub struct Pretended<'a> {
    /// The frontend that accepts it.
    pub frontend: FrontendId,
    /// The listener at which it comes in.
    pub bind: &'a Bind,
    /// Its address.
    pub source: SocketAddr,
    /// Where it connects to.
    pub destination: SocketAddr,
    /// The hello of TLS that it begins with.
    pub hello: Option<Hello>,
    /// What it sends then.
    pub payload: Vec<u8>,
}

/// A hello of TLS.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    /// The name that it asks for.
    pub name: Option<String>,
    /// The application protocols that it offers.
    pub protocols: Vec<Vec<u8>>,
}

/// Where the client is led, and what was found out on the way.
#[derive(Debug)]
pub struct Rehearsed {
    /// How long the client has waited for rules, in milliseconds.
    pub waited_ms: u64,
    /// The backend, if it has come so far.
    pub backend: Option<BackendId>,
    /// Where it ends.
    pub end: End,
    /// Its address, as rules may have set it.
    client: Option<IpAddr>,
    /// The keys of the stick rules, where they are not simply its address.
    keys: Option<Box<[Option<Key>]>>,
}

/// Where a client ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// At this server.
    Server(ServerIndex, ChosenBy),
    /// In a queue.
    Queue,
    /// Rules refuse it.
    Refused,
    /// It is refused because of its PROXY header or its TLS.
    NotLetIn(String),
    /// No rule names a backend, and there is no `default_backend`.
    NoBackend,
    /// No server of the backend takes it.
    NoServer,
    /// It waits for ever.
    Waits,
}

/// What chooses a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// A `use-server` rule.
    Rule,
    /// A stick entry.
    Entry,
    /// The cookie of an RDP client.
    Cookie,
    /// The balance algorithm.
    Balance,
    /// There is no choice: all clients go there.
    Dispatch,
}

/// Leads a client to its server. What rules change in tables and counters, they change in `shared`.
///
/// # Errors
/// When there are no sockets, or no TLS can be spoken.
pub fn rehearse(client: Pretended<'_>, shared: &mut Shared, now_ms: u64) -> io::Result<Rehearsed> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    let Pretended { frontend, bind, source, destination, .. } = client;
    let (ours, at) = (OwnedFd::from(ours), (frontend, bind.id.unwrap_or_default()));
    let acceptor = bind.settings.tls.clone();
    let opening = Opening { header: bind.settings.accept_proxy, handshake: acceptor.is_some() };
    let mut turn = Turn { shared, now_ms };
    let who = (ours.as_fd(), Some(source));
    let Ok(admitted) = admission::admit(at, who, opening, || Some(destination), &mut turn) else {
        return Ok(Rehearsed::ended(End::Refused));
    };
    let Admitted { memory, expects_header, set_ends } = admitted;
    let known = SetEnds { client: Some(source), destination: Some(destination) };
    let mut speaker = Speaker::new(theirs, client, expects_header, acceptor.is_some())?;
    let accepted = Accepted {
        fd: ours,
        client: Some(source),
        listener: 0,
        socket: at.1,
        set_ends: Some(set_ends.unwrap_or(known)),
        frontend,
        at: clock::wall(),
        expects_header,
        acceptor,
        memory,
    };
    let slot = Slot { index: 0, generation: 1 };
    let mut connection = Connection::accept(slot, accepted, &mut turn);
    let end = connection.go_through(&mut speaker, &mut turn)?;
    Ok(Rehearsed {
        waited_ms: turn.now_ms - now_ms,
        backend: connection.route.backend,
        end,
        client: connection.client_ip(),
        keys: connection.route.keys.take(),
    })
}

/// Takes every server whose address follows from a name as found: nobody is asked here.
pub fn find_all_names(shared: &mut Shared, now_ms: u64) {
    for backend in (0..u16::MAX).map(BackendId).take(shared.backends.len()) {
        let servers: Vec<_> =
            shared.backend(backend).servers.indexed().map(|(index, _)| index).collect();
        for server in servers {
            shared.end_missing(backend, server, false, now_ms);
        }
    }
}

impl Rehearsed {
    fn ended(end: End) -> Self {
        Self { waited_ms: 0, backend: None, end, client: None, keys: None }
    }

    /// Has the tables of `shared` remember that a client like this one is at `server`. Returns
    /// whether there are stick rules that can.
    pub fn remember(&self, server: ServerIndex, shared: &mut Shared, now_ms: u64) -> bool {
        let Some(id) = self.backend else { return false };
        let Shared { backends, tables, .. } = shared;
        let Some(backend) = backends.get(id.index()) else { return false };
        let keys = self.keys.as_deref().map(ClientKeys::PerRule);
        let Some(keys) = keys.or_else(|| self.client.map(ClientKeys::Address)) else {
            return false;
        };
        let mut made = MadeEntries::default();
        backend.stick.store(keys, server, &mut made, tables, now_ms);
        !made.is_empty()
    }
}

impl Connection {
    /// Goes on until the loop would open a socket, or nothing more can happen. Instead of waiting,
    /// the time of the deadline is taken.
    fn go_through(&mut self, speaker: &mut Speaker, turn: &mut Turn<'_>) -> io::Result<End> {
        for _ in 0..STEPS_MAX {
            let has_sent = speaker.speak()?;
            self.client.look();
            match self.advance(turn) {
                Wanted::Socket(target) => {
                    return Ok(End::Server(target.server, self.chosen_by(target.server)));
                }
                Wanted::Removal => return Ok(self.refusal()),
                Wanted::Event if matches!(self.state, State::Queued { .. }) => {
                    return Ok(End::Queue);
                }
                Wanted::Turn => {}
                Wanted::Event if has_sent || speaker.has_more() => {}
                Wanted::Event => match self.poll_timeout(turn.shared) {
                    Some(until_ms) => turn.now_ms = turn.now_ms.max(until_ms),
                    None => return Ok(End::Waits),
                },
            }
        }
        Ok(End::Waits)
    }

    fn chosen_by(&self, server: ServerIndex) -> ChosenBy {
        let route = &self.route;
        match server {
            ServerIndex::DISPATCH => ChosenBy::Dispatch,
            _ if route.wanted == Some(server) => ChosenBy::Rule,
            _ if route.by_entry && route.named == Some(server) => ChosenBy::Cookie,
            _ if route.by_entry => ChosenBy::Entry,
            _ => ChosenBy::Balance,
        }
    }

    fn refusal(&self) -> End {
        let State::Closed(closed) = &self.state else { return End::Waits };
        match (closed.log_entry, self.route.backend) {
            (LogEntry::EntryFailure(failure), _) => End::NotLetIn(failure.to_string()),
            _ if closed.termination.is_refusal() => End::Refused,
            (_, None) => End::NoBackend,
            (_, Some(_)) => End::NoServer,
        }
    }
}

/// The client's end of the pair.
struct Speaker {
    stream: UnixStream,
    session: Option<Session>,
    /// What is not sent yet.
    payload: Vec<u8>,
}

impl Speaker {
    /// The client that sends a PROXY header first if it has to, then speaks TLS with us, or with
    /// a server behind us.
    fn new(
        stream: UnixStream,
        client: Pretended<'_>,
        has_header: bool,
        has_tls: bool,
    ) -> io::Result<Self> {
        let Pretended { source, destination, hello, mut payload, .. } = client;
        let mut first = Vec::new();
        if has_header {
            first = proxy_protocol::write(Version::V2, Some(Ends { source, destination }));
        }
        if has_tls {
            let session = hello.unwrap_or_default().begin(first)?;
            return Ok(Self { stream, session: Some(session), payload });
        }
        if let Some(hello) = hello {
            first.extend(hello.bytes()?);
        }
        first.append(&mut payload);
        Ok(Self { stream, session: None, payload: first })
    }

    fn has_more(&self) -> bool {
        !self.payload.is_empty()
    }

    /// Sends and takes what can be. Returns whether anything was sent.
    fn speak(&mut self) -> io::Result<bool> {
        let Self { stream, session, payload } = self;
        let Some(session) = session else {
            let bytes = std::mem::take(payload);
            stream.write_all(&bytes)?;
            return Ok(!bytes.is_empty());
        };
        // A broken handshake shows at the other end.
        let _ = session.receive(0, |room| stream.read(room));
        if !session.is_handshaking() && !payload.is_empty() {
            session.write(&std::mem::take(payload))?;
        }
        let has_sent = !session.unsent().is_empty();
        session.flush(|bytes| match stream.write(bytes) {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        })?;
        Ok(has_sent)
    }
}

impl Hello {
    /// The hello as bytes.
    ///
    /// # Errors
    /// When the name or a protocol cannot be sent.
    pub fn bytes(self) -> io::Result<Vec<u8>> {
        Ok(self.begin(Vec::new())?.unsent().to_vec())
    }

    fn begin(self, first: Vec<u8>) -> io::Result<Session> {
        let policy = Policy { protocols: self.protocols, ..Policy::default() };
        let options = ConnectorOptions { check: ServerCheck::None, identity: None, policy };
        let connector = Connector::new(&options).map_err(io::Error::other)?;
        let session = Session::connecting(&connector, self.name.as_deref(), first);
        session.map_err(io::Error::other)
    }
}
