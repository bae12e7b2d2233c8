//! Checks of usual services, with small servers that play the services' protocols.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use crate::support::{Place, SOON, Server, eventually};
use crate::{flavours, start};

/// The next action of a server.
#[derive(Clone, Copy, Debug)]
pub enum Line {
    /// Sends these bytes.
    Say(&'static [u8]),
    /// Waits for a message of the check.
    Hear,
}

use Line::{Hear, Say};

/// Plays `lines` to every client, and keeps the received bytes.
pub fn play(address: SocketAddr, lines: &'static [Line], heard: Arc<Mutex<Vec<u8>>>) -> Server {
    Server::start(address, move |mut stream: TcpStream| {
        *heard.lock().unwrap() = play_over(&mut stream, lines)?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0; 512]).map(drop)
    })
}

/// Plays `lines` to one client, and returns what it has said.
pub fn play_over(stream: &mut (impl Read + Write), lines: &[Line]) -> io::Result<Vec<u8>> {
    let mut told = Vec::new();
    let mut buffer = [0; 512];
    for line in lines {
        match line {
            Say(bytes) => {
                stream.write_all(bytes)?;
                stream.flush()?;
            }
            Hear => {
                let count = stream.read(&mut buffer)?;
                told.extend(&buffer[..count]);
            }
        }
    }
    Ok(told)
}

pub const GREETING: &[u8] = b"\x33\0\0\0\x0a5.7.0\0\x01\0\0\x0012345678\0\xff\xf7\x08\x02\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\x00123456789012\0";
const MYSQL_OK: &[u8] = b"\x07\0\0\x02\0\0\0\x02\0\0\0";
const MYSQL_NO: &[u8] = b"\x16\0\0\x02\xff\x15\x04#28000Access denied";
pub const LDAP_OK: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0";
const LDAP_NO: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\0\x04\0";
const RFC: &str = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9";
pub const MAIL: &[Line] =
    &[Say(b"220 mail\r\n"), Hear, Say(b"250-a\r\n250 b\r\n"), Hear, Say(b"221 bye\r\n")];

