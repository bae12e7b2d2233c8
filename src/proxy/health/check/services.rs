//! Judging the answers of usual services, by the services' own specifications.

use super::judgement::{Judgement, empty, with_code, wrong};
use super::result::CheckResult;
use crate::config::{CheckStatus, Reply, Service};

/// Judges the answer of a service. `input` `is_whole` if no more bytes will come.
pub fn judge(reply: Reply, number: usize, input: &[u8], is_whole: bool) -> Judgement {
    if input.is_empty() {
        return match (is_whole, reply) {
            (false, _) => Judgement::NotYet,
            (true, Reply::RedisPong | Reply::SmtpCommand) => {
                with_code(empty(CheckStatus::Layer7WrongStatus, number), 0)
            }
            (true, Reply::TlsRecord) => empty(CheckStatus::Layer6Invalid, number),
            (true, _) => empty(CheckStatus::Layer7Invalid, number),
        };
    }
    let answer = match reply {
        Reply::RedisPong => redis(input),
        Reply::MysqlGreeting => mysql(input),
        // `input` still begins with the greeting.
        Reply::MysqlLogin => mysql_payload(input).and_then(|(_, rest)| mysql(rest)),
        Reply::PostgresAuthentication => postgres(input, is_whole),
        Reply::SmtpGreeting | Reply::SmtpCommand => smtp(reply, input, is_whole),
        Reply::TlsRecord => tls(input, is_whole),
        Reply::LdapBind => ldap(input, is_whole),
    };
    match answer {
        Some(answer) => answer,
        None if is_whole => cut_short(reply, input),
        None => Judgement::NotYet,
    }
}

/// The result of a check whose answers were right. `input` is the last answer.
pub fn passed(service: Service, input: &[u8]) -> CheckResult {
    let result = |info: &str| {
        let result = CheckResult::new(CheckStatus::Layer7Passed).with_info(info);
        CheckResult { code: Some(0), ..result }
    };
    match service {
        Service::Redis => result("Redis server is ok"),
        Service::Postgres => result("PostgreSQL server is ok"),
        Service::Mysql => CheckResult { is_for_log: true, ..result(&mysql_version(input)) },
        Service::Ldap => CheckResult { is_for_log: true, ..result("Success") },
        Service::Smtp => {
            let reply = smtp_reply(input, true);
            CheckResult { code: reply.code.map(i32::from), ..result(&reply.text) }
        }
        Service::Tls => CheckResult::new(CheckStatus::Layer6Passed),
    }
}

/// The judgement of an answer that is cut off.
fn cut_short(reply: Reply, input: &[u8]) -> Judgement {
    match reply {
        Reply::RedisPong => with_code(wrong(CheckStatus::Layer7WrongStatus, text(input)), 0),
        Reply::PostgresAuthentication if input.first() != Some(&b'E') => postgres_unknown(),
        _ => wrong(CheckStatus::Layer7Invalid, ""),
    }
}

/// A text up to the first byte that ends it.
fn text(input: &[u8]) -> String {
    let end = input.iter().position(|byte| matches!(byte, 0 | b'\r' | b'\n'));
    String::from_utf8_lossy(input.get(..end.unwrap_or(input.len())).unwrap_or_default()).into()
}

fn redis(input: &[u8]) -> Option<Judgement> {
    let wanted = b"+PONG\r\n";
    input.windows(wanted.len()).any(|part| part == wanted).then_some(Judgement::Fits)
}

/// The payload of the first packet and the bytes after the packet. A packet is a length in three
/// bytes, a number, and as many bytes as the length says.
fn mysql_payload(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = input.split_first_chunk::<4>()?;
    let [low, middle, high, _] = *header;
    rest.split_at_checked(u32::from_le_bytes([low, middle, high, 0]) as usize)
}

/// Judges a packet. An error packet has a marker, a code in two bytes, and a text; any other packet
/// is right.
fn mysql(input: &[u8]) -> Option<Judgement> {
    const ERROR: u8 = 0xff;
    let (payload, _) = mysql_payload(input)?;
    Some(match payload.split_first() {
        Some((&ERROR, error)) => {
            let (code, message) = error.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
            let answer = wrong(CheckStatus::Layer7WrongStatus, text(message));
            with_code(answer, u16::from_le_bytes(*code))
        }
        Some(_) => Judgement::Fits,
        None => wrong(CheckStatus::Layer7Invalid, ""),
    })
}

/// The server's version: the text after the protocol number in the greeting.
fn mysql_version(input: &[u8]) -> String {
    let greeting = mysql_payload(input).and_then(|(payload, _)| payload.get(1..));
    greeting.map(text).unwrap_or_default()
}

