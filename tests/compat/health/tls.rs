//! Checks that speak TLS.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::version::TLS12;

use crate::health::services::Line::{self, Hear, Say};
use crate::health::services::{GREETING, LDAP_OK, MAIL, play, play_over};
use crate::health::states::{found, notice};
use crate::support::tls::{TlsHost, tls_global};
use crate::support::{Held, Place, SOON, Server, eventually};
use crate::{flavours, start};

/// A client of a server with TLS: the name that it asked for, the protocol that was agreed on, and
/// what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    name: Option<String>,
    protocol: Option<String>,
    said: String,
}

/// Plays `lines` over TLS, and keeps what the last client was like.
fn play_tls(
    address: SocketAddr,
    host: TlsHost,
    lines: &'static [Line],
    seen: Arc<Mutex<Seen>>,
) -> Server {
    Server::start(address, move |stream| {
        let mut stream = host.over(stream)?;
        let protocol = stream.conn.alpn_protocol();
        let mut client = Seen {
            name: stream.conn.server_name().map(str::to_owned),
            protocol: protocol.map(|name| String::from_utf8_lossy(name).into_owned()),
            said: String::new(),
        };
        let told = play_over(&mut stream, lines)?;
        client.said = String::from_utf8_lossy(&told).into_owned();
        *seen.lock().unwrap() = client;
        stream.conn.send_close_notify();
        stream.flush()?;
        stream.sock.shutdown(Shutdown::Write)?;
        stream.sock.read(&mut [0; 512]).map(drop)
    })
}

/// Servers of all kinds, by the names that cases call them.
struct Servers {
    place: Place,
    named: Vec<(&'static str, SocketAddr)>,
    _servers: Vec<Server>,
    _held: Held,
}

impl Servers {
    fn new() -> Self {
        const HTTP: &[Line] = &[Hear, Say(b"HTTP/1.0 200 OK\r\n\r\nhi")];
        const GARBAGE: &[Line] = &[Hear, Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Hear];
        const HALF: &[Line] = &[Hear, Say(b"\x16\x03\x03\x00\x7a\x02"), Hear, Hear];
        const ALERT: &[Line] = &[Hear, Say(b"\x15\x03\x03\x00\x02\x02\x28"), Hear];
        let place = Place::new();
        let mut named = Vec::new();
        let mut servers = Vec::new();
        let mut add = |name, server: Server| {
            named.push((name, server.address()));
            servers.push(server);
        };
        let site = || TlsHost::new("site.pem");
        let both = TlsHost::with(rustls::ALL_VERSIONS, "site.pem", true, &[]);
        let old = TlsHost::with(&[&TLS12], "site.pem", true, &[]);
        for (name, host, lines) in [
            ("tls", site(), &[Hear][..]),
            ("self", TlsHost::new("self-signed.pem"), &[Hear]),
            ("mutual", both, &[Hear]),
            ("mutual12", old, &[Hear]),
            ("pong", site(), &[Hear, Say(b"+PONG\r\n"), Hear]),
            ("http", site(), HTTP),
            ("mysql", site(), &[Say(GREETING), Hear]),
            ("smtp", site(), MAIL),
            ("ldap", site(), &[Hear, Say(LDAP_OK)]),
        ] {
            add(name, play_tls(place.address(), host, lines, Arc::default()));
        }
        for (name, lines) in [
            ("plain", &[Hear, Say(b"HTTP/1.0 200 OK\r\n\r\nhi")][..]),
            ("garbage", GARBAGE),
            ("banner", &[Say(b"220 mail\r\n"), Hear]),
            ("half", HALF),
            ("alert", ALERT),
            ("deaf", &[]),
            ("agent", &[Say(b"up 50%\r\n")]),
        ] {
            add(name, play(place.address(), lines, Arc::default()));
        }
        add("silent", Server::silent(place.address()));
        let held = place.address();
        named.push(("nobody", held));
        Self { place, named, _servers: servers, _held: Held::refusing(held) }
    }

    /// The text with ports for the names that begin with `$`.
    fn with_ports(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            let (_, address) = self.named.iter().find(|(known, _)| *known == name).unwrap();
            whole += &format!("{}{rest}", address.port());
        }
        whole
    }
}

/// The lines of a backend with `|` between them, of which the last is the port and the words of its
/// server; the expected columns status, check_status, check_code and last_chk.
type Case = (&'static str, [&'static str; 4]);

