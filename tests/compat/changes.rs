//! Changes of servers through the Runtime API have the same answers and effects as in HAProxy.

use crate::support::{Place, Server};
use crate::{flavours, start};

const COMMANDS: &[&str] = &[
    "get weight web/s1",
    "set weight web/s1 50%",
    "get weight web/s1",
    "set weight web/s1 300",
    "set server web/s1 state drain",
    "set server web/s1 state nonsense",
    "disable server web/s2",
    "disable server web/s9",
    "set server web/s3 health down",
    "set server web/s3 health nonsense",
    "set server web/s3 agent up",
    "enable health web/s3",
    "show backend",
    "show servers state nope",
    "set server web/s4 addr 127.0.0.7 port 7",
    "set server web/s4 addr 127.0.0.7",
    "set server web/s4 addr 127.0.0.7 port 7",
    "set server web/s4 addr nonsense",
    "set weight fixed/s1 3",
    "set maxconn frontend in",
    "set maxconn frontend in 9",
    "set maxconn server web/s1 4",
    "shutdown session 0x1",
    "shutdown sessions server web/s1",
    "set severity-output number;show cli level;set weight web/nope 2",
    "operator;enable server web/s1",
];

#[test]
fn changes_are_answered_and_shown_alike() {
    let place = Place::new();
    let server = Server::name(place.address(), "s1");
    let [first, rest @ ..] = &flavours()[..] else { panic!("nothing to observe") };
    let observe = |flavour| {
        let address = server.address();
        let body = format!(
            "frontend in\n    bind {}\n    default_backend web\n\
             backend web\n    balance roundrobin\n    server s1 {address} weight 10\n    \
             server s2 {address}\n    server s3 {address}\n    \
             server s4 {address} backup rise 4\n    server s5 {address} disabled\n\
             backend fixed\n    balance static-rr\n    server s1 {address} weight 4\n",
            place.address()
        );
        let node = start(flavour, &place, "", &body);
        let api = node.api();
        let mut seen: Vec<String> =
            COMMANDS.iter().map(|command| format!("{command}: {}", api.command(command))).collect();
        // The time since the last change differs.
        let states = api.command("show servers state");
        seen.extend(states.lines().map(|line| {
            let words = line.split(' ').enumerate().filter(|(at, _)| *at != 9);
            words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
        }));
        for server in ["s1", "s2", "s3", "s5"] {
            let columns = ["status", "weight", "slim", "addr"];
            seen.extend(columns.map(|column| api.stat("web", server, column)));
        }
        seen
    };
    let expected = observe(*first);
    for flavour in rest {
        let observed = observe(*flavour);
        for (ours, theirs) in expected.iter().zip(&observed) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(expected.len(), observed.len());
    }
}
