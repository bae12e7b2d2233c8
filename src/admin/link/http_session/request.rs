//! The head of an HTTP request, and the metrics that the request asks for.

use std::ops::RangeInclusive;

use data_encoding::BASE64;

use crate::admin::metrics::Scopes;

/// The longest head, in bytes.
pub(super) const HEAD_LEN_MAX: usize = 16_384;
/// The most fields in a head. HAProxy has the same limit.
const FIELDS_MAX: usize = 101;
/// How many bytes of a body are read and thrown away.
const BODY_LEN: RangeInclusive<u64> = 0..=65_536;

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The length of the head, in bytes.
    pub(super) head_len: usize,
    /// The length of the body that follows, in bytes.
    pub(super) body_len: u64,
    /// The client wants only the head of the answer (`HEAD`).
    pub(super) is_head: bool,
    /// The client accepts an answer in chunks (HTTP/1.1).
    pub(super) takes_chunks: bool,
    /// The connection stays open after the answer.
    pub(super) keeps_alive: bool,
    /// The bytes of the head.
    pub(super) head: Vec<u8>,
    /// The method.
    pub(super) method: String,
    /// The target as the client sent it, which may begin with a scheme and a host.
    uri: String,
    /// The path and the query, without decoding.
    pub(super) target: String,
    /// The headers, with their names in lower case.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// The body comes in chunks. No page takes such a body.
    pub(super) has_chunks: bool,
}

/// Why the bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    /// The bytes end before the head does.
    Truncated,
    /// The bytes are not a request, or the request is too long.
    Invalid,
}

impl Request {
    /// The request that `bytes` begin with.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RequestError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut fields);
        let head_len = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(len)) if len <= HEAD_LEN_MAX => len,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_LEN_MAX => {
                return Err(RequestError::Truncated);
            }
            Ok(_) | Err(_) => return Err(RequestError::Invalid),
        };
        let takes_chunks = parsed.version == Some(1);
        let mut request = Self {
            head_len,
            body_len: 0,
            is_head: parsed.method == Some("HEAD"),
            takes_chunks,
            // An answer of unknown length to HTTP/1.0 ends with the connection.
            keeps_alive: takes_chunks,
            head: bytes.get(..head_len).unwrap_or_default().to_vec(),
            method: parsed.method.unwrap_or_default().to_owned(),
            uri: parsed.path.unwrap_or_default().to_owned(),
            target: target(parsed.path.unwrap_or_default()).to_owned(),
            headers: Vec::new(),
            has_chunks: false,
        };
        for field in parsed.headers {
            request.read_field(field.name, field.value)?;
            request.headers.push((field.name.to_ascii_lowercase(), field.value.to_vec()));
        }
        Ok(request)
    }

    fn read_field(&mut self, name: &str, value: &[u8]) -> Result<(), RequestError> {
        let text = || std::str::from_utf8(value).map_err(|_| RequestError::Invalid);
        if name.eq_ignore_ascii_case("connection") {
            let mut words = text()?.split(',').map(str::trim);
            self.keeps_alive &= !words.any(|word| word.eq_ignore_ascii_case("close"));
        } else if name.eq_ignore_ascii_case("content-length") {
            self.body_len = text()?.trim().parse().map_err(|_| RequestError::Invalid)?;
            self.keeps_alive &= BODY_LEN.contains(&self.body_len);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // No page searches for the end of such a body.
            self.has_chunks = true;
            self.keeps_alive = false;
        }
        Ok(())
    }

    /// The metrics that the query asks for, and whether servers in maintenance are left out.
    pub(super) fn selection(&self) -> Result<(Scopes, bool), RequestError> {
        let mut scopes = None;
        let mut no_maint = false;
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').map_or((pair, None), |(n, v)| (n, Some(v)));
            match (decoded(name)?.as_str(), value) {
                ("scope", Some(value)) => {
                    let scope = Scopes::named(&decoded(value)?).ok_or(RequestError::Invalid)?;
                    scopes = Some(scopes.unwrap_or(Scopes::NONE).and(scope));
                }
                ("scope", None) => return Err(RequestError::Invalid),
                ("no-maint", _) => no_maint = true,
                _ => {}
            }
        }
        Ok((scopes.unwrap_or(Scopes::ALL), no_maint))
    }
}