#[track_caller]
fn compare(cases: &[Case]) {
    for flavour in flavours() {
        let servers = Servers::new();
        let ip = servers.place.ip();
        let mut body = String::new();
        for (number, (lines, _)) in cases.iter().enumerate() {
            let lines = servers.with_ports(&lines.replace("$IP", &ip.to_string()));
            let (lines, words) = lines.rsplit_once('|').unwrap_or(("", &lines));
            body += &format!(
                "backend b{number}\n    timeout check 700ms\n    {}\n    \
                 server s1 {ip}:{words} check inter 600ms rise 1 fall 1\n",
                lines.replace('|', "\n    ")
            );
        }
        let node = start(flavour, &servers.place, &tls_global(), &body);
        for (number, (lines, wanted)) in cases.iter().enumerate() {
            let wanted = wanted.map(|text| servers.with_ports(text));
            let found = || found(&node, &format!("b{number}"));
            let fits = eventually(SOON, || found() == wanted);
            assert!(fits, "{flavour:?}: {lines}: {:?}, not {wanted:?}", found());
        }
    }
}

const CONNECTED: [&str; 4] = ["UP", "L4OK", "", ""];
const SHAKEN: [&str; 4] = ["UP", "L6OK", "", ""];
const LATE: [&str; 4] = ["DOWN", "L6TOUT", "", ""];
const BROKEN: [&str; 4] = wrong("SSL handshake failure");

/// A handshake that failed in this way.
const fn wrong(info: &'static str) -> [&'static str; 4] {
    ["DOWN", "L6RSP", "", info]
}

#[test]
fn a_check_speaks_tls_where_clients_do_and_the_place_is_the_same() {
    compare(&[
        ("$tls ssl verify none", SHAKEN),
        ("$tls ssl verify none port $tls", CONNECTED),
        ("$tls ssl verify none addr $IP", CONNECTED),
        ("$tls ssl verify none port $tls check-ssl", SHAKEN),
        ("$tls ssl verify none no-check-ssl", CONNECTED),
        ("$tls check-ssl verify none", SHAKEN),
        ("default-server check-ssl verify none|$tls", SHAKEN),
        ("default-server check-ssl verify none|$plain no-check-ssl", CONNECTED),
        ("default-server ssl verify none|$plain no-ssl", CONNECTED),
        ("$tls ssl verify none agent-check agent-port $agent", SHAKEN),
    ]);
}

#[test]
fn a_check_trusts_whom_the_line_trusts() {
    const CONFIGURED: &str =
        "Server presented an SSL certificate different from the configured one";
    const EXPECTED: &str = "Server presented an SSL certificate different from the expected one";
    compare(&[
        ("$tls ssl verify required ca-file ca.pem", SHAKEN),
        ("$self ssl verify required ca-file ca.pem", BROKEN),
        ("$self check-ssl verify required ca-file ca.pem", BROKEN),
        ("$self check-ssl verify none", SHAKEN),
        ("$tls ssl verify required ca-file ca.pem verifyhost site.example.org", SHAKEN),
        ("$tls ssl verify required ca-file ca.pem verifyhost else.example.org", wrong(CONFIGURED)),
        ("$tls ssl verify required ca-file ca.pem check-sni site.example.org", SHAKEN),
        ("$tls ssl verify required ca-file ca.pem check-sni else.example.org", wrong(EXPECTED)),
        // The name of clients is not that of checks.
        ("$tls ssl verify required ca-file ca.pem sni str(else.example.org)", SHAKEN),
        ("$mutual ssl verify none crt client.pem", SHAKEN),
        ("$mutual12 ssl verify none crt client.pem", SHAKEN),
        // With TLS 1.3 the client learns only afterwards that it is refused.
        ("$mutual ssl verify none", SHAKEN),
    ]);
}

