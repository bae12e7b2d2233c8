//! One TLS connection: ciphertext becomes plaintext, and plaintext ciphertext. No socket is
//! touched here: the caller reads into the session, and sends what the session has to send.
//!
//! A session that waits holds no buffer.

use std::cell::OnceCell;
use std::fmt;
use std::io;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CipherSuite, CommonState, HandshakeKind, ProtocolVersion};

use super::TlsError;
use super::acceptor::{Acceptor, OwnCertificate};
use super::certificate::Details;
use super::connector::{Connector, asked_name};
use super::{hello, policy};

/// How many bytes are read at once, at least: the longest record with its header.
const READ_MIN: usize = 16 * 1024 + 256 + 5;
/// How many bytes are read at once, at most.
const READ_MAX: usize = 64 * 1024;
/// The longest part of a handshake, or of a record, that is kept while the rest is awaited.
const RECEIVED_MAX: usize = 128 * 1024;
/// The most that a record adds to what it carries.
const RECORD_OVERHEAD: usize = 64;
/// The most that a record carries.
const RECORD_MAX: usize = 16 * 1024;

/// The alert "unrecognized_name" (RFC 6066 3), before anything is encrypted.
const UNKNOWN_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// One TLS connection.
pub struct Session {
    machine: Machine,
    /// Ciphertext that has come and is not used yet.
    received: Vec<u8>,
    /// Plaintext that nobody has read.
    plain: Queue,
    /// Ciphertext that is not sent yet.
    unsent: Queue,
    /// The other end has said that it sends no more.
    has_ended: bool,
    /// We have said so.
    is_closed: bool,
    /// The name that the client asks for.
    server_name: Option<Box<str>>,
    /// The other end's certificate, once it was read: only a few connections are asked about it.
    details: OnceCell<Box<Details>>,
    /// The certificate that a client was shown.
    own: Option<OwnCertificate>,
    own_details: OnceCell<Box<Details>>,
}

enum Machine {
    /// The client's hello decides with what the connection is made.
    AwaitingHello(Acceptor),
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
    /// The connection cannot go on.
    Failed(Agreed),
}

/// What both ends had agreed on.
#[derive(Clone, Copy, Debug, Default)]
struct Agreed {
    version: Option<ProtocolVersion>,
    suite: Option<CipherSuite>,
    /// The handshake was over.
    is_complete: bool,
}

impl Agreed {
    fn of(state: &CommonState) -> Self {
        let version = state.protocol_version();
        let is_complete = !state.is_handshaking();
        // As OpenSSL tells it: the suite of TLS 1.2 counts when it is used.
        let suite = state
            .negotiated_cipher_suite()
            .filter(|_| is_complete || version == Some(ProtocolVersion::TLSv1_3));
        Self { version, suite: suite.map(|suite| suite.suite()), is_complete }
    }
}

impl Machine {
    /// Has rustls look at `received`, and does what it asks for. Returns how many bytes are used
    /// up, and whether to go on.
    fn step(
        &mut self,
        received: &mut [u8],
        plain: &mut Queue,
        unsent: &mut Queue,
        has_ended: &mut bool,
    ) -> (usize, Result<bool, TlsError>) {
        match self {
            Self::Server(machine) => {
                follow(machine.process_tls_records(received), plain, unsent, has_ended)
            }
            Self::Client(machine) => {
                follow(machine.process_tls_records(received), plain, unsent, has_ended)
            }
            Self::AwaitingHello(_) | Self::Failed(_) => (0, Ok(false)),
        }
    }
}

/// Bytes of which the first may be taken away.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.bytes.len());
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Appends what `fill` writes into so much room. It returns the length.
    fn append<E>(
        &mut self,
        room: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> io::Result<Result<usize, E>> {
        let before = self.bytes.len();
        self.bytes.try_reserve(room)?;
        self.bytes.resize(before + room, 0);
        let filled = fill(self.bytes.get_mut(before..).unwrap_or_default());
        self.bytes.truncate(before + filled.as_ref().map_or(0, |len| *len));
        Ok(filled)
    }
}

