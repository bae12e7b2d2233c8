//! The cookie that an RDP client sends first ([MS-RDPBCGR] 2.2.1.1).
//!
//! ```text
//!  TPKT header (4) | X.224 connection request (7) | Cookie: mstshash=name \r\n | …
//! ```

use crate::net::reader::{Incomplete, Reader};

/// The bytes before the cookie.
const HEADERS: usize = 4 + 7;
const WORD: &[u8] = b"Cookie:";

/// The value of the cookie with this name, or of any cookie; none if the client sends something
/// else. The case of names does not matter.
pub(super) fn cookie<'a>(
    payload: &'a [u8],
    name: Option<&str>,
) -> Result<Option<&'a [u8]>, Incomplete> {
    let mut reader = Reader(payload);
    if reader.take(HEADERS).is_none() || reader.0.len() <= WORD.len() {
        return Err(Incomplete);
    }
    if reader.skip(WORD).is_none() {
        return Ok(None);
    }
    reader.0 = reader.0.trim_ascii_start();
    let is_end = |byte| matches!(byte, b'=' | b'\r' | b'\n');
    let typed = reader.until(is_end).ok_or(Incomplete)?;
    let is_wanted = name.is_none_or(|name| typed.eq_ignore_ascii_case(name.as_bytes()));
    if reader.byte() != Some(b'=') || !is_wanted {
        return Ok(None);
    }
    let value = reader.until(|byte| byte == b'\r').ok_or(Incomplete)?;
    Ok(match reader.take(2).ok_or(Incomplete)? {
        b"\r\n" => Some(value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(cookie: &str) -> Vec<u8> {
        let mut hello = vec![3, 0, 0, 0, 0, 0xe0, 0, 0, 0, 0, 0];
        hello.extend(format!("Cookie: {cookie}\r\n").bytes());
        hello
    }

    #[test]
    fn a_cookie_is_known_once_its_line_is_complete_and_not_before() {
        let hello = hello("mstshash=user");
        for len in 0..hello.len() {
            assert_eq!(cookie(&hello[..len], None), Err(Incomplete), "{len}");
        }
        for name in [None, Some("mstshash"), Some("MSTSHash")] {
            assert_eq!(cookie(&hello, name), Ok(Some(&b"user"[..])), "{name:?}");
        }
        assert_eq!(cookie(&hello, Some("msts")), Ok(None));
        assert_eq!(cookie(&hello, Some("mstshashx")), Ok(None));
    }

    #[test]
    fn what_is_no_cookie_is_known_at_once() {
        for typed in ["mstshash\r\n", "a=b\rc"] {
            assert_eq!(cookie(&hello(typed), None), Ok(None), "{typed}");
        }
        assert_eq!(cookie(b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", None), Ok(None));
        assert_eq!(cookie(b"GET / HTTP/1.1\r\nHost: a\r\n", None), Ok(None));
    }
}