#[test]
fn a_handshake_fails_in_the_words_of_haproxy() {
    compare(&[
        ("$garbage ssl verify none", BROKEN),
        ("$banner ssl verify none", BROKEN),
        ("$deaf ssl verify none", BROKEN),
        ("$alert ssl verify none", BROKEN),
        ("$silent ssl verify none", LATE),
        ("$half ssl verify none", LATE),
        ("$nobody ssl verify none", ["DOWN", "L4CON", "", "Connection refused"]),
        (
            "option tcp-check|$garbage ssl verify none",
            wrong("SSL handshake failure at initial connection step of tcp-check"),
        ),
        (
            "option tcp-check|tcp-check send x|tcp-check expect string y|$silent ssl verify none",
            ["DOWN", "L6TOUT", "", " at initial connection step of tcp-check"],
        ),
        (
            "option tcp-check|tcp-check connect ssl comment hello|$garbage verify none",
            wrong("SSL handshake failure at step 1 of tcp-check (connect) comment: 'hello'"),
        ),
        (
            "option tcp-check|tcp-check connect ssl|$silent verify none",
            ["DOWN", "L6TOUT", "", " at step 1 of tcp-check (connect)"],
        ),
        (
            "option tcp-check|tcp-check connect ssl|tcp-check connect ssl port $self|\
             $tls verify required ca-file ca.pem",
            wrong("SSL handshake failure at step 2 of tcp-check (connect port $self)"),
        ),
        ("option httpchk|$plain ssl verify none", BROKEN),
        ("option httpchk|$silent ssl verify none", LATE),
        ("option httpchk|http-check connect ssl|$garbage verify none", BROKEN),
        ("option mysql-check|$silent ssl verify none", LATE),
    ]);
}

#[test]
fn a_step_can_ask_for_tls() {
    const SHAKEN: [&str; 4] = ["UP", "L6OK", "", "(tcp-check)"];
    const CONNECTED: [&str; 4] = ["UP", "L4OK", "", "(tcp-check)"];
    const FITS: [&str; 4] = ["UP", "L7OK", "0", "(tcp-check)"];
    compare(&[
        ("option tcp-check|tcp-check connect ssl|$tls verify none", SHAKEN),
        ("option tcp-check|tcp-check connect ssl linger|$tls verify none", SHAKEN),
        ("option tcp-check|tcp-check connect|$tls ssl verify none", CONNECTED),
        ("option tcp-check|tcp-check connect default|$tls ssl verify none", SHAKEN),
        ("option tcp-check|tcp-check connect default|$tls ssl verify none port $tls", CONNECTED),
        ("option tcp-check|tcp-check connect default port $tls|$plain ssl verify none", SHAKEN),
        ("option tcp-check|tcp-check connect port $tls ssl|$plain verify none", SHAKEN),
        (
            "option tcp-check|tcp-check connect ssl|tcp-check connect port $plain|\
             $tls verify none",
            CONNECTED,
        ),
        (
            "option tcp-check|tcp-check connect|tcp-check connect ssl port $tls|$plain verify none",
            SHAKEN,
        ),
        (
            "option tcp-check|tcp-check connect ssl|tcp-check send PING|\
             tcp-check expect string PONG|$pong verify none",
            FITS,
        ),
        (
            "option tcp-check|tcp-check send PING|tcp-check expect string PONG|\
             $pong ssl verify none",
            FITS,
        ),
        ("option tcp-check|tcp-check expect string mail|$smtp ssl verify none", FITS),
        (
            "option httpchk|http-check connect ssl|http-check send meth GET uri /a|\
             $http verify none",
            ["UP", "L7OK", "200", ""],
        ),
    ]);
}

#[test]
fn services_are_checked_over_tls() {
    compare(&[
        ("option httpchk|$http ssl verify none", ["UP", "L7OK", "200", ""]),
        ("option httpchk|$http check-ssl verify none", ["UP", "L7OK", "200", ""]),
        ("option redis-check|$pong ssl verify none", ["UP", "L7OK", "0", "Redis server is ok"]),
        ("option mysql-check|$mysql ssl verify none", ["UP", "L7OK", "0", ""]),
        ("option smtpchk|$smtp ssl verify none", ["UP", "L7OK", "221", "bye"]),
        ("option ldap-check|$ldap ssl verify none", ["UP", "L7OK", "0", ""]),
        // The hello of this check goes in the clear, unless the check speaks TLS besides.
        ("option ssl-hello-chk|$silent ssl verify none", LATE),
        (
            "option ssl-hello-chk|$tls ssl verify none",
            wrong("TCPCHK got an empty response at step 2"),
        ),
    ]);
}

