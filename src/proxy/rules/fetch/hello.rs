//! What a TLS client's hello says before anything is encrypted (RFC 8446 4.1.2, RFC 6066 3).
//!
//! ```text
//!  16 03 vv llll | 01 llllll | vvvv random(32) | session | ciphers | compression | extensions
//! ```

/// The client has not sent the whole hello yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incomplete;

const HANDSHAKE: u8 = 0x16;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const EXTENSION_SERVER_NAME: u16 = 0;
const NAME_IS_HOST: u8 = 0;

/// Reads bytes from the front.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A part with its length before it.
    fn part(&mut self, len_bytes: usize) -> Option<Self> {
        let len = self.number(len_bytes)?;
        self.take(len).map(Self)
    }
}

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

/// The type of the hello.
pub(super) fn hello_type(payload: &[u8]) -> Result<Option<u8>, Incomplete> {
    Ok(hello(payload)?.map(|(kind, _)| kind))
}

/// The version that a client's hello names: the major one times 65536 plus the minor one.
pub(super) fn version(payload: &[u8]) -> Result<Option<u32>, Incomplete> {
    Ok(hello(payload)?.and_then(|(kind, body)| match body {
        [major, minor, ..] if kind == CLIENT_HELLO => {
            Some(u32::from(*major) << 16 | u32::from(*minor))
        }
        _ => None,
    }))
}

/// The host that a client asks for.
pub(super) fn server_name(payload: &[u8]) -> Result<Option<&[u8]>, Incomplete> {
    Ok(match hello(payload)? {
        Some((CLIENT_HELLO, body)) => name_in(body),
        Some(_) | None => None,
    })
}

fn name_in(body: &[u8]) -> Option<&[u8]> {
    let mut body = Reader(body);
    body.take(2 + 32)?;
    body.part(1)?;
    body.part(2)?;
    body.part(1)?;
    let mut extensions = body.part(2)?;
    loop {
        let kind = extensions.number(2)?;
        let mut extension = extensions.part(2)?;
        if kind == usize::from(EXTENSION_SERVER_NAME) {
            let mut names = extension.part(2)?;
            let kind = names.byte()?;
            let name = names.part(2)?.0;
            return (kind == NAME_IS_HOST).then_some(name);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A client's hello with a server name.
    pub(in crate::proxy::rules) fn client_hello(name: &str) -> Vec<u8> {
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
            }
        }
    }
}
