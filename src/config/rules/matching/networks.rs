//! Networks in which addresses are searched.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks, sorted by the length of their prefix, so that a search hardly depends on their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// For each length of a prefix the networks, in ascending order. IPv4 addresses are mapped to
    /// IPv6.
    by_len: Vec<(u8, Vec<u128>)>,
}

impl Networks {
    /// Adds a network.
    pub(in crate::config::rules) fn add(&mut self, network: IpNet) {
        let (network, len) = network_bits(network);
        let place = match self.by_len.iter().position(|(other, _)| *other == len) {
            Some(place) => place,
            None => {
                self.by_len.push((len, Vec::new()));
                self.by_len.len() - 1
            }
        };
        if let Some((_, networks)) = self.by_len.get_mut(place) {
            networks.push(network);
        }
    }

    /// Sorts the networks, which has to be done before the first search.
    pub(in crate::config::rules) fn sort(&mut self) {
        for (_, networks) in &mut self.by_len {
            networks.sort_unstable();
        }
    }

    /// Whether an address is in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        let bits = bits_of(address);
        let mut lens = self.by_len.iter();
        lens.any(|(len, networks)| networks.binary_search(&(bits & prefix_mask(*len))).is_ok())
    }
}

/// The bits of an address. IPv4 addresses are mapped to IPv6.
pub(in crate::config::rules) fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The bits of a network and the length of its prefix. IPv4 networks are mapped to IPv6.
pub(in crate::config::rules) fn network_bits(network: IpNet) -> (u128, u8) {
    match network {
        IpNet::V4(v4) => (v4.network().to_ipv6_mapped().to_bits(), v4.prefix_len() + 96),
        IpNet::V6(v6) => (v6.network().to_bits(), v6.prefix_len()),
    }
}

/// The first `len` bits of an address.
pub(in crate::config::rules) fn prefix_mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}
