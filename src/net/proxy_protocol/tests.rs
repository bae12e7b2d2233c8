//! Headers as HAProxy 2.6 sends and takes them, cut, changed and written back.

use super::*;

fn ends(source: &str, destination: &str) -> Ends {
    Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn v4() -> Ends {
    ends("10.1.2.3:1111", "10.9.9.9:80")
}

/// A header of version 2 around `body`.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&V2_SIGNATURE[..], &[0x20 | command, family], &len, body].concat()
}

const V4_BODY: &[u8] = &[10, 1, 2, 3, 10, 9, 9, 9, 4, 87, 0, 80];

fn with_addition(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    v2(1, 0x11, &[V4_BODY, &[kind], &len, value].concat())
}

fn with_checksum() -> Vec<u8> {
    let mut header = with_addition(CRC32C_TYPE, &[0; 4]);
    let sum = crc32c([&header, &[], &[], &[]]).to_be_bytes();
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum);
    header
}

fn all_valid() -> Vec<(Vec<u8>, Option<Ends>)> {
    let v6 = ends("[::1]:1111", "[2001:db8::1]:80");
    vec![
        (b"PROXY TCP4 10.1.2.3 10.9.9.9 1111 80\r\n".to_vec(), Some(v4())),
        (b"PROXY TCP6 ::1 2001:db8::1 1111 80\r\n".to_vec(), Some(v6)),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
        (write(Version::V2, Some(v4())), Some(v4())),
        (write(Version::V2, Some(v6)), Some(v6)),
        (v2(0, 0, b""), None),
        (v2(0, 0x11, V4_BODY), None),
        (v2(1, 0, b"abcd"), None),
        (v2(1, 0x31, &[0; 216]), None),
        (with_addition(4, b"abc"), Some(v4())),
        (with_checksum(), Some(v4())),
    ]
}

#[test]
fn a_header_is_read_and_the_bytes_after_it_are_left() {
    for (header, ends) in all_valid() {
        let expected = Ok(Header { len: header.len(), ends });
        assert_eq!(Header::read(&header), expected, "{header:?}");
        assert_eq!(Header::read(&[&header[..], b"hello\r\n"].concat()), expected, "{header:?}");
    }
}

#[test]
fn a_part_of_a_header_is_truncated() {
    for (header, _) in all_valid() {
        for len in 0..header.len() {
            assert_eq!(Header::read(&header[..len]), Err(HeaderError::Truncated), "{header:?}");
        }
    }
}

#[test]
fn wrong_lines_are_told_apart() {
    use HeaderError::*;
    for (line, error) in [
        ("PROXY UDP4 10.1.2.3 10.9.9.9 11 80\r\n", UnhandledProtocol),
        ("PROXY TCP4 10.1.2.3 10.9.9.9 1111 80\n", Invalid),
        ("PROXY TCP4 10.1.2.300 10.9.9.9 1111 80\r\n", Invalid),
        ("PROXY TCP4 10.1.2.3 10.9.9.9 111111 80\r\n", Invalid),
        ("PROXY TCP4 10.1.2.3 10.9.9.9 11a 80\r\n", Invalid),
        ("PROXY TCP4 10.1.2.3 10.9.9.9 +11 80\r\n", Invalid),
        ("PROXY TCP4 10.1.2.3 10.9.9.9 11\r\n", Invalid),
        ("PROXY TCP4 10.1.2.3 10.9.9.9 11 80 90\r\n", Invalid),
        ("PROXY TCP4  10.1.2.3 10.9.9.9 11 80\r\n", Invalid),
        ("PROXY TCP4 ::1 ::1 11 80\r\n", Invalid),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 11 80\r\n", Invalid),
        ("GET / HTTP/1.0\r\n\r\n", NotAHeader),
    ] {
        assert_eq!(Header::read(line.as_bytes()), Err(error), "{line}");
    }
    let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200], b"\r\n".to_vec()].concat();
    assert_eq!(Header::read(&long), Err(Truncated));
}

