//! `stickd --where` says of a client that does not exist what happens to one that does: the sample
//! configurations run under both programs, at addresses of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::path::Path;

use crate::flavours;
use crate::rules::client_hello;
use crate::support::{Flavour, Node, Place, Server, Spec, connect_from, haproxy, run_to_end};

/// Networks of the samples, and those of the clients here.
const NETWORKS: [(&str, &str); 5] = [
    ("192.0.2.", "127.1.2."),
    ("198.51.100.", "127.1.51."),
    ("203.0.113.", "127.1.113."),
    ("10.60.", "127.60."),
    ("10.138.7.", "127.1.7."),
];

/// When the hello has come, HAProxy goes on at `capture`, and never looks again at the rule before
/// it that sets the variable.
const OURS_ALONE: &str = "web/sni-map.cfg";

/// What a client sends.
#[derive(Clone, Copy, Debug)]
enum Sends {
    Nothing,
    /// A TLS hello for this name.
    Hello(&'static str),
    Bytes(&'static [u8]),
    /// A PROXY header with its own address.
    Header,
}

use Sends::{Bytes, Header, Hello, Nothing};

/// A sample and its clients: the port, the address, what the client sends, and the backend or what
/// else becomes of it.
type Sample = (&'static str, &'static [(u16, [u8; 4], Sends, &'static str)]);

const SAMPLES: [Sample; 14] = [
    (
        "web/sni-router.cfg",
        &[
            (443, [127, 1, 0, 1], Hello("shop.example"), "shop/"),
            (443, [127, 1, 0, 2], Hello("WWW.shop.example"), "shop/"),
            (443, [127, 1, 3, 9], Hello("shop.example"), "shop/"),
            (443, [127, 1, 0, 1], Hello("de.wiki.example"), "wiki/"),
            (443, [127, 1, 0, 1], Hello("git12.example"), "git/"),
            (443, [127, 1, 0, 1], Hello("a.example"), "other/"),
            (443, [127, 1, 0, 1], Bytes(b"hello?"), "legacy/"),
            (80, [127, 1, 0, 1], Nothing, "redirector/"),
        ],
    ),
    (
        "web/sni-lists.cfg",
        &[
            (8443, [127, 1, 0, 1], Hello("North.tenant.example"), "bk_north/"),
            (8443, [127, 1, 0, 1], Hello("south.tenant.example"), "bk_south/"),
            (8443, [127, 1, 0, 1], Hello("old-north.example"), "bk_north/"),
            (8443, [127, 1, 0, 1], Hello("stranger.example"), "Refused"),
            (8443, [127, 1, 0, 1], Nothing, "Refused"),
        ],
    ),
    (
        "web/sni-map.cfg",
        &[
            (443, [127, 1, 0, 1], Hello("shop.example"), "be_shop/"),
            (443, [127, 1, 0, 1], Hello("imap.Mail.example"), "be_mail/"),
            (443, [127, 1, 0, 1], Hello("a.example"), "be_default/"),
            (443, [127, 1, 0, 1], Bytes(b"GET / HTTP/1.0\r\n\r\n"), "Refused"),
        ],
    ),
    (
        "web/ssh-and-https.cfg",
        &[
            (443, [127, 1, 0, 1], Bytes(b"SSH-2.0-x\r\n"), "ssh/"),
            (443, [127, 1, 0, 1], Nothing, "ssh/"),
            (443, [127, 1, 0, 1], Hello("a.example"), "https/"),
            (443, [127, 1, 0, 1], Bytes(b"GET / HTTP/1.0\r\n\r\n"), "http/"),
            (443, [127, 1, 0, 1], Bytes(b"\x00\x0e8aaaaaaaaaaaaa"), "vpn/"),
            (443, [127, 1, 0, 1], Bytes(b"what?"), "ssh/"),
        ],
    ),
    (
        "web/cdn-edge.cfg",
        &[
            (8443, [127, 1, 2, 1], Nothing, "origin/"),
            (8443, [127, 1, 3, 1], Nothing, "origin/"),
            (8443, [127, 1, 4, 200], Nothing, "origin/"),
            (8443, [127, 1, 2, 130], Nothing, "origin/"),
            (8443, [127, 1, 7, 1], Header, "origin/"),
            (443, [127, 1, 9, 1], Header, "origin/"),
            (443, [127, 1, 2, 66], Header, "Refused"),
        ],
    ),
    (
        "limits/countries.cfg",
        &[
            (443, [127, 1, 2, 1], Nothing, "eu/"),
            (443, [127, 1, 51, 1], Nothing, "us/"),
            (443, [127, 1, 113, 1], Nothing, "Refused"),
            (443, [127, 1, 0, 1], Nothing, "row/"),
        ],
    ),
    (
        "limits/allow-deny.cfg",
        &[
            (8443, [127, 1, 2, 5], Nothing, "admin/near"),
            (8443, [127, 1, 2, 65], Nothing, "admin/near"),
            (8443, [127, 1, 2, 200], Nothing, "admin/"),
            (8443, [127, 1, 2, 99], Nothing, "Refused"),
            (8443, [127, 1, 113, 200], Nothing, "admin/"),
            (8443, [127, 1, 0, 1], Nothing, "Refused"),
        ],
    ),
    (
        "limits/connection-rate.cfg",
        &[(7000, [127, 1, 0, 1], Nothing, "service/"), (7000, [127, 1, 0, 2], Nothing, "service/")],
    ),
    (
        "mail/smtp-guard.cfg",
        &[
            (25, [127, 1, 2, 200], Nothing, "postfix/"),
            (25, [127, 1, 0, 1], Nothing, "postfix/"),
            (25, [127, 1, 0, 2], Bytes(b"EHLO early\r\n"), "Refused"),
            (25, [127, 1, 113, 7], Nothing, "Refused"),
        ],
    ),
    (
        "files/one-port.cfg",
        &[
            (443, [127, 1, 0, 1], Hello("a.example"), "https/"),
            (443, [127, 1, 0, 1], Bytes(b"SSH-2.0-x\r\n"), "ssh/"),
            (
                443,
                [127, 1, 0, 1],
                Bytes(b"GET /.well-known/acme-challenge/x HTTP/1.0\r\n\r\n"),
                "acme/",
            ),
            (443, [127, 1, 0, 1], Bytes(b"POST / HTTP/1.0\r\n\r\n"), "http/"),
        ],
    ),
    (
        "files/git-ssh.cfg",
        &[
            (443, [127, 1, 0, 1], Nothing, "git_https/"),
            (443, [127, 1, 0, 2], Nothing, "git_https/"),
            (443, [127, 9, 8, 7], Nothing, "git_https/"),
            (22, [127, 1, 0, 1], Nothing, "git_ssh/"),
        ],
    ),
    (
        "kubernetes/api-allow-list.cfg",
        &[
            (6443, [127, 60, 0, 1], Nothing, "masters/"),
            (6443, [127, 1, 51, 30], Nothing, "masters/"),
            (6443, [127, 1, 51, 40], Nothing, "Refused"),
        ],
    ),
    (
        "network/rtmp.cfg",
        &[
            (1935, [127, 1, 0, 1], Nothing, "ingest/"),
            (1935, [127, 1, 0, 2], Nothing, "ingest/"),
            (1936, [127, 1, 0, 1], Nothing, "edges/"),
        ],
    ),
    (
        "network/minecraft.cfg",
        &[
            (25565, [127, 1, 2, 200], Nothing, "Refused"),
            (25565, [127, 1, 0, 1], Nothing, "proxies/"),
            (7777, [127, 1, 0, 1], Nothing, "terraria/"),
        ],
    ),
];

#[test]
fn a_client_goes_where_the_answer_says() {
    let mut wrong = Vec::new();
    for (file, clients) in SAMPLES {
        for flavour in flavours() {
            if flavour == Flavour::Haproxy && file == OURS_ALONE {
                continue;
            }
            let running = Running::start(file, flavour);
            for (port, source, sends, expected) in clients {
                let source = Ipv4Addr::from(*source);
                let answer = running.asked(*port, source, *sends);
                let last = answer.lines().last().unwrap();
                let went = running.went(*port, source, *sends);
                let about = format!("{file}, {source} {sends:?}, {flavour:?}: {went}\n{answer}");
                if !went.starts_with(expected) || !names(last).contains(&went) {
                    wrong.push(about);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The servers that the last line of an answer names, or that the client is refused.
fn names(line: &str) -> Vec<String> {
    let Some(servers) = line.strip_prefix("Server: ") else {
        assert!(line.starts_with("Refused"), "{line}");
        return vec!["Refused".to_owned()];
    };
    let words = servers.split([' ', ',']).filter(|word| word.contains('/'));
    words.map(str::to_owned).collect()
}

/// A sample that runs with servers that tell their names.
struct Running {
    place: Place,
    ports: BTreeMap<u16, SocketAddr>,
    _servers: Vec<Server>,
    _node: Node,
}

impl Running {
    #[track_caller]
    fn start(file: &str, flavour: Flavour) -> Self {
        let place = Place::new();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/services");
        let path = samples.join(file);
        for folder in ["lists", "maps"] {
            let Ok(entries) = fs::read_dir(path.parent().unwrap().join(folder)) else { continue };
            fs::create_dir_all(place.path(folder)).unwrap();
            for entry in entries {
                let path = entry.unwrap().path();
                let text = here(&fs::read_to_string(&path).unwrap());
                let name = path.file_name().unwrap().to_str().unwrap();
                place.write(&format!("{folder}/{name}"), &text);
            }
        }
        let mut rewriting = Rewriting::new(&place);
        let text = rewriting.text(&fs::read_to_string(path).unwrap());
        let Rewriting { ports, servers, .. } = rewriting;
        let spec = Spec::new(&place, "a", "");
        place.write("a.cfg", &text);
        let node = match flavour {
            Flavour::Stickd => spec.start(),
            Flavour::Haproxy => spec.on_haproxy(haproxy().unwrap()).start(),
        };
        Self { place, ports, _servers: servers, _node: node }
    }

    /// What `--where` says.
    #[track_caller]
    fn asked(&self, port: u16, source: Ipv4Addr, sends: Sends) -> String {
        let front = self.ports[&port];
        let sends = match sends {
            Nothing | Header => None,
            Hello(name) => Some(format!("sni={name}")),
            Bytes(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                Some(format!("payload=0x{hex}"))
            }
        };
        let config = self.place.path("a.cfg");
        let words = [
            "--where".to_owned(),
            config.to_str().unwrap().to_owned(),
            format!("src={source}"),
            format!("dst={}", front.ip()),
            format!("dst_port={}", front.port()),
        ];
        let words: Vec<String> = words.into_iter().chain(sends).collect();
        let output = run_to_end(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Where a real client goes.
    fn went(&self, port: u16, source: Ipv4Addr, sends: Sends) -> String {
        let front = self.ports[&port];
        let Ok(mut stream) = connect_from(source, front) else { return "Refused".to_owned() };
        let bytes = match sends {
            Nothing => Vec::new(),
            Hello(name) => client_hello(name),
            Bytes(bytes) => bytes.to_vec(),
            Header => format!("PROXY TCP4 {source} {} 7 {}\r\n", front.ip(), front.port()).into(),
        };
        // Rules may have closed the connection already.
        let _ = stream.write_all(&bytes);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let _ = stream.shutdown(Shutdown::Both);
        let name = answer.lines().next().unwrap_or_default();
        if name.is_empty() { "Refused".to_owned() } else { name.to_owned() }
    }
}

/// Makes a sample run here: with addresses of this machine, servers that are not checked, and no
/// log.
struct Rewriting<'a> {
    place: &'a Place,
    section: String,
    ports: BTreeMap<u16, SocketAddr>,
    servers: Vec<Server>,
}

impl<'a> Rewriting<'a> {
    fn new(place: &'a Place) -> Self {
        Self { place, section: String::new(), ports: BTreeMap::new(), servers: Vec::new() }
    }

    fn text(&mut self, written: &str) -> String {
        let admin = self.place.path("a.admin");
        let global = format!("global\n stats socket {} mode 600 level admin\n", admin.display());
        let lines = written.lines().filter_map(|line| self.line(line));
        let lines: String = lines.map(|line| format!("{line}\n")).collect();
        let dir = self.place.path("").display().to_string();
        let lines = here(&lines)
            .replace(" lists/", &format!(" {dir}/lists/"))
            .replace("(maps/", &format!("({dir}/maps/"));
        global + &lines
    }

    fn line(&mut self, line: &str) -> Option<String> {
        let line = line.split(" #").next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => None,
            [
                "log" | "maxconn" | "stats" | "daemon" | "pidfile" | "tcp-check" | "default-server"
                | "log-format",
                ..,
            ] => None,
            ["option", "tcplog" | "httpchk" | "tcp-check" | "ssl-hello-chk", ..] => None,
            ["frontend" | "backend" | "listen", name] => {
                (*name).clone_into(&mut self.section);
                Some(line.to_owned())
            }
            ["bind", address, rest @ ..] => {
                let (_, port) = address.rsplit_once(':').unwrap();
                let own = self.place.address();
                self.ports.insert(port.parse().unwrap(), own);
                let rest: Vec<_> = rest.iter().copied().filter(|word| *word != "v4v6").collect();
                Some(format!(" bind {own} {}", rest.join(" ")))
            }
            ["server", name, _, rest @ ..] => {
                let own = self.place.address();
                self.servers.push(Server::name(own, &format!("{}/{name}", self.section)));
                let is_kept =
                    |word: &&str| matches!(*word, "backup" | "send-proxy" | "send-proxy-v2");
                let rest: Vec<_> = rest.iter().copied().filter(is_kept).collect();
                Some(format!(" server {name} {own} {}", rest.join(" ")))
            }
            ["tcp-request", "inspect-delay", _] => {
                Some(" tcp-request inspect-delay 600ms".to_owned())
            }
            _ => Some(line.to_owned()),
        }
    }
}

/// The text with networks of this machine.
fn here(text: &str) -> String {
    NETWORKS.iter().fold(text.to_owned(), |text, (written, here)| text.replace(written, here))
}