impl Session {
    /// The end that clients connect to.
    pub fn accepting(acceptor: &Acceptor) -> Self {
        Self::new(Machine::AwaitingHello(acceptor.clone()))
    }

    /// The end that connects to a server, and asks for `name`. The hello can be sent at once, after
    /// `first`, which is sent as it is.
    ///
    /// # Errors
    /// When the name cannot be asked for.
    pub fn connecting(
        connector: &Connector,
        name: Option<&str>,
        first: Vec<u8>,
    ) -> Result<Self, TlsError> {
        let name = asked_name(name);
        let machine = UnbufferedClientConnection::new(connector.config(), name)?;
        let mut session = Self::new(Machine::Client(machine));
        session.unsent = Queue { bytes: first, start: 0 };
        session.process().map_err(TlsError::new)?;
        Ok(session)
    }

    fn new(machine: Machine) -> Self {
        Self {
            machine,
            received: Vec::new(),
            plain: Queue::default(),
            unsent: Queue::default(),
            has_ended: false,
            is_closed: false,
            server_name: None,
            details: OnceCell::new(),
            own: None,
            own_details: OnceCell::new(),
        }
    }

    /// How many bytes [`Session::receive`] makes room for.
    pub fn room_for(wanted: usize) -> usize {
        wanted.clamp(READ_MIN, READ_MAX)
    }

    /// Takes what `read` puts into a buffer of about `wanted` bytes, and decrypts it. Returns what
    /// `read` has returned.
    ///
    /// # Errors
    /// Those of `read`, and `InvalidData` when the other end breaks the protocol or is not
    /// trusted. What is to be sent then tells it why.
    pub fn receive(
        &mut self,
        wanted: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let before = self.received.len();
        if before > RECEIVED_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let room = Self::room_for(wanted);
        self.received.try_reserve(room)?;
        self.received.resize(before + room, 0);
        let result = read(self.received.get_mut(before..).unwrap_or_default());
        self.received.truncate(before + result.as_ref().map_or(0, |len| *len));
        if self.received.is_empty() {
            self.received = Vec::new();
        }
        let len = result?;
        if len > 0 {
            self.process()?;
        }
        Ok(len)
    }

