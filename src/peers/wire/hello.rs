//! The three lines of a hello and the status line that answers them.

use super::cursor::Writer;
use super::numbers::LINE_MAX;

/// The protocol's version that a session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 2.0: no timed updates.
    V2_0,
    /// 2.1: updates may say how much time is left.
    V2_1,
}

impl Version {
    /// As written in a hello.
    pub const fn text(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V2_1 => "2.1",
        }
    }
}

/// The answer to a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Accepted,
    /// 300: a session with the local peer is up already.
    TryAgain,
    /// 501: what was received is not a hello.
    ProtocolError,
    /// 502: a version that is not spoken here.
    BadVersion,
    /// 503: another peer was called.
    WrongTarget,
    /// 504: the caller is not a peer of this section.
    UnknownCaller,
}

impl Status {
    /// The number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Accepted => 200,
            Self::TryAgain => 300,
            Self::ProtocolError => 501,
            Self::BadVersion => 502,
            Self::WrongTarget => 503,
            Self::UnknownCaller => 504,
        }
    }

    /// Adds the status line.
    pub fn write(self, out: &mut Writer<'_>) {
        out.bytes(format!("{}\n", self.code()).as_bytes());
    }
}

/// What is at the beginning of the received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line without its end, and the length with the end.
    Whole(&'a [u8], usize),
    /// The line has no end yet.
    Partial,
    /// The line is longer than any may be.
    TooLong,
}

/// Reads one line. One CR before the LF is dropped.
pub fn read_line(bytes: &[u8]) -> Line<'_> {
    let limit = bytes.len().min(LINE_MAX);
    let searched = bytes.get(..limit).unwrap_or_default();
    let Some(end) = searched.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() >= LINE_MAX { Line::TooLong } else { Line::Partial };
    };
    let line = searched.get(..end).unwrap_or_default();
    Line::Whole(line.strip_suffix(b"\r").unwrap_or(line), end + 1)
}

/// Reads the first line of a hello.
///
/// # Errors
/// If the line is another one or the version is not spoken here: the status to refuse with.
pub fn read_version(line: &[u8]) -> Result<Version, Status> {
    let text = line.strip_prefix(b"HAProxyS ").ok_or(Status::ProtocolError)?;
    let dot = text.iter().position(|byte| *byte == b'.').ok_or(Status::BadVersion)?;
    let (major, minor) = text.split_at(dot);
    let major = read_number(major).ok_or(Status::BadVersion)?;
    let minor = minor.split_first().and_then(|(_, digits)| read_number(digits));
    match (major, minor) {
        (2, Some(0)) => Ok(Version::V2_0),
        (2, Some(1)) => Ok(Version::V2_1),
        _ => Err(Status::BadVersion),
    }
}

/// A number of digits only, leading zeros allowed; large ones saturate.
fn read_number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add =
        |value: u32, digit: &u8| value.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

/// Reads the third line of a hello: the caller's name, up to the first space.
///
/// # Errors
/// If there is no space: the status to refuse with.
pub fn read_caller(line: &[u8]) -> Result<&[u8], Status> {
    let space = line.iter().position(|byte| *byte == b' ').ok_or(Status::ProtocolError)?;
    Ok(line.get(..space).unwrap_or_default())
}

/// Reads a status line: the number at its beginning, whatever follows. None if there is no number.
pub fn read_status(line: &[u8]) -> Option<u32> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    read_number(line.get(..digits)?)
}

/// Adds a hello, the three lines in one piece (some HAProxy versions forget what they have read of
/// a hello that comes in several).
pub fn write(out: &mut Writer<'_>, version: Version, called: &str, caller: &str, pid: u32) {
    let version = version.text();
    out.bytes(format!("HAProxyS {version}\n{called}\n{caller} {pid} 1\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_checked_as_haproxy_does() {
        assert_eq!(read_version(b"HAProxyS 2.1"), Ok(Version::V2_1));
        assert_eq!(read_version(b"HAProxyS 2.0"), Ok(Version::V2_0));
        assert_eq!(read_version(b"HAProxyS 02.01"), Ok(Version::V2_1));
        for line in ["HAProxyX 2.1", "HAProxyS2.1", "", "HAProxyS"] {
            assert_eq!(read_version(line.as_bytes()), Err(Status::ProtocolError), "{line}");
        }
        for text in ["3.0", "1.0", "2.2", "2", "2.1 ", "2.", ".1", "", "2.1.0", "99999999999.1"] {
            let line = format!("HAProxyS {text}");
            assert_eq!(read_version(line.as_bytes()), Err(Status::BadVersion), "{line}");
        }
    }

    #[test]
    fn a_caller_ends_at_the_first_space() {
        assert_eq!(read_caller(b"b 1234 1"), Ok(&b"b"[..]));
        assert_eq!(read_caller(b"b "), Ok(&b"b"[..]));
        assert_eq!(read_caller(b"b"), Err(Status::ProtocolError));
    }

    #[test]
    fn a_status_is_a_leading_number() {
        assert_eq!(read_status(b"200"), Some(200));
        assert_eq!(read_status(b"0200 OK"), Some(200));
        assert_eq!(read_status(b"OK"), None);
        assert_eq!(read_line(b"200\r\nx"), Line::Whole(b"200", 5));
        assert_eq!(read_line(b"200"), Line::Partial);
        assert_eq!(read_line(&[b'a'; LINE_MAX]), Line::TooLong);
    }
}
