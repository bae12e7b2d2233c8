//! The resync of a section: who teaches it everything when it starts. First the predecessor, then
//! one of the remote peers. After a time without a teacher the section does without.
//!
//! ```text
//! AwaitPredecessor <──> LearnFromPredecessor ──finished──────> Finished
//!     │ no predecessor for 5 s                                  │  │
//!     └───────> SeekTeacher <──> LearnFromPeer ──finished───────┘  │
//!                   └─no teacher for 5 s───────────────────────────┘
//! ```

use super::conflict::Rivals;
use super::events::SectionEvent;
use super::peer::PeerId;
use super::precedence::{Precedence, RowSources};

/// How long to wait for a teacher, each time.
const TEACHER_WAIT_MS: u64 = 5000;

/// Where the resync of a section begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// There is no predecessor: remote peers are asked at once.
    Alone,
    /// A predecessor will call the local peer's address.
    AfterLocal,
    /// A predecessor hands over by other means. The section is told of the end.
    AfterHandover,
}

/// The state of a section's resync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The predecessor has not called yet, or has called and is to call again.
    AwaitPredecessor {
        /// When to ask remote peers instead.
        until_ms: u64,
    },
    /// The predecessor teaches, or hands over.
    LearnFromPredecessor,
    /// A remote peer is to be asked as soon as there is a session with one.
    SeekTeacher {
        /// When to stop looking.
        until_ms: u64,
    },
    /// A remote peer has been asked and has not come to the end.
    LearnFromPeer {
        /// The teacher.
        from: PeerId,
        /// When it was asked.
        since_ms: u64,
        /// When the search that found it would have ended.
        until_ms: u64,
    },
    /// The section is up to date: no peer is asked any more.
    Finished,
}

/// The resync of a section.
#[derive(Debug)]
pub struct Resync {
    state: State,
    has_remote: bool,
    /// The resync adds to what the predecessor has handed over.
    adds: bool,
    /// From whom rows were received; empty once the resync is over.
    sources: RowSources,
}