    /// Goes as far as what has come allows.
    ///
    /// # Errors
    /// `InvalidData` with the reason.
    fn process(&mut self) -> io::Result<()> {
        let mut read_hello = None;
        if let Machine::AwaitingHello(acceptor) = &self.machine {
            let acceptor = acceptor.clone();
            if !self.begin(&acceptor)? {
                return Ok(());
            }
            let _ = acceptor.take_chosen();
            read_hello = Some(acceptor);
        }
        let result = self.process_records();
        if let Some(acceptor) = read_hello {
            self.own = acceptor.take_chosen();
        }
        if let Err(error) = result {
            self.take_alert();
            self.fail();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }

    /// Makes the server's end once the client's hello is complete. What is no hello is left to
    /// rustls to refuse. Returns false while the hello is not complete.
    fn begin(&mut self, acceptor: &Acceptor) -> io::Result<bool> {
        let Ok(hello) = hello::in_one_record(&self.received) else { return Ok(false) };
        let name = hello::server_name(&hello).ok().flatten();
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let is_refused = hello::is_whole(&hello) && acceptor.refuses_name(name);
        let config = acceptor.config_for(hello::protocols(&hello)).clone();
        self.server_name = name.map(Into::into);
        if is_refused {
            self.unsent = Queue { bytes: UNKNOWN_NAME.to_vec(), start: 0 };
            self.fail();
            let error = TlsError::new("no certificate has the name that the client asks for");
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let machine = UnbufferedServerConnection::new(config);
        self.machine =
            Machine::Server(machine.map_err(|error| io::Error::other(error.to_string()))?);
        Ok(true)
    }

    fn fail(&mut self) {
        self.machine = Machine::Failed(self.agreed());
        self.received = Vec::new();
    }

    /// Takes the alert that tells the other end why the connection has failed, if there is one. It
    /// is the next thing that rustls gives. Nothing else may be asked of rustls after a failure.
    fn take_alert(&mut self) {
        if self.state().is_some_and(CommonState::wants_write) {
            let Self { machine, plain, unsent, has_ended, .. } = self;
            let (_, taken) = machine.step(&mut [], plain, unsent, has_ended);
            log::trace!("TLS: an alert is sent: {taken:?}");
        }
    }

    fn process_records(&mut self) -> Result<(), TlsError> {
        let Self { machine, received, plain, unsent, has_ended, .. } = self;
        let mut used = 0;
        loop {
            let rest = received.get_mut(used..).unwrap_or_default();
            let (discard, goes_on) = machine.step(rest, plain, unsent, has_ended);
            used += discard;
            if !goes_on? {
                break;
            }
        }
        received.drain(..used.min(received.len()));
        if received.is_empty() {
            *received = Vec::new();
        }
        Ok(())
    }

    /// Copies plaintext that has come into `buffer`, and takes it away. Returns how much.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let len = self.peek(buffer);
        self.plain.consume(len);
        len
    }

    /// The same, but the plaintext stays.
    pub fn peek(&self, buffer: &mut [u8]) -> usize {
        let plain = self.plain.as_slice();
        let len = plain.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), plain.get(..len)) {
            to.copy_from_slice(from);
        }
        len
    }

    /// How much plaintext waits to be read.
    pub fn readable_len(&self) -> usize {
        self.plain.as_slice().len()
    }

    /// Whether the other end has said that it sends no more. Earlier plaintext may be unread.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether the handshake goes on.
    pub fn is_handshaking(&self) -> bool {
        self.state().is_none_or(CommonState::is_handshaking)
    }

    /// Encrypts `bytes`, all of them, which are to be sent then. The handshake must be over.
    ///
    /// # Errors
    /// When there is no memory, or the connection is over.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let records = bytes.len().div_ceil(RECORD_MAX);
        let room = bytes.len() + records * RECORD_OVERHEAD;
        self.encrypt(room, |traffic, room| match traffic {
            Traffic::Server(mut traffic) => traffic.encrypt(bytes, room),
            Traffic::Client(mut traffic) => traffic.encrypt(bytes, room),
        })
    }

    /// Tells the other end that nothing more will come.
    ///
    /// # Errors
    /// When there is no memory, or the connection is over.
    pub fn close(&mut self) -> io::Result<()> {
        if self.is_handshaking() || std::mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        self.encrypt(RECORD_OVERHEAD, |traffic, room| match traffic {
            Traffic::Server(mut traffic) => traffic.queue_close_notify(room),
            Traffic::Client(mut traffic) => traffic.queue_close_notify(room),
        })
    }

    fn encrypt(
        &mut self,
        room: usize,
        fill: impl FnOnce(Traffic<'_>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        // What rustls wants to send itself comes first, such as new keys.
        self.process()?;
        let Self { machine, received, unsent, .. } = self;
        let traffic = match machine {
            Machine::Server(machine) => match machine.process_tls_records(received).state {
                Ok(ConnectionState::WriteTraffic(traffic)) => Some(Traffic::Server(traffic)),
                _ => None,
            },
            Machine::Client(machine) => match machine.process_tls_records(received).state {
                Ok(ConnectionState::WriteTraffic(traffic)) => Some(Traffic::Client(traffic)),
                _ => None,
            },
            Machine::AwaitingHello(_) | Machine::Failed(_) => None,
        };
        let Some(traffic) = traffic else { return Err(io::ErrorKind::NotConnected.into()) };
        let filled = unsent.append(room, |room| fill(traffic, room))?;
        filled.map(|_| ()).map_err(|error| io::Error::other(error.to_string()))
    }

    /// Has `send` send the ciphertext that waits, until none is left or `send` returns None: the
    /// socket takes no more. Returns whether none is left.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn flush(
        &mut self,
        mut send: impl FnMut(&[u8]) -> io::Result<Option<usize>>,
    ) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match send(self.unsent.as_slice())? {
                Some(sent) => self.unsent.consume(sent),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The ciphertext that is to be sent.
    pub fn unsent(&self) -> &[u8] {
        self.unsent.as_slice()
    }

    fn state(&self) -> Option<&CommonState> {
        match &self.machine {
            Machine::Server(machine) => Some(machine),
            Machine::Client(machine) => Some(machine),
            Machine::AwaitingHello(_) | Machine::Failed(_) => None,
        }
    }

    fn agreed(&self) -> Agreed {
        match &self.machine {
            Machine::Failed(agreed) => *agreed,
            Machine::AwaitingHello(_) | Machine::Server(_) | Machine::Client(_) => {
                self.state().map(Agreed::of).unwrap_or_default()
            }
        }
    }

    /// Whether the client has said what it wants.
    pub fn has_begun(&self) -> bool {
        !matches!(self.machine, Machine::AwaitingHello(_))
    }

    /// Whether the connection has failed after the handshake.
    pub fn has_broken(&self) -> bool {
        matches!(&self.machine, Machine::Failed(agreed) if agreed.is_complete)
    }

    /// The name that the client has asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The application protocol that both ends have agreed on.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.state()?.alpn_protocol()
    }

    /// The version, in OpenSSL's words.
    pub fn version(&self) -> Option<&'static str> {
        match self.agreed().version? {
            ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
            _ => None,
        }
    }

    /// The cipher suite, in OpenSSL's words.
    pub fn suite(&self) -> Option<&'static str> {
        policy::suite_name(self.agreed().suite?)
    }

    /// The bits of the key of the cipher suite.
    pub fn key_bits(&self) -> Option<u32> {
        policy::key_bits(self.agreed().suite?)
    }

    /// Whether it continues an earlier session.
    pub fn is_resumed(&self) -> bool {
        let kind = self.state().and_then(CommonState::handshake_kind);
        kind == Some(HandshakeKind::Resumed)
    }

    /// The certificate that the other end has shown.
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.state()?.peer_certificates()?.first()
    }

    /// The same certificate, read. It is read once.
    pub fn certificate_details(&self) -> Option<&Details> {
        read_once(&self.details, self.certificate()?)
    }

    /// The certificate that a client was shown, read. It is read once.
    pub fn own_certificate_details(&self) -> Option<&Details> {
        read_once(&self.own_details, self.own.as_ref()?.der()?)
    }
}

