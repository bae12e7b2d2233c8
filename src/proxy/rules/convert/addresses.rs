//! Networks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The bits of an address that a mask keeps. An IPv4 address in the form of IPv6 counts as IPv4.
/// Without a mask for IPv6 an IPv6 address has none.
pub(super) fn mask(address: IpAddr, four: u32, six: Option<u128>) -> Option<IpAddr> {
    Some(match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & four)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & six?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_for_each_family() {
        let masked = |text: &str, six| {
            mask(text.parse().unwrap(), 0xffff_ff00, six).map(|masked| masked.to_string())
        };
        let prefix = Some(u128::MAX << 64);
        assert_eq!(masked("192.0.2.77", prefix).unwrap(), "192.0.2.0");
        assert_eq!(masked("2001:db8:1:2:3::4", prefix).unwrap(), "2001:db8:1:2::");
        assert_eq!(masked("2001:db8:1:2:3::4", None), None);
        assert_eq!(masked("::ffff:192.0.2.77", prefix).unwrap(), "192.0.2.0");
        assert_eq!(masked("::ffff:192.0.2.77", None).unwrap(), "192.0.2.0");
        assert_eq!(masked("64:ff9b::192.0.2.77", prefix).unwrap(), "64:ff9b::");
    }
}
