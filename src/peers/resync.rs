//! Where the first lesson of a section comes from: the predecessor, then one of the remote peers,
//! and when to give up (protocol.md, 10.2 and 11). Sees peers as ids and events only.
//!
//! ```text
//! FromLocal ──finished───────────────────────────────> Finished
//!     └─no teacher for 5 s──> FromRemote ──finished──────┘ │
//!                                  └─no teacher for 5 s────┘
//! ```

use super::peer::PeerId;
use super::section::SectionEvent;

/// How long to wait for a teacher, each time.
const TEACHER_WAIT_MS: u64 = 5000;

/// Where the first lesson comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// There is no predecessor: remote peers are asked at once.
    Alone,
    /// A predecessor will call the local peer's address.
    AfterLocal,
    /// A predecessor hands over by other means; the end of it will be told.
    AfterHandover,
}

/// The state of a section's first lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting for the predecessor or being taught by it. No deadline while it teaches.
    FromLocal {
        /// When to ask remote peers instead.
        deadline_ms: Option<u64>,
    },
    /// Looking for a remote teacher.
    FromRemote {
        /// When to stop looking.
        deadline_ms: u64,
    },
    /// A remote peer has been asked and has not come to the end.
    Learning {
        /// The teacher.
        from: PeerId,
        /// When it was asked.
        since_ms: u64,
        /// When the search that found it would have ended.
        deadline_ms: u64,
    },
    /// Nobody is asked any more.
    Finished,
}

/// Where the first lesson of a section stands.
#[derive(Clone, Copy, Debug)]
pub struct Resync {
    state: State,
    has_remote: bool,
    /// What a lesson tells is added to what the predecessor has handed over.
    adds: bool,
}

