//! The PROXY protocol: a header is read as it was written, and no part of it is a header.

use stickd::net::proxy_protocol::{
    Additions, Ends, Extras, Header, HeaderError, Version, write, write_with,
};

use super::{Target, none};

pub(super) const TARGET: Target = Target { name: "proxy_header", run, seeds, words: none };

fn run(bytes: &[u8]) {
    let Ok(header) = Header::read(bytes) else { return };
    assert!(header.len <= bytes.len());
    let own = &bytes[..header.len];
    assert_eq!(Header::read(own), Ok(header), "what follows a header has an effect");
    let cut = Header::read(&own[..header.len - 1]);
    assert_eq!(cut, Err(HeaderError::Truncated), "a part is a header");
    let Additions { authority, unique_id } = Additions::read(bytes);
    for ends in [header.ends, None] {
        let extras = Extras {
            authority: authority.as_deref(),
            unique_id: unique_id.as_deref(),
            has_checksum: true,
            ..Extras::default()
        };
        let written = write_with(extras, ends);
        let read = Header::read(&written);
        assert_eq!(read, Ok(Header { len: written.len(), ends: of_one_family(ends) }));
        if ends.is_some() {
            let read = Additions::read(&written);
            assert_eq!((&read.authority, &read.unique_id), (&authority, &unique_id));
        }
        for version in [Version::V1, Version::V2] {
            let written = write(version, ends);
            let read = Header::read(&written).map(|read| (read.len, read.ends));
            assert_eq!(read, Ok((written.len(), of_one_family(ends))));
        }
    }
}

/// Addresses of both families cannot be in one header.
fn of_one_family(ends: Option<Ends>) -> Option<Ends> {
    ends.filter(|ends| ends.source.is_ipv4() == ends.destination.is_ipv4())
}

fn seeds() -> Vec<Vec<u8>> {
    let ends = |source: &str, destination: &str| {
        let parse = |text: &str| text.parse().expect("an address");
        Some(Ends { source: parse(source), destination: parse(destination) })
    };
    let mut seeds = Vec::new();
    for ends in
        [None, ends("192.0.2.1:56324", "198.51.100.1:443"), ends("[2001:db8::1]:1", "[::1]:2")]
    {
        for version in [Version::V1, Version::V2] {
            seeds.push([write(version, ends).as_slice(), b"hello"].concat());
        }
        let extras = Extras {
            authority: Some(b"www.example.org"),
            unique_id: Some(b"1234"),
            protocol: Some(b"h2"),
            has_checksum: true,
            ..Extras::default()
        };
        seeds.push(write_with(extras, ends));
    }
    seeds
}
