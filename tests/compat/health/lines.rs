//! Log lines about servers that go down and come back: the number of waiting clients, and the state
//! before.

use std::io::Read;
use std::net::TcpStream;

use crate::health::states::notice;
use crate::support::{Place, SOON, Server, connect_from, source, until};
use crate::{flavours, start};

#[test]
fn those_who_wait_are_counted() {
    for flavour in flavours() {
        for (lines, down, up) in [
            ("", "0 requeued, 2 remaining in queue.", "0 sessions requeued, 2 total in queue."),
            (
                "option redispatch",
                "2 requeued, 0 remaining in queue.",
                "0 sessions requeued, 0 total in queue.",
            ),
        ] {
            let place = Place::new();
            let receiver = place.log_receiver();
            let front = place.address();
            let server = Server::greeting_echo(place.address(), "a");
            let address = server.address();
            let body = format!(
                "listen l\n    bind {front}\n    log global\n    {lines}\n    \
                 stick-table type ip size 1k\n    stick on src\n    \
                 server a {address} maxconn 1\n    server b {address} maxconn 1"
            );
            let log = format!("log {} local0", receiver.local_addr().unwrap());
            let node = start(flavour, &place, &log, &body);
            let api = node.api();
            let mut first = connect_from(source(1), front).unwrap();
            first.read_exact(&mut [0; 2]).unwrap();
            let waiting: Vec<TcpStream> =
                (0..2).map(|_| connect_from(source(1), front).unwrap()).collect();
            until("they wait", SOON, || api.stat("l", "a", "qcur") == "2");
            api.command("set server l/a health down");
            let told = notice(&receiver, "l/a is DOWN");
            assert!(told.contains(&format!("1 sessions active, {down}")), "{flavour:?}: {told}");
            api.command("set server l/a health up");
            let told = notice(&receiver, "l/a is UP");
            assert!(told.contains(up), "{flavour:?}: {told}");
            drop(waiting);
        }
    }
}

#[test]
fn who_waits_for_any_server_goes_to_the_one_that_is_back() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let front = place.address();
        let server = Server::greeting_echo(place.address(), "a");
        let address = server.address();
        let body = format!(
            "listen l\n    bind {front}\n    log global\n    \
             server a {address} maxconn 1\n    server b {address} maxconn 1"
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        let api = node.api();
        api.command("set server l/a health down");
        let clients: Vec<TcpStream> =
            (0..3).map(|number| connect_from(source(number), front).unwrap()).collect();
        until("two wait", SOON, || api.stat("l", "BACKEND", "qcur") == "2");
        api.command("set server l/a health up");
        let told = notice(&receiver, "l/a is UP");
        let end = "2 active and 0 backup servers online. 1 sessions requeued, 0 total in queue.";
        assert!(told.ends_with(end), "{flavour:?}: {told}");
        drop(clients);
    }
}

#[test]
fn what_a_server_was_before_is_told() {
    for flavour in flavours() {
        let place = Place::new();
        let receiver = place.log_receiver();
        let mut server = Server::name(place.address(), "s1");
        let address = server.address();
        let body = format!(
            "backend b\n    log global\n    default-server inter 100ms fall 2 rise 2\n    \
             server s1 {address} check\n    server t1 {address} track s1\n"
        );
        let log = format!("log {} local0", receiver.local_addr().unwrap());
        let node = start(flavour, &place, &log, &body);
        let api = node.api();
        let told = |part, text: &str| assert_eq!(notice(&receiver, part), text, "{flavour:?}");
        let set = |command: &str| api.command(&format!("set server b/s1 {command}"));
        let count = "servers left. 0 sessions active, 0 requeued, 0 remaining in queue.";
        until("it is checked", SOON, || api.stat("b", "s1", "check_health") == "3");

        set("state drain");
        set("weight 50%");
        told("remains", "<133>Server b/s1 remains in forced drain mode.");
        set("state maint");
        let maint = "<133>Server b/s1 is going DOWN for maintenance. 0 active and 0 backup";
        told("maintenance", &format!("{maint} {count}"));
        set("state ready");
        set("state maint");
        let maint = "<129>Server b/s1 is going DOWN for maintenance. 1 active and 0 backup";
        told("b/s1 is going DOWN", &format!("{maint} {count}"));
        set("state ready");

        server.stop();
        until("it is down", SOON, || api.stat("b", "t1", "status") == "DOWN");
        set("state drain");
        let drain = "<133>Server b/s1 enters drain state. 0 active and 0 backup";
        told("b/s1 enters", &format!("{drain} {count}"));
        set("state maint");
        told("was DOWN", "<133>Server b/s1 was DOWN and now enters maintenance.");
        told("was DOWN", "<133>Server b/t1 was DOWN and now enters maintenance via b/s1.");
        assert_eq!(api.stat("b", "s1", "chkdown"), "3", "{flavour:?}: not again");
        let _server = Server::name(address, "s1");
        set("state ready");
        until("both are up", SOON, || {
            let status = |server| api.stat("b", server, "status");
            (status("s1").as_str(), status("t1").as_str()) == ("UP", "UP")
        });
    }
}
