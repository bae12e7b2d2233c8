//! The encoded integer (protocol.md, section 2). It is not LEB128: the whole byte is added, its
//! stop bit included.

/// Values below this take one byte, the value itself.
pub const ONE_BYTE_END: u8 = 0xF0;

/// The most bytes of an encoded 64-bit number.
pub const LEN_MAX: usize = 10;

/// The encoded form of `value`: the bytes and how many of them count.
pub fn encode(value: u64) -> ([u8; LEN_MAX], usize) {
    let mut bytes = [0; LEN_MAX];
    let mut len = 0;
    let mut put = |byte: u8| {
        if let Some(place) = bytes.get_mut(len) {
            *place = byte;
            len += 1;
        }
    };
    if value < u64::from(ONE_BYTE_END) {
        put(low_byte(value));
    } else {
        put(0xF0 | (low_byte(value) & 0x0F));
        let mut rest = (value - u64::from(ONE_BYTE_END)) >> 4;
        while rest >= 0x80 {
            put(0x80 | low_byte(rest));
            rest = (rest - 0x80) >> 7;
        }
        put(low_byte(rest));
    }
    (bytes, len)
}

/// How many bytes the encoded form of `value` takes.
pub fn len(value: u64) -> usize {
    encode(value).1
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low_byte(value: u64) -> u8 {
    value as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::wire::{ReadError, Reader};

    fn check(value: u64, expected: &[u8]) {
        let (bytes, len) = encode(value);
        assert_eq!(&bytes[..len], expected, "encoding {value}");
        let mut reader = Reader::new(expected);
        assert_eq!(reader.varint(), Ok(value));
        assert!(reader.is_empty());
        for cut in 0..expected.len() {
            assert_eq!(Reader::new(&expected[..cut]).varint(), Err(ReadError::Short));
        }
    }

    #[test]
    fn the_values_of_the_protocol_page_come_out_as_written_there() {
        check(0, &[0]);
        check(239, &[0xef]);
        check(240, &[0xf0, 0]);
        check(255, &[0xff, 0]);
        check(256, &[0xf0, 1]);
        check(2287, &[0xff, 0x7f]);
        check(2288, &[0xf0, 0x80, 0]);
        check(4660, &[0xf4, 0x94, 1]);
        check(264_431, &[0xff, 0xff, 0x7f]);
        check(264_432, &[0xf0, 0x80, 0x80, 0]);
        check(33_818_863, &[0xff, 0xff, 0xff, 0x7f]);
        check(u64::from(u32::MAX), &[0xff, 0xf0, 0xfe, 0xfe, 0x7e]);
        check(4_328_786_160, &[0xf0, 0x80, 0x80, 0x80, 0x80, 0]);
        check(u64::MAX, &[0xff, 0xf0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x0e]);
    }

    #[test]
    fn both_sides_of_every_power_of_two_survive_the_round_trip() {
        for bit in 0..64 {
            for value in [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1] {
                let (bytes, len) = encode(value);
                assert_eq!(Reader::new(&bytes[..len]).varint(), Ok(value));
            }
        }
    }

    #[test]
    fn an_integer_without_end_is_an_error() {
        assert_eq!(Reader::new(&[0xff; 20]).varint(), Err(ReadError::VarintTooLong));
    }
}
