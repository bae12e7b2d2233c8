//! A certificate that was shown says who may speak: the peer that it names, and nobody else.

use super::{peers_section, sticky_table};
use crate::net::tls::names::Names;
use crate::peers::peer::PeerId;
use crate::peers::resync::Start;
use crate::peers::section::{Options, Section};
use crate::peers::session::Session;
use crate::peers::session::error::SessionErrorKind;
use crate::table::Tables;

const NOW_MS: u64 = 1_000_000;
const B: PeerId = PeerId(1);

fn certificate(hosts: &[&str], common_name: &str) -> Names {
    Names {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        subject: vec![("CN".to_owned(), common_name.to_owned())],
        issuer: Vec::new(),
    }
}

/// The node `a` with a peer `b` whose certificate has to have another name, if there is one.
fn node(verify_host: Option<&str>) -> (Section, Tables) {
    let tables = Tables::new(&[sticky_table("web", 10)]).unwrap();
    let mut declaration = peers_section(&["a", "b"], 0, 1);
    declaration.peers[1].verify_host = verify_host.map(str::to_owned);
    let options = Options { pid: 1, seed: 1, updates_max: 200, start: Start::Alone };
    (Section::new(&declaration, &tables, options, NOW_MS), tables)
}

/// What comes of a call of `b`, and of one to `b`, if this certificate is shown.
fn outcomes(verify_host: Option<&str>, shown: &Names) -> [Result<(), SessionErrorKind>; 2] {
    let (mut section, mut tables) = node(verify_host);
    let mut session = Session::accept(NOW_MS);
    session.handle_certificate(shown.clone(), &section).unwrap();
    let hello = b"HAProxyS 2.1\na\nb 1 1\n";
    session.receive_space()[..hello.len()].copy_from_slice(hello);
    let called = session.handle_received(hello.len(), &mut section, &mut tables, NOW_MS);
    let answer = session.poll_transmit(&mut section, &mut tables, NOW_MS).unwrap();
    assert!(answer.starts_with(if called.is_ok() { b"200\n" } else { b"504\n" }));

    let (mut section, mut tables) = node(verify_host);
    let mut session = Session::connect(&mut section, B, NOW_MS);
    session.begin_tls(NOW_MS);
    let calling = session.handle_certificate(shown.clone(), &section);
    let hello = session.poll_transmit(&mut section, &mut tables, NOW_MS);
    assert_eq!(hello.is_some(), calling.is_ok(), "an impostor is told nothing");
    [called, calling].map(|outcome| outcome.map_err(|error| error.kind))
}

#[test]
fn only_the_peer_that_the_certificate_names_may_speak() {
    let wrong = [Err(SessionErrorKind::WrongCertificate); 2];
    for (hosts, common_name, expected) in [
        (&["b"][..], "x", [Ok(()); 2]),
        (&["x", "b"], "x", [Ok(()); 2]),
        (&["x"], "b", [Ok(()); 2]),
        (&[], "b", [Ok(()); 2]),
        (&["c"], "c", wrong),
        (&["a"], "a", wrong),
        (&["B"], "B", wrong),
        (&["*"], "*", wrong),
        (&["b.example.org"], "b.", wrong),
        (&[], "", wrong),
    ] {
        assert_eq!(outcomes(None, &certificate(hosts, common_name)), expected, "{hosts:?}");
    }
    assert_eq!(outcomes(None, &Names::default()), wrong);
}

#[test]
fn verifyhost_is_the_name_of_a_host() {
    let host = Some("b.example.org");
    let wrong = [Err(SessionErrorKind::WrongCertificate); 2];
    assert_eq!(outcomes(host, &certificate(&["b.example.org"], "x")), [Ok(()); 2]);
    assert_eq!(outcomes(host, &certificate(&["*.example.org"], "x")), [Ok(()); 2]);
    assert_eq!(outcomes(host, &certificate(&["b"], "b")), wrong);
}

#[test]
fn a_call_has_its_own_time_for_tls() {
    let (mut section, _) = node(None);
    let mut session = Session::connect(&mut section, B, NOW_MS);
    assert_eq!(session.poll_timeout(), Some(NOW_MS + 1000));
    session.begin_tls(NOW_MS + 500);
    assert_eq!(session.poll_timeout(), Some(NOW_MS + 5500));
    let error = session.handle_timeout(&mut section, NOW_MS + 5500).unwrap_err();
    assert_eq!(error.kind, SessionErrorKind::TlsTimeout);
}
