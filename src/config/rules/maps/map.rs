//! Maps: files of keys with values, in which converters look values up.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::rules::constant::Constant;
use crate::config::rules::converter::Replacement;
use crate::config::rules::matching::TextPart;
use crate::config::rules::matching::{bits_of, network_bits, prefix_mask};
use crate::net::regex::Regex;

/// A map. All converters with the same file and kind share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The keys, each with the position of its value.
    pub keys: MapKeys,
    /// The values, in the order of the file.
    pub values: Vec<MapValue>,
}

/// The keys of a map. Where several keys fit, the first one of the file counts, but for beginnings
/// and networks the longest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapKeys {
    /// Whole texts.
    Whole(HashMap<Vec<u8>, u32>),
    /// Beginnings of texts, and their lengths in descending order.
    Beginnings(HashMap<Vec<u8>, u32>, Vec<usize>),
    /// Other parts of texts.
    Parts(TextPart, Vec<(Vec<u8>, u32)>),
    /// Regular expressions.
    Regexes(Vec<(Regex, u32)>),
    /// Ranges of numbers, ends included.
    Ranges(Vec<((i64, i64), u32)>),
    /// Networks.
    Networks(NetworkKeys),
}

/// A value of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapValue {
    /// This value.
    Constant(Constant),
    /// A text with what the groups of the regular expression have matched.
    Template(Vec<Replacement>),
}

/// For each length of a prefix, the longest first, the networks and the positions of their values.
/// IPv4 addresses are mapped to IPv6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkKeys(Vec<(u8, HashMap<u128, u32>)>);

impl NetworkKeys {
    /// Adds a network, unless it is there already.
    pub(super) fn add(&mut self, network: IpNet, value: u32) {
        let (bits, len) = network_bits(network);
        let place = self.0.partition_point(|(other, _)| *other > len);
        if self.0.get(place).is_none_or(|(other, _)| *other != len) {
            self.0.insert(place, (len, HashMap::new()));
        }
        if let Some((_, networks)) = self.0.get_mut(place) {
            networks.entry(bits).or_insert(value);
        }
    }

    /// The position of the value of the smallest network that has the address.
    pub fn find(&self, address: IpAddr) -> Option<u32> {
        let bits = bits_of(address);
        self.0.iter().find_map(|(len, networks)| networks.get(&(bits & prefix_mask(*len))).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_counts_and_of_equal_ones_the_first() {
        let mut keys = NetworkKeys::default();
        for (value, network) in (0..).zip(["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8", "::/0"]) {
            keys.add(network.parse().unwrap(), value);
        }
        for (address, value) in [("10.1.2.3", 1), ("10.2.0.1", 0), ("11.0.0.1", 3), ("::1", 3)] {
            assert_eq!(keys.find(address.parse().unwrap()), Some(value), "{address}");
        }
    }
}