fn read_once<'d>(
    cell: &'d OnceCell<Box<Details>>,
    certificate: &CertificateDer<'_>,
) -> Option<&'d Details> {
    if cell.get().is_none() {
        // It is empty, so it can be set.
        let _ = cell.set(Box::new(Details::of(certificate)?));
    }
    cell.get().map(AsRef::as_ref)
}

enum Traffic<'c> {
    Server(rustls::unbuffered::WriteTraffic<'c, rustls::server::ServerConnectionData>),
    Client(rustls::unbuffered::WriteTraffic<'c, rustls::client::ClientConnectionData>),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_handshaking", &self.is_handshaking())
            .field("received", &self.received.len())
            .field("unsent", &self.unsent().len())
            .finish_non_exhaustive()
    }
}

/// Does what rustls asks for, as [`Machine::step`] tells it.
fn follow<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut Queue,
    unsent: &mut Queue,
    has_ended: &mut bool,
) -> (usize, Result<bool, TlsError>) {
    let mut discard = status.discard;
    let state = match status.state {
        Ok(state) => state,
        Err(error) => return (discard, Err(error.into())),
    };
    let goes_on = match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            let mut result = Ok(true);
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        if plain.bytes.try_reserve(record.payload.len()).is_err() {
                            result = Err(TlsError::new("there is no memory"));
                            break;
                        }
                        plain.bytes.extend_from_slice(record.payload);
                    }
                    Err(error) => {
                        result = Err(error.into());
                        break;
                    }
                }
            }
            result
        }
        ConnectionState::EncodeTlsData(mut data) => encode(unsent, |room| data.encode(room)),
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(true)
        }
        ConnectionState::PeerClosed => {
            *has_ended = true;
            Ok(true)
        }
        ConnectionState::Closed
        | ConnectionState::BlockedHandshake
        | ConnectionState::WriteTraffic(_)
        | ConnectionState::ReadEarlyData(_)
        | _ => Ok(false),
    };
    (discard, goes_on)
}

