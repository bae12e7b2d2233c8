//! Directory servers with one check for all of their ports.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Server, answers, under_each_program, until_checked};

/// A directory server that takes the check's bind, and tells its name on its other ports.
fn directory(address: SocketAddr, answers: Arc<AtomicBool>) -> Server {
    const BOUND: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0";
    Server::start(address, move |mut stream| {
        let count = stream.read(&mut [0; 256])?;
        if count > 0 && answers.load(Ordering::SeqCst) {
            stream.write_all(BOUND)?;
        }
        Ok(())
    })
}

#[test]
fn all_ports_of_a_directory_server_are_down_when_it_lets_nobody_bind() {
    under_each_program("ldap.cfg", |example, flavour| {
        let is_well = [0; 2].map(|_| Arc::new(AtomicBool::new(true)));
        let _directories = [0, 1].map(|n| {
            let address = example.server(&format!("192.168.0.10{}:389", n + 1));
            directory(address, is_well[n].clone())
        });
        let names = ["dc1", "dc2"];
        let _others: Vec<Server> = [636, 3268, 3269]
            .into_iter()
            .flat_map(|port| [0, 1].map(|n| (port, n)))
            .map(|(port, n)| {
                let host = example.server(&format!("192.168.0.10{}:389", n + 1)).ip();
                let address = (host, example.port(port)).into();
                Server::name(address, &format!("{} {port}", names[n]))
            })
            .collect();
        let node = example.start(flavour);
        for name in names {
            until_checked(&node, &format!("ldap/{name}"), "UP");
        }
        for port in [636, 3268, 3269] {
            let mut seen = answers(example.front(port), 0..4);
            seen.sort();
            seen.dedup();
            let expected = names.map(|name| format!("{name} {port}"));
            assert_eq!(seen, expected, "{flavour:?}");
        }
        is_well[0].store(false, Ordering::SeqCst);
        until_checked(&node, "ldap/dc1", "DOWN");
        for port in [636, 3268, 3269] {
            let expected = format!("dc2 {port}");
            assert_eq!(answers(example.front(port), 0..3), [&*expected; 3], "{flavour:?}");
        }
    });
}
