//! What a TLS client's hello says before anything is encrypted (RFC 8446 4.1.2, RFC 6066 3).
//!
//! ```text
//!  16 03 vv llll | 01 llllll | vvvv random(32) | session | ciphers | compression | extensions
//! ```

use std::borrow::Cow;

use crate::net::reader::{Incomplete, Reader};

const HANDSHAKE: u8 = 0x16;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const EXTENSION_SERVER_NAME: usize = 0;
const EXTENSION_CURVES: usize = 10;
const EXTENSION_PROTOCOLS: usize = 16;
const EXTENSION_TICKET: usize = 35;
const NAME_IS_HOST: u8 = 0;
/// The longest hello that is looked at, as rustls does.
const LONGEST: usize = 0xffff;

/// The type and the body of the hello; none if the client sends something else.
fn hello(payload: &[u8]) -> Result<Option<(u8, &[u8])>, Incomplete> {
    let starts_well = match payload {
        [] => return Err(Incomplete),
        [HANDSHAKE] => true,
        [HANDSHAKE, major, ..] => *major >= 3,
        _ => false,
    };
    if !starts_well {
        return Ok(None);
    }
    let mut reader = Reader(payload);
    reader.take(3).ok_or(Incomplete)?;
    let record_len = reader.number(2).ok_or(Incomplete)?;
    let mut kind = reader;
    if let Some(kind) = kind.byte()
        && kind != CLIENT_HELLO
        && kind != SERVER_HELLO
    {
        return Ok(None);
    }
    let mut record = Reader(reader.take(record_len).ok_or(Incomplete)?);
    let Some(kind) = record.byte() else { return Ok(None) };
    Ok(record.part(3).map(|body| (kind, body.0)))
}

/// The client's hello as one record: a client may spread it over several (RFC 8446 5.1). What is no
/// hello is given back as it is.
pub(super) fn in_one_record(received: &[u8]) -> Result<Cow<'_, [u8]>, Incomplete> {
    if hello(received)?.is_some() {
        return Ok(Cow::Borrowed(received));
    }
    let mut records = Reader(received);
    let mut body = Vec::new();
    loop {
        match records.0 {
            [] | [HANDSHAKE] => return Err(Incomplete),
            [HANDSHAKE, 3, ..] => {}
            _ => break,
        }
        records.take(3).ok_or(Incomplete)?;
        let part = records.part(2).ok_or(Incomplete)?.0;
        body.extend_from_slice(part);
        let mut start = Reader(&body);
        let is_hello = start.byte() == Some(CLIENT_HELLO);
        let whole = start.number(3).map_or(LONGEST, |len| len + 4);
        if part.is_empty() || !is_hello || whole > LONGEST {
            break;
        }
        if body.len() >= whole {
            body.truncate(whole);
            let len = u16::try_from(whole).unwrap_or(u16::MAX).to_be_bytes();
            return Ok(Cow::Owned([&[HANDSHAKE, 3, 1], &len[..], &body].concat()));
        }
    }
    Ok(Cow::Borrowed(received))
}

/// Whether the hello of a client is there in one record.
pub(super) fn is_whole(payload: &[u8]) -> bool {
    matches!(client_hello(payload), Ok(Some(_)))
}

/// The type of the hello.
pub fn hello_type(payload: &[u8]) -> Result<Option<u8>, Incomplete> {
    Ok(hello(payload)?.map(|(kind, _)| kind))
}

/// The version that a client's hello names: the major one times 65536 plus the minor one.
pub fn version(payload: &[u8]) -> Result<Option<u32>, Incomplete> {
    Ok(client_hello(payload)?.and_then(|body| match body {
        [major, minor, ..] => Some(u32::from(*major) << 16 | u32::from(*minor)),
        _ => None,
    }))
}

/// The host that a client asks for.
pub fn server_name(payload: &[u8]) -> Result<Option<&[u8]>, Incomplete> {
    Ok(extension(payload, EXTENSION_SERVER_NAME)?.and_then(first_name))
}

fn first_name(mut extension: Reader<'_>) -> Option<&[u8]> {
    let mut names = extension.part(2)?;
    let kind = names.byte()?;
    let name = names.part(2)?.0;
    (kind == NAME_IS_HOST).then_some(name)
}

/// One of the protocols that a client offers.
pub fn protocol(payload: &[u8], nth: usize) -> Result<Option<&[u8]>, Incomplete> {
    Ok(extension(payload, EXTENSION_PROTOCOLS)?.and_then(|extension| nth_name(extension, nth)))
}

/// All of them.
pub(super) fn protocols(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let extension = extension(payload, EXTENSION_PROTOCOLS).ok().flatten();
    let mut list = extension.and_then(|mut extension| extension.part(2)).unwrap_or(Reader(&[]));
    std::iter::from_fn(move || list.part(1).map(|name| name.0))
}

fn nth_name(mut extension: Reader<'_>, nth: usize) -> Option<&[u8]> {
    let mut list = extension.part(2)?;
    for _ in 0..nth {
        list.part(1)?;
    }
    list.part(1).map(|name| name.0)
}

/// Something if a client names elliptic curves.
pub fn names_curves(payload: &[u8]) -> Result<Option<()>, Incomplete> {
    Ok(extension(payload, EXTENSION_CURVES)?.map(|_| ()))
}

