//! Sessions in a reload. The predecessor offers those that can go on in the successor, with copies
//! of their sockets, when it has stopped reading and sending. Once the successor serves, it goes on
//! with them, and the other nodes notice nothing. What it does not go on with ends when the
//! predecessor closes it, and is called anew.
//!
//! If the handover fails after that, the predecessor goes on with the sessions itself. It has to
//! know that no other process has used the sockets, or ever will (`lent.rs`).

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::socket::{Shutdown, shutdown};

use super::connection::{CloseReason, Connection};
use super::lent::Lent;
use super::peers::Peers;
use crate::config::{PeersId, TableId};
use crate::peers::{CarriedSession, PeerId, PeerSession, Section, Session};
use crate::reactor::Reactor;
use crate::table::Tables;

/// A session that a successor may go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOffer {
    /// The peers section.
    pub section: String,
    /// The name of this node there.
    pub local: String,
    /// The peer.
    pub peer: String,
    /// Where the configuration says that the peer is.
    pub place: String,
    /// The address of the caller; none if we called, and for a unix socket.
    pub from: Option<SocketAddr>,
    /// The names of the section's tables.
    pub tables: Vec<String>,
    /// The session.
    pub session: CarriedSession,
}

/// Why a session does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCarried {
    /// The section or the peer is another one, or is not there.
    OtherPeer,
    /// The tables of the section are others.
    OtherTables,
    /// The section wants TLS, or the caller may not call any more.
    OtherRights,
    /// The state of the session does not fit.
    OtherState,
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherPeer => "the peer is configured otherwise",
            Self::OtherTables => "the tables are others",
            Self::OtherRights => "it may not go on without TLS, or from its address",
            Self::OtherState => "its state does not fit",
        })
    }
}

impl Peers {
    /// Receives and sends nothing until [`Peers::resume`]. An update that arrives meanwhile is not
    /// acknowledged, so its sender sends it again to the successor.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Goes on after [`Peers::pause`].
    pub fn resume(&mut self) {
        self.is_paused = false;
        self.has_more = true;
        self.wake();
    }

    /// What a successor is to keep beside the sockets that were offered ([`Peers::keep_lifeline`]):
    /// when it is closed, no copy of them is left there. None if it cannot be made.
    pub fn lifeline(&mut self) -> Option<OwnedFd> {
        let made = self.lifelines.begin();
        made.inspect_err(|error| log::warn!("reload: a pipe to the new process: {error}")).ok()
    }

    /// Keeps what the predecessor has given beside the sockets.
    pub fn keep_lifeline(&mut self, given: OwnedFd) {
        self.lifelines.keep(given);
    }

    /// The sessions that a successor can go on with, and their sockets. To be called when nothing
    /// is received or sent any more ([`Peers::pause`]).
    pub fn offer_sessions(
        &mut self,
        tables: &mut Tables,
        most: usize,
        now_ms: u64,
    ) -> Vec<(SessionOffer, OwnedFd)> {
        let Self { sections, dialers, connections, .. } = self;
        let mut offers = Vec::new();
        for (_, member) in connections {
            let (id, connection) = (member.section.index(), &mut member.connection);
            let (Some(section), Some(dialers)) = (sections.get_mut(id), dialers.get(id)) else {
                continue;
            };
            let Some(peer) = connection.session().peer() else { continue };
            let Some(dialer) = dialers.get(peer.index()) else { continue };
            // The lifeline is one more.
            if connection.has_tls() || offers.len() + 1 >= most {
                continue;
            }
            let Some(session) = connection.session_mut().carry(section, tables, now_ms) else {
                continue;
            };
            let Ok(fd) = connection.as_fd().try_clone_to_owned() else { continue };
            member.lent = Some(Lent::new(connection.as_fd()));
            let offer = SessionOffer {
                section: section.name().to_owned(),
                local: section.local_name().unwrap_or_default().to_owned(),
                peer: section.peer(peer).name().to_owned(),
                place: dialer.place(),
                from: connection.from(),
                tables: names_of(section, tables),
                session,
            };
            offers.push((offer, fd));
        }
        offers
    }

