//! The log lines of the peers: which peer, with the names that were given, and why. The other side
//! can cause any of them, so each kind of line is logged once per interval for each peer. The
//! callers without a hello share one interval for each section.

use std::fmt::{self, Display};
use std::mem::discriminant;
use std::net::SocketAddr;

use log::Level;

use super::connection::{CloseReason, Connection};
use crate::logging::history::Kind;
use crate::logging::limited;
use crate::logging::limited::{Topic, escaped};
use crate::net::tls::names::Names;
use crate::peers::wire::hello;
use crate::peers::wire::hello::{Line, Status};
use crate::peers::{
    PeerId, Section, SectionEvent, Session, SessionError, SessionErrorKind, SessionEvent,
    TableMismatch,
};
use crate::table::NAMES_MAX;

const STRANGER: Topic = Topic::fault("callers from networks that may not call");

/// The name of a peer in a log line: the other end of a connection, or a peer to be called.
#[derive(Clone, Copy)]
pub(super) struct PeerLabel<'a> {
    section: &'a Section,
    peer: Option<PeerId>,
    /// The address that it called from.
    from: Option<SocketAddr>,
}

impl<'a> PeerLabel<'a> {
    /// A peer of the configuration.
    pub(super) fn peer(section: &'a Section, peer: PeerId) -> Self {
        Self { section, peer: Some(peer), from: None }
    }

    /// The other end of a connection.
    pub(super) fn at(section: &'a Section, connection: &Connection) -> Self {
        Self { section, peer: connection.session().peer(), from: connection.from() }
    }

    /// The label without what an unknown caller can choose. Its lines share an interval.
    fn without_address(self) -> Self {
        Self { from: None, ..self }
    }
}

impl Display for PeerLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = self.section.name();
        match self.peer {
            Some(peer) => write!(f, "peer {section}/{}", self.section.peer(peer).name())?,
            None => write!(f, "peers {section}: an unknown caller")?,
        }
        self.from.map_or(Ok(()), |from| write!(f, " at {from}"))
    }
}

/// A caller from a network that may not call was closed.
pub(super) fn stranger(section: &str, from: SocketAddr, now_ms: u64) {
    let text = format_args!("peers {section}: a caller at {from} is closed: 'allow' leaves it out");
    limited::warn(now_ms, STRANGER, section, text);
}

/// A peer could not be connected to.
pub(super) fn unreachable(label: PeerLabel<'_>, error: &dyn Display, now_ms: u64) {
    const UNREACHABLE: Topic = Topic::fault("a peer that cannot be reached").event(Kind::Peer);
    let text = format_args!("{label}: {error}; it is called again and again");
    limited::warn(now_ms, UNREACHABLE, label.without_address(), text);
}

/// A connection is closed.
pub(super) fn closed(label: PeerLabel<'_>, session: &Session, reason: &CloseReason, now_ms: u64) {
    const CLOSED: Topic = Topic::change("a session that a peer closed").event(Kind::Peer);
    const FAULT: Topic = Topic::fault("a session that broke the protocol").event(Kind::Peer);
    const TLS_FAULT: Topic = Topic::fault("TLS with a peer that failed").event(Kind::Peer);
    match reason {
        CloseReason::ConnectFailed(error) => unreachable(label, error, now_ms),
        CloseReason::ByUs => log::debug!("{label}: {reason}"),
        CloseReason::ByPeer(_) => {
            limited::info(
                now_ms,
                CLOSED,
                label.without_address(),
                format_args!("{label}: {reason}"),
            );
        }
        CloseReason::ByTls(_) => {
            limited::warn(
                now_ms,
                TLS_FAULT,
                label.without_address(),
                format_args!("{label}: {reason}"),
            );
        }
        CloseReason::ByError(error) => {
            let about = format_args!("{} {:?}", label.without_address(), discriminant(&error.kind));
            let text = ErrorText { error, session, section: label.section };
            limited::warn(now_ms, FAULT, about, format_args!("{label}: {text}"));
        }
    }
}