impl Request {
    /// The value of the last header with this name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        let named = self.headers.iter().rfind(|(other, _)| other == name);
        named.map(|(_, value)| value.as_slice())
    }

    /// The user and the password that the client has sent.
    pub(super) fn credentials(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (scheme, encoded) = self.header("authorization")?.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let pair = BASE64.decode(encoded.trim_ascii()).ok()?;
        let end = pair.iter().position(|byte| *byte == b':')?;
        let (name, password) = pair.split_at(end);
        Some((name.to_vec(), password.get(1..).unwrap_or_default().to_vec()))
    }
}

impl Request {
    /// Whether the request is for this `monitor-uri`: a path is that of the request, whatever host
    /// the client names, and anything else is the whole target.
    pub(super) fn is_for(&self, uri: &str) -> bool {
        uri == if uri.starts_with('/') { &self.target } else { &self.uri }
    }
}

/// The path and query of a target that may begin with a scheme and a host.
fn target(target: &str) -> &str {
    match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    }
}

/// A part of a query in which `%41` and the like are replaced by the letters.
pub(super) fn decoded(text: &str) -> Result<String, RequestError> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(RequestError::Invalid);
        };
        decoded.push(u8::try_from(high * 16 + low).map_err(|_| RequestError::Invalid)?);
    }
    String::from_utf8(decoded).map_err(|_| RequestError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET /metrics?scope=global HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn every_beginning_of_a_request_is_truncated() {
        for len in 0..GET.len() {
            let read = Request::read(&GET.as_bytes()[..len]);
            assert_eq!(read, Err(RequestError::Truncated), "{len}");
        }
        let request = Request::read(format!("{GET}GET /").as_bytes()).unwrap();
        assert_eq!(
            (request.head_len, request.target.as_str()),
            (GET.len(), "/metrics?scope=global")
        );
        assert!(request.keeps_alive && request.takes_chunks && !request.is_head);
        assert_eq!(request.selection(), Ok((Scopes::named("global").unwrap(), false)));
    }

    #[test]
    fn what_is_not_a_request_or_too_long_is_invalid() {
        let long = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(HEAD_LEN_MAX));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX + 1));
        for text in
            ["blah\r\n\r\n", "GET /\r\n", "GET / HTTP/1.1\r\nnonsense\r\n\r\n", &long, &many]
        {
            let read = Request::read(text.as_bytes());
            assert_eq!(read, Err(RequestError::Invalid), "{}", text.get(..40).unwrap_or(text));
        }
    }

    #[test]
    fn the_connection_is_kept_where_client_and_version_allow_it() {
        let keeps = |line: &str| Request::read(line.as_bytes()).unwrap().keeps_alive;
        assert!(keeps("GET / HTTP/1.1\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n"));
        assert!(keeps("POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n"));
        assert!(!keeps("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"));
        assert!(!keeps("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
    }

    #[test]
    fn scopes_are_added_up() {
        let selection = |query: &str| {
            let text = format!("GET /metrics?{query} HTTP/1.1\r\n\r\n");
            Request::read(text.as_bytes()).unwrap().selection()
        };
        let named = |name| Scopes::named(name).unwrap();
        assert_eq!(selection(""), Ok((Scopes::ALL, false)));
        assert_eq!(selection("scope=*&foo=bar"), Ok((Scopes::ALL, false)));
        assert_eq!(selection("scope="), Ok((Scopes::NONE, false)));
        let both = named("server").and(named("frontend"));
        assert_eq!(selection("scope=server&no-maint&s%63ope=front%65nd"), Ok((both, true)));
        assert_eq!(selection("scope=nothing"), Err(RequestError::Invalid));
        assert_eq!(selection("scope"), Err(RequestError::Invalid));
        assert_eq!(selection("scope=%4"), Err(RequestError::Invalid));
    }

    #[test]
    fn a_monitor_uri_is_a_path_or_a_whole_target() {
        let is_for = |sent: &str, uri: &str| {
            let head = format!("GET {sent} HTTP/1.1\r\n\r\n");
            Request::read(head.as_bytes()).unwrap().is_for(uri)
        };
        assert!(is_for("/up", "/up"));
        assert!(is_for("http://a/up", "/up"));
        assert!(is_for("http://a/up", "http://a/up"));
        assert!(!is_for("/up", "http://a/up"));
        assert!(!is_for("http://b/up", "http://a/up"));
        assert!(!is_for("/up?x", "/up"));
    }

    #[test]
    fn a_target_may_name_the_host() {
        assert_eq!(target("http://a:80/metrics?b"), "/metrics?b");
        assert_eq!(target("http://a"), "/");
        assert_eq!(target("/a?b=http://c/d"), "/a?b=http://c/d");
    }
}