impl Resync {
    pub(super) fn new(start: Start, has_remote: bool, now_ms: u64) -> Self {
        let mut resync =
            Self { state: State::FromLocal { deadline_ms: None }, has_remote, adds: false };
        match start {
            Start::Alone => resync.look_for_remote(now_ms),
            Start::AfterLocal => resync.wait_for_local(now_ms),
            Start::AfterHandover => {}
        }
        resync
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the lessons given to others are complete.
    pub fn is_up_to_date(&self) -> bool {
        self.state == State::Finished
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match self.state {
            State::FromLocal { deadline_ms } => deadline_ms,
            State::FromRemote { deadline_ms } => Some(deadline_ms),
            State::Learning { .. } | State::Finished => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now_ms: u64) -> Option<SectionEvent> {
        if self.deadline_ms().is_none_or(|deadline_ms| now_ms < deadline_ms) {
            return None;
        }
        match self.state {
            State::FromLocal { .. } => self.give_up_local(now_ms),
            State::FromRemote { .. } => {
                self.state = State::Finished;
                Some(SectionEvent::RemoteTeacherMissing)
            }
            State::Learning { .. } | State::Finished => None,
        }
    }

    pub(super) fn handle_local_up(&mut self) {
        if let State::FromLocal { deadline_ms } = &mut self.state {
            *deadline_ms = None;
        }
    }

    pub(super) fn handle_local_lost(&mut self, now_ms: u64) {
        if matches!(self.state, State::FromLocal { deadline_ms: None }) {
            self.wait_for_local(now_ms);
        }
    }

    /// The predecessor ended its lesson.
    pub(super) fn handle_local_over(
        &mut self,
        is_partial: bool,
        now_ms: u64,
    ) -> Option<SectionEvent> {
        match self.state {
            State::FromLocal { .. } if is_partial => {
                self.wait_for_local(now_ms);
                None
            }
            State::FromLocal { .. } => self.finish(),
            State::FromRemote { .. } | State::Learning { .. } | State::Finished => None,
        }
    }

    pub(super) fn handle_handover_finished(&mut self) -> Option<SectionEvent> {
        match self.state {
            State::FromLocal { .. } => self.finish(),
            State::FromRemote { .. } | State::Learning { .. } | State::Finished => None,
        }
    }

    pub(super) fn handle_handover_short(&mut self, adds: bool, now_ms: u64) {
        match self.state {
            State::FromLocal { .. } => {
                self.adds = adds;
                self.look_for_remote(now_ms);
            }
            State::FromRemote { .. } | State::Learning { .. } | State::Finished => {}
        }
    }

    /// Whether what a teacher has learned itself must not undo what is here.
    pub(super) fn adds(&self) -> bool {
        self.adds
    }

    pub(super) fn handle_handover_failed(&mut self, now_ms: u64) -> Option<SectionEvent> {
        match self.state {
            State::FromLocal { .. } => self.give_up_local(now_ms),
            State::FromRemote { .. } | State::Learning { .. } | State::Finished => None,
        }
    }

    pub(super) fn wants_remote_teacher(&self) -> bool {
        matches!(self.state, State::FromRemote { .. })
    }

    pub(super) fn begin_remote(&mut self, from: PeerId, now_ms: u64) {
        if let State::FromRemote { deadline_ms } = self.state {
            self.state = State::Learning { from, since_ms: now_ms, deadline_ms };
        }
    }

    /// How long a teacher is still looked for.
    pub fn search_left_ms(&self, now_ms: u64) -> Option<u64> {
        match self.state {
            State::FromRemote { deadline_ms } => Some(deadline_ms.saturating_sub(now_ms)),
            State::FromLocal { .. } | State::Learning { .. } | State::Finished => None,
        }
    }

    /// The search has been going on in the predecessor.
    pub(super) fn shorten_search(&mut self, left_ms: u64, now_ms: u64) {
        if let State::FromRemote { deadline_ms } = &mut self.state {
            *deadline_ms = (*deadline_ms).min(now_ms.saturating_add(left_ms));
        }
    }

    /// Until when it is worth waiting for the end of a lesson that is under way.
    pub fn lesson_until_ms(&self) -> Option<u64> {
        match self.state {
            State::Learning { since_ms, .. } => Some(since_ms + TEACHER_WAIT_MS),
            State::FromLocal { .. } | State::FromRemote { .. } | State::Finished => None,
        }
    }

    /// Whether this peer was asked and has not come to the end.
    pub fn is_learning_from(&self, peer: PeerId) -> bool {
        matches!(self.state, State::Learning { from, .. } if from == peer)
    }

    pub(super) fn handle_remote_lost(&mut self, peer: PeerId, now_ms: u64) {
        if self.is_learning_from(peer) {
            self.look_for_remote(now_ms);
        }
    }

    /// A remote peer ended a lesson.
    pub(super) fn handle_remote_over(
        &mut self,
        peer: PeerId,
        is_partial: bool,
        now_ms: u64,
    ) -> Option<SectionEvent> {
        let State::Learning { from, deadline_ms, .. } = self.state else { return None };
        if from != peer {
            return None;
        }
        if is_partial && now_ms < deadline_ms {
            // Of nodes that all have just started none is up to date: the search must end.
            self.state = State::FromRemote { deadline_ms };
            return None;
        }
        if is_partial {
            self.look_for_remote(now_ms);
            return None;
        }
        self.finish()
    }

    fn wait_for_local(&mut self, now_ms: u64) {
        self.state = State::FromLocal { deadline_ms: Some(now_ms + TEACHER_WAIT_MS) };
    }

    fn give_up_local(&mut self, now_ms: u64) -> Option<SectionEvent> {
        self.look_for_remote(now_ms);
        Some(SectionEvent::LocalTeacherMissing)
    }

    fn look_for_remote(&mut self, now_ms: u64) {
        self.state = if self.has_remote {
            State::FromRemote { deadline_ms: now_ms + TEACHER_WAIT_MS }
        } else {
            State::Finished
        };
    }

    fn finish(&mut self) -> Option<SectionEvent> {
        self.state = State::Finished;
        Some(SectionEvent::UpToDate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PeerId = PeerId(0);
    const B: PeerId = PeerId(1);

    #[test]
    fn teachers_that_are_not_up_to_date_do_not_prolong_the_search() {
        let mut resync = Resync::new(Start::Alone, true, 0);
        resync.begin_remote(A, 100);
        assert_eq!(resync.lesson_until_ms(), Some(100 + TEACHER_WAIT_MS));
        assert_eq!(resync.handle_remote_over(B, false, 200), None, "nobody asked it");
        assert_eq!(resync.handle_remote_over(A, true, 300), None);
        assert_eq!(resync.search_left_ms(300), Some(TEACHER_WAIT_MS - 300));
        // A successor looks only for the rest of the time.
        let mut successor = Resync::new(Start::AfterHandover, true, 1000);
        successor.handle_handover_short(false, 1000);
        successor.shorten_search(50, 1000);
        assert_eq!(successor.deadline_ms(), Some(1050));
        assert_eq!(successor.handle_timeout(1050), Some(SectionEvent::RemoteTeacherMissing));
    }

    #[test]
    fn a_long_lesson_that_was_not_all_is_followed_by_a_new_search() {
        let mut resync = Resync::new(Start::Alone, true, 0);
        resync.begin_remote(A, 100);
        resync.handle_remote_over(A, true, 20_000);
        assert_eq!(resync.deadline_ms(), Some(20_000 + TEACHER_WAIT_MS));
    }
}
