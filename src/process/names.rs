//! Names that nameservers are asked for, and who waits for them: servers and peers, which know
//! nothing of each other.

use crate::config::{PeersSection, Resolvers};
use crate::peers::link::{PeerNames, Peers};
use crate::proxy::Shared;
use crate::proxy::names::ServerNames;
use crate::reactor::Reactor;
use crate::resolve::Nameservers;

/// How many names have their news done in one turn.
const NEWS_PER_TURN: usize = 64;

/// The nameservers, and what follows from their answers.
#[derive(Debug)]
pub(super) struct Names {
    /// The nameservers of `resolvers` sections.
    pub(super) nameservers: Nameservers,
    /// The servers whose addresses follow from names.
    pub(super) servers: ServerNames,
    /// The peers whose addresses follow from names.
    peers: PeerNames,
}

impl Names {
    /// Those of these sections. Nothing is asked before [`Names::start`].
    pub(super) fn new(sections: &[Resolvers]) -> Self {
        Self {
            nameservers: Nameservers::new(sections),
            servers: ServerNames::default(),
            peers: PeerNames::default(),
        }
    }

    /// Begins to ask.
    pub(super) fn start(&mut self, shared: &Shared, sections: &[PeersSection], now_ms: u64) {
        self.nameservers.resume();
        self.servers.start(shared, &mut self.nameservers, now_ms);
        self.peers.start(sections, &mut self.nameservers, now_ms);
    }

    /// Asks, and moves the servers and peers whose addresses have changed.
    pub(super) fn run(
        &mut self,
        reactor: &Reactor,
        shared: &mut Shared,
        peers: &mut Peers,
        now_ms: u64,
    ) {
        self.nameservers.run(reactor, now_ms);
        for _ in 0..NEWS_PER_TURN {
            let Some(asked) = self.nameservers.poll_news() else { return };
            self.servers.follow(asked, shared, &mut self.nameservers, now_ms);
            self.peers.follow(asked, peers, &mut self.nameservers, now_ms);
        }
    }
}
