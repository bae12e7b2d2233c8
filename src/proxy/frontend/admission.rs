//! The rules for a client that has just come in: `tcp-request connection` before anything else is
//! known, `tcp-request session` once its address is known for sure.

use std::net::SocketAddr;

use crate::config::FrontendId;
use crate::config::rules::Rules;
use crate::proxy::rules;
use crate::proxy::rules::{Context, Facts, RulesVerdict, TrackedEntries};
use crate::proxy::shared::Shared;

/// A client that is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// To be reset: nothing is known of the client yet.
    Reset,
    /// To be closed.
    Rejected,
    /// To be closed without telling.
    Dropped,
}

/// A client that is let in.
#[derive(Debug)]
pub struct Admitted {
    /// The entries that it tracks.
    pub tracks: Option<Box<TrackedEntries>>,
    /// Whether it has to begin with a PROXY header.
    pub expects_header: bool,
}

/// Which rules to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `tcp-request connection`.
    Connection,
    /// `tcp-request session`.
    Session,
}

/// Whose rules, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Applicant {
    /// The frontend.
    pub frontend: FrontendId,
    /// The client's address; none for a unix socket.
    pub client: Option<SocketAddr>,
    /// The address that it connected to; known only where a rule asks for it.
    pub destination: Option<SocketAddr>,
}

/// Runs the rules of one stage and counts who is denied. The tracked entries of a client that is
/// let in stay in `tracks`. Returns whether it has to begin with a PROXY header.
pub fn run(
    stage: Stage,
    applicant: Applicant,
    tracks: &mut Option<Box<TrackedEntries>>,
    shared: &mut Shared,
    now_ms: u64,
) -> Result<bool, Denied> {
    let Applicant { frontend, client, destination } = applicant;
    let Shared { frontends, backends, tables, acls, random, .. } = shared;
    let Rules { connection, session, .. } = &frontends[frontend.index()].config.rules;
    let list = match stage {
        Stage::Connection => connection,
        Stage::Session => session,
    };
    let payload = &[];
    let facts = Facts { client, destination, frontend, backend: None, payload, is_final: true };
    let mut context = Context {
        facts,
        acls,
        frontends,
        backends,
        tables,
        random,
        tracks,
        expects_header: false,
        now_ms,
    };
    let denied = match rules::run(list, 0, &mut context) {
        RulesVerdict::Accepted | RulesVerdict::Waits(_) => return Ok(context.expects_header),
        RulesVerdict::Rejected if stage == Stage::Connection => Denied::Reset,
        RulesVerdict::Rejected => Denied::Rejected,
        RulesVerdict::Dropped => Denied::Dropped,
    };
    let counters = &mut shared.frontend_mut(frontend).counters;
    match stage {
        Stage::Connection => counters.denied_connections += 1,
        Stage::Session => counters.denied_sessions += 1,
    }
    Err(denied)
}

/// Runs the rules for a client that a listener has just accepted, before there is a connection:
/// those of the session too, unless a header has yet to tell the address. Costs nothing where
/// there are no rules.
pub fn admit(
    frontend: FrontendId,
    client: Option<SocketAddr>,
    expects_header: bool,
    destination: impl FnOnce() -> Option<SocketAddr>,
    shared: &mut Shared,
    now_ms: u64,
) -> Result<Admitted, Denied> {
    let rules = &shared.frontend(frontend).config.rules;
    let has_session_rules = !rules.session.is_empty();
    if rules.connection.is_empty() && (expects_header || !has_session_rules) {
        return Ok(Admitted { tracks: None, expects_header });
    }
    let destination = if rules.needs_destination { destination() } else { None };
    let applicant = Applicant { frontend, client, destination };
    let counters = &mut shared.frontend_mut(frontend).counters;
    counters.admission_rate.count(now_ms);
    // The client counts among the connections that the rules may ask for.
    counters.current += 1;
    let mut tracks = None;
    let mut result = run(Stage::Connection, applicant, &mut tracks, shared, now_ms)
        .map(|is_asked_for| is_asked_for || expects_header);
    if result == Ok(false) && has_session_rules {
        result = run(Stage::Session, applicant, &mut tracks, shared, now_ms);
    }
    let Shared { frontends, tables, totals, .. } = shared;
    let counters = &mut frontends[frontend.index()].counters;
    counters.current -= 1;
    match result {
        Ok(expects_header) => {
            if let (Some(tracks), false) = (&tracks, expects_header) {
                tracks.count_session(tables, now_ms);
            }
            Ok(Admitted { tracks, expects_header })
        }
        Err(denied) => {
            counters.connections += 1;
            totals.connections += 1;
            if let Some(tracks) = tracks {
                tracks.finish(0, 0, tables, now_ms);
            }
            Err(denied)
        }
    }
}
