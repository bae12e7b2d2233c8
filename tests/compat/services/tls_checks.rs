//! Services that clients reach in the clear or through TLS of their own, and that are checked over
//! TLS.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::pages::Pages;
use super::{Server, answers, greeted, is_closed, under_each_program, until_checked};
use crate::support::tls::{TlsClient, TlsHost};
use crate::support::{Node, connect_from, source};

/// What the last check of a server has found.
fn found(node: &Node, proxy: &str, server: &str) -> String {
    node.api().stat(proxy, server, "check_status").trim_start_matches("* ").to_owned()
}

#[test]
fn the_primary_of_patroni_is_found_by_pages_over_tls() {
    under_each_program("databases/patroni-tls.cfg", |example, flavour| {
        let host = |n: usize| format!("10.91.1.1{n}");
        let _servers = [1, 2, 3].map(|n| {
            let address = example.server(&format!("{}:5432", host(n)));
            Server::greeting_echo(address, &format!("pg{n}"))
        });
        let primary = Arc::new(AtomicUsize::new(1));
        let _pages = [1, 2, 3].map(|n| {
            let primary = primary.clone();
            // Nobody trusts the certificate of the third node.
            let certificate = if n == 3 { "self-signed.pem" } else { "site.pem" };
            let address = example.server(&format!("{}:8008", host(n)));
            Pages::over_tls(address, TlsHost::new(certificate), move |path| {
                let is_primary = primary.load(Ordering::SeqCst) == n;
                if (path == "/primary") == is_primary { 200 } else { 503 }
            })
        });
        let node = example.start(flavour);
        let front = example.front(5000);
        for (n, [primary, replica]) in (1..).zip([["UP", "DOWN"], ["DOWN", "UP"]]) {
            until_checked(&node, &format!("primary/pg{n}"), primary);
            until_checked(&node, &format!("replicas/pg{n}"), replica);
        }
        for proxy in ["primary", "replicas"] {
            until_checked(&node, &format!("{proxy}/pg3"), "DOWN");
            assert_eq!(found(&node, proxy, "pg3"), "L6RSP", "{flavour:?}");
        }
        assert_eq!(answers(front, 0..3), ["pg1"; 3]);
        assert_eq!(answers(example.front(5001), 0..3), ["pg2"; 3]);

        // Patroni makes another node the primary.
        let writer = greeted(front, "pg1");
        primary.store(2, Ordering::SeqCst);
        assert!(is_closed(&writer), "{flavour:?}");
        until_checked(&node, "primary/pg2", "UP");
        assert_eq!(answers(front, 0..3), ["pg2"; 3], "{flavour:?}");
    });
}

#[test]
fn clustercheck_is_shown_a_certificate() {
    under_each_program("databases/clustercheck-tls.cfg", |example, flavour| {
        let address = |n: usize, port: u16| example.server(&format!("10.91.2.2{n}:{port}"));
        let _servers = [1, 2].map(|n| Server::greeting_echo(address(n, 3306), &format!("db{n}")));
        let in_sync = [0; 2].map(|_| Arc::new(AtomicBool::new(true)));
        let _checks = [1, 2].map(|n| {
            let in_sync = in_sync[n - 1].clone();
            let host = TlsHost::with(rustls::ALL_VERSIONS, "site.pem", true, &[]);
            let status = move |_: &str| if in_sync.load(Ordering::SeqCst) { 200 } else { 503 };
            Pages::over_tls(address(n, 9200), host, status)
        });
        let node = example.start(flavour);
        let front = example.front(3306);
        for server in ["db1", "db2"] {
            until_checked(&node, &format!("galera/{server}"), "UP");
            assert_eq!(found(&node, "galera", server), "L7OK", "{flavour:?}");
        }
        let writer = greeted(front, "db1");
        in_sync[0].store(false, Ordering::SeqCst);
        until_checked(&node, "galera/db1", "DOWN");
        assert_eq!(found(&node, "galera", "db1"), "L7STS", "{flavour:?}");
        assert!(is_closed(&writer), "{flavour:?}");
        assert_eq!(answers(front, 0..3), ["db2"; 3]);
    });
}

/// A directory server over TLS. It takes the bind of checks, and tells others its name.
fn directory(address: SocketAddr, name: &'static str, answers: Arc<AtomicBool>) -> Server {
    const BOUND: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0";
    let host = TlsHost::new("site.pem");
    Server::start(address, move |stream| {
        if !answers.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut stream = host.over(stream)?;
        let mut message = [0; 64];
        let len = stream.read(&mut message)?;
        match message.starts_with(b"\x30") {
            true => stream.write_all(BOUND)?,
            false => stream.write_all(name.as_bytes())?,
        }
        stream.flush()?;
        stream.read(&mut message[..len]).map(drop)
    })
}

#[test]
fn a_directory_server_whose_tls_is_broken_gets_no_clients() {
    under_each_program("microsoft/ldaps-check.cfg", |example, flavour| {
        let is_well = [0; 2].map(|_| Arc::new(AtomicBool::new(true)));
        let _directories = [("dc1", 1), ("dc2", 2)].map(|(name, n)| {
            let address = example.server(&format!("10.126.1.1{n}:636"));
            directory(address, name, is_well[n - 1].clone())
        });
        let node = example.start(flavour);
        for name in ["dc1", "dc2"] {
            until_checked(&node, &format!("ldaps/{name}"), "UP");
        }
        let ask = |client: u32| {
            let stream = connect_from(source(client), example.front(636)).unwrap();
            // The client speaks TLS with the directory server itself.
            let mut stream = TlsClient::new().over(stream, "site.example.org").unwrap();
            stream.write_all(b"who").unwrap();
            let mut name = [0; 3];
            stream.read_exact(&mut name).unwrap();
            String::from_utf8_lossy(&name).into_owned()
        };
        assert!(["dc1", "dc2"].contains(&&*ask(1)), "{flavour:?}");
        is_well[0].store(false, Ordering::SeqCst);
        until_checked(&node, "ldaps/dc1", "DOWN");
        assert_eq!(found(&node, "ldaps", "dc1"), "L6RSP", "{flavour:?}");
        assert_eq!([2, 3, 4].map(ask), ["dc2"; 3], "{flavour:?}");
    });
}
