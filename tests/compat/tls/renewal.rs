//! `set ssl cert` and its relatives: certificates that are replaced while the program runs.

use std::fs;
use std::io::{Read, Write};

use crate::support::tls::{TlsClient, TlsStream, certificates, shown_name, tls_global};
use crate::support::{Flavour, Node, Place, Server, connect_from, source};
use crate::{flavours, start};

/// A command with a certificate of the tests as its payload.
fn with_payload(command: &str, text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    format!("{command} <<\n{}\n", lines.join("\n"))
}

fn text(file: &str) -> String {
    fs::read_to_string(certificates().join(file)).unwrap()
}

/// The answer without the blanks around it.
fn said(node: &Node, command: &str) -> String {
    node.api().command(command).trim().to_owned()
}

fn listeners(place: &Place, flavour: Flavour) -> (Node, [std::net::SocketAddr; 2], String, Server) {
    let fronts = [place.address(), place.address()];
    let server = Server::greeting_echo(place.address(), "s1");
    let path = place.path("site.pem");
    fs::copy(certificates().join("site.pem"), &path).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let body = format!(
        "listen one\n    bind {} ssl crt {path}\n    server s1 {back}\n\
         listen two\n    bind {} ssl crt shop.pem crt {path} strict-sni\n    server s1 {back}\n",
        fronts[0],
        fronts[1],
        back = server.address()
    );
    (start(flavour, place, &tls_global(), &body), fronts, path, server)
}

fn echo(stream: &mut TlsStream) -> String {
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_committed_certificate_is_shown_by_every_listener_with_the_file() {
    for flavour in flavours() {
        let place = Place::new();
        let (node, fronts, path, _server) = listeners(&place, flavour);
        let shown = |front| {
            let stream = connect_from(source(1), front).unwrap();
            shown_name(&TlsClient::new().over(stream, "site.example.org").unwrap())
        };
        let stream = connect_from(source(2), fronts[0]).unwrap();
        let mut open = TlsClient::new().over(stream, "site.example.org").unwrap();
        open.read_exact(&mut [0; 3]).unwrap();
        let set = with_payload(&format!("set ssl cert {path}"), &text("renewed.pem"));
        let created = format!("Transaction created for certificate {path}!");
        assert_eq!(said(&node, &set), created, "{flavour:?}");
        assert_eq!(fronts.map(shown), ["site.example.org"; 2], "{flavour:?}");
        let staged = said(&node, &format!("show ssl cert *{path}"));
        assert!(staged.contains("Status: Unused\n"), "{flavour:?}: {staged}");
        assert!(staged.contains("Subject: /O=stickd tests/CN=renewed\n"), "{flavour:?}: {staged}");
        let committed = format!("Committing {path}..\nSuccess!");
        assert_eq!(said(&node, &format!("commit ssl cert {path}")), committed, "{flavour:?}");
        assert_eq!(fronts.map(shown), ["renewed"; 2], "{flavour:?}");
        assert_eq!(echo(&mut open), "hello", "{flavour:?}: an open connection goes on");
        // A name that only the earlier certificate had is known no more.
        let stream = connect_from(source(1), fronts[1]).unwrap();
        assert!(TlsClient::new().over(stream, "a.site.example.org").is_err(), "{flavour:?}");
    }
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    for flavour in flavours() {
        let place = Place::new();
        let (node, fronts, path, _server) = listeners(&place, flavour);
        let shop = certificates().join("shop.pem").display().to_string();
        let before = said(&node, &format!("show ssl cert {path}"));
        let ask = |command: &str| said(&node, command);
        let wrong = with_payload(&format!("set ssl cert {path}"), "no certificate");
        let answer = ask(&wrong);
        let refused = format!("Can't load the payload\nCan't update {path}!");
        assert!(answer.ends_with(&refused), "{flavour:?}: {answer}");
        let unknown = with_payload("set ssl cert /x.pem", &text("renewed.pem"));
        let answer = "Can't replace a certificate which is not referenced by the \
                      configuration!\nCan't update /x.pem!";
        assert_eq!(ask(&unknown), answer, "{flavour:?}");
        let answer = format!("No ongoing transaction! !\nCan't commit {path}!");
        assert_eq!(ask(&format!("commit ssl cert {path}")), answer, "{flavour:?}");
        ask(&with_payload(&format!("set ssl cert {path}"), &text("renewed.pem")));
        let listed = format!("# transaction\n*{path}\n# filename\n");
        assert!(ask("show ssl cert").starts_with(&listed), "{flavour:?}");
        let answer = format!(
            "The ongoing transaction is about '{path}' but you are trying to set \
             '{shop}'\nCan't commit {shop}!"
        );
        assert_eq!(ask(&format!("commit ssl cert {shop}")), answer, "{flavour:?}");
        let answer = format!("Transaction aborted for certificate '{path}'!");
        assert_eq!(ask(&format!("abort ssl cert {path}")), answer, "{flavour:?}");
        assert_eq!(ask(&format!("abort ssl cert {path}")), "No ongoing transaction!");
        assert_eq!(
            ask("set ssl cert"),
            "'set ssl cert expects a filename and a certificate as a payload"
        );
        assert_eq!(ask(&format!("show ssl cert {path}")), before, "{flavour:?}");
        let stream = connect_from(source(1), fronts[0]).unwrap();
        let stream = TlsClient::new().over(stream, "site.example.org").unwrap();
        assert_eq!(shown_name(&stream), "site.example.org", "{flavour:?}");
    }
}

#[test]
fn the_details_of_a_certificate_are_those_of_haproxy() {
    let answers = flavours().into_iter().map(|flavour| {
        let place = Place::new();
        let (node, _, path, _server) = listeners(&place, flavour);
        let details = said(&node, &format!("show ssl cert {path}")).replace(&path, "site.pem");
        details + &said(&node, "show ssl cert /x.pem")
    });
    let answers: Vec<String> = answers.collect();
    assert!(answers[0].contains("Subject Alternative Name: DNS:site.example.org, DNS:*.site"));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

/// The certificate that a server asks for is replaced too, and no session goes on with the old one.
#[test]
fn servers_are_shown_the_new_certificate() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let (front, middle) = (place.address(), place.address());
        let server = Server::greeting_echo(place.address(), "s1");
        let path = place.path("own.pem");
        fs::copy(certificates().join("named.pem"), &path).unwrap();
        let path = path.to_str().unwrap();
        let body = format!(
            "listen outer\n    bind {front}\n    \
             server s {middle} ssl verify none crt {path}\n\
             listen inner\n    bind {middle} ssl crt site.pem ca-file ca.pem verify required\n    \
             log global\n    log-format \"[] %[ssl_c_s_dn(cn)]\"\n    server s1 {}\n",
            server.address()
        );
        let log = format!("log {} local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let node = start(flavour, &place, &log, &body);
        let seen = || {
            let mut stream = connect_from(source(1), front).unwrap();
            stream.read_exact(&mut [0; 3]).unwrap();
            drop(stream);
            let mut line = [0; 1024];
            let len = receiver.recv(&mut line).unwrap();
            let line = String::from_utf8_lossy(&line[..len]).trim_end().to_owned();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        assert_eq!([seen(), seen()], ["named.example.org"; 2], "{flavour:?}");
        let text = text("shop.pem");
        node.api().command(&with_payload(&format!("set ssl cert {path}"), &text));
        node.api().command(&format!("commit ssl cert {path}"));
        assert_eq!(seen(), "shop.example.org", "{flavour:?}");
    }
}