fn encode(
    unsent: &mut Queue,
    mut fill: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<bool, TlsError> {
    let mut room = RECORD_MAX + RECORD_OVERHEAD;
    loop {
        match unsent.append(room, &mut fill) {
            Err(error) => return Err(TlsError::new(error)),
            Ok(Ok(_)) => return Ok(true),
            Ok(Err(EncodeError::InsufficientSize(needed))) if needed.required_size > room => {
                room = needed.required_size;
            }
            Ok(Err(error)) => return Err(TlsError::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::acceptor::{AcceptorOptions, ClientCheck};
    use super::super::certificates::Identity;
    use super::super::connector::ConnectorOptions;
    use super::super::policy::{Policy, Version};
    use super::super::trust::ServerCheck;
    use super::*;

    const SITE: &[u8] = include_bytes!("../../../tests/data/tls/site.pem");

    /// Both ends of a connection that does not pass anything by itself.
    struct Pair {
        client: Session,
        server: Session,
    }

    fn pair(newest: Version) -> Pair {
        pair_with(Policy { newest, ..Policy::default() })
    }

    fn pair_with(policy: Policy) -> Pair {
        let identities = vec![Identity::from_pem(SITE, SITE).unwrap()];
        let client = ClientCheck::None;
        let options =
            AcceptorOptions { identities, is_strict: false, client, policy: policy.clone() };
        let acceptor = Acceptor::new(options).unwrap();
        let options = ConnectorOptions { check: ServerCheck::None, identity: None, policy };
        let connector = Connector::new(&options).unwrap();
        let client = Session::connecting(&connector, Some("site.example.org"), Vec::new()).unwrap();
        Pair { client, server: Session::accepting(&acceptor) }
    }

    fn give(to: &mut Session, bytes: &[u8]) -> io::Result<()> {
        for bytes in bytes.chunks(READ_MIN) {
            to.receive(0, |room| {
                room[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            })?;
        }
        Ok(())
    }

    fn take(from: &mut Session) -> Vec<u8> {
        let mut bytes = Vec::new();
        let taken = from.flush(|unsent| {
            bytes.extend_from_slice(unsent);
            Ok(Some(unsent.len()))
        });
        assert!(taken.unwrap());
        bytes
    }

    impl Pair {
        /// Passes what both have to send until nothing is left, through `change`.
        fn settle(&mut self, mut change: impl FnMut(&mut Vec<u8>)) {
            for _ in 0..20 {
                let mut up = take(&mut self.client);
                change(&mut up);
                let _ = give(&mut self.server, &up);
                let mut down = take(&mut self.server);
                change(&mut down);
                let _ = give(&mut self.client, &down);
            }
        }
    }

    fn text(session: &mut Session) -> Vec<u8> {
        let mut text = vec![0; session.readable_len()];
        session.read(&mut text);
        text
    }

    #[test]
    fn what_is_written_at_one_end_is_read_at_the_other() {
        for newest in [Version::Tls12, Version::Tls13] {
            let mut pair = pair(newest);
            pair.settle(|_| {});
            assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
            assert_eq!(pair.server.server_name(), Some("site.example.org"));
            let long = vec![7; 50_000];
            pair.client.write(b"hello").unwrap();
            pair.server.write(&long).unwrap();
            pair.settle(|_| {});
            assert_eq!(text(&mut pair.server), b"hello");
            assert_eq!(text(&mut pair.client), long);
            pair.client.close().unwrap();
            pair.settle(|_| {});
            assert!(pair.server.has_ended() && !pair.client.has_ended());
            // The other half still goes on.
            pair.server.write(b"late").unwrap();
            pair.settle(|_| {});
            assert_eq!(text(&mut pair.client), b"late");
        }
    }

    #[test]
    fn a_hello_may_come_in_several_records() {
        let protocols = vec![b"mqtt".to_vec()];
        let mut pair = pair_with(Policy { protocols, ..Policy::default() });
        let hello = take(&mut pair.client);
        let (first, second) = hello[5..].split_at(50);
        for part in [first, second] {
            let len = u16::try_from(part.len()).unwrap().to_be_bytes();
            give(&mut pair.server, &[&[22, 3, 1], &len[..], part].concat()).unwrap();
        }
        pair.settle(|_| {});
        assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
        assert_eq!(pair.server.server_name(), Some("site.example.org"));
        assert_eq!(pair.server.protocol(), Some(&b"mqtt"[..]));
    }

    #[test]
    fn a_session_that_waits_holds_no_buffer() {
        let mut pair = pair(Version::Tls13);
        pair.settle(|_| {});
        pair.client.write(b"hello").unwrap();
        pair.settle(|_| {});
        text(&mut pair.server);
        for session in [&pair.client, &pair.server] {
            let held = [&session.received, &session.plain.bytes, &session.unsent.bytes];
            assert_eq!(held.map(Vec::capacity), [0; 3]);
        }
    }

    #[test]
    fn no_damage_on_the_way_ends_the_process() {
        // Every byte of the first flights, then some of what follows.
        for newest in [Version::Tls12, Version::Tls13] {
            for damage in (0..900).chain((900..4000).step_by(37)) {
                let mut pair = pair(newest);
                let mut passed = 0;
                pair.settle(|bytes| {
                    if let Some(at) = damage_at(damage, passed, bytes.len()) {
                        bytes[at] ^= 1 << (damage % 8);
                    }
                    passed += bytes.len();
                });
                let _ = (pair.client.write(b"hello"), pair.server.write(b"hello"));
                let _ = (pair.client.close(), pair.server.close());
                pair.settle(|bytes| bytes.truncate(bytes.len() / 2));
            }
        }
    }

    fn damage_at(damage: usize, passed: usize, len: usize) -> Option<usize> {
        damage.checked_sub(passed).filter(|at| *at < len)
    }

    #[test]
    fn bytes_that_are_no_tls_are_an_error_and_are_answered_by_an_alert() {
        let Pair { mut server, .. } = pair(Version::Tls13);
        assert!(give(&mut server, b"GET / HTTP/1.0\r\n\r\n").is_err());
        assert_eq!(server.unsent().first(), Some(&21), "an alert");
        assert!(server.write(b"x").is_err());
        assert!(give(&mut server, b"more").is_ok(), "nothing is looked at any more");
    }

    #[test]
    fn a_handshake_that_does_not_end_is_bounded() {
        let Pair { mut server, .. } = pair(Version::Tls13);
        // A hello of 16 MiB, in records of 16 KiB.
        let mut record = vec![22, 3, 1, 64, 0, 1, 255, 255, 255];
        record.resize(5 + 16 * 1024, 0);
        let mut result = give(&mut server, &record);
        let rest = [&[22, 3, 1, 64, 0][..], &vec![0; 16 * 1024]].concat();
        for _ in 0..20 {
            result = result.and_then(|()| give(&mut server, &rest));
        }
        assert!(result.is_err());
    }
}