/// Judges `R`, a length and a way to authenticate, or `E`, a length and fields of text.
fn postgres(input: &[u8], is_whole: bool) -> Option<Judgement> {
    const MECHANISM_MAX: u32 = 12;
    let (head, rest) = input.split_first_chunk::<5>()?;
    match head.first() {
        Some(b'E') => {
            let severity = rest.get(1..)?;
            let is_over = is_whole || severity.contains(&0);
            is_over.then(|| wrong(CheckStatus::Layer7Invalid, text(severity)))
        }
        Some(b'R') => {
            let mechanism = u32::from_be_bytes(*rest.first_chunk::<4>()?);
            let is_known = mechanism <= MECHANISM_MAX;
            Some(if is_known { Judgement::Fits } else { postgres_unknown() })
        }
        _ => Some(postgres_unknown()),
    }
}

fn postgres_unknown() -> Judgement {
    with_code(wrong(CheckStatus::Layer7WrongStatus, "PostgreSQL unknown error"), 0)
}

/// The last line of an SMTP reply. In the lines before it, `-` follows the code.
struct SmtpReply {
    code: Option<u16>,
    text: String,
    is_over: bool,
}

fn smtp_reply(input: &[u8], is_whole: bool) -> SmtpReply {
    let mut reply = SmtpReply { code: None, text: String::new(), is_over: false };
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        if !is_whole && !line.ends_with(b"\n") {
            break;
        }
        let line_text = text(line);
        let (digits, after) = line_text.split_at_checked(3).unwrap_or((&line_text, ""));
        let is_code = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        reply.code = digits.parse().ok().filter(|_| is_code);
        reply.is_over = line.ends_with(b"\n") && !after.starts_with('-');
        reply.text = match reply.code {
            Some(_) => after.get(1..).unwrap_or_default().to_owned(),
            None => line_text,
        };
        if reply.is_over {
            break;
        }
    }
    reply
}

fn smtp(which: Reply, input: &[u8], is_whole: bool) -> Option<Judgement> {
    let reply = smtp_reply(input, is_whole);
    if !reply.is_over && !is_whole {
        return None;
    }
    let is_greeting = which == Reply::SmtpGreeting;
    Some(match reply.code {
        Some(200..=299) if reply.is_over => Judgement::Fits,
        Some(code) if reply.is_over || !is_greeting => {
            with_code(wrong(CheckStatus::Layer7WrongStatus, reply.text), code)
        }
        Some(_) | None => wrong(CheckStatus::Layer7Invalid, text(input)),
    })
}

/// Judges a TLS record. A handshake or an alert shows that the server speaks TLS.
fn tls(input: &[u8], is_whole: bool) -> Option<Judgement> {
    const HEADER_LEN: usize = 5;
    if input.len() < HEADER_LEN && !is_whole {
        return None;
    }
    let speaks = matches!(input.first(), Some(0x15 | 0x16));
    Some(if speaks { Judgement::Fits } else { wrong(CheckStatus::Layer6Invalid, "") })
}

/// Judges the LDAP message 1, a bind response. Its first element is the result (RFC 4511, 4.2.2).
fn ldap(input: &[u8], is_whole: bool) -> Option<Judgement> {
    const LEN_MIN: usize = 14;
    let is_message = input.first() == Some(&SEQUENCE);
    let len = if is_message { element_len(input)?.max(LEN_MIN) } else { LEN_MIN };
    if input.len() < len && (is_message || !is_whole) {
        return None;
    }
    Some(match ldap_result(input) {
        Some(0) => Judgement::Fits,
        Some(code) => {
            let info = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9";
            with_code(wrong(CheckStatus::Layer7WrongStatus, info), code)
        }
        None => wrong(CheckStatus::Layer7Invalid, "Not LDAPv3 protocol"),
    })
}

/// The tag of a message and of every other sequence (X.690, 8.10).
const SEQUENCE: u8 = 0x30;

/// How many bytes of the length follow its first byte.
fn more_len(first: u8) -> usize {
    const LONG: u8 = 0x80;
    if first & LONG == 0 { 0 } else { usize::from(first & !LONG) }
}

/// The length of an element, with the bytes of its tag and length. None until all bytes of the
/// length have come.
fn element_len(input: &[u8]) -> Option<usize> {
    let ([_, first], rest) = input.split_first_chunk::<2>()?;
    let more = rest.get(..more_len(*first))?;
    let in_bytes = |len: usize, byte: &u8| len.saturating_mul(256).saturating_add((*byte).into());
    let content = if more.is_empty() { usize::from(*first) } else { more.iter().fold(0, in_bytes) };
    Some(content.saturating_add(2 + more.len()))
}