impl Resync {
    /// `tables` is the number of tables of the section.
    pub(super) fn new(start: Start, has_remote: bool, tables: usize, now_ms: u64) -> Self {
        let state = State::LearnFromPredecessor;
        let sources = RowSources::new(tables);
        let mut resync = Self { state, has_remote, adds: false, sources };
        match start {
            Start::Alone => resync.seek_teacher(now_ms),
            Start::AfterLocal => resync.await_predecessor(now_ms),
            Start::AfterHandover => {}
        }
        resync
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether what this section teaches is complete.
    pub fn is_up_to_date(&self) -> bool {
        self.state == State::Finished
    }

    /// What the updates that a peer sends may change.
    pub(super) fn precedence<'s>(&'s mut self, rivals: Rivals<'s>) -> Precedence<'s> {
        if self.is_up_to_date() {
            return Precedence::UpToDate { rivals };
        }
        Precedence::Resync { rivals, sources: &mut self.sources, adds: self.adds }
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match self.state {
            State::AwaitPredecessor { until_ms } | State::SeekTeacher { until_ms } => {
                Some(until_ms)
            }
            State::LearnFromPredecessor | State::LearnFromPeer { .. } | State::Finished => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now_ms: u64) -> Option<SectionEvent> {
        match self.state {
            State::AwaitPredecessor { until_ms } if until_ms <= now_ms => {
                self.give_up_predecessor(now_ms)
            }
            State::SeekTeacher { until_ms } if until_ms <= now_ms => {
                self.finish();
                Some(SectionEvent::RemoteTeacherMissing)
            }
            State::AwaitPredecessor { .. }
            | State::LearnFromPredecessor
            | State::SeekTeacher { .. }
            | State::LearnFromPeer { .. }
            | State::Finished => None,
        }
    }

    /// The predecessor has called the local peer's address.
    pub(super) fn handle_local_up(&mut self) {
        if let State::AwaitPredecessor { .. } = self.state {
            self.state = State::LearnFromPredecessor;
        }
    }

    /// The session at the local peer's address is over.
    pub(super) fn handle_local_lost(&mut self, now_ms: u64) {
        if self.state == State::LearnFromPredecessor {
            self.await_predecessor(now_ms);
        }
    }

    /// The predecessor has taught all that it has.
    pub(super) fn handle_local_finished(
        &mut self,
        is_partial: bool,
        now_ms: u64,
    ) -> Option<SectionEvent> {
        if !self.awaits_predecessor() {
            return None;
        }
        if is_partial {
            self.await_predecessor(now_ms);
            return None;
        }
        self.finish_complete()
    }

    /// The predecessor has handed over everything.
    pub(super) fn handle_handover_finished(&mut self) -> Option<SectionEvent> {
        if self.awaits_predecessor() { self.finish_complete() } else { None }
    }

    /// The predecessor has handed over, but not everything that remote peers have.
    pub(super) fn handle_handover_incomplete(&mut self, adds: bool, now_ms: u64) {
        if self.awaits_predecessor() {
            self.adds = adds;
            self.seek_teacher(now_ms);
        }
    }

    /// The predecessor has not handed over.
    pub(super) fn handle_handover_failed(&mut self, now_ms: u64) -> Option<SectionEvent> {
        if self.awaits_predecessor() { self.give_up_predecessor(now_ms) } else { None }
    }

    /// Whether the predecessor has not taught everything and is not given up.
    pub fn awaits_predecessor(&self) -> bool {
        matches!(self.state, State::AwaitPredecessor { .. } | State::LearnFromPredecessor)
    }

    pub(super) fn wants_remote_teacher(&self) -> bool {
        matches!(self.state, State::SeekTeacher { .. })
    }

    /// A remote peer is asked to teach.
    pub(super) fn begin_remote(&mut self, from: PeerId, now_ms: u64) {
        if let State::SeekTeacher { until_ms } = self.state {
            self.state = State::LearnFromPeer { from, since_ms: now_ms, until_ms };
        }
    }

    /// How long a teacher is still looked for, in milliseconds.
    pub fn search_left_ms(&self, now_ms: u64) -> Option<u64> {
        match self.state {
            State::SeekTeacher { until_ms } => Some(until_ms.saturating_sub(now_ms)),
            State::AwaitPredecessor { .. }
            | State::LearnFromPredecessor
            | State::LearnFromPeer { .. }
            | State::Finished => None,
        }
    }

    /// The predecessor has looked for a teacher already: `left_ms` is the rest of its time.
    pub(super) fn shorten_search(&mut self, left_ms: u64, now_ms: u64) {
        if let State::SeekTeacher { until_ms } = &mut self.state {
            *until_ms = (*until_ms).min(now_ms.saturating_add(left_ms));
        }
    }

    /// Until when it is worth waiting for the end of a resync from a remote peer.
    pub fn resync_until_ms(&self) -> Option<u64> {
        match self.state {
            State::LearnFromPeer { since_ms, .. } => Some(since_ms + TEACHER_WAIT_MS),
            State::AwaitPredecessor { .. }
            | State::LearnFromPredecessor
            | State::SeekTeacher { .. }
            | State::Finished => None,
        }
    }

    /// Whether this peer was asked and has not come to the end.
    pub fn is_learning_from(&self, peer: PeerId) -> bool {
        matches!(self.state, State::LearnFromPeer { from, .. } if from == peer)
    }

    /// The session with a remote peer is over.
    pub(super) fn handle_remote_lost(&mut self, peer: PeerId, now_ms: u64) {
        if self.is_learning_from(peer) {
            self.seek_teacher(now_ms);
        }
    }

    /// A remote peer has taught all that it has.
    pub(super) fn handle_remote_finished(
        &mut self,
        peer: PeerId,
        is_partial: bool,
        now_ms: u64,
    ) -> Option<SectionEvent> {
        let State::LearnFromPeer { from, until_ms, .. } = self.state else { return None };
        if from != peer {
            return None;
        }
        if is_partial && now_ms < until_ms {
            // When all nodes have just started, no node is up to date: the search must end.
            self.state = State::SeekTeacher { until_ms };
            return None;
        }
        if is_partial {
            self.seek_teacher(now_ms);
            return None;
        }
        self.finish_complete()
    }

    fn await_predecessor(&mut self, now_ms: u64) {
        self.state = State::AwaitPredecessor { until_ms: now_ms + TEACHER_WAIT_MS };
    }

    fn give_up_predecessor(&mut self, now_ms: u64) -> Option<SectionEvent> {
        self.seek_teacher(now_ms);
        Some(SectionEvent::LocalTeacherMissing)
    }

    fn seek_teacher(&mut self, now_ms: u64) {
        if self.has_remote {
            self.state = State::SeekTeacher { until_ms: now_ms + TEACHER_WAIT_MS };
        } else {
            self.finish();
        }
    }

    fn finish_complete(&mut self) -> Option<SectionEvent> {
        self.finish();
        Some(SectionEvent::UpToDate)
    }

    fn finish(&mut self) {
        self.state = State::Finished;
        self.sources.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PeerId = PeerId(0);
    const B: PeerId = PeerId(1);

    #[test]
    fn teachers_that_are_not_up_to_date_do_not_prolong_the_search() {
        let mut resync = Resync::new(Start::Alone, true, 0, 0);
        resync.begin_remote(A, 100);
        assert_eq!(resync.resync_until_ms(), Some(100 + TEACHER_WAIT_MS));
        assert_eq!(resync.handle_remote_finished(B, false, 200), None, "nobody asked it");
        assert_eq!(resync.handle_remote_finished(A, true, 300), None);
        assert_eq!(resync.search_left_ms(300), Some(TEACHER_WAIT_MS - 300));
        // A successor looks only for the rest of the time.
        let mut successor = Resync::new(Start::AfterHandover, true, 0, 1000);
        successor.handle_handover_incomplete(false, 1000);
        successor.shorten_search(50, 1000);
        assert_eq!(successor.deadline_ms(), Some(1050));
        assert_eq!(successor.handle_timeout(1050), Some(SectionEvent::RemoteTeacherMissing));
    }

    #[test]
    fn a_long_resync_that_was_partial_is_followed_by_a_new_search() {
        let mut resync = Resync::new(Start::Alone, true, 0, 0);
        resync.begin_remote(A, 100);
        resync.handle_remote_finished(A, true, 20_000);
        assert_eq!(resync.deadline_ms(), Some(20_000 + TEACHER_WAIT_MS));
    }
}