    /// Goes on with a session of the predecessor. `is_changed` tells the tables that are declared
    /// otherwise than there. The positions of the peers must have been adopted.
    ///
    /// # Errors
    /// If the session cannot go on. The socket is closed, and the peer is called.
    pub fn carry_on(
        &mut self,
        offer: &SessionOffer,
        fd: OwnedFd,
        is_changed: impl Fn(TableId) -> bool,
        reactor: &Reactor,
        tables: &mut Tables,
        now_ms: u64,
    ) -> Result<(), NotCarried> {
        let at = self.sections.iter().position(|section| section.name() == offer.section);
        let at = at.ok_or(NotCarried::OtherPeer)?;
        let id = PeersId(u16::try_from(at).map_err(|_| NotCarried::OtherPeer)?);
        let section = self.sections.get(at).ok_or(NotCarried::OtherPeer)?;
        let peer = find_peer(section, offer).ok_or(NotCarried::OtherPeer)?;
        let dialer = self.dialers.get(at).and_then(|dialers| dialers.get(peer.index()));
        let dialer = dialer.filter(|dialer| dialer.place() == offer.place);
        let has_tls = dialer.ok_or(NotCarried::OtherPeer)?.tls().is_some() || self.listens_tls(id);
        if has_tls || offer.from.is_some_and(|from| !self.allows(id, from.ip())) {
            return Err(NotCarried::OtherRights);
        }
        if names_of(section, tables) != offer.tables
            || section.tables().iter().any(|own| is_changed(own.id))
        {
            return Err(NotCarried::OtherTables);
        }
        let section = self.sections.get_mut(at).ok_or(NotCarried::OtherPeer)?;
        let session = Session::carried(&offer.session, peer, section, tables, now_ms);
        let session = session.ok_or(NotCarried::OtherState)?;
        self.add(Connection::carried(fd, offer.from, session), id, reactor, tables, now_ms);
        Ok(())
    }

    /// Whether callers of a section speak TLS.
    fn listens_tls(&self, section: PeersId) -> bool {
        let mut purposes = self.listeners().iter().map(|listener| &listener.purpose);
        purposes.any(|own| own.section == section && own.bind.settings.tls.is_some())
    }

    /// The handover has failed. A session that was offered goes on here if the successor is gone
    /// and has left the socket alone. Others end, here and there, and the peers are called anew.
    pub fn take_sessions_back(&mut self, tables: &mut Tables, now_ms: u64) {
        let is_gone = self.lifelines.end();
        for index in 0..self.connections.capacity() {
            let Some(member) = self.connections.get_mut(index) else { continue };
            let Some(lent) = member.lent.take() else { continue };
            if is_gone && lent.is_untouched(member.connection.as_fd()) {
                continue;
            }
            // The socket may be broken already.
            let _ = shutdown(member.connection.as_fd().as_raw_fd(), Shutdown::Both);
            let (section, peer) = (member.section, member.connection.session().peer());
            self.close(index, &CloseReason::ByUs, tables, now_ms);
            if let (Some(section), Some(peer)) = (self.sections.get_mut(section.index()), peer) {
                section.call_soon(peer, now_ms);
            }
        }
    }

    /// Stops calling and listening, and closes all sessions with remote peers: the successor has
    /// these sessions from now on, or calls the peers anew.
    pub fn retire(&mut self, reactor: &Reactor, tables: &mut Tables, now_ms: u64) {
        self.resume();
        self.lifelines.forget();
        for section in &mut self.sections {
            section.set_calling(false, now_ms);
        }
        self.close_listeners(reactor);
        for index in 0..self.connections.capacity() {
            let Some(member) = self.connections.get(index) else { continue };
            if member.lent.is_some()
                && let Err(error) = reactor.deregister(member.connection.as_fd())
            {
                // The successor shares the socket, so the registration outlives our descriptor.
                log::warn!("reload: leave a peer's socket alone: {error}");
            }
            self.close(index, &CloseReason::ByUs, tables, now_ms);
        }
    }
}

/// The peer that an offered session is with, if it is the same here and has no session.
fn find_peer(section: &Section, offer: &SessionOffer) -> Option<PeerId> {
    let is_same = section.local_name() == Some(offer.local.as_str());
    let peer = section.place_of(&offer.peer).filter(|_| is_same)?;
    let known = section.peer(peer);
    (!known.is_absent() && known.session() == PeerSession::None).then_some(peer)
}

fn names_of(section: &Section, tables: &Tables) -> Vec<String> {
    let names = section.tables().iter().map(|own| tables.get(own.id).declaration().name.clone());
    names.collect()
}
