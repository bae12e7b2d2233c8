//! The head of an HTTP request, by which TCP rules tell HTTP from other protocols. A request of
//! HTTP/0.9, which is a line of two words, counts as one of version 1.0.

use crate::net::reader::Incomplete;

/// The most headers of a request.
const HEADERS_MAX: usize = 101;

/// The first line of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// As in `1.1`.
    pub(super) version: &'a [u8],
    /// The lines of the headers, which are known to be valid.
    headers: &'a [u8],
}

impl<'a> Request<'a> {
    /// The path; none in a target that has no path.
    pub(super) fn path(self) -> Option<&'a [u8]> {
        self.path_onwards()?.split(|byte| matches!(byte, b'?' | b'#')).next()
    }

    fn path_onwards(self) -> Option<&'a [u8]> {
        let target = self.target;
        let begin = if target.starts_with(b"/") {
            0
        } else {
            let authority = target.windows(3).position(|part| part == b"://")? + 3;
            authority + target.get(authority..)?.iter().position(|byte| *byte == b'/')?
        };
        target.get(begin..)
    }

    /// The path and the query.
    pub(super) fn path_and_query(self) -> Option<&'a [u8]> {
        self.path_onwards()?.split(|byte| *byte == b'#').next()
    }

    /// The query, without the question mark.
    pub(super) fn query(self) -> Option<&'a [u8]> {
        self.path_and_query()?.splitn(2, |byte| *byte == b'?').nth(1)
    }

    /// The headers with this name, or all, as names and values.
    pub(super) fn headers(self, name: Option<&str>) -> Vec<(&'a str, &'a [u8])> {
        let mut room = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let headers = match httparse::parse_headers(self.headers, &mut room) {
            Ok(httparse::Status::Complete((_, headers))) => headers,
            Ok(httparse::Status::Partial) | Err(_) => &[],
        };
        let is_wanted = |other: &str| name.is_none_or(|name| name.eq_ignore_ascii_case(other));
        let named = headers.iter().filter(|header| is_wanted(header.name));
        named.map(|header| (header.name, header.value.trim_ascii())).collect()
    }
}

/// The request that the client has sent first; none if the client sends something else.
pub(super) fn request(payload: &[u8]) -> Result<Option<Request<'_>>, Incomplete> {
    let payload = without_empty_lines(payload);
    let Some(end) = payload.iter().position(|byte| *byte == b'\n') else {
        return if may_be_line(payload) { Err(Incomplete) } else { Ok(None) };
    };
    let (line, rest) = payload.split_at(end);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some((request, is_simple)) = parse_line(line).filter(|_| may_be_line(line)) else {
        return Ok(None);
    };
    if is_simple {
        return Ok(Some(request));
    }
    let headers = rest.get(1..).unwrap_or_default();
    let mut room = [httparse::EMPTY_HEADER; HEADERS_MAX];
    match httparse::parse_headers(headers, &mut room) {
        Ok(httparse::Status::Complete(_)) => Ok(Some(Request { headers, ..request })),
        Ok(httparse::Status::Partial) => Err(Incomplete),
        Err(_) => Ok(None),
    }
}

fn without_empty_lines(payload: &[u8]) -> &[u8] {
    let text = payload.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    payload.get(text.unwrap_or(payload.len())..).unwrap_or_default()
}

/// Whether a first line of a request may begin like this: a method, a blank, and what is printed.
fn may_be_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut parts = line.splitn(2, |byte| *byte == b' ');
    let (method, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_method = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    method.iter().all(is_method) && rest.iter().all(|byte| !byte.is_ascii_control())
}

/// The words of the first line, and whether that is all of the request.
fn parse_line(line: &[u8]) -> Option<(Request<'_>, bool)> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (method, target, protocol) = (words.next()?, words.next()?, words.next());
    let version = match protocol {
        None if method == b"GET" => {
            return Some((Request { method, target, version: b"1.0", headers: b"" }, true));
        }
        None => return None,
        Some(protocol) => protocol.strip_prefix(b"HTTP/")?,
    };
    let is_version = matches!(version, [major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit());
    (is_version && words.next().is_none())
        .then_some((Request { method, target, version, headers: b"" }, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_once_its_head_is_complete_and_not_before() {
        let head = b"\r\nPOST /a?b HTTP/1.1\r\nHost: x\r\n\r\n";
        for len in 0..head.len() {
            assert_eq!(request(&head[..len]), Err(Incomplete), "{len}");
        }
        let found = request(head).unwrap().unwrap();
        assert_eq!(
            (found.method, found.target, found.version),
            (&b"POST"[..], &b"/a?b"[..], &b"1.1"[..])
        );
        assert_eq!(found.headers(Some("hOST")), [("Host", &b"x"[..])]);
        assert_eq!(found.query(), Some(&b"b"[..]));
        assert_eq!(found.path(), Some(&b"/a"[..]));
        let version = |head: &'static [u8]| request(head).map(|found| found.map(|r| r.version));
        assert_eq!(version(b"GET /\r\n"), Ok(Some(&b"1.0"[..])));
        assert_eq!(version(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Ok(Some(&b"2.0"[..])));
    }

    #[test]
    fn a_target_may_have_no_path() {
        let path =
            |target| Request { method: b"GET", target, version: b"1.1", headers: b"" }.path();
        assert_eq!(path(b"http://a/b/c?d"), Some(&b"/b/c"[..]));
        assert_eq!(path(b"http://a"), None);
        assert_eq!(path(b"*"), None);
    }

    #[test]
    fn what_is_no_request_is_known_at_once() {
        for payload in [
            &b"\x16\x03\x01"[..],
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
            b"SSH-2.0-foo bar baz\r\n",
            b"G(T",
            b"GET / HTTP/x.y\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        ] {
            assert_eq!(request(payload), Ok(None), "{}", payload.escape_ascii());
        }
    }
}