/// How a TLS handshake begins.
const TLS_HANDSHAKE: &[u8] = &[0x16, 3];

/// Why a session failed. For a handshake it has the names that both sides gave.
struct ErrorText<'a> {
    error: &'a SessionError,
    session: &'a Session,
    section: &'a Section,
}

impl Display for ErrorText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.error.kind;
        let own = self.section.local_name().unwrap_or_default();
        let mut lines = Lines(self.session.unread());
        let mut line = || escaped(lines.next().unwrap_or_default());
        match kind {
            SessionErrorKind::NotAHello | SessionErrorKind::LineTooLong
                if self.session.unread().starts_with(TLS_HANDSHAKE) =>
            {
                f.write_str("it speaks TLS, and the section listens without 'ssl'")
            }
            SessionErrorKind::NotAHello
            | SessionErrorKind::LineTooLong
            | SessionErrorKind::BadVersion
            | SessionErrorKind::BadStatus => {
                write!(f, "{kind}: '{}'", line())
            }
            SessionErrorKind::WrongTarget => {
                write!(f, "it calls peer '{}', and this one is named '{own}'", line())?;
                let caller = lines.next().and_then(|line| hello::read_caller(line).ok());
                caller.map_or(Ok(()), |name| write!(f, "; it names itself '{}'", escaped(name)))
            }
            SessionErrorKind::UnknownCaller => {
                write!(f, "the section has no peer that is named as the caller says: '{}'", line())
            }
            SessionErrorKind::WrongCertificate => {
                // A caller has only said its name.
                let peer = self.session.peer().or_else(|| {
                    let caller = lines.next().and_then(|line| hello::read_caller(line).ok())?;
                    self.section.find(caller)
                });
                let wanted = peer.map_or("", |peer| self.section.peer(peer).certificate_name());
                let names = self.session.certificate().map(Names::all);
                let names: Vec<_> = names.into_iter().flatten().collect();
                write!(
                    f,
                    "its certificate does not name '{wanted}' but '{}'",
                    escaped(names.join(", ").as_bytes())
                )
            }
            SessionErrorKind::Refused { status } => {
                let peer = self.session.peer();
                let called = peer.map_or("", |peer| self.section.peer(peer).name());
                write_refusal(f, status, called, own)
            }
            _ => write!(f, "{}", self.error),
        }
    }
}

/// The meaning of a peer's answer to our hello.
fn write_refusal(f: &mut fmt::Formatter<'_>, status: u32, called: &str, own: &str) -> fmt::Result {
    let is = |known: Status| status == u32::from(known.code());
    write!(f, "it refused the call with status {status}: ")?;
    if is(Status::TryAgain) {
        f.write_str("it has a session with a peer of this name already")
    } else if is(Status::ProtocolError) {
        f.write_str("it does not take the hello for one")
    } else if is(Status::BadVersion) {
        f.write_str("it does not speak the protocol's version that was offered")
    } else if is(Status::WrongTarget) {
        write!(f, "it was called as '{called}', and has another name itself")
    } else if is(Status::UnknownCaller) {
        write!(f, "its section has no peer with the name of this one, '{own}'")
    } else {
        f.write_str("the protocol does not know this status")
    }
}

/// The lines of a hello from the line at fault on. The last line may lack its end.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match hello::read_line(self.0) {
            Line::Whole(line, len) => {
                self.0 = self.0.get(len..).unwrap_or_default();
                Some(line)
            }
            Line::Partial | Line::TooLong => {
                Some(std::mem::take(&mut self.0)).filter(|rest| !rest.is_empty())
            }
        }
    }
}

