//! Conditions, access lists and their tests as they are evaluated.

use std::net::IpAddr;

use ipnet::IpNet;

use super::expression::Expression;
use crate::net::regex::Regex;

/// An access list's position in [`crate::config::Config::acls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AclId(pub u32);

/// A sample and what it must be for the test to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The sample.
    pub sample: Expression,
    /// What it must be.
    pub matcher: Matcher,
}

/// What a sample must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// Known.
    Found,
    /// True, or a number other than 0.
    True,
    /// A number within one of these ranges, ends included.
    Within(Vec<(i64, i64)>),
    /// Of a length within one of these ranges.
    LengthWithin(Vec<(i64, i64)>),
    /// An address in one of these networks.
    In(Networks),
    /// A text that compares to one of these.
    Text(TextMatch),
    /// A text that one of these matches.
    Regex(Vec<Regex>),
    /// One of these.
    Binary(Vec<Vec<u8>>),
}

/// Networks, sorted by the length of their prefix, so that a search hardly depends on their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// For each length of a prefix the networks, in ascending order. IPv4 addresses are mapped to
    /// IPv6.
    by_len: Vec<(u8, Vec<u128>)>,
}

impl Networks {
    /// Adds a network.
    pub(super) fn add(&mut self, network: IpNet) {
        let (network, len) = match network {
            IpNet::V4(v4) => (v4.network().to_ipv6_mapped().to_bits(), v4.prefix_len() + 96),
            IpNet::V6(v6) => (v6.network().to_bits(), v6.prefix_len()),
        };
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
    pub(super) fn sort(&mut self) {
        for (_, networks) in &mut self.by_len {
            networks.sort_unstable();
        }
    }

    /// Whether an address is in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        let bits = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let mut lens = self.by_len.iter();
        lens.any(|(len, networks)| networks.binary_search(&(bits & prefix_mask(*len))).is_ok())
    }
}

/// The first `len` bits of an address.
fn prefix_mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}

/// Texts to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextMatch {
    /// Which part must be the same.
    pub part: TextPart,
    /// Whether lower and upper case are the same; the patterns are in lower case then.
    pub ignores_case: bool,
    /// The texts, in ascending order.
    pub patterns: Vec<Vec<u8>>,
}

/// Which part of a text must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPart {
    /// All of it.
    Whole,
    /// Its beginning.
    Beginning,
    /// Its end.
    End,
    /// Any part.
    Inside,
}

/// An access list in a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The access list.
    pub acl: AclId,
    /// Whether it must not hold.
    pub negated: bool,
}

/// When a rule applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether the rule applies when the condition does not hold: `unless`.
    pub negated: bool,
    /// One of these lists must hold. A list holds when all its terms hold.
    pub alternatives: Vec<Vec<Term>>,
}
