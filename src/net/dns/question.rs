//! One name that is asked for again and again.

use super::known::{Failure, Memory};
use super::message::RecordType;
use super::name::Name;

/// How messages are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In datagrams.
    Udp,
    /// On a connection, each after its length.
    Tcp,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The addresses of a host.
    Addresses {
        /// The name of the host.
        name: Name,
        /// IPv4 addresses are asked for first, and IPv6 only if there are none.
        prefers_ipv4: bool,
    },
    /// The services of a name.
    Services(Name),
}

impl Subject {
    /// The name.
    pub fn name(&self) -> &Name {
        match self {
            Self::Addresses { name, .. } | Self::Services(name) => name,
        }
    }

    /// The type that is asked for first, and the one after it.
    pub(super) fn records(&self) -> (RecordType, Option<RecordType>) {
        match self {
            Self::Addresses { prefers_ipv4: true, .. } => (RecordType::A, Some(RecordType::Aaaa)),
            Self::Addresses { prefers_ipv4: false, .. } => (RecordType::Aaaa, Some(RecordType::A)),
            Self::Services(_) => (RecordType::Srv, None),
        }
    }
}

/// One message to a nameserver and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub(super) u64);

/// A name, how far its question is, and what is known of it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) subject: Subject,
    /// How many want to know.
    pub(super) users: usize,
    pub(super) state: State,
    pub(super) memory: Memory,
}

/// How far a question is.
#[derive(Debug)]
pub(super) enum State {
    /// It is asked again then.
    Resting { until_ms: u64 },
    /// Answers are awaited.
    Asking(Round),
}

/// One try: all nameservers are asked at a time.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) record: RecordType,
    /// The tries that are left, this one included.
    pub(super) tries_left: u32,
    pub(super) began_ms: u64,
    /// When the try is given up.
    pub(super) until_ms: u64,
    pub(super) awaited: Vec<Awaited>,
    /// What a nameserver has answered last.
    pub(super) failure: Option<Failure>,
}

/// An exchange whose answer is awaited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub(super) exchange: ExchangeId,
    pub(super) nameserver: usize,
    pub(super) transport: Transport,
    pub(super) id: u16,
}

impl Question {
    pub(super) fn new(subject: Subject, now_ms: u64) -> Self {
        Self {
            subject,
            users: 0,
            state: State::Resting { until_ms: now_ms },
            memory: Memory::default(),
        }
    }

    /// When something is due. A question that is due waits for a free exchange if `is_full`.
    pub(super) fn deadline_ms(&self, is_full: bool) -> Option<u64> {
        match &self.state {
            State::Resting { until_ms } => (!is_full).then_some(*until_ms),
            State::Asking(round) => Some(round.until_ms),
        }
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        matches!(self.state, State::Resting { until_ms } if now_ms >= until_ms)
    }

    /// The exchanges that are under way.
    pub(super) fn awaited(&self) -> &[Awaited] {
        match &self.state {
            State::Resting { .. } => &[],
            State::Asking(round) => &round.awaited,
        }
    }
}
