//! Nodes that speak TLS with each other: who is believed to be which peer, and what happens when
//! certificates are renewed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::support::tls::{TlsClient, TlsStream, certificates};
use crate::support::{
    Mesh, Node, Place, SOON, Spec, ask, connect_from, contents, source, tls_words, until,
};

/// A node `a` with these lines about its peers, and a table `t`.
fn node(place: &Place, peers: &str) -> Node {
    let table = "backend t\n    stick-table type ip size 100 store gpc0 peers m\n";
    Node::start(place, "a", &format!("peers m\n{peers}\n{table}"))
}

/// Calls the node `a` with a certificate, if there is one, and the name of peer `b`.
fn call(address: SocketAddr, certificate: Option<&str>) -> std::io::Result<TlsStream> {
    let client = TlsClient::with(rustls::ALL_VERSIONS, certificate, &[]);
    let mut stream = client.over(connect_from(source(1), address).unwrap(), "a")?;
    stream.write_all(b"HAProxyS 2.1\na\nb 1 1\n")?;
    Ok(stream)
}

/// The status that the node answers with.
fn status(stream: &mut TlsStream) -> std::io::Result<String> {
    let mut status = [0; 4];
    stream.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}

#[test]
fn nodes_over_tls_are_in_step_and_a_late_joiner_learns_everything() {
    let place = Place::new();
    let mesh = Mesh::over_tls(&place, &[("a", None), ("b", None), ("c", None)], &["c"]);
    let first = mesh.start(0);
    first.api().set_servers(Mesh::TABLE, (0..20_000).map(source), 2);
    let expected = contents(&first.api(), Mesh::TABLE);
    let late = [mesh.start(1), mesh.start(2)];
    for node in &late {
        Mesh::until_holds(node, &expected, SOON);
    }
    ask(source(50_000), mesh.fronts[1]).unwrap();
    ask(source(50_001), mesh.fronts[2]).unwrap();
    let expected = contents(&late[0].api(), Mesh::TABLE);
    for node in late.iter().chain([&first]) {
        until("the new ones", SOON, || node.api().used(Mesh::TABLE) == 20_002);
        assert!(contents(&node.api(), Mesh::TABLE).len() >= expected.len());
    }
}

#[test]
fn a_valid_certificate_of_one_node_cannot_speak_as_another() {
    let place = Place::new();
    let (own, other) = (place.address(), place.address());
    let words = tls_words("a.pem");
    let node = node(&place, &format!("bind {own} {words}\nserver a\nserver b {other} {words}"));
    let mut stream = call(own, Some("peers/c.pem")).unwrap();
    assert_eq!(status(&mut stream).unwrap(), "504\n");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    until("it is said", SOON, || node.log().contains("its certificate does not name 'b' but 'c'"));
    let mut stream = call(own, Some("peers/b.pem")).unwrap();
    assert_eq!(status(&mut stream).unwrap(), "200\n");
}

#[test]
fn verifyhost_names_the_certificate_of_a_peer_that_has_another_name() {
    let place = Place::new();
    let (own, other) = (place.address(), place.address());
    let words = tls_words("a.pem");
    let peers = format!("bind {own} {words}\nserver a\nserver b {other} {words} verifyhost c");
    let _node = node(&place, &peers);
    assert_eq!(status(&mut call(own, Some("peers/c.pem")).unwrap()).unwrap(), "200\n");
    assert_eq!(status(&mut call(own, Some("peers/b.pem")).unwrap()).unwrap(), "504\n");
}

#[test]
fn whom_a_node_calls_has_to_show_the_certificate_of_that_peer() {
    for (extra, is_fine) in [("", false), ("verifyhost c", true), ("verify none", true)] {
        let place = Place::new();
        let addresses = [place.address(), place.address()];
        // The node `b` calls nobody, as it knows no address of `a`.
        let section = |own: &str, certificate: &str, a: &str, b: &str| {
            let words = tls_words(certificate);
            format!("peers m\n    bind {own} {words}\n    default-server {words}\n{a}\n{b}\n")
        };
        let (a, b) = (addresses[0].to_string(), addresses[1].to_string());
        let here = section(&a, "a.pem", "server a", &format!("server b {b} {extra}"));
        let there = section(&b, "c.pem", "server a 127.0.0.1:0", "server b");
        let table = "backend t\n    stick-table type ip size 100 peers m\n";
        let there = Spec::new(&place, "b", &(there + table)).start();
        let here = Spec::new(&place, "a", &(here + table)).start();
        if is_fine {
            Mesh::until_connected(&here, "b");
            continue;
        }
        until("it is said", SOON, || {
            here.log().contains("peer m/b: its certificate does not name 'b' but 'c'")
        });
        // Nothing was said to the impostor.
        assert!(!there.log().contains("session established"), "{}", there.log());
    }
}

#[test]
fn who_shows_no_certificate_or_one_of_another_authority_is_no_peer() {
    let place = Place::new();
    let (own, other) = (place.address(), place.address());
    let words = tls_words("a.pem");
    let node = node(&place, &format!("bind {own} {words}\nserver a\nserver b {other} {words}"));
    for certificate in [None, Some("self-signed.pem")] {
        let answer = call(own, certificate).and_then(|mut stream| status(&mut stream));
        assert!(answer.is_err(), "{answer:?}");
    }
    until("it is said", SOON, || node.log().contains("TLS failed"));
    assert!(!node.log().contains("session established"), "{}", node.log());
}

