//! `observe layer4`: clients that cannot connect count as failed checks.

use std::net::UdpSocket;

use crate::health::states::notice;
use crate::support::{Flavour, Held, Node, Place, SOON, Server, ask, source, until};
use crate::{flavours, start};

/// A `listen` section whose checks reach a working server, while clients cannot connect.
struct Story {
    node: Node,
    front: std::net::SocketAddr,
    log: UdpSocket,
    checked: Server,
    _dead: Held,
    _place: Place,
}

impl Story {
    fn new(flavour: Flavour, words: &str) -> Self {
        let place = Place::new();
        let log = place.log_receiver();
        let (front, address) = (place.address(), place.address());
        let checked = Server::silent(place.address());
        let body = format!(
            "listen l\n    bind {front}\n    log global\n    retries 0\n    option tcp-check\n    \
             tcp-check send x\n    default-server inter 8s rise 2 fall 3 observe layer4\n    \
             server s1 {address} check addr {} port {} error-limit 3 {words}",
            checked.address().ip(),
            checked.address().port(),
        );
        let global = format!("log {} local0", log.local_addr().unwrap());
        let node = start(flavour, &place, &global, &body);
        let story =
            Self { node, front, log, checked, _dead: Held::refusing(address), _place: place };
        until("it is up", SOON, || story.stat("check_health") == "4");
        story
    }

    fn stat(&self, field: &str) -> String {
        self.node.api().stat("l", "s1", field)
    }

    /// Lets clients connect and fail, and returns columns of `show stat`.
    fn fail(&self, clients: u32) -> [String; 4] {
        for client in 0..clients {
            let _ = ask(source(client), self.front); // an end or a reset
        }
        ["status", "check_status", "hanafail", "chkfail"].map(|field| self.stat(field))
    }
}

fn texts(words: [&str; 4]) -> [String; 4] {
    words.map(str::to_owned)
}

const LAST: &str = "Detected 3 consecutive errors, last one was: L4 unsuccessful connection";

#[test]
fn too_many_failures_in_a_row_are_a_failed_check() {
    for flavour in flavours() {
        let story = Story::new(flavour, "on-error fail-check");
        assert_eq!(story.fail(2), texts(["UP", "L7OK", "0", "0"]), "{flavour:?}");
        assert_eq!(story.fail(1), texts(["UP 2/3", "HANA", "1", "1"]), "{flavour:?}");
        assert_eq!(story.stat("last_chk"), LAST, "{flavour:?}");
        assert_eq!(story.fail(3), texts(["UP 1/3", "HANA", "2", "2"]), "{flavour:?}");
        assert_eq!(story.fail(3), texts(["DOWN", "HANA", "3", "3"]), "{flavour:?}");
        let down = format!(
            "<129>Server l/s1 is DOWN, reason: Health analyze, info: \"{LAST}\". 0 active and 0 \
             backup servers left. 1 sessions active, 0 requeued, 0 remaining in queue."
        );
        assert_eq!(notice(&story.log, "is DOWN"), down, "{flavour:?}");
    }
}

#[test]
fn what_follows_is_configured() {
    for flavour in flavours() {
        let story = Story::new(flavour, "on-error mark-down");
        assert_eq!(story.fail(3), texts(["DOWN", "HANA", "1", "1"]), "{flavour:?}");

        let story = Story::new(flavour, "on-error sudden-death");
        assert_eq!(story.fail(3), texts(["UP 1/3", "HANA", "1", "1"]), "{flavour:?}");
        assert_eq!(story.fail(3), texts(["DOWN", "HANA", "2", "2"]), "{flavour:?}");

        let story = Story::new(flavour, "observe none");
        assert_eq!(story.fail(4), texts(["UP", "L7OK", "", "0"]), "{flavour:?}");
    }
}

#[test]
fn the_next_check_comes_soon() {
    for flavour in flavours() {
        let story = Story::new(flavour, "on-error fastinter fastinter 1s");
        let before = story.checked.accepted();
        assert_eq!(story.fail(3), texts(["UP", "L7OK", "1", "0"]), "{flavour:?}");
        until("it is checked again", SOON / 2, || story.checked.accepted() > before);
    }
}
