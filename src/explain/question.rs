//! The client that somebody asks about, in the words of the command line.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::config::text::nearest::hint;
use crate::proxy::connection::rehearsal::Hello;

/// The client's port if the question does not say it.
const SOURCE_PORT: u16 = 50_000;
/// The most bytes that the client sends: no rule looks at more.
const PAYLOAD_MAX: usize = 16 * 1024;

/// The words of a question.
const WORDS: [&str; 9] =
    ["src", "src_port", "dst", "dst_port", "sni", "alpn", "payload", "down", "entry"];

/// A client that somebody asks about, and how things stand.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its address (`src`, `src_port`).
    pub(super) source: SocketAddr,
    /// The address that it connects to (`dst`).
    pub(super) ip: Option<IpAddr>,
    /// The port that it connects to (`dst_port`).
    pub(super) port: Option<u16>,
    /// The TLS hello that it begins with (`sni`, `alpn`).
    pub(super) hello: Option<Hello>,
    /// What it sends (`payload`).
    pub(super) payload: Vec<u8>,
    /// The servers that are down (`down`), as `backend/server`.
    pub(super) down: Vec<String>,
    /// The server that its stick entry names (`entry`).
    pub(super) entry: Option<String>,
}

/// What is wrong with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongQuestion(pub(super) String);

impl fmt::Display for WrongQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for WrongQuestion {}

impl Question {
    /// Reads the words of a question, each `name=value`.
    ///
    /// # Errors
    /// A word is unknown or has a wrong value, or there is no `src`.
    pub fn read(words: &[String]) -> Result<Self, WrongQuestion> {
        let mut ip: Option<IpAddr> = None;
        let mut port = SOURCE_PORT;
        let mut question = Self {
            source: SocketAddr::from(([0, 0, 0, 0], 0)),
            ip: None,
            port: None,
            hello: None,
            payload: Vec::new(),
            down: Vec::new(),
            entry: None,
        };
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if !WORDS.contains(&name) {
                let hint = hint(name, WORDS.into_iter());
                let known = WORDS.join(", ");
                return Err(WrongQuestion(format!("unknown word '{name}'{hint} ({known})")));
            }
            if value.is_empty() {
                return Err(WrongQuestion(format!("'{name}' wants a value: {name}=…")));
            }
            match name {
                "src" => ip = Some(parsed(name, value, "an IP address")?),
                "src_port" => port = parsed(name, value, "a port")?,
                "dst" => question.ip = Some(parsed(name, value, "an IP address")?),
                "dst_port" => question.port = Some(parsed(name, value, "a port")?),
                "sni" => question.hello.get_or_insert_default().name = Some(host(value)?),
                "alpn" => {
                    let protocols = value.split(',').map(|name| name.as_bytes().to_vec());
                    question.hello.get_or_insert_default().protocols = protocols.collect();
                }
                "payload" => question.payload = payload(value)?,
                "down" => question.down.extend(value.split(',').map(str::to_owned)),
                _ => question.entry = Some(value.to_owned()),
            }
        }
        let lacks = "'src' is missing: the client's address, for example src=192.0.2.1";
        let ip = ip.ok_or_else(|| WrongQuestion(lacks.to_owned()))?;
        question.source = SocketAddr::new(ip, port);
        Ok(question)
    }
}

fn parsed<T: FromStr>(name: &str, value: &str, wanted: &str) -> Result<T, WrongQuestion> {
    value.parse().map_err(|_| WrongQuestion(format!("'{name}' wants {wanted}, not '{value}'")))
}

/// A name that a TLS hello can ask for.
fn host(value: &str) -> Result<String, WrongQuestion> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match value.len() <= 253 && value.bytes().all(is_fine) && value.parse::<IpAddr>().is_err() {
        true => Ok(value.to_owned()),
        false => Err(WrongQuestion(format!("'sni' wants the name of a host, not '{value}'"))),
    }
}

/// Bytes after `0x`, or a text with `\r`, `\n`, `\t`, `\\` and `\xHH`.
fn payload(value: &str) -> Result<Vec<u8>, WrongQuestion> {
    let read = match value.strip_prefix("0x") {
        Some(digits) => hex(digits.as_bytes()),
        None => text(value),
    };
    let wrong = || {
        let wanted = "hexadecimal digits after 0x, or a text with \\r, \\n, \\t, \\\\ and \\xHH";
        WrongQuestion(format!("'payload' wants {wanted}, at most {PAYLOAD_MAX} bytes"))
    };
    read.filter(|bytes| bytes.len() <= PAYLOAD_MAX).ok_or_else(wrong)
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
            }
            _ => None,
        })
        .collect()
}

fn text(value: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (escaped, after) = rest.split_first()?;
        rest = after;
        match escaped {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.extend(hex(digits)?);
                rest = after;
            }
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Question, WrongQuestion> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        Question::read(&words)
    }

    #[test]
    fn every_word_is_understood() {
        let question = read(
            "src=192.0.2.1 src_port=7 dst=::1 dst_port=443 sni=a.test alpn=h2,http/1.1 \
             payload=a\\r\\n\\x00\\\\ down=b/s1,b/s2 down=b/s3 entry=s4",
        );
        let question = question.unwrap();
        assert_eq!(question.source, "192.0.2.1:7".parse().unwrap());
        assert_eq!((question.ip, question.port), (Some("::1".parse().unwrap()), Some(443)));
        let hello = question.hello.unwrap();
        assert_eq!(hello.name.as_deref(), Some("a.test"));
        assert_eq!(hello.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(question.payload, b"a\r\n\0\\");
        assert_eq!(question.down, ["b/s1", "b/s2", "b/s3"]);
        assert_eq!(question.entry.as_deref(), Some("s4"));
        assert_eq!(read("src=::1 payload=0x0aFF").unwrap().payload, [10, 255]);
    }

    #[test]
    fn mistakes_are_named() {
        for (words, said) in [
            ("dst_port=1", "'src' is missing"),
            ("scr=1.2.3.4", "unknown word 'scr'; did you mean 'src'?"),
            ("src", "'src' wants a value"),
            ("src=x", "'src' wants an IP address, not 'x'"),
            ("src=::1 dst_port=70000", "'dst_port' wants a port, not '70000'"),
            ("src=::1 sni=1.2.3.4", "'sni' wants the name of a host"),
            ("src=::1 payload=0x1", "'payload' wants hexadecimal digits"),
            ("src=::1 payload=\\q", "'payload' wants hexadecimal digits"),
        ] {
            let error = read(words).unwrap_err().to_string();
            assert!(error.starts_with(said), "{words}: {error}");
        }
    }
}
