//! Remote Desktop, whose clients show a cookie with the user's name.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::{answering, connect_from, source, under_each_program, until_checked};

/// The first packet of an RDP client: a connection request (X.224) with the user's name.
fn connection_request(user: &str) -> Vec<u8> {
    let cookie = format!("Cookie: mstshash={user}\r\n");
    let len = u8::try_from(cookie.len()).unwrap();
    let mut packet = vec![3, 0, 0, 11 + len, 6 + len, 0xe0, 0, 0, 0, 0, 0];
    packet.extend(cookie.as_bytes());
    packet
}

/// The host that a user's session is on, from this address.
fn host_of(client: u32, front: SocketAddr, user: &str) -> String {
    let mut stream = connect_from(source(client), front).unwrap();
    stream.write_all(&connection_request(user)).unwrap();
    let mut line = String::new();
    stream.read_to_string(&mut line).unwrap();
    line.trim().to_owned()
}

#[test]
fn a_user_comes_back_to_the_desktop_from_any_machine() {
    under_each_program("rdp.cfg", |example, flavour| {
        let hosts = ["192.168.0.61:3389", "192.168.0.62:3389", "192.168.0.63:3389"];
        let names = ["host1", "host2", "host3"];
        let servers = hosts.into_iter().zip(names);
        let _servers: Vec<_> =
            servers.map(|(host, name)| answering(example.server(host), name)).collect();
        let node = example.start(flavour);
        for name in names {
            until_checked(&node, &format!("hosts/{name}"), "UP");
        }
        let front = example.front(3389);
        let users = ["ADA", "Alan", "grace", "edsger", "barbara", "niklaus"];
        let first = users.map(|user| host_of(1, front, user));
        for name in names {
            assert!(first.contains(&name.to_owned()), "{flavour:?}: {first:?}");
        }
        // From another machine, and with another spelling.
        assert_eq!(users.map(|user| host_of(2, front, user)), first, "{flavour:?}");
        assert_eq!(users.map(|user| host_of(3, front, &user.to_lowercase())), first);
        assert!(node.api().table("hosts").contains_key("ada"), "{flavour:?}");
    });
}
