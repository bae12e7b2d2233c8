//! Checks of usual services: what a check sends to the service, and which answers it expects. The
//! dialogues follow the specifications of the services.

use super::check_script::row;
use crate::config::drafts::ProxyDraft;
use crate::config::keywords::{Arity, Keyword, exactly};
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::{CheckStep, Reply, Service};

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    row(
        "option redis-check",
        exactly(0),
        "",
        "Checks servers by a PING to Redis.",
        |proxy, line, _| {
            let ping = CheckStep::Send(b"*1\r\n$4\r\nPING\r\n".to_vec());
            let steps = vec![ping, CheckStep::ExpectReply(Reply::RedisPong)];
            set(proxy, line, Service::Redis, steps)
        },
    )
    .example("option redis-check"),
    row(
        "option mysql-check",
        Arity { min: 0, max: 3 },
        "[user <name> [post-41|pre-41]]",
        "Checks servers by the greeting of MySQL, or with a user by a login without a password.",
        |proxy, line, _| set(proxy, line, Service::Mysql, mysql(line)?),
    )
    .example("option mysql-check user health"),
    row(
        "option pgsql-check",
        exactly(2),
        "user <name>",
        "Checks servers by the begin of a login to PostgreSQL.",
        |proxy, line, _| {
            let start = CheckStep::Send(postgres_startup(user(line)?.as_bytes()));
            let steps = vec![start, CheckStep::ExpectReply(Reply::PostgresAuthentication)];
            set(proxy, line, Service::Postgres, steps)
        },
    )
    .example("option pgsql-check user health"),
    row(
        "option smtpchk",
        Arity { min: 0, max: 2 },
        "[HELO|EHLO <domain>]",
        "Checks servers by a greeting to a mail server.",
        |proxy, line, _| set(proxy, line, Service::Smtp, smtp(line)),
    )
    .by_default("HELO localhost")
    .example("option smtpchk EHLO lb1.example.com")
    .differs(
        "Here a greeting of several lines is understood, and a refused command fails the check at \
         once.",
    ),
    row(
        "option ssl-hello-chk",
        exactly(0),
        "",
        "Checks servers by the first message of TLS 1.2.",
        |proxy, line, _| {
            let steps =
                vec![CheckStep::Send(client_hello()), CheckStep::ExpectReply(Reply::TlsRecord)];
            set(proxy, line, Service::Tls, steps)
        },
    )
    .example("option ssl-hello-chk")
    .differs("HAProxy sends the hello of SSL 3.0."),
    row(
        "option ldap-check",
        exactly(0),
        "",
        "Checks servers by an anonymous bind of LDAP version 3.",
        |p, line, _| {
            // Message 1, a bind request: version 3, an empty name, an empty simple password.
            let bind = *b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
            let steps =
                vec![CheckStep::Send(bind.to_vec()), CheckStep::ExpectReply(Reply::LdapBind)];
            set(p, line, Service::Ldap, steps)
        },
    )
    .example("option ldap-check"),
];

fn set(proxy: &mut ProxyDraft, line: &Line<'_>, service: Service, steps: Vec<CheckStep>) -> Parsed {
    if line.negated {
        return Err(line.mistake(format!("'no' cannot stand before '{}'", line.keyword)));
    }
    proxy.settings.script.choose_service(service, steps);
    Ok(())
}

/// The name in `user <name>`.
fn user<'a>(line: &Line<'a>) -> Parsed<&'a str> {
    let word = line.argument(0)?;
    if word.value != "user" {
        let message = format!("'{}' knows only 'user', not '{}'", line.keyword, word.value);
        return Err(Mistake::new(word.place, message));
    }
    match line.argument(1)?.value {
        "" => Err(Mistake::new(word.place, "the name of the user is empty".to_owned())),
        name => Ok(name),
    }
}

