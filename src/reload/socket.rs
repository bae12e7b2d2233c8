//! The sockets of a reload, and the tokens by which the reactor tells them apart.

use crate::reactor::token::{Slot, Source};

/// One socket that has to do with a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadSocket {
    /// The socket to the process that takes over, or has taken over.
    Successor,
    /// The socket to the process that hands over.
    Predecessor,
    /// The socket where other processes ask to take over.
    Control,
    /// The link to the supervisor.
    Supervisor,
    /// The socket to the saver.
    Saver,
    /// The socket of an older process that drains.
    Draining {
        /// The generation of that process.
        generation: u32,
    },
}

impl ReloadSocket {
    /// The source under which this socket is registered.
    pub fn source(self) -> Source {
        let (index, generation) = match self {
            Self::Successor => (0, 0),
            Self::Predecessor => (1, 0),
            Self::Control => (2, 0),
            Self::Supervisor => (3, 0),
            Self::Draining { generation } => (4, generation),
            Self::Saver => (5, 0),
        };
        Source::Handover(Slot { index, generation })
    }

    /// The socket that was registered with this slot.
    pub fn of_slot(slot: Slot) -> Option<Self> {
        match slot.index {
            0 => Some(Self::Successor),
            1 => Some(Self::Predecessor),
            2 => Some(Self::Control),
            3 => Some(Self::Supervisor),
            4 => Some(Self::Draining { generation: slot.generation }),
            5 => Some(Self::Saver),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_is_found_by_its_slot() {
        for socket in [
            ReloadSocket::Successor,
            ReloadSocket::Predecessor,
            ReloadSocket::Control,
            ReloadSocket::Supervisor,
            ReloadSocket::Draining { generation: 7 },
            ReloadSocket::Saver,
        ] {
            let Source::Handover(slot) = socket.source() else { panic!("another source") };
            assert_eq!(ReloadSocket::of_slot(slot), Some(socket));
        }
        assert_eq!(ReloadSocket::of_slot(Slot { index: 6, generation: 0 }), None);
    }
}
