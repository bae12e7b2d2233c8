//! The source of an event, packed into the number that the kernel returns with the event.

use mio::Token;

const KIND_BITS: u32 = 4;
const INDEX_BITS: u32 = 28;

/// A slot and the generation of its occupant. An event for an earlier occupant has an older
/// generation, so the event is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The number of the slot, below [`Slot::INDEX_LIMIT`].
    pub index: u32,
    /// The generation of the occupant.
    pub generation: u32,
}

impl Slot {
    /// The limit of slot numbers.
    pub const INDEX_LIMIT: u32 = 1 << INDEX_BITS;
}

/// The source of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The signal descriptor.
    Signal,
    /// A frontend's listening socket.
    Listener(Slot),
    /// The client side of a connection.
    Client(Slot),
    /// The server side of a connection.
    Server(Slot),
    /// A listening socket of a peers section.
    PeersListener(Slot),
    /// A connection with a peer.
    Peer(Slot),
    /// A listening socket of the Runtime API.
    AdminListener(Slot),
    /// A client of the Runtime API.
    Admin(Slot),
    /// A health check's socket.
    Check(Slot),
    /// A channel between a process and its successor.
    Handover(Slot),
    /// A connection to a TCP log server.
    LogServer(Slot),
    /// A socket with a question to a nameserver.
    Nameserver(Slot),
}

const NO_SLOT: Slot = Slot { index: 0, generation: 0 };

impl Source {
    /// Packs the source: 4 bits for the kind, 28 for the index, 32 for the generation.
    pub fn to_token(self) -> Token {
        let (kind, slot) = match self {
            Self::Signal => (0u64, NO_SLOT),
            Self::Listener(slot) => (1, slot),
            Self::Client(slot) => (2, slot),
            Self::Server(slot) => (3, slot),
            Self::PeersListener(slot) => (4, slot),
            Self::Peer(slot) => (5, slot),
            Self::AdminListener(slot) => (6, slot),
            Self::Admin(slot) => (7, slot),
            Self::Check(slot) => (8, slot),
            Self::Handover(slot) => (9, slot),
            Self::LogServer(slot) => (10, slot),
            Self::Nameserver(slot) => (11, slot),
        };
        assert!(slot.index < Slot::INDEX_LIMIT, "BUG: slot {} does not fit a token", slot.index);
        let packed = kind << (64 - KIND_BITS)
            | u64::from(slot.index) << (64 - KIND_BITS - INDEX_BITS)
            | u64::from(slot.generation);
        #[expect(clippy::cast_possible_truncation, reason = "stickd is for 64-bit Linux")]
        Token(packed as usize)
    }

    /// Unpacks a token. `None` for a number that `to_token` never makes.
    pub fn from_token(token: Token) -> Option<Self> {
        const { assert!(usize::BITS == 64, "a token needs 64 bits") };
        let packed = token.0 as u64;
        let index = (packed >> (64 - KIND_BITS - INDEX_BITS)) & u64::from(Slot::INDEX_LIMIT - 1);
        let slot = Slot {
            index: u32::try_from(index).ok()?,
            generation: u32::try_from(packed & u64::from(u32::MAX)).ok()?,
        };
        Some(match packed >> (64 - KIND_BITS) {
            0 => Self::Signal,
            1 => Self::Listener(slot),
            2 => Self::Client(slot),
            3 => Self::Server(slot),
            4 => Self::PeersListener(slot),
            5 => Self::Peer(slot),
            6 => Self::AdminListener(slot),
            7 => Self::Admin(slot),
            8 => Self::Check(slot),
            9 => Self::Handover(slot),
            10 => Self::LogServer(slot),
            11 => Self::Nameserver(slot),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_survives_the_round_trip() {
        let kinds: [fn(Slot) -> Source; 11] = [
            Source::Listener,
            Source::Client,
            Source::Server,
            Source::PeersListener,
            Source::Peer,
            Source::AdminListener,
            Source::Admin,
            Source::Check,
            Source::Handover,
            Source::LogServer,
            Source::Nameserver,
        ];
        for index in [0, 1, 77, Slot::INDEX_LIMIT - 1] {
            for generation in [0, 1, u32::MAX] {
                for kind in kinds {
                    let source = kind(Slot { index, generation });
                    assert_eq!(Source::from_token(source.to_token()), Some(source));
                }
            }
        }
        assert_eq!(Source::from_token(Source::Signal.to_token()), Some(Source::Signal));
        assert_eq!(Source::from_token(Token(usize::MAX)), None);
    }
}
