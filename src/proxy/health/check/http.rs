//! Reading the answer to an HTTP check: its status, and its body without the framing.

use std::borrow::Cow;

/// The most headers of an answer. HAProxy's own limit leaves room for about as many.
const HEADERS_MAX: usize = 100;

/// An answer with a complete head.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status.
    pub code: u16,
    /// The reason after the status.
    pub reason: &'a str,
    /// The version of HTTP after `1.`.
    pub minor_version: u8,
    /// Names as they came, and values.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The part of the body that has come.
    pub body: Cow<'a, [u8]>,
    /// Whether the body is complete.
    pub is_over: bool,
}

impl<'a> Response<'a> {
    /// The values of the headers whose names in lower case `is_wanted`. Unless `is_whole`, commas
    /// separate values.
    pub fn values(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        is_whole: bool,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let wanted = self.headers.iter().filter(|(name, _)| is_wanted(&name.to_ascii_lowercase()));
        let values = wanted.flat_map(|(_, value)| {
            value.split(move |byte| *byte == b',' && !is_whole).map(<[u8]>::trim_ascii)
        });
        values.collect::<Vec<_>>().into_iter()
    }
}

/// The bytes are not an HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// How an answer says where its body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunks,
    UntilClose,
}

/// Reads an answer; none until its head is complete.
pub fn read(input: &[u8]) -> Result<Option<Response<'_>>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(input).map_err(|_| Malformed)?;
    let httparse::Status::Complete(head_len) = parsed else { return Ok(None) };
    let code = response.code.unwrap_or_default();
    let after_head = input.get(head_len..).unwrap_or_default();
    let (body, is_over) = match framing(code, response.headers)? {
        Framing::Length(len) => {
            let body = after_head.get(..len).unwrap_or(after_head);
            (Cow::Borrowed(body), body.len() == len)
        }
        Framing::Chunks => {
            let (body, is_over) = unchunked(after_head)?;
            (Cow::Owned(body), is_over)
        }
        Framing::UntilClose => (Cow::Borrowed(after_head), false),
    };
    let reason = response.reason.unwrap_or_default();
    let minor_version = response.version.unwrap_or_default();
    let headers = response.headers.iter().map(|header| (header.name, header.value)).collect();
    Ok(Some(Response { code, reason, minor_version, headers, body, is_over }))
}

fn framing(code: u16, headers: &[httparse::Header<'_>]) -> Result<Framing, Malformed> {
    if matches!(code, 100..=199 | 204 | 304) {
        return Ok(Framing::Length(0));
    }
    let values = |name: &'static str| {
        let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value.trim_ascii())
    };
    let codings = values("transfer-encoding").flat_map(|value| value.split(|byte| *byte == b','));
    if let Some(last) = codings.last() {
        let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(if is_chunked { Framing::Chunks } else { Framing::UntilClose });
    }
    let mut lengths = values("content-length").map(|value| {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| is_number);
        text.and_then(|text| text.parse().ok()).ok_or(Malformed)
    });
    let Some(first) = lengths.next() else { return Ok(Framing::UntilClose) };
    let agree = lengths.all(|other| other == first);
    if agree { first.map(Framing::Length) } else { Err(Malformed) }
}

/// The part of a chunked body that has come, and whether the last chunk has come.
fn unchunked(mut rest: &[u8]) -> Result<(Vec<u8>, bool), Malformed> {
    let mut body = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(rest).map_err(|_| Malformed)?;
        let httparse::Status::Complete((line_len, size)) = parsed else { return Ok((body, false)) };
        if size == 0 {
            return Ok((body, true));
        }
        rest = rest.get(line_len..).unwrap_or_default();
        let size = usize::try_from(size).map_err(|_| Malformed)?;
        let Some((chunk, after)) = rest.split_at_checked(size) else {
            body.extend(rest);
            return Ok((body, false));
        };
        body.extend(chunk);
        rest = match after {
            [b'\r', b'\n', next @ ..] => next,
            [] | [b'\r'] => return Ok((body, false)),
            _ => return Err(Malformed),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(input: &str) -> Option<(String, bool)> {
        let response = read(input.as_bytes()).ok()??;
        Some((String::from_utf8_lossy(&response.body).into_owned(), response.is_over))
    }

    #[test]
    fn a_body_ends_where_the_head_says() {
        for (head, sent, wanted) in [
            ("200 OK", "hello", Some(("hello", false))),
            ("200 OK\r\nContent-Length: 5", "hell", Some(("hell", false))),
            ("200 OK\r\nContent-Length: 5", "hello!", Some(("hello", true))),
            ("200 OK\r\nContent-Length: 5\r\ncontent-length:5", "hello", Some(("hello", true))),
            ("200 OK\r\nContent-Length: 5\r\nContent-Length: 6", "hello", None),
            ("200 OK\r\nContent-Length: +5", "hello", None),
            ("204 No\r\nContent-Length: 5", "hello", Some(("", true))),
            ("304 No", "hello", Some(("", true))),
        ] {
            let answer = format!("HTTP/1.1 {head}\r\n\r\n{sent}");
            let wanted = wanted.map(|(body, is_over)| (body.to_owned(), is_over));
            assert_eq!(body(&answer), wanted, "{answer}");
        }
    }

    #[test]
    fn chunks_are_joined_however_they_come() {
        let head =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n\r\n";
        let whole = format!("{head}5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n");
        assert_eq!(body(&whole), Some(("hello world".to_owned(), true)));
        let mut before = String::new();
        for len in head.len()..whole.len() {
            let (body, _) = body(&whole[..len]).expect("a part is no mistake");
            assert!("hello world".starts_with(&body) && body.starts_with(&before), "{len}: {body}");
            before = body;
        }
        for broken in ["xyz\r\nhello", "5\r\nhello!", "5\r\nhellohello\r\n0\r\n"] {
            assert_eq!(read(format!("{head}{broken}").as_bytes()), Err(Malformed), "{broken}");
        }
    }
}