/// The dialogue with MySQL, which speaks first. The login is sent at once, and the command to quit
/// follows.
fn mysql(line: &Line<'_>) -> Parsed<Vec<CheckStep>> {
    const CAPABILITY_PROTOCOL_41: u32 = 0x200;
    const CAPABILITY_SECURE_CONNECTION: u32 = 0x8000;
    const PACKET_LEN_MAX: u32 = 0x0100_8000; // HAProxy's
    const CHARSET_UTF8: u8 = 33;
    if line.get(0).is_none() {
        return Ok(vec![CheckStep::ExpectReply(Reply::MysqlGreeting)]);
    }
    let user = user(line)?;
    let mut login = Vec::new();
    match line.get(2) {
        Some(word) if word.value == "pre-41" => {
            login.extend([0x00, 0x80]); // capabilities, in two bytes
            login.extend([0x00, 0x00, 0x01]);
        }
        Some(word) if word.value != "post-41" => {
            let message = format!("'{}' is no kind of login: post-41 or pre-41", word.value);
            return Err(Mistake::new(word.place, message));
        }
        Some(_) | None => {
            let capabilities = CAPABILITY_PROTOCOL_41 | CAPABILITY_SECURE_CONNECTION;
            login.extend(capabilities.to_le_bytes());
            login.extend(PACKET_LEN_MAX.to_le_bytes());
            login.push(CHARSET_UTF8);
            login.extend([0; 23]);
        }
    }
    login.extend(user.as_bytes());
    login.extend([0, 0]); // the end of the name, and no password
    let len = u32::try_from(login.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes: Vec<u8> = len.into_iter().take(3).chain([1]).collect();
    bytes.extend(login);
    bytes.extend(b"\x01\x00\x00\x00\x01"); // a packet with the command to quit
    Ok(vec![
        CheckStep::Send(bytes),
        CheckStep::ExpectReply(Reply::MysqlGreeting),
        CheckStep::ExpectReply(Reply::MysqlLogin),
    ])
}

/// The message that opens a session: its length, protocol 3.0, the parameters, and a zero at the
/// end.
fn postgres_startup(user: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    body.extend(b"user\0");
    body.extend(user);
    body.extend([0, 0]);
    let len = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [len.to_be_bytes().to_vec(), body].concat()
}

fn smtp(line: &Line<'_>) -> Vec<CheckStep> {
    let hello = match (line.get(0), line.get(1)) {
        (Some(verb), Some(domain)) if matches!(verb.value, "HELO" | "EHLO") => {
            format!("{} {}\r\n", verb.value, domain.value)
        }
        _ => "HELO localhost\r\n".to_owned(),
    };
    vec![
        CheckStep::ExpectReply(Reply::SmtpGreeting),
        CheckStep::Send(hello.into_bytes()),
        CheckStep::ExpectReply(Reply::SmtpCommand),
        CheckStep::Send(b"QUIT\r\n".to_vec()),
        CheckStep::ExpectReply(Reply::SmtpCommand),
    ]
}

/// A record of TLS 1.0 with a hello of TLS 1.2 and the usual cipher suites (RFC 5246). No handshake
/// follows the hello, so that its bytes need not be random.
fn client_hello() -> Vec<u8> {
    const CIPHER_SUITES: [u16; 13] = [
        0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
        0x0035, 0x000a,
    ];
    let mut hello = vec![3, 3];
    hello.extend(b"stickd asks whether you are here");
    hello.push(0); // no session to resume
    hello.extend([0, 2 * 13]);
    hello.extend(CIPHER_SUITES.into_iter().flat_map(u16::to_be_bytes));
    hello.extend([1, 0]); // no compression
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let handshake = [&[1, 0][..], &len(&hello), &hello].concat();
    [&[0x16, 3, 1][..], &len(&handshake), &handshake].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_in_messages_are_right() {
        let hello = client_hello();
        assert_eq!(hello.len(), 5 + 4 + 2 + 32 + 1 + 2 + 26 + 2);
        assert_eq!(hello[3..9], [0, 69, 1, 0, 0, 65]);
        assert_eq!(postgres_startup(b"joe"), b"\0\0\0\x12\0\x03\0\0user\0joe\0\0");
    }
}
