//! Masks of addresses, as a length or as an address: `24`, `255.255.255.0`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::condition::prefix_mask;

/// The bits of an IPv4 mask. A mask that is written as an address may have holes.
pub(super) fn bits4(text: &str) -> Option<u32> {
    match text.parse::<u8>() {
        Ok(len) => (len <= 32).then(|| u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0)),
        Err(_) => text.parse().ok().map(Ipv4Addr::to_bits),
    }
}

/// The bits of an IPv6 mask. A mask that is written as an address may have holes.
pub(super) fn bits6(text: &str) -> Option<u128> {
    match text.parse::<u8>() {
        Ok(len) => (len <= 128).then(|| prefix_mask(len)),
        Err(_) => text.parse().ok().map(Ipv6Addr::to_bits),
    }
}

/// The length of an IPv4 mask without holes.
pub(super) fn len4(text: &str) -> Option<u8> {
    if let Ok(len) = text.parse::<u8>() {
        return Some(len).filter(|len| *len <= 32);
    }
    let bits = text.parse::<Ipv4Addr>().ok()?.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() == 32 || bits == 0)
        .then(|| u8::try_from(bits.leading_ones()).unwrap_or(32))
}

/// The length of an IPv6 mask without holes.
pub(super) fn len6(text: &str) -> Option<u8> {
    if let Ok(len) = text.parse::<u8>() {
        return Some(len).filter(|len| *len <= 128);
    }
    let bits = text.parse::<Ipv6Addr>().ok()?.to_bits();
    (bits.leading_ones() + bits.trailing_zeros() == 128 || bits == 0)
        .then(|| u8::try_from(bits.leading_ones()).unwrap_or(128))
}