fn ldap_result(input: &[u8]) -> Option<u8> {
    const BIND_RESPONSE: u8 = 0x61;
    let message = skip_header(input, SEQUENCE)?;
    let response = skip_header(message.strip_prefix(b"\x02\x01\x01")?, BIND_RESPONSE)?;
    response.strip_prefix(b"\x0a\x01")?.first().copied()
}

/// The content of an element, after its tag and length.
fn skip_header(input: &[u8], tag: u8) -> Option<&[u8]> {
    let ([first, len], rest) = input.split_first_chunk::<2>()?;
    rest.get(more_len(*len)..).filter(|_| *first == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(reply: Reply, input: &[u8], is_whole: bool) -> String {
        match judge(reply, 2, input, is_whole) {
            Judgement::Fits => "fits".to_owned(),
            Judgement::NotYet => "not yet".to_owned(),
            Judgement::Wrong(result) => {
                let code = result.code.map_or_else(String::new, |code| format!(" {code}"));
                format!("{}{code} {}", result.status.name(), result.info)
            }
        }
    }

    #[test]
    fn an_answer_in_pieces_is_judged_when_it_is_complete() {
        let greeting = b"\x05\0\0\0\x0a5.7\0";
        let login = b"\x05\0\0\0\x0a5.7\0\x07\0\0\x02\0\0\0\x02\0\0\0";
        let whole: [(Reply, &[u8]); 9] = [
            (Reply::RedisPong, b"+PONG\r\n"),
            (Reply::MysqlGreeting, greeting),
            (Reply::MysqlLogin, login),
            (Reply::PostgresAuthentication, b"R\0\0\0\x0c\0\0\0\x05"),
            (Reply::SmtpGreeting, b"220 mail\r\n"),
            (Reply::SmtpCommand, b"250-mail\r\n250 OK\r\n"),
            (Reply::TlsRecord, b"\x15\x03\x01\0\x02"),
            (Reply::LdapBind, b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"),
            // The same with long lengths, as Active Directory writes them.
            (
                Reply::LdapBind,
                b"\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0",
            ),
        ];
        for (reply, input) in whole {
            for len in 0..input.len() {
                assert_eq!(found(reply, &input[..len], false), "not yet", "{reply:?} {len}");
            }
            assert_eq!(found(reply, input, false), "fits", "{reply:?}");
        }
    }

    #[test]
    fn an_error_in_pieces_is_reported_whole() {
        let error = b"E\0\0\0\x10SFATAL\0Mno\0\0";
        for len in 1..12 {
            assert_eq!(
                found(Reply::PostgresAuthentication, &error[..len], false),
                "not yet",
                "{len}"
            );
        }
        assert_eq!(found(Reply::PostgresAuthentication, &error[..12], false), "L7RSP FATAL");
        assert_eq!(found(Reply::PostgresAuthentication, &error[..9], true), "L7RSP FAT");
        assert_eq!(found(Reply::LdapBind, b"short", true), "L7RSP Not LDAPv3 protocol");
    }

    #[test]
    fn errors_are_reported_in_the_words_of_the_service() {
        for (reply, input, wanted) in [
            (
                Reply::MysqlGreeting,
                &b"\x0f\0\0\0\xff\x15\x04Host blocked"[..],
                "L7STS 1045 Host blocked",
            ),
            (Reply::MysqlGreeting, b"\x01\0\0\0\xff", "L7STS 0 "),
            (Reply::MysqlGreeting, b"\0\0\0\0", "L7RSP "),
            (Reply::PostgresAuthentication, b"E\0\0\0\x10SFATAL\0Mno\0\0", "L7RSP FATAL"),
            (
                Reply::PostgresAuthentication,
                b"R\0\0\0\x08\0\0\x01\x02",
                "L7STS 0 PostgreSQL unknown error",
            ),
            (Reply::SmtpGreeting, b"554 no\r\n", "L7STS 554 no"),
            (Reply::SmtpGreeting, b"hello\r\n", "L7RSP hello"),
            (Reply::TlsRecord, b"HTTP/1.1 400\r\n", "L6RSP "),
            (Reply::LdapBind, b"hello world!!!", "L7RSP Not LDAPv3 protocol"),
        ] {
            assert_eq!(found(reply, input, false), wanted);
        }
    }
}