/// Something has happened in a session.
pub(super) fn event(label: PeerLabel<'_>, event: &SessionEvent, now_ms: u64) {
    const ESTABLISHED: Topic = Topic::change("a session with a peer").event(Kind::Peer);
    const REQUESTED: Topic = Topic::change("a full resync of ours");
    const BEGUN: Topic = Topic::change("a full resync of a peer");
    const TAUGHT: Topic = Topic::change("entries taught").event(Kind::Peer);
    const CONFIRMED: Topic = Topic::change("a resync confirmed");
    const LEARNED: Topic = Topic::change("entries learned").event(Kind::Peer);
    let info = |topic, text: fmt::Arguments<'_>| {
        limited::info(now_ms, topic, label.without_address(), format_args!("{label}: {text}"));
    };
    match event {
        SessionEvent::HelloAccepted { .. } => log::debug!("{label}: hello accepted"),
        SessionEvent::Established { version, .. } => {
            info(ESTABLISHED, format_args!("session established, version {}", version.text()));
        }
        SessionEvent::ResyncRequested => info(REQUESTED, format_args!("asked for a full resync")),
        SessionEvent::TeachingBegun => info(BEGUN, format_args!("asks for a full resync")),
        SessionEvent::TeachingFinished { entries, partial } => {
            let partly = if *partial { ", all that this node has learned so far" } else { "" };
            info(TAUGHT, format_args!("taught {entries} entries{partly}"));
        }
        SessionEvent::Confirmed => info(CONFIRMED, format_args!("confirmed the resync")),
        SessionEvent::LearningFinished { entries, partial } => {
            let partly = if *partial { ", all that it has learned itself so far" } else { "" };
            info(LEARNED, format_args!("learned {entries} entries{partly}"));
        }
        SessionEvent::TableMismatch { table, mismatch } => {
            table_mismatch(label, table, mismatch, now_ms);
        }
        SessionEvent::Note(_) => log::debug!("{label}: note ignored"),
    }
}

/// A peer has defined a table differently.
fn table_mismatch(label: PeerLabel<'_>, table: &[u8], mismatch: &TableMismatch, now_ms: u64) {
    const MISMATCH: Topic = Topic::fault("a table that is otherwise at a peer").event(Kind::Peer);
    let about = format_args!("{} {}", label.without_address(), escaped(table));
    let text = format_args!("{label}: table '{}': {mismatch}; not learned", escaped(table));
    limited::warn(now_ms, MISMATCH, about, text);
}

/// Entries have too many different server names.
pub(super) fn names_refused(count: u64, now_ms: u64) {
    const REFUSED: Topic = Topic::fault("server names that do not fit");
    let text = format_args!(
        "entries have {NAMES_MAX} names of servers: no other is taken ({count} since the start), \
         and entries with others keep the server's id alone"
    );
    limited::warn(now_ms, REFUSED, "", text);
}

/// Something has happened in a section.
pub(super) fn section_event(section: &Section, event: SectionEvent, now_ms: u64) {
    const NO_PREDECESSOR: Topic = Topic::change("no predecessor taught").event(Kind::Peer);
    const UP_TO_DATE: Topic = Topic::change("a section is up to date").event(Kind::Peer);
    const NO_TEACHER: Topic = Topic::change("no peer to learn from").event(Kind::Peer);
    const NO_SUCCESSOR: Topic = Topic::change("no successor to teach");
    let (level, topic, text) = match event {
        SectionEvent::LocalTeacherMissing => {
            (Level::Warn, NO_PREDECESSOR, "no predecessor taught; remote peers are asked")
        }
        SectionEvent::UpToDate => (Level::Info, UP_TO_DATE, "up to date"),
        SectionEvent::RemoteTeacherMissing => {
            (Level::Info, NO_TEACHER, "no peer to learn from; starting with what is here")
        }
        SectionEvent::SuccessorMissing => {
            (Level::Info, NO_SUCCESSOR, "no successor at the local peer's address")
        }
    };
    let name = section.name();
    limited::log(level, now_ms, topic, name, format_args!("peers {name}: {text}"));
}
