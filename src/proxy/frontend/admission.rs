//! The rules that let a client in: `tcp-request connection` runs at accept, `tcp-request session`
//! as soon as the client's address is known for sure, which may be after a PROXY header.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use crate::config::FrontendId;
use crate::config::rules::Rules;
use crate::net::proxy_protocol::Additions;
use crate::net::tls::session::Session;
use crate::proxy::rules;
use crate::proxy::rules::{Context, Facts, Memory, RulesVerdict, Sent, Sessions, SetEnds, Sockets};
use crate::proxy::shared::{Shared, Turn};

/// A client that is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// By a connection rule: the client gets a reset.
    Reset,
    /// By a later rule: the connection is closed in order.
    Rejected,
    /// By `silent-drop`: the client is not told.
    Dropped,
}

/// A client that is let in.
#[derive(Debug)]
pub struct Admitted {
    /// What the rules remember of the client.
    pub memory: Memory,
    /// Whether the client has to send a PROXY header first.
    pub expects_header: bool,
    /// The addresses of the client and of the destination, if a rule has set one of the two.
    pub set_ends: Option<SetEnds>,
}

/// What has to come before a session begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// A PROXY header.
    pub header: bool,
    /// A TLS handshake.
    pub handshake: bool,
}

/// Which rules to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// `tcp-request connection`.
    Connection,
    /// `tcp-request session`.
    Session,
}

/// A client about which the rules of a frontend decide.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Applicant<'a> {
    /// The frontend.
    pub(in crate::proxy) frontend: FrontendId,
    /// The client's address; none for a unix socket.
    pub(in crate::proxy) client: Option<SocketAddr>,
    /// The address that the client connected to; known only where a rule asks for it.
    pub(in crate::proxy) destination: Option<SocketAddr>,
    /// The number of the listener in the frontend.
    pub(in crate::proxy) socket: u32,
    /// What the client's PROXY header has said beside the addresses.
    pub(in crate::proxy) header: Option<&'a Additions>,
    /// The client's socket.
    pub(in crate::proxy) fd: Option<BorrowedFd<'a>>,
    /// The client's TLS session, if there is one.
    pub(in crate::proxy) session: Option<&'a Session>,
    /// Whether a rule has set one of the addresses.
    pub(in crate::proxy) has_set_ends: bool,
}

impl Applicant<'_> {
    /// The addresses of the client and of the destination, if a rule has set one of the two.
    fn set_ends(&self) -> Option<SetEnds> {
        let Self { client, destination, .. } = *self;
        self.has_set_ends.then_some(SetEnds { client, destination })
    }
}

/// Runs the rules for a client that a listener has just accepted, before there is a connection.
/// The session rules run too, unless a header or a handshake comes first. Costs nothing
/// where there are no rules. `destination` finds out the address that the client connected to.
///
/// # Errors
/// When a rule refuses the client, which is counted.
pub fn admit(
    (frontend, socket): (FrontendId, u32),
    (fd, client): (BorrowedFd<'_>, Option<SocketAddr>),
    opening: Opening,
    destination: impl FnOnce() -> Option<SocketAddr>,
    turn: &mut Turn<'_>,
) -> Result<Admitted, Denied> {
    let rules = &turn.shared.frontend(frontend).config.rules;
    let has_session_rules = !rules.session.is_empty();
    let Opening { header: expects_header, handshake } = opening;
    if rules.connection.is_empty() && (expects_header || handshake || !has_session_rules) {
        return Ok(Admitted { memory: Memory::default(), expects_header, set_ends: None });
    }
    let destination = if rules.needs_destination { destination() } else { None };
    let mut applicant = Applicant {
        frontend,
        client,
        destination,
        socket,
        header: None,
        fd: Some(fd),
        session: None,
        has_set_ends: false,
    };
    let counters = &mut turn.shared.frontend_mut(frontend).counters;
    counters.admission_rate.count(turn.now_ms);
    // The client counts among the connections that the rules may ask for.
    counters.current += 1;
    let mut memory = Memory::default();
    let mut result = run(Stage::Connection, &mut applicant, &mut memory, turn)
        .map(|is_asked_for| is_asked_for || expects_header);
    if result == Ok(false) && !handshake && has_session_rules {
        result = run(Stage::Session, &mut applicant, &mut memory, turn);
    }
    let Shared { frontends, tables, totals, variables, .. } = &mut *turn.shared;
    let counters = &mut frontends[frontend.index()].counters;
    counters.current -= 1;
    match result {
        Ok(expects_header) => {
            if !expects_header && !handshake {
                memory.count_session(tables, turn.now_ms);
            }
            let set_ends = applicant.set_ends();
            Ok(Admitted { memory, expects_header, set_ends })
        }
        Err(denied) => {
            counters.connections += 1;
            totals.connections += 1;
            memory.finish((0, 0), tables, variables, turn.now_ms);
            Err(denied)
        }
    }
}

/// Runs the session rules for a client whose header or handshake has come.
///
/// # Errors
/// When a rule refuses the client, which is counted.
pub(in crate::proxy) fn admit_session(
    mut applicant: Applicant<'_>,
    memory: &mut Memory,
    turn: &mut Turn<'_>,
) -> Result<Option<SetEnds>, Denied> {
    if !turn.shared.frontend(applicant.frontend).config.rules.session.is_empty() {
        run(Stage::Session, &mut applicant, memory, turn)?;
    }
    memory.count_session(&mut turn.shared.tables, turn.now_ms);
    Ok(applicant.set_ends())
}

/// Runs the rules of one stage and counts a client that is denied. What they remember of a client
/// that is let in stays in `memory`. Returns whether the client has to send a PROXY header.
fn run(
    stage: Stage,
    applicant: &mut Applicant<'_>,
    memory: &mut Memory,
    turn: &mut Turn<'_>,
) -> Result<bool, Denied> {
    let Applicant { frontend, client, destination, socket, header, .. } = *applicant;
    let (objects, _) = turn.shared.for_rules();
    let Rules { connection, session, .. } = &objects.frontends[frontend.index()].config.rules;
    let list = match stage {
        Stage::Connection => connection,
        Stage::Session => session,
    };
    let facts = Facts {
        client,
        destination,
        socket,
        header,
        tls: Sessions::of(applicant.session, None),
        sockets: Sockets { client: applicant.fd, ..Sockets::default() },
        frontend,
        backend: None,
        sent: Sent::ByClient(&[]),
        is_final: true,
        page: None,
        noted: None,
    };
    let mut context = Context::new(facts, objects, memory, turn.now_ms).before_content();
    if stage == Stage::Connection {
        context = context.at_connection();
    }
    let verdict = rules::run(list, 0, &mut context);
    if let Some(ends) = context.set_ends() {
        applicant.client = ends.client;
        applicant.destination = ends.destination;
        applicant.has_set_ends = true;
    }
    let denied = match verdict {
        RulesVerdict::Accepted | RulesVerdict::Waits(_) => return Ok(context.expects_header),
        RulesVerdict::Rejected if stage == Stage::Connection => Denied::Reset,
        RulesVerdict::Rejected | RulesVerdict::Closed => Denied::Rejected,
        RulesVerdict::Dropped => Denied::Dropped,
    };
    let counters = &mut turn.shared.frontend_mut(frontend).counters;
    match stage {
        Stage::Connection => counters.denied_connections += 1,
        Stage::Session => counters.denied_sessions += 1,
    }
    Err(denied)
}
