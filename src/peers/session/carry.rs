//! A session that goes on in another process: this one's successor has the socket, and what both
//! sides know of each other.
//!
//! What this side has defined and named is not carried: the successor defines and names it anew,
//! which the other side takes at any time. A session is carried only between two messages, while no
//! resync is under way, by processes that have the same tables.

use super::exchange::{Exchange, Role};
use super::learn::LearnerState;
use super::{Owner, Session, State};
use crate::peers::peer::{Caller, PeerId, PeerSession};
use crate::peers::section::{Section, SectionTable};
use crate::peers::wire::buffers::ReceiveBuffer;
use crate::peers::wire::hello::Version;
use crate::table::{Tables, UpdateId};

/// The most calls that handle what has come already. The receive buffer holds less.
const ROUNDS_MAX: usize = 4096;

/// What a successor has to know of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedSession {
    /// The protocol's version.
    pub version: Version,
    /// The side that opened the session.
    pub caller: Caller,
    /// The peer has taught all that it has, and it is not up to date itself.
    pub is_partial: bool,
    /// How long ago the handshake was over.
    pub age_ms: u64,
    /// By the section's tables, how far the update log has been pushed.
    pub pushed: Vec<UpdateId>,
    /// What was learned of the other side.
    pub learned: LearnerState,
    /// The beginning of a message whose rest has not come yet.
    pub unread: Vec<u8>,
}

impl Session {
    /// What a successor has to know to go on with this session; none if the session cannot be
    /// carried. The messages that have come are handled first.
    pub fn carry(
        &mut self,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<CarriedSession> {
        for _ in 0..ROUNDS_MAX {
            if !self.has_input() {
                break;
            }
            self.handle_received(0, section, tables, now_ms).ok()?;
        }
        let Owner { peer, serial, is_local_call: false } = self.owner? else { return None };
        let State::Messages(exchange) = &self.state else { return None };
        let state = section.peer(peer).session();
        let PeerSession::Up { serial: owner, since_ms, version, caller, is_partial } = state else {
            return None;
        };
        let is_quiet = self.output.is_empty()
            && !self.has_input()
            && self.events.is_empty()
            && self.certificate.is_none()
            && exchange.is_quiet()
            && section.resync().is_up_to_date();
        if owner != serial || !is_quiet {
            return None;
        }
        Some(CarriedSession {
            version,
            caller,
            is_partial,
            age_ms: now_ms.saturating_sub(since_ms),
            pushed: (0..section.tables().len()).map(|at| exchange.teacher.pushed(at)).collect(),
            learned: exchange.learner.state()?,
            unread: self.input.unread().to_vec(),
        })
    }

    /// Goes on with a session of the predecessor, whose positions the section has adopted. None if
    /// that is not possible: the tables are others.
    pub fn carried(
        carried: &CarriedSession,
        peer: PeerId,
        section: &mut Section,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Option<Self> {
        let CarriedSession { version, caller, is_partial, age_ms, pushed, learned, unread } =
            carried;
        let own = section.tables();
        let fits = pushed.len() == own.len()
            && learned.tables.len() == own.len()
            && unread.len() <= ReceiveBuffer::LEN;
        let acked = section.peer(peer).acked();
        let is_possible = |((own, pushed), acked): ((&SectionTable, &UpdateId), &UpdateId)| {
            !acked.is_after(*pushed) && !pushed.is_after(tables.get(own.id).last_update())
        };
        if !fits
            || !own.iter().zip(pushed).zip(acked).all(is_possible)
            || section.peer(peer).session() != PeerSession::None
        {
            return None;
        }
        let since_ms = now_ms.saturating_sub(*age_ms);
        let serial = section.carry_on(peer, (*version, *caller), *is_partial, since_ms);
        let mut exchange = Exchange::new(peer, Role::Remote, *version, section);
        exchange.learner.go_on(learned, section.tables(), tables);
        exchange.teacher.go_on(pushed);
        for (own, pushed) in section.tables().iter().zip(pushed) {
            tables.get_mut(own.id).note_pushed(*pushed);
        }
        let owner = Owner { peer, serial, is_local_call: false };
        let mut session = Self::new(State::Messages(Box::new(exchange)), Some(owner), now_ms);
        session.input.space().get_mut(..unread.len())?.copy_from_slice(unread);
        session.input.fill(unread.len());
        Some(session)
    }
}