#[test]
fn servers_are_asked_for_names_and_protocols() {
    const TCP: &str = "option tcp-check";
    const OWN: &str = "verify none check-sni a.b check-alpn two";
    let cases: &[(&str, &str, Option<&str>, Option<&str>)] = &[
        ("", "ssl verify none", None, None),
        ("", "ssl verify none sni str(c.d) alpn one", None, Some("one")),
        ("", "ssl verify none check-sni a.b check-alpn two alpn one", Some("a.b"), Some("two")),
        ("tcp-check connect ssl", OWN, None, None),
        ("tcp-check connect ssl", "verify none alpn one", None, Some("one")),
        ("tcp-check connect ssl sni e.f alpn two", OWN, Some("e.f"), Some("two")),
        ("tcp-check connect ssl default", OWN, Some("a.b"), Some("two")),
        (
            "tcp-check connect default sni e.f",
            "ssl verify none check-sni a.b check-alpn two",
            Some("e.f"),
            Some("two"),
        ),
        (
            "tcp-check connect default alpn one",
            "ssl verify none check-sni a.b check-alpn two",
            Some("a.b"),
            Some("one"),
        ),
    ];
    for flavour in flavours() {
        for (step, words, name, protocol) in cases {
            let place = Place::new();
            let host = TlsHost::with(rustls::ALL_VERSIONS, "site.pem", false, &["one", "two"]);
            let seen = Arc::new(Mutex::new(Seen::default()));
            const LINES: &[Line] = &[Say(b"hello"), Hear];
            let server = play_tls(place.address(), host, LINES, seen.clone());
            let body = format!(
                "backend b\n    {TCP}\n    {step}\n    tcp-check expect string hello\n    \
                 tcp-check send bye\n    tcp-check expect ! string hello\n    \
                 server s1 {} check inter 300ms {words}\n",
                server.address()
            );
            let _node = start(flavour, &place, &tls_global(), &body);
            let wanted = Seen {
                name: name.map(str::to_owned),
                protocol: protocol.map(str::to_owned),
                said: "bye".to_owned(),
            };
            let fits = eventually(SOON, || *seen.lock().unwrap() == wanted);
            let seen = seen.lock().unwrap();
            assert!(fits, "{flavour:?}: {step}: {words}: {seen:?}, not {wanted:?}");
        }
    }
}

#[test]
fn the_proxy_header_goes_before_the_handshake() {
    for flavour in flavours() {
        for (step, words) in [
            ("", "ssl verify none send-proxy"),
            ("", "ssl verify none check-send-proxy"),
            ("", "check-ssl verify none port $PORT check-send-proxy"),
            ("option tcp-check\n    tcp-check connect ssl send-proxy", "verify none"),
        ] {
            let place = Place::new();
            let host = TlsHost::new("site.pem");
            let server = Server::start(place.address(), move |mut stream: TcpStream| {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte)?;
                    line.push(byte[0]);
                }
                assert!(line.starts_with(b"PROXY "), "{line:?}");
                host.over(stream)?.read(&mut [0; 10]).map(drop)
            });
            let port = server.address().port().to_string();
            let words = words.replace("$PORT", &port);
            let body = format!(
                "backend b\n    {step}\n    server s1 {} check inter 300ms {words}\n",
                server.address()
            );
            let node = start(flavour, &place, "", &body);
            let is_well = || found(&node, "b")[1] == "L6OK";
            assert!(
                eventually(SOON, is_well),
                "{flavour:?} {step} {words}: {:?}",
                found(&node, "b")
            );
        }
    }
}

#[test]
fn the_log_tells_how_handshakes_end() {
    for flavour in flavours() {
        let servers = Servers::new();
        let receiver = servers.place.log_receiver();
        let body = servers.with_ports(&format!(
            "backend good\n    log global\n    option log-health-checks\n    \
             server s1 {0}:$tls ssl verify none check inter 3s\n\
             backend bad\n    log global\n    option log-health-checks\n    \
             server s1 {0}:$garbage ssl verify none check inter 3s\n\
             backend late\n    log global\n    option log-health-checks\n    \
             server s1 {0}:$silent ssl verify none check inter 300ms\n",
            servers.place.ip()
        ));
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let _node = start(flavour, &servers.place, &log, &body);
        let mut told = [0; 3].map(|_| notice(&receiver, "Health check"));
        told.sort();
        let wanted = [
            "<133>Health check for server bad/s1 failed, reason: Layer6 invalid response, info: \
             \"SSL handshake failure\", check duration: #ms, status: 0/2 DOWN.",
            "<133>Health check for server good/s1 succeeded, reason: Layer6 check passed, check \
             duration: #ms, status: 3/3 UP.",
            "<133>Health check for server late/s1 failed, reason: Layer6 timeout, check duration: \
             #ms, status: 0/2 DOWN.",
        ];
        assert_eq!(told, wanted, "{flavour:?}");
    }
}