#[test]
fn wrong_binary_headers_are_told_apart() {
    use HeaderError::*;
    let mut other_version = v2(1, 0x11, V4_BODY);
    other_version[12] = 0x11;
    let mut bad_sum = with_checksum();
    *bad_sum.last_mut().unwrap() ^= 1;
    let cut_addition = v2(1, 0x11, &[V4_BODY, &[4]].concat());
    let long_addition = v2(1, 0x11, &[V4_BODY, &[4, 0, 9, 1]].concat());
    for (header, error) in [
        (other_version, NotAHeader),
        (v2(2, 0x11, V4_BODY), Invalid),
        (v2(1, 0x12, V4_BODY), Invalid),
        (v2(1, 0x41, V4_BODY), Invalid),
        (v2(1, 0x11, &V4_BODY[..8]), Invalid),
        (v2(1, 0x21, V4_BODY), Invalid),
        (v2(1, 0x31, V4_BODY), Invalid),
        (with_addition(CRC32C_TYPE, b"abc"), Invalid),
        (with_addition(CRC32C_TYPE, b"abcd"), Invalid),
        (bad_sum, Invalid),
        (cut_addition, Invalid),
        (long_addition, Invalid),
    ] {
        assert_eq!(Header::read(&header), Err(error), "{header:?}");
    }
}

#[test]
fn the_checksum_is_computed_as_in_haproxy() {
    // HAProxy 2.6.12 sent these bytes with `proxy-v2-options crc32c`.
    let header = b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x16\x7f\x00\x00\x01\x7f\x00\x00\x01\x90\xb8\
                   \xa6\x13\x03\x00\x04\x0ee\xd4\xed\x05\x00\x00";
    let ends = ends("127.0.0.1:37048", "127.0.0.1:42515");
    assert_eq!(Header::read(header), Ok(Header { len: header.len(), ends: Some(ends) }));
}

#[test]
fn a_written_header_is_read_back() {
    let pairs = [
        v4(),
        ends("[::1]:1", "[::2]:65535"),
        ends("255.255.255.255:65535", "255.255.255.255:65535"),
        ends(
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ),
    ];
    for version in [Version::V1, Version::V2] {
        for ends in pairs.map(Some).into_iter().chain([None]) {
            let header = write(version, ends);
            assert!(header.len() <= WRITTEN_LEN_MAX);
            assert_eq!(Header::read(&header), Ok(Header { len: header.len(), ends }));
        }
    }
}

#[test]
fn ends_of_two_families_are_unknown_in_text_and_mapped_in_binary() {
    let mixed = ends("10.1.2.3:1", "[::2]:2");
    assert_eq!(write(Version::V1, Some(mixed)), b"PROXY UNKNOWN\r\n");
    let read = Header::read(&write(Version::V2, Some(mixed))).unwrap();
    assert_eq!(read.ends, Some(ends("[::ffff:10.1.2.3]:1", "[::2]:2")));
}

#[test]
fn a_changed_header_is_never_longer_than_its_bytes() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for (header, _) in all_valid() {
        for _ in 0..3000 {
            let mut changed = header.clone();
            for _ in 0..=random(3) {
                let at = random(changed.len());
                match random(3) {
                    0 => changed[at] = random(256).to_le_bytes()[0],
                    1 => changed.insert(at, random(256).to_le_bytes()[0]),
                    _ => changed.truncate(at.max(1)),
                }
            }
            if let Ok(read) = Header::read(&changed) {
                assert!(read.len <= changed.len(), "{changed:?}");
            }
        }
    }
}

#[test]
fn additions_read_back_as_they_were_written() {
    let (source, destination) = ("192.0.2.1:5".parse().unwrap(), "192.0.2.2:6".parse().unwrap());
    let ends = Some(Ends { source, destination });
    let texts = [None, Some(&b"a.example"[..]), Some(b"b")];
    let ids = [None, Some(&b"id"[..]), Some(b"")];
    let pairs = texts.into_iter().flat_map(|authority| ids.map(|unique_id| (authority, unique_id)));
    for (authority, unique_id) in pairs {
        for has_checksum in [false, true] {
            let header = write_with(
                Extras { authority, unique_id, has_checksum, ..Extras::default() },
                ends,
            );
            assert_eq!(Header::read(&header), Ok(Header { len: header.len(), ends }));
            let found = Additions::read(&header);
            let (authority, unique_id) = (authority.map(Into::into), unique_id.map(Into::into));
            assert_eq!(found, Additions { authority, unique_id });
            assert!(header.len() <= WRITTEN_LEN_MAX);
        }
    }
    let longest = write_with(Extras { authority: Some(&[b'a'; 256]), ..Extras::default() }, ends);
    assert_eq!(Header::read(&longest), Err(HeaderError::Invalid));
}

#[test]
fn what_has_no_additions_gives_none() {
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"", &write(Version::V2, None)] {
        assert_eq!(Additions::read(header), Additions::default());
    }
}
