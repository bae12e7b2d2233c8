//! Teaching a successor over the local peer's address, as HAProxy does in a reload. The process
//! stays until this is over, so each state that waits has a limit.
//!
//! ```text
//! Off ──start──> Calling ──call──> Teaching ──confirmed──> Done
//!                  │ ^                │ │
//!                  │ └──call ended────┘ │
//!                  └──> GaveUp <────────┘
//! ```

use super::events::SectionEvent;

/// From the end of one call to the next, in milliseconds.
const CALL_AGAIN_MS: u64 = 500;
/// How long the successor is called.
const GIVE_UP_MS: u64 = 5000;
/// How long one session with the successor may take: it may be alive and never confirm.
const SESSION_MS: u64 = 60_000;

/// The state of teaching a successor over the local peer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTeaching {
    /// The successor is not to be taught.
    Off,
    /// The successor is to be called.
    Calling {
        /// When to call.
        next_call_ms: u64,
        /// When to stop calling.
        give_up_ms: u64,
    },
    /// A session with the successor is up or being made.
    Teaching {
        /// When to stop calling if this session fails before it is accepted.
        give_up_ms: u64,
        /// When to stop whatever the session does.
        until_ms: u64,
    },
    /// The successor has confirmed.
    Done,
    /// The successor could not be taught.
    GaveUp,
}

impl LocalTeaching {
    pub(super) fn start(now_ms: u64) -> Self {
        Self::Calling { next_call_ms: now_ms, give_up_ms: now_ms + GIVE_UP_MS }
    }

    /// Whether a successor is still to be taught.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Calling { .. } | Self::Teaching { .. })
    }

    pub(super) fn wants_call(self, now_ms: u64) -> bool {
        matches!(self, Self::Calling { next_call_ms, .. } if next_call_ms <= now_ms)
    }

    pub(super) fn deadline_ms(self) -> Option<u64> {
        match self {
            Self::Calling { next_call_ms, give_up_ms } => Some(next_call_ms.min(give_up_ms)),
            Self::Teaching { until_ms, .. } => Some(until_ms),
            Self::Off | Self::Done | Self::GaveUp => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now_ms: u64) -> Option<SectionEvent> {
        let limit_ms = match *self {
            Self::Calling { give_up_ms, .. } => give_up_ms,
            Self::Teaching { until_ms, .. } => until_ms,
            Self::Off | Self::Done | Self::GaveUp => return None,
        };
        if now_ms < limit_ms {
            return None;
        }
        *self = Self::GaveUp;
        Some(SectionEvent::SuccessorMissing)
    }

    pub(super) fn begin_call(&mut self, now_ms: u64) {
        if let Self::Calling { give_up_ms, .. } = *self {
            *self = Self::Teaching { give_up_ms, until_ms: now_ms + SESSION_MS };
        }
    }

    /// The call is over. `was_accepted` says that the successor has answered the hello.
    pub(super) fn end_call(&mut self, was_accepted: bool, now_ms: u64) {
        if let Self::Teaching { give_up_ms, .. } = *self {
            let next_call_ms = now_ms + CALL_AGAIN_MS;
            let give_up_ms = if was_accepted { now_ms + GIVE_UP_MS } else { give_up_ms };
            *self = Self::Calling { next_call_ms, give_up_ms };
        }
    }

    pub(super) fn confirm(&mut self) {
        *self = Self::Done;
    }
}