/// What a client says of session tickets: 0 for nothing, 1 that it takes them, 2 that it has one.
pub fn ticket(payload: &[u8]) -> Result<Option<usize>, Incomplete> {
    Ok(client_hello(payload)?.map(|body| match find_extension(body, EXTENSION_TICKET) {
        None => 0,
        Some(Reader([])) => 1,
        Some(_) => 2,
    }))
}

/// The body of an extension of a client's hello.
fn extension(payload: &[u8], kind: usize) -> Result<Option<Reader<'_>>, Incomplete> {
    Ok(client_hello(payload)?.and_then(|body| find_extension(body, kind)))
}

fn client_hello(payload: &[u8]) -> Result<Option<&[u8]>, Incomplete> {
    Ok(match hello(payload)? {
        Some((CLIENT_HELLO, body)) => Some(body),
        Some(_) | None => None,
    })
}

fn find_extension(body: &[u8], wanted: usize) -> Option<Reader<'_>> {
    let mut body = Reader(body);
    body.take(2 + 32)?;
    body.part(1)?;
    body.part(2)?;
    body.part(1)?;
    let mut extensions = body.part(2)?;
    loop {
        let kind = extensions.number(2)?;
        let extension = extensions.part(2)?;
        if kind == wanted {
            return Some(extension);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A client's hello with a server name.
    pub(crate) fn client_hello(name: &str) -> Vec<u8> {
        let len = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
        let name = name.as_bytes();
        let mut list = vec![0];
        list.extend(len(name.len()));
        list.extend(name);
        let mut extensions = vec![0x00, 0x17, 0, 0, 0, 0];
        extensions.extend(len(list.len() + 2));
        extensions.extend(len(list.len()));
        extensions.extend(list);
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend(len(extensions.len()));
        body.extend(extensions);
        let mut hello = vec![0x16, 3, 1];
        hello.extend(len(body.len() + 4));
        hello.extend([1, 0]);
        hello.extend(len(body.len()));
        hello.extend(body);
        hello
    }

    #[test]
    fn the_name_is_known_once_the_hello_is_complete_and_not_before() {
        let hello = client_hello("www.example.org");
        for len in 0..hello.len() {
            assert_eq!(server_name(&hello[..len]), Err(Incomplete), "{len}");
            assert_eq!(hello_type(&hello[..len]), Err(Incomplete), "{len}");
        }
        assert_eq!(server_name(&hello), Ok(Some(&b"www.example.org"[..])));
        assert_eq!(hello_type(&hello), Ok(Some(1)));
        assert_eq!(version(&hello), Ok(Some(0x0003_0003)));
    }

    #[test]
    fn a_hello_in_several_records_is_put_together() {
        let hello = client_hello("www.example.org");
        for len in [1, 3, 7, hello.len() - 6] {
            let records: Vec<Vec<u8>> = hello[5..]
                .chunks(len)
                .map(|part| [&[0x16, 3, 1, 0, u8::try_from(part.len()).unwrap()], part].concat())
                .collect();
            let spread = records.concat();
            let whole = in_one_record(&spread).unwrap();
            assert_eq!(server_name(&whole), Ok(Some(&b"www.example.org"[..])), "{len}");
            for missing in 1..spread.len() {
                let cut = in_one_record(&spread[..missing]);
                assert_eq!(cut, Err(Incomplete), "{len} {missing}");
            }
        }
        // What does not become a hello is left as it is.
        for other in [
            &b"GET /"[..],
            &[0x16, 3, 1, 0, 1, 2],
            &[0x16, 3, 1, 0, 0],
            &[0x16, 3, 1, 0, 4, 1, 1, 0, 0],
        ] {
            assert_eq!(in_one_record(other).as_deref(), Ok(other));
        }
    }

    #[test]
    fn the_extensions_of_a_hello_are_told() {
        let mut hello = client_hello("a");
        assert_eq!((protocol(&hello, 0), names_curves(&hello)), (Ok(None), Ok(None)));
        assert_eq!(ticket(&hello), Ok(Some(0)));
        let more =
            [&[0, 16, 0, 7, 0, 5, 2, b'h', b'2', 1, b'x'][..], &[0, 35, 0, 1, 9], &[0, 10, 0, 0]]
                .concat();
        let grown = u8::try_from(more.len()).unwrap();
        let extensions_len = 9 + 2 + 32 + 1 + 4 + 2;
        for at in [4, 8, extensions_len + 1] {
            hello[at] += grown;
        }
        hello.extend(more);
        let offered = [0, 1, 2].map(|nth| protocol(&hello, nth));
        assert_eq!(offered, [Ok(Some(&b"h2"[..])), Ok(Some(b"x")), Ok(None)]);
        assert_eq!((names_curves(&hello), ticket(&hello)), (Ok(Some(())), Ok(Some(2))));
        assert_eq!(server_name(&hello), Ok(Some(&b"a"[..])));
    }

    #[test]
    fn what_is_no_hello_is_known_at_once() {
        assert_eq!(server_name(b"GET / HTTP/1.0"), Ok(None));
        assert_eq!(server_name(b"\x16\x02"), Ok(None));
        assert_eq!(server_name(b"\x16\x03\x01\x00\x05\x0b"), Ok(None));
    }

    #[test]
    fn no_damage_to_a_hello_is_fatal() {
        let hello = client_hello("www.example.org");
        for at in 0..hello.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = hello.clone();
                damaged[at] = value;
                let _ = (server_name(&damaged), hello_type(&damaged), version(&damaged));
                let _ = (protocol(&damaged, 1), names_curves(&damaged), ticket(&damaged));
            }
        }
    }
}
