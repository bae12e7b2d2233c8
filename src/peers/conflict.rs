//! What becomes of an entry that several nodes change at the same moment.
//!
//! An update says nothing about its age, so the last update to arrive would count, and each node
//! would end with the change of another. But a node can tell: an update has crossed its own change
//! when the sender has not acknowledged that change, because a node acknowledges what it has
//! received before it sends updates of its own.
//!
//! - Both nodes see that, and both keep the change of the node whose name comes first.
//! - Both send what they kept once more. So whatever a third node has received from either of
//!   them, the last update that it receives is the kept one.
//! - A node may also take a change while an older state of its own is still on the way to a third
//!   node, or has just arrived there behind the newer one. It sends the new state once more too.
//! - What a node sends once more of a change of others is a repetition, and no change of its own:
//!   where it meets a change on the way, the change is kept, whatever the names. Else a node that
//!   passes a change on could undo the next change of the same entry. A repetition is a live update
//!   that says how long the entry still lives; version 2.0 has no such updates.
//!
//! An update that changes nothing is no conflict, so this ends. HAProxy takes every update. Beside
//! it the second rule is enough, as long as one of the two nodes is stickd.

use super::peer::{Peer, PeerId, PeerSession};
use crate::table::UpdateId;

/// So long after its beginning, a session may still bring what was changed before it began.
const SESSION_YOUNG_MS: u64 = 10_000;

/// How an update meets a change that was made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// Both nodes have changed the entry at the same moment, and the change of this node is kept.
    Won,
    /// Both nodes have changed the entry at the same moment, and the sender's change is kept.
    Lost,
    /// The sender knew the change of this node. But that change may reach a third node later than
    /// the sender's.
    Overtaken,
}

/// What is known of an update, and of the change of the same entry that was made here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting {
    /// The position of the table in its section.
    pub(super) table: usize,
    /// The place of the change in the table's update log.
    pub(super) place: UpdateId,
    /// The change is a few seconds old at most.
    pub(super) is_recent: bool,
    /// What this node sends of the entry is a repetition.
    pub(super) repeats: bool,
    /// The update is a repetition.
    pub(super) is_repeated: bool,
}

/// What each peer has acknowledged, to judge an update that one of them has sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rivals<'a> {
    /// All peers of the section.
    pub(super) peers: &'a [Peer],
    /// The sender.
    pub(super) from: PeerId,
    /// This node.
    pub(super) local: Option<PeerId>,
}

impl Rivals<'_> {
    /// Whether the sender has acknowledged the change with this place in the update log of the
    /// section's table at this position. What it sends of the entry is not older then.
    pub(super) fn knows(&self, table: usize, place: UpdateId) -> bool {
        let sender = self.peers.get(self.from.index());
        sender.and_then(|sender| has_acked(sender, table, place)) == Some(true)
    }

    /// How an update meets a change that was made here.
    pub(super) fn conflict(&self, met: Meeting, now_ms: u64) -> Option<Conflict> {
        let local = self.peers.get(self.local?.index())?;
        let sender = self.peers.get(self.from.index()).filter(|_| self.local != Some(self.from))?;
        let is_under_way = |peer: &Peer| has_acked(peer, met.table, met.place) == Some(false);
        if is_under_way(sender) {
            return Some(match (met.repeats, met.is_repeated) {
                (true, false) => Conflict::Overtaken,
                (false, true) => Conflict::Won,
                _ if local.name() < sender.name() => Conflict::Won,
                _ => Conflict::Lost,
            });
        }
        let may_arrive_late = |peer: &Peer| match peer.session() {
            PeerSession::Up { since_ms, .. } => {
                is_under_way(peer) || now_ms.saturating_sub(since_ms) < SESSION_YOUNG_MS
            }
            PeerSession::None | PeerSession::Calling { .. } => false,
        };
        (met.is_recent || self.peers.iter().any(may_arrive_late)).then_some(Conflict::Overtaken)
    }
}

/// Whether a peer has acknowledged the change with this place in a table's update log. None if the
/// section has no such table.
fn has_acked(peer: &Peer, table: usize, place: UpdateId) -> Option<bool> {
    peer.acked().get(table).map(|acked| !place.is_after(*acked))
}