#[test]
fn the_end_without_tls_is_told_of_the_other_end() {
    let place = Place::new();
    let addresses = [place.address(), place.address()];
    let words = tls_words("a.pem");
    let (a, b) = (addresses[0], addresses[1]);
    let table = "backend t\n    stick-table type ip size 100 peers m\n";
    let plain = format!("peers m\n bind {b}\n server b\n server a {a}\n{table}");
    let plain = Spec::new(&place, "b", &plain).start();
    let secured = node(&place, &format!("bind {a} {words}\nserver a\nserver b {b} {words}"));
    until("the plain end says it", SOON, || {
        plain.log().contains("it speaks TLS, and the section listens without 'ssl'")
    });
    until("the end with TLS says it of who calls", SOON, || {
        secured.log().contains("an unknown caller at") && secured.log().contains("not speak TLS")
    });
    until("and of who is called", SOON, || {
        secured.log().contains("peer m/b: TLS failed: it does not speak TLS")
    });
}

#[test]
fn a_renewed_certificate_comes_with_a_reload_and_everything_goes_on() {
    let place = Place::new();
    let (own, other) = (place.address(), place.address());
    let folder = certificates().join("peers");
    let certificate = place.path("own.pem");
    fs::copy(folder.join("a.pem"), &certificate).unwrap();
    let trust = certificates().join("ca.pem");
    let section = |own: &str, words: &str| {
        format!(
            "peers m\n    default-bind {words}\n    default-server {words}\n    \
             {own}\nbackend t\n    stick-table type ip size 100 store gpc0 peers m\n"
        )
    };
    let peers = format!("peer a {own}\n    peer b {other}");
    let renewed =
        format!("ssl crt {} ca-file {} verify required", certificate.display(), trust.display());
    let here = Spec::new(&place, "a", &section(&peers, &renewed)).reloadable().start();
    let there = section(&peers, &tls_words("b.pem"));
    let there = Spec::new(&place, "b", &there).start();
    Mesh::until_connected(&here, "b");
    here.api().command("set table t key 192.0.2.1 data.gpc0 1");
    until("it is known", SOON, || there.api().used("t") == 1);
    let shown = || {
        let client = TlsClient::new();
        let stream = client.over(connect_from(source(1), own).unwrap(), "a").ok();
        let stream = stream.unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let before = shown();
    fs::copy(folder.join("a-renewed.pem"), &certificate).unwrap();
    assert_eq!(shown(), before);
    here.reload();
    until("the new certificate is shown", SOON, || shown() != before);
    // The entries came over the local hand-over, which has no TLS, and the mesh goes on.
    assert_eq!(here.api().used("t"), 1);
    Mesh::until_connected(&here, "b");
    here.api().command("set table t key 192.0.2.2 data.gpc0 1");
    there.api().command("set table t key 192.0.2.3 data.gpc0 1");
    for node in [&here, &there] {
        until("all three", Duration::from_secs(15), || node.api().used("t") == 3);
    }
}

#[test]
fn a_mesh_in_plain_text_takes_tls_without_a_cut() {
    let place = Place::new();
    let names = ["a", "b", "c"];
    let plain = [(); 3].map(|()| place.address());
    let secured = [(); 3].map(|()| place.address());
    let bind = |own: usize, step: usize| {
        let words = tls_words(&format!("{}.pem", names[own]));
        let old = format!("bind {}\n", plain[own]);
        let new = format!("bind {} {words}\n", secured[own]);
        match step {
            0 => old,
            1 | 2 => old + &new,
            _ => new,
        }
    };
    let config = |own: usize, step: usize| {
        let words = tls_words(&format!("{}.pem", names[own]));
        let peers: String = (0..3)
            .map(|peer| match (peer == own, step) {
                (true, _) => format!("server {}\n", names[peer]),
                (false, 0 | 1) => format!("server {} {}\n", names[peer], plain[peer]),
                (false, _) => format!("server {} {} {words}\n", names[peer], secured[peer]),
            })
            .collect();
        let table = "backend t\n    stick-table type ip size 100 store gpc0 peers m\n";
        format!("peers m\n{}{peers}{table}", bind(own, step))
    };
    let nodes: Vec<Node> = (0..3)
        .map(|own| Spec::new(&place, names[own], &config(own, 0)).reloadable().start())
        .collect();
    let mut key = 0;
    for step in 1..=3 {
        for own in 0..3 {
            // This writes the file.
            Spec::new(&place, names[own], &config(own, step));
            nodes[own].reload();
            // Every node is still in step with every other one.
            for (node, name) in nodes.iter().zip(names) {
                for other in names.iter().filter(|other| **other != name) {
                    Mesh::until_connected(node, other);
                }
            }
            for node in &nodes {
                key += 1;
                node.api().command(&format!("set table t key 192.0.2.{key} data.gpc0 1"));
            }
            for node in &nodes {
                until("all entries", SOON, || node.api().used("t") == key);
            }
        }
    }
    let error = connect_from(source(1), plain[0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}
