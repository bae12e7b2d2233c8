//! Strangers who are limited or kept out.

use std::net::{SocketAddr, TcpStream};

use super::{SOON, Server, ask, connect_from, is_closed, source, under_each_program, until};

/// Connections of one client that are held at the same time.
fn held(client: u32, front: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| connect_from(source(client), front).unwrap()).collect()
}

#[test]
fn strangers_are_limited_and_lists_say_who_is_not() {
    under_each_program("rate-limit.cfg", |example, flavour| {
        example.write("allow.lst", "127.1.0.1\n");
        example.write("deny.lst", "# the second client\n127.1.0.2/32\n");
        let _servers = [
            Server::greeting_echo(example.server("192.168.0.121:7000"), "app1"),
            Server::greeting_echo(example.server("192.168.0.122:7000"), "app2"),
        ];
        let node = example.start(flavour);
        let front = example.front(7000);
        let is_served = |client: u32| ask(source(client), front).is_ok();
        // Who is known has no limit, and who is unwelcome nothing.
        assert!((0..40).all(|_| is_served(1)), "{flavour:?}");
        assert!(!is_served(2), "{flavour:?}");
        // Five connections at a time.
        let connections = held(3, front, 6);
        let closed: Vec<bool> = connections.iter().map(is_closed).collect();
        assert_eq!(closed, [false, false, false, false, false, true], "{flavour:?}");
        drop(connections);
        // Twenty calls in ten seconds, and after a few breaches none at all.
        let key = format!("::ffff:{}", source(4));
        let entry_has = |field: &str, value: &str| {
            node.api().table("guarded").get(&key).is_some_and(|entry| entry[field] == value)
        };
        for call in 0..20 {
            assert!(is_served(4), "{flavour:?}: {call}");
            // Else it would count against the five at a time.
            until("the call is over", SOON, || entry_has("conn_cur", "0"));
        }
        assert!((0..10).all(|_| !is_served(4)), "{flavour:?}");
        until("the breaches are counted", SOON, || entry_has("gpc0", "4"));
        assert!(is_served(5), "{flavour:?}");
    });
}