/// An option, the server's lines, and the expected columns status, check_status, check_code,
/// last_chk.
type Case = (&'static str, &'static [Line], [&'static str; 4]);

const CASES: &[Case] = &[
    ("redis-check", &[Hear, Say(b"+PONG\r\n")], ["UP", "L7OK", "0", "Redis server is ok"]),
    ("redis-check", &[Hear, Say(b"-ERR x\r\n")], ["DOWN", "L7STS", "0", "-ERR x"]),
    ("redis-check", &[Hear], ["DOWN", "L7STS", "0", "TCPCHK got an empty response at step 2"]),
    ("mysql-check", &[Say(GREETING)], ["UP", "L7OK", "0", ""]),
    (
        "mysql-check",
        &[Say(b"\x0f\0\0\0\xff\x15\x04Host blocked")],
        ["DOWN", "L7STS", "1045", "Host blocked"],
    ),
    ("mysql-check", &[Say(b"\x33\0\0\0\x0a5.7")], ["DOWN", "L7RSP", "", ""]),
    ("mysql-check user hap", &[Say(GREETING), Hear, Say(MYSQL_OK)], ["UP", "L7OK", "0", ""]),
    (
        "mysql-check user hap pre-41",
        &[Say(GREETING), Hear, Say(MYSQL_NO)],
        ["DOWN", "L7STS", "1045", "#28000Access denied"],
    ),
    ("mysql-check user hap", &[Say(GREETING), Hear], ["DOWN", "L7RSP", "", ""]),
    (
        "pgsql-check user joe",
        &[Hear, Say(b"R\0\0\0\x0c\0\0\0\x05abcd")],
        ["UP", "L7OK", "0", "PostgreSQL server is ok"],
    ),
    (
        "pgsql-check user joe",
        &[Hear, Say(b"E\0\0\0\x10SFATAL\0Mno\0\0")],
        ["DOWN", "L7RSP", "", "FATAL"],
    ),
    (
        "pgsql-check user joe",
        &[Hear, Say(b"hello world")],
        ["DOWN", "L7STS", "0", "PostgreSQL unknown error"],
    ),
    (
        "pgsql-check user joe",
        &[Hear],
        ["DOWN", "L7RSP", "", "TCPCHK got an empty response at step 3"],
    ),
    ("smtpchk", MAIL, ["UP", "L7OK", "221", "bye"]),
    ("smtpchk EHLO example.org", MAIL, ["UP", "L7OK", "221", "bye"]),
    ("smtpchk", &[Say(b"554 no\r\n")], ["DOWN", "L7STS", "554", "no"]),
    ("smtpchk", &[Say(b"hello\r\n")], ["DOWN", "L7RSP", "", "hello"]),
    (
        "smtpchk",
        &[Say(b"220 x\r\n"), Hear, Say(b"550 5.1.1 no\r\n")],
        ["DOWN", "L7STS", "550", "5.1.1 no"],
    ),
    (
        "smtpchk",
        &[Say(b"220 x\r\n"), Hear],
        ["DOWN", "L7STS", "0", "TCPCHK got an empty response at step 5"],
    ),
    ("ssl-hello-chk", &[Hear, Say(b"\x15\x03\x01\0\x02\x02\x28")], ["UP", "L6OK", "", ""]),
    ("ssl-hello-chk", &[Hear, Say(b"HTTP/1.1 400\r\n")], ["DOWN", "L6RSP", "", ""]),
    ("ssl-hello-chk", &[Hear], ["DOWN", "L6RSP", "", "TCPCHK got an empty response at step 2"]),
    ("ldap-check", &[Hear, Say(LDAP_OK)], ["UP", "L7OK", "0", ""]),
    ("ldap-check", &[Hear, Say(LDAP_NO)], ["DOWN", "L7STS", "49", RFC]),
    ("ldap-check", &[Hear, Say(b"hello world!!!")], ["DOWN", "L7RSP", "", "Not LDAPv3 protocol"]),
];

#[test]
fn services_are_judged_as_by_haproxy() {
    for flavour in flavours() {
        let place = Place::new();
        let mut body = String::new();
        let mut servers = Vec::new();
        for (number, (option, lines, _)) in CASES.iter().enumerate() {
            let server = play(place.address(), lines, Arc::default());
            body += &format!(
                "backend b{number}\n    option {option}\n    timeout check 2s\n    \
                 server s1 {} check inter 300ms rise 1 fall 1\n",
                server.address()
            );
            servers.push(server);
        }
        let node = start(flavour, &place, "", &body);
        for (number, (option, _, wanted)) in CASES.iter().enumerate() {
            let fields = ["status", "check_status", "check_code", "last_chk"];
            let found = || fields.map(|field| node.api().stat(&format!("b{number}"), "s1", field));
            let fits = eventually(SOON, || found() == *wanted);
            assert!(fits, "{flavour:?}: case {number}: {option}: {:?}, not {wanted:?}", found());
        }
    }
}

#[test]
fn services_hear_what_haproxy_tells_them() {
    for (option, lines, wanted) in [
        ("redis-check", &[Hear, Say(b"+PONG\r\n")][..], &b"*1\r\n$4\r\nPING\r\n"[..]),
        (
            "mysql-check user hap pre-41",
            &[Say(GREETING), Hear, Say(MYSQL_OK)],
            b"\x0a\0\0\x01\0\x80\0\0\x01hap\0\0\x01\0\0\0\x01",
        ),
        (
            "pgsql-check user joe",
            &[Hear, Say(b"R\0\0\0\x08\0\0\0\0")],
            b"\0\0\0\x12\0\x03\0\0user\0joe\0\0",
        ),
        ("smtpchk", MAIL, b"HELO localhost\r\nQUIT\r\n"),
        ("smtpchk EHLO example.org", MAIL, b"EHLO example.org\r\nQUIT\r\n"),
        (
            "ldap-check",
            &[Hear, Say(LDAP_OK)],
            b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0",
        ),
    ] {
        for flavour in flavours() {
            let place = Place::new();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let server = play(place.address(), lines, heard.clone());
            let body = format!(
                "backend b\n    option {option}\n    server s1 {} check inter 500ms",
                server.address()
            );
            let _node = start(flavour, &place, "", &body);
            let is_heard = eventually(SOON, || heard.lock().unwrap().as_slice() == wanted);
            assert!(is_heard, "{flavour:?}: {option}: {:?}", heard.lock().unwrap());
        }
    }
}
