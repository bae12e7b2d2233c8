//! Callers that have not said a valid hello yet: they have few places, apart from those of the
//! sessions, and one goes for each that comes when all are taken.

use std::net::{IpAddr, SocketAddr};

/// How many there may be: each has buffers.
pub(super) const STRANGERS_MAX: usize = 32;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger {
    /// Its position among the links.
    pub index: usize,
    /// Where it called from; none for a unix socket.
    pub from: Option<SocketAddr>,
    /// A peer of the configuration has this address.
    pub is_expected: bool,
    /// How many callers have come after it.
    pub age: u32,
}

impl Stranger {
    /// Whose it is as far as the network tells: whoever has one IPv6 address has a whole network
    /// of them.
    fn source(&self) -> Option<IpAddr> {
        // A socket for both families shows IPv4 as IPv6.
        self.from.map(|from| match from.ip().to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip),
            IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        })
    }
}

/// Who makes room for another caller, if all places are taken: of the source that has the most of
/// them the oldest, and none from a peer's own address as long as there is another.
pub(super) fn first_to_go(strangers: &[Stranger]) -> Option<&Stranger> {
    if strangers.len() < STRANGERS_MAX {
        return None;
    }
    strangers.iter().max_by_key(|stranger| {
        let source = stranger.source();
        let of_source = strangers.iter().filter(|other| other.source() == source).count();
        (!stranger.is_expected, of_source, stranger.age)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(index: usize, from: &str, is_expected: bool) -> Stranger {
        let age = u32::try_from(STRANGERS_MAX - index).unwrap();
        Stranger { index, from: Some(from.parse().unwrap()), is_expected, age }
    }

    #[test]
    fn nobody_goes_while_there_is_room() {
        let few: Vec<_> = (1..STRANGERS_MAX).map(|n| stranger(n, "192.0.2.1:1", false)).collect();
        assert!(first_to_go(&few).is_none());
    }

    #[test]
    fn the_source_with_the_most_loses_its_oldest() {
        let mut all: Vec<_> =
            (0..STRANGERS_MAX).map(|n| stranger(n, &format!("192.0.2.{n}:1"), false)).collect();
        assert_eq!(first_to_go(&all).unwrap().index, 0);
        all[7] = stranger(7, "192.0.2.9:2", false);
        assert_eq!(first_to_go(&all).unwrap().index, 7);
        all[3] = stranger(3, "[2001:db8::1]:1", false);
        all[4] = stranger(4, "[2001:db8::2]:1", false);
        all[5] = stranger(5, "[2001:db8::3]:1", false);
        assert_eq!(first_to_go(&all).unwrap().index, 3);
    }

    #[test]
    fn callers_at_a_socket_for_both_families_are_told_apart() {
        let mut all: Vec<_> = (0..STRANGERS_MAX)
            .map(|n| stranger(n, &format!("[::ffff:192.0.2.{n}]:1"), false))
            .collect();
        all[7] = stranger(7, "[::ffff:192.0.2.9]:2", false);
        assert_eq!(first_to_go(&all).unwrap().index, 7);
    }

    #[test]
    fn who_calls_from_a_peers_address_goes_last() {
        let all = |others: usize| -> Vec<_> {
            let peers = (0..STRANGERS_MAX - others).map(|n| stranger(n, "192.0.2.1:1", true));
            let rest = STRANGERS_MAX - others..STRANGERS_MAX;
            peers.chain(rest.map(|n| stranger(n, "192.0.2.2:1", false))).collect()
        };
        assert_eq!(first_to_go(&all(1)).unwrap().index, STRANGERS_MAX - 1);
        assert_eq!(first_to_go(&all(0)).unwrap().index, 0);
    }
}
