//! Callers that have not said a valid hello yet. They have few places, apart from the places of the
//! sessions. When all places are taken and another caller comes, one of the callers is closed.

use std::net::{IpAddr, SocketAddr};

/// The most callers without a hello: each has buffers.
const UNNAMED_MAX: usize = 32;

/// A caller that has not said a valid hello.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnnamedCaller {
    /// The position of its connection.
    pub index: usize,
    /// The address that it called from; none for a unix socket.
    pub from: Option<SocketAddr>,
    /// A peer of the configuration has this address.
    pub is_expected: bool,
    /// How many connections have been made after this one.
    pub age: u32,
}

impl UnnamedCaller {
    /// Who the caller is, as far as the network tells. The owner of one IPv6 address has a whole
    /// network of them, so the network counts.
    fn source(&self) -> Option<IpAddr> {
        // A socket for both families shows IPv4 as IPv6.
        self.from.map(|from| match from.ip().to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip),
            IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        })
    }
}

/// The caller that makes room for another, if all places are taken: the oldest of the source with
/// the most callers. A caller from a peer's own address goes only if there is no other.
pub(super) fn first_to_go(callers: &[UnnamedCaller]) -> Option<&UnnamedCaller> {
    if callers.len() < UNNAMED_MAX {
        return None;
    }
    callers.iter().max_by_key(|caller| {
        let source = caller.source();
        let of_source = callers.iter().filter(|other| other.source() == source).count();
        (!caller.is_expected, of_source, caller.age)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(index: usize, from: &str, is_expected: bool) -> UnnamedCaller {
        let age = u32::try_from(UNNAMED_MAX - index).unwrap();
        UnnamedCaller { index, from: Some(from.parse().unwrap()), is_expected, age }
    }

    #[test]
    fn nobody_goes_while_there_is_room() {
        let few: Vec<_> = (1..UNNAMED_MAX).map(|n| caller(n, "192.0.2.1:1", false)).collect();
        assert!(first_to_go(&few).is_none());
    }

    #[test]
    fn the_source_with_the_most_loses_its_oldest() {
        let mut all: Vec<_> =
            (0..UNNAMED_MAX).map(|n| caller(n, &format!("192.0.2.{n}:1"), false)).collect();
        assert_eq!(first_to_go(&all).unwrap().index, 0);
        all[7] = caller(7, "192.0.2.9:2", false);
        assert_eq!(first_to_go(&all).unwrap().index, 7);
        all[3] = caller(3, "[2001:db8::1]:1", false);
        all[4] = caller(4, "[2001:db8::2]:1", false);
        all[5] = caller(5, "[2001:db8::3]:1", false);
        assert_eq!(first_to_go(&all).unwrap().index, 3);
    }

    #[test]
    fn callers_at_a_socket_for_both_families_are_told_apart() {
        let mut all: Vec<_> = (0..UNNAMED_MAX)
            .map(|n| caller(n, &format!("[::ffff:192.0.2.{n}]:1"), false))
            .collect();
        all[7] = caller(7, "[::ffff:192.0.2.9]:2", false);
        assert_eq!(first_to_go(&all).unwrap().index, 7);
    }

    #[test]
    fn who_calls_from_a_peers_address_goes_last() {
        let all = |others: usize| -> Vec<_> {
            let peers = (0..UNNAMED_MAX - others).map(|n| caller(n, "192.0.2.1:1", true));
            let rest = UNNAMED_MAX - others..UNNAMED_MAX;
            peers.chain(rest.map(|n| caller(n, "192.0.2.2:1", false))).collect()
        };
        assert_eq!(first_to_go(&all(1)).unwrap().index, UNNAMED_MAX - 1);
        assert_eq!(first_to_go(&all(0)).unwrap().index, 0);
    }
}
