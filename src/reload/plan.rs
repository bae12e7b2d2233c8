//! What a process does next while it hands over, as a pure machine: events and time in, an
//! [`Action`] out. Every state has a limit in time and a way back to "as if nothing had happened".
//!
//! ```text
//!            Ready              CaughtUp               Confirmed
//! Starting ---------> Teaching ----------> Finishing ----------> (retired: Telling)
//!    |                   |                    |
//!    +-------------------+--------------------+--- gone, silent ---> (abandoned)
//! ```
//!
//! The last state has no way back and needs no decision, so it is not one of this machine: the
//! process drains, and [`Telling`](super::outgoing::afterwards::Telling) sends what changes
//! meanwhile.

/// How long a successor may take to read its configuration and adopt its sockets, in
/// milliseconds. Names may have to be resolved, so it is generous: nothing waits for it.
pub const READY_LIMIT_MS: u64 = 30_000;

/// How long a handover may stand still before it is given up, in milliseconds.
pub const PROGRESS_LIMIT_MS: u64 = 5_000;

/// Where a handover stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The successor was started and has not yet said that it is ready.
    Starting { since_ms: u64 },
    /// Entries are on their way; clients are still served here.
    Teaching { progress_ms: u64 },
    /// Nothing is accepted or learned here any more; the rest is on its way.
    Finishing { progress_ms: u64 },
}

/// What the process has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing yet.
    Wait,
    /// Begin to teach the successor.
    Teach,
    /// Stop accepting clients and reading remote peers, send the rest, then "finished".
    PauseAndFinish,
    /// The successor serves: close what it has taken over and drain.
    Retire,
    /// Give the handover up, end the successor, go on serving.
    Abandon(Reason),
}

/// Why a handover was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It closed its socket: it exited, or refused its configuration.
    Gone,
    /// It did not become ready in time.
    NotReady,
    /// It stopped reading, or did not confirm.
    Silent,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => write!(f, "the new process went away"),
            Self::NotReady => write!(f, "not ready after {} s", READY_LIMIT_MS / 1000),
            Self::Silent => write!(f, "no progress for {} s", PROGRESS_LIMIT_MS / 1000),
        }
    }
}

/// One handover as the predecessor sees it.
#[derive(Debug)]
pub struct Plan {
    state: State,
}

impl Plan {
    /// A successor has just been started.
    pub fn new(now_ms: u64) -> Self {
        Self { state: State::Starting { since_ms: now_ms } }
    }

    /// The successor has read its configuration and adopted its sockets.
    pub fn handle_ready(&mut self, now_ms: u64) -> Action {
        match self.state {
            State::Starting { .. } => {
                self.state = State::Teaching { progress_ms: now_ms };
                Action::Teach
            }
            State::Teaching { .. } | State::Finishing { .. } => Action::Wait,
        }
    }

    /// Bytes have moved.
    pub fn handle_progress(&mut self, now_ms: u64) {
        match &mut self.state {
            State::Starting { .. } => {}
            State::Teaching { progress_ms } | State::Finishing { progress_ms } => {
                *progress_ms = now_ms;
            }
        }
    }

    /// The successor has been sent everything that is known at this moment.
    pub fn handle_caught_up(&mut self, now_ms: u64) -> Action {
        match self.state {
            State::Teaching { .. } => {
                self.state = State::Finishing { progress_ms: now_ms };
                Action::PauseAndFinish
            }
            State::Starting { .. } | State::Finishing { .. } => Action::Wait,
        }
    }

    /// The successor has everything and serves. Before "finished" was sent there is nothing to
    /// confirm, and the word is ignored.
    pub fn handle_confirmed(&mut self) -> Action {
        match self.state {
            State::Finishing { .. } => Action::Retire,
            State::Starting { .. } | State::Teaching { .. } => Action::Wait,
        }
    }

    /// The successor's socket is closed.
    pub fn handle_gone(&mut self) -> Action {
        Action::Abandon(Reason::Gone)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now_ms: u64) -> Action {
        if now_ms < self.deadline_ms() {
            return Action::Wait;
        }
        match self.state {
            State::Starting { .. } => Action::Abandon(Reason::NotReady),
            State::Teaching { .. } | State::Finishing { .. } => Action::Abandon(Reason::Silent),
        }
    }

    /// When [`Self::handle_timeout`] has something to say.
    pub fn deadline_ms(&self) -> u64 {
        match self.state {
            State::Starting { since_ms } => since_ms + READY_LIMIT_MS,
            State::Teaching { progress_ms } | State::Finishing { progress_ms } => {
                progress_ms + PROGRESS_LIMIT_MS
            }
        }
    }

    /// Whether clients and remote peers are held back.
    pub fn is_finishing(&self) -> bool {
        matches!(self.state, State::Finishing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_that_goes_well() {
        let mut plan = Plan::new(0);
        assert_eq!(plan.handle_ready(10), Action::Teach);
        plan.handle_progress(20);
        assert_eq!(plan.handle_caught_up(30), Action::PauseAndFinish);
        assert_eq!(plan.handle_confirmed(), Action::Retire);
    }

    #[test]
    fn a_successor_that_never_becomes_ready_is_given_up() {
        let mut plan = Plan::new(5);
        assert_eq!(plan.handle_timeout(READY_LIMIT_MS), Action::Wait);
        assert_eq!(plan.handle_timeout(READY_LIMIT_MS + 5), Action::Abandon(Reason::NotReady));
    }

    #[test]
    fn a_successor_that_stops_reading_is_given_up_but_a_slow_one_is_not() {
        let mut plan = Plan::new(0);
        plan.handle_ready(0);
        plan.handle_progress(4_000);
        assert_eq!(plan.handle_timeout(6_000), Action::Wait);
        assert_eq!(plan.handle_timeout(9_000), Action::Abandon(Reason::Silent));
    }

    #[test]
    fn a_confirmation_before_the_end_ends_nothing() {
        let mut plan = Plan::new(0);
        assert_eq!(plan.handle_confirmed(), Action::Wait);
        plan.handle_ready(0);
        assert_eq!(plan.handle_confirmed(), Action::Wait);
    }
}
