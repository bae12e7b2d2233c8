//! Hashes of client addresses, with HAProxy's values: the same client reaches the same server
//! behind both programs.

use crate::config::HashFunction;

/// An address as a number: its 32-bit words, combined by exclusive or.
pub fn fold(address: &[u8]) -> u32 {
    let words = address.chunks_exact(4);
    words
        .map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        .fold(0, |a, b| a ^ b)
}

/// `bytes` through one of the functions that `hash-type` names.
pub fn hash(function: HashFunction, bytes: &[u8]) -> u32 {
    let step = match function {
        HashFunction::Sdbm => |hash: u32, byte: u32| hash.wrapping_mul(65_599).wrapping_add(byte),
        HashFunction::Djb2 => |hash: u32, byte: u32| hash.wrapping_mul(33).wrapping_add(byte),
        HashFunction::Crc32 => crc32_step,
    };
    let (start, end) = match function {
        HashFunction::Sdbm => (0, 0),
        HashFunction::Djb2 => (5381, 0),
        HashFunction::Crc32 => (u32::MAX, u32::MAX),
    };
    bytes.iter().fold(start, |hash, byte| step(hash, u32::from(*byte))) ^ end
}

fn crc32_step(crc: u32, byte: u32) -> u32 {
    (0..8).fold(crc ^ byte, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
}

/// Lets every bit of the input change every bit of the output: Bob Jenkins' public-domain hash of
/// an integer in six shifts, times a prime near three quarters of the range.
pub fn avalanche(value: u32) -> u32 {
    let mut a = value;
    a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    a = a ^ 0xc761_c23c ^ a >> 19;
    a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    a = a.wrapping_add(0xd3a2_646c) ^ a << 9;
    a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    a = a ^ 0xb55a_4f09 ^ a >> 16;
    a.wrapping_mul(3_221_225_473)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_have_their_published_values() {
        assert_eq!(hash(HashFunction::Crc32, b"123456789"), 0xcbf4_3926);
        assert_eq!(hash(HashFunction::Djb2, b"a"), 5381 * 33 + 97);
        assert_eq!(hash(HashFunction::Sdbm, b"ab"), 97 * 65_599 + 98);
        assert_eq!(fold(&[127, 0, 0, 1]), 0x7f00_0001);
        assert_eq!(fold(&[0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]), 6);
    }
}
