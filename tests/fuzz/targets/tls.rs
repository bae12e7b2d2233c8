//! The first bytes of TLS: what rules read of a hello, and both ends of a handshake. What is known
//! of a part of a hello does not change when more comes.

use std::fs;
use std::sync::LazyLock;

use stickd::net::reader::Incomplete;
use stickd::net::tls::acceptor::{Acceptor, AcceptorOptions, ClientCheck};
use stickd::net::tls::certificate::Details;
use stickd::net::tls::certificates::Identity;
use stickd::net::tls::connector::{Connector, ConnectorOptions};
use stickd::net::tls::hello;
use stickd::net::tls::policy::Policy;
use stickd::net::tls::session::Session;
use stickd::net::tls::trust::{ServerCheck, Trust};
use stickd::proxy::connection::rehearsal::Hello;

use super::{Target, data, none};
use crate::input::{Input, Pieces, seed};

pub(super) const TARGET: Target = Target { name: "tls", run, seeds, words: none };

/// What the first byte chooses.
const READING: u8 = 0;
const ACCEPTING: u8 = 1;
const ACCEPTING_ALL_WITH_CERTIFICATES: u8 = 2;
const CONNECTING: u8 = 3;
const CHOICES: u8 = 5;

/// The most that a session may want to send before the handshake is over.
const SENT_MAX: usize = 1 << 18;

fn read(name: &str) -> Vec<u8> {
    fs::read(data("tls").join(name)).expect("a certificate can be read")
}

static ACCEPTORS: LazyLock<[Acceptor; 2]> = LazyLock::new(|| {
    let trust = Trust::from_pem(&read("ca.pem"), &[]).expect("an authority");
    [ClientCheck::None, ClientCheck::Required(trust)].map(|client| {
        let site = read("site.pem");
        let identities = vec![Identity::from_pem(&site, &site).expect("a certificate")];
        let policy = Policy { protocols: vec![b"h2".to_vec()], ..Policy::default() };
        let options = AcceptorOptions { identities, is_strict: false, client, policy };
        Acceptor::new(options).expect("an acceptor")
    })
});

static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| {
    let options =
        ConnectorOptions { check: ServerCheck::None, identity: None, policy: Policy::default() };
    Connector::new(&options).expect("a connector")
});

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (choice, pieces) = (input.byte() % CHOICES, input.byte());
    match choice {
        READING => read_hello(usize::from(pieces), input.0),
        ACCEPTING => feed(Session::accepting(&ACCEPTORS[0]), Pieces::of(pieces), input.0),
        ACCEPTING_ALL_WITH_CERTIFICATES => {
            feed(Session::accepting(&ACCEPTORS[1]), Pieces::of(pieces), input.0);
        }
        CONNECTING => {
            let session = Session::connecting(&CONNECTOR, Some("a.example"), Vec::new());
            feed(session.expect("a name"), Pieces::of(pieces), input.0);
        }
        _ => {
            if let Some(details) = Details::of(&input.0.to_vec().into()) {
                drop(format!("{:?}", details.common_name()));
            }
        }
    }
}

/// All that rules can ask of a hello.
fn read_hello(cut: usize, bytes: &[u8]) {
    let part = &bytes[..cut.min(bytes.len())];
    stays(part, bytes, hello::hello_type);
    stays(part, bytes, hello::version);
    stays(part, bytes, |bytes| Ok(hello::server_name(bytes)?.map(<[u8]>::to_vec)));
    stays(part, bytes, |bytes| Ok(hello::protocol(bytes, 0)?.map(<[u8]>::to_vec)));
    stays(part, bytes, |bytes| Ok(hello::protocol(bytes, 3)?.map(<[u8]>::to_vec)));
    stays(part, bytes, hello::names_curves);
    stays(part, bytes, hello::ticket);
}

/// What is known of a part is known of the whole.
fn stays<T: PartialEq + std::fmt::Debug>(
    part: &[u8],
    whole: &[u8],
    read: impl Fn(&[u8]) -> Result<Option<T>, Incomplete>,
) {
    if let Ok(found) = read(part) {
        assert_eq!(read(whole).ok(), Some(found), "more bytes change what was known");
    }
}

fn feed(mut session: Session, pieces: Pieces, mut bytes: &[u8]) {
    let mut sent = 0;
    let mut flush = |session: &mut Session| {
        sent += session.unsent().len();
        assert!(sent < SENT_MAX, "a session that sends without end");
        session.flush(|bytes| Ok(Some(bytes.len()))).expect("everything is taken");
    };
    flush(&mut session);
    while !bytes.is_empty() {
        let mut rest = bytes;
        let received = session.receive(0, |room| {
            let (piece, after) = pieces.split(bytes, room.len());
            room[..piece.len()].copy_from_slice(piece);
            rest = after;
            Ok(piece.len())
        });
        flush(&mut session);
        let _ = (session.server_name(), session.version(), session.suite());
        if received.is_err() {
            return;
        }
        assert!(session.is_handshaking(), "a handshake with random bytes is over");
        bytes = rest;
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let hello = Hello {
        name: Some("www.example.org".to_owned()),
        protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    let hello = hello.bytes().expect("a hello");
    let mut server = Session::accepting(&ACCEPTORS[1]);
    let taken = server.receive(0, |room| {
        room[..hello.len()].copy_from_slice(&hello);
        Ok(hello.len())
    });
    assert_eq!(taken.ok(), Some(hello.len()));
    let answer = server.unsent();
    let mut seeds = vec![seed(&[CONNECTING, 0], answer), seed(&[CONNECTING, 200], answer)];
    for (choice, pieces) in
        [(READING, 200), (READING, 60), (ACCEPTING, 0), (ACCEPTING, 100), (2, 0)]
    {
        seeds.push(seed(&[choice, pieces], &hello));
    }
    // An alert, a hello in two records, and one of SSL 2.
    seeds.push(seed(&[ACCEPTING, 0], [21, 3, 1, 0, 2, 2, 40]));
    let (head, body) = hello.split_at(5);
    let (first, second) = body.split_at(body.len() / 2);
    let record = |part: &[u8]| {
        let len = u16::try_from(part.len()).expect("a part is short").to_be_bytes();
        [&head[..3], &len, part].concat()
    };
    seeds.push(seed(&[ACCEPTING, 9], [record(first), record(second)].concat()));
    seeds.push(seed(&[READING, 9], [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10]));
    let pem = String::from_utf8(read("ca.pem")).expect("text");
    let base64: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    let der = data_encoding::BASE64.decode(base64.as_bytes()).expect("base64");
    seeds.push(seed(&[4, 0], der));
    seeds
}
