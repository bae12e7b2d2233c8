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
    let bytes = bytes.iter().map(|byte| u32::from(*byte));
    match function {
        HashFunction::Sdbm => bytes.fold(0, |hash: u32, byte| grown(hash, 65_599, byte)),
        HashFunction::Djb2 => bytes.fold(5381, |hash: u32, byte| grown(hash, 33, byte)),
        HashFunction::Crc32 => !bytes.fold(u32::MAX, crc32_step),
        HashFunction::Wt6 => wt6(bytes),
    }
}

fn grown(hash: u32, factor: u32, byte: u32) -> u32 {
    hash.wrapping_mul(factor).wrapping_add(byte)
}

/// Two words take in each byte, change their places, and are turned: by how much, they decided
/// themselves at the byte before.
fn wt6(bytes: impl Iterator<Item = u32>) -> u32 {
    let start = ((0xa53c_965a_u32, 0x5ca6_953a_u32), (18, 6));
    let ((first, second), _) = bytes.fold(start, |((first, second), turns), byte| {
        let turned = (!second.wrapping_add(byte)).rotate_left(turns.1);
        let other = (!(first ^ byte)).rotate_left(turns.0);
        let mixed = (turned >> 16 ^ other) & 0xffff;
        ((turned, other), (mixed >> 11, mixed & 0x1f))
    });
    first ^ second
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
        let known =
            [(&b""[..], 4_187_620_192), (b"abc", 2_483_038_440), (b"abcdefgh", 3_741_049_586)];
        for (bytes, value) in known {
            assert_eq!(hash(HashFunction::Wt6, bytes), value, "{}", bytes.escape_ascii());
        }
        assert_eq!(fold(&[127, 0, 0, 1]), 0x7f00_0001);
        assert_eq!(fold(&[0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]), 6);
    }
}
