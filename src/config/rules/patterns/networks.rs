//! Networks in which addresses are searched.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::ids::{EntryId, Ids};

/// For each length of a prefix, the longest first, the networks and their entries. IPv4 addresses
/// are mapped to IPv6. A search hardly depends on the number of the networks.
#[derive(Clone, Debug, Default)]
pub(super) struct Networks(BTreeMap<Reverse<u8>, BTreeMap<u128, Ids>>);

impl Networks {
    /// Adds a network.
    pub(super) fn add(&mut self, network: IpNet, entry: EntryId) {
        let (bits, len) = network_bits(network);
        let networks = self.0.entry(Reverse(len)).or_default();
        networks.entry(bits).and_modify(|ids| ids.add(entry)).or_insert_with(|| Ids::new(entry));
    }

    /// Removes the network of an entry.
    pub(super) fn remove(&mut self, network: IpNet, entry: EntryId) {
        let (bits, len) = network_bits(network);
        let Some(networks) = self.0.get_mut(&Reverse(len)) else { return };
        if networks.get_mut(&bits).is_some_and(|ids| ids.remove(entry).is_last()) {
            networks.remove(&bits);
        }
        if networks.is_empty() {
            self.0.remove(&Reverse(len));
        }
    }

    /// The entry of the smallest network that has the address.
    pub(super) fn find(&self, address: IpAddr) -> Option<EntryId> {
        let bits = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mut lens = self.0.iter();
        lens.find_map(|(len, networks)| networks.get(&(bits & prefix_mask(len.0)))).map(Ids::first)
    }
}

/// The bits of a network and the length of its prefix. IPv4 networks are mapped to IPv6.
fn network_bits(network: IpNet) -> (u128, u8) {
    match network {
        IpNet::V4(v4) => (v4.network().to_ipv6_mapped().to_bits(), v4.prefix_len() + 96),
        IpNet::V6(v6) => (v6.network().to_bits(), v6.prefix_len()),
    }
}

/// The first `len` bits of an address.
fn prefix_mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_counts_and_of_equal_ones_the_first() {
        let mut keys = Networks::default();
        let networks = ["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8", "::/0"];
        for (value, network) in (0..).zip(networks) {
            keys.add(network.parse().unwrap(), EntryId(value));
        }
        let found = |keys: &Networks, address: &str| keys.find(address.parse().unwrap());
        for (address, value) in [("10.1.2.3", 1), ("10.2.0.1", 0), ("11.0.0.1", 3), ("::1", 3)] {
            assert_eq!(found(&keys, address), Some(EntryId(value)), "{address}");
        }
        keys.remove(networks[0].parse().unwrap(), EntryId(0));
        keys.remove(networks[1].parse().unwrap(), EntryId(1));
        assert_eq!(found(&keys, "10.1.2.3"), Some(EntryId(2)));
    }
}
