//! Networks and masks of addresses. A mask is a length or an address: `24`, `255.255.255.0`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The bits of an IPv4 mask. A mask that is written as an address may have holes.
pub(in crate::config::rules) fn bits4(text: &str) -> Option<u32> {
    match text.parse() {
        Ok(len) => Ipv4Net::new(Ipv4Addr::UNSPECIFIED, len).ok().map(|net| net.netmask().to_bits()),
        Err(_) => text.parse().ok().map(Ipv4Addr::to_bits),
    }
}

/// The bits of an IPv6 mask. A mask that is written as an address may have holes.
pub(in crate::config::rules) fn bits6(text: &str) -> Option<u128> {
    match text.parse() {
        Ok(len) => Ipv6Net::new(Ipv6Addr::UNSPECIFIED, len).ok().map(|net| net.netmask().to_bits()),
        Err(_) => text.parse().ok().map(Ipv6Addr::to_bits),
    }
}

/// An address, or a network with a mask without holes.
pub(in crate::config::rules) fn network(text: &str) -> Option<IpNet> {
    let Some((address, mask)) = text.split_once('/') else {
        return text.parse().ok().map(|address: IpAddr| address.into());
    };
    Some(match (address.parse().ok()?, mask.parse()) {
        (IpAddr::V4(v4), Ok(len)) => Ipv4Net::new(v4, len).ok()?.into(),
        (IpAddr::V4(v4), Err(_)) => Ipv4Net::with_netmask(v4, mask.parse().ok()?).ok()?.into(),
        (IpAddr::V6(v6), Ok(len)) => Ipv6Net::new(v6, len).ok()?.into(),
        (IpAddr::V6(v6), Err(_)) => Ipv6Net::with_netmask(v6, mask.parse().ok()?).ok()?.into(),
    })
}
