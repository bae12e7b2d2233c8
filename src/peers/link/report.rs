//! What is logged of the peers: who, with the names that were given, and why. All of it follows
//! from what the other side does, so each kind of message is said once per interval for each peer;
//! the callers that no hello has named share an interval for each section.

use std::fmt::{self, Display};
use std::mem::discriminant;
use std::net::SocketAddr;

use log::Level;

use super::{Ending, Link};
use crate::logging::limited;
use crate::logging::limited::{Topic, shown};
use crate::peers::session::error::{Fault, SessionError};
use crate::peers::wire::hello;
use crate::peers::wire::hello::{Line, Status};
use crate::peers::{Event, Misfit, PeerId, Section, SectionEvent, Session};
use crate::table::NAMES_MAX;

/// Somebody at the other end of a link, or to be called.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    section: &'a Section,
    peer: Option<PeerId>,
    /// Where it called from.
    from: Option<SocketAddr>,
}

impl<'a> Who<'a> {
    /// A peer of the configuration.
    pub(super) fn peer(section: &'a Section, peer: PeerId) -> Self {
        Self { section, peer: Some(peer), from: None }
    }

    /// The other end of a link.
    pub(super) fn at(section: &'a Section, link: &Link) -> Self {
        Self { section, peer: link.session().peer(), from: link.from() }
    }

    /// What keeps its messages apart from those of others: nothing that a stranger can choose.
    fn kin(self) -> Self {
        Self { from: None, ..self }
    }
}

impl Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = self.section.name();
        match self.peer {
            Some(peer) => write!(f, "peer {section}/{}", self.section.peer(peer).name())?,
            None => write!(f, "peers {section}: an unknown caller")?,
        }
        self.from.map_or(Ok(()), |from| write!(f, " at {from}"))
    }
}

/// Nobody could be connected to.
pub(super) fn unreachable(who: Who<'_>, error: &dyn Display, now_ms: u64) {
    const UNREACHABLE: Topic = Topic::fault("a peer that cannot be reached");
    let text = format_args!("{who}: {error}; it is called again and again");
    limited::warn(now_ms, UNREACHABLE, who.kin(), text);
}

/// A link is over.
pub(super) fn ended(who: Who<'_>, session: &Session, ending: &Ending, now_ms: u64) {
    const CLOSED: Topic = Topic::change("a session that a peer closed");
    const FAULT: Topic = Topic::fault("a session that broke the protocol");
    match ending {
        Ending::ConnectFailed(error) => unreachable(who, error, now_ms),
        Ending::ByUs => log::debug!("{who}: {ending}"),
        Ending::ByPeer(_) => {
            limited::info(now_ms, CLOSED, who.kin(), format_args!("{who}: {ending}"));
        }
        Ending::ByError(error) => {
            let about = format_args!("{} {:?}", who.kin(), discriminant(&error.fault));
            let why = Why { error, session, section: who.section };
            limited::warn(now_ms, FAULT, about, format_args!("{who}: {why}"));
        }
    }
}

/// Why a session failed, for a handshake with the names that both sides gave.
pub(crate) struct Why<'a> {
    error: &'a SessionError,
    session: &'a Session,
    section: &'a Section,
}

impl Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = self.error.fault;
        let own = self.section.local_name().unwrap_or_default();
        let mut lines = Lines(self.session.unread());
        let mut line = || shown(lines.next().unwrap_or_default());
        match fault {
            Fault::NotAHello | Fault::LineTooLong | Fault::BadVersion | Fault::BadStatus => {
                write!(f, "{fault}: '{}'", line())
            }
            Fault::WrongTarget => {
                write!(f, "it calls peer '{}', and this one is named '{own}'", line())?;
                let caller = lines.next().and_then(|line| hello::read_caller(line).ok());
                caller.map_or(Ok(()), |name| write!(f, "; it names itself '{}'", shown(name)))
            }
            Fault::UnknownCaller => {
                write!(f, "the section has no peer that is named as the caller says: '{}'", line())
            }
            Fault::Refused { status } => {
                let peer = self.session.peer();
                let called = peer.map_or("", |peer| self.section.peer(peer).name());
                write_refusal(f, status, called, own)
            }
            _ => write!(f, "{}", self.error),
        }
    }
}

/// What a peer means by its answer to our hello.
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

/// The lines of a hello from the one at fault on; the last one may lack its end.
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
pub(super) fn event(who: Who<'_>, event: &Event, now_ms: u64) {
    const ESTABLISHED: Topic = Topic::change("a session with a peer");
    const REQUESTED: Topic = Topic::change("a full resync of ours");
    const BEGUN: Topic = Topic::change("a full resync of a peer");
    const TAUGHT: Topic = Topic::change("entries taught");
    const CONFIRMED: Topic = Topic::change("a resync confirmed");
    const LEARNED: Topic = Topic::change("entries learned");
    let info = |topic, text: fmt::Arguments<'_>| {
        limited::info(now_ms, topic, who.kin(), format_args!("{who}: {text}"));
    };
    match event {
        Event::HelloAccepted { .. } => log::debug!("{who}: hello accepted"),
        Event::Established { version, .. } => {
            info(ESTABLISHED, format_args!("session established, version {}", version.text()));
        }
        Event::LessonRequested => info(REQUESTED, format_args!("asked for a full resync")),
        Event::LessonBegun => info(BEGUN, format_args!("asks for a full resync")),
        Event::LessonSent { entries, partial } => {
            let partly = if *partial { ", all that this node has learned so far" } else { "" };
            info(TAUGHT, format_args!("taught {entries} entries{partly}"));
        }
        Event::Confirmed => info(CONFIRMED, format_args!("confirmed the resync")),
        Event::Finished { entries, partial } => {
            let partly = if *partial { ", all that it has learned itself so far" } else { "" };
            info(LEARNED, format_args!("learned {entries} entries{partly}"));
        }
        Event::Misfit { table, misfit } => misfit_of(who, table, misfit, now_ms),
        Event::Note(_) => log::debug!("{who}: note ignored"),
    }
}

/// A peer has a table otherwise than this node.
fn misfit_of(who: Who<'_>, table: &[u8], misfit: &Misfit, now_ms: u64) {
    const MISFIT: Topic = Topic::fault("a table that is otherwise at a peer");
    let about = format_args!("{} {}", who.kin(), shown(table));
    let text = format_args!("{who}: table '{}': {misfit}; not learned", shown(table));
    limited::warn(now_ms, MISFIT, about, text);
}

/// Entries have too many different names of servers.
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
    const NO_PREDECESSOR: Topic = Topic::change("no predecessor taught");
    const UP_TO_DATE: Topic = Topic::change("a section is up to date");
    const NO_TEACHER: Topic = Topic::change("no peer to learn from");
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
    limited::say(level, now_ms, topic, name, format_args!("peers {name}: {text}"));
}
