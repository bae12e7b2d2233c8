//! Limits and balance over a reload. In stickd what the old process still has counts in the new
//! one, and each round and each slow start goes on. HAProxy begins anew in each process: its
//! figures stand beside.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use super::ask_supervisor;
use crate::flavours;
use crate::support::{
    Flavour, Node, Place, SOON, Server, Spec, connect_from, haproxy, pause, source, until,
};

/// A section `web` with the servers `s1` to `sN`, each of which sends its name.
struct Story {
    node: Node,
    supervisor: PathBuf,
    front: SocketAddr,
    _servers: Vec<Server>,
    _place: Place,
}

impl Story {
    fn new(flavour: Flavour, global: &str, lines: &str, words: &[&str]) -> Self {
        let place = Place::new();
        let names = (1..=words.len()).map(|number| format!("s{number}"));
        let servers: Vec<_> =
            names.map(|name| Server::greeting_echo(place.address(), &name)).collect();
        let front = place.address();
        let mut body = format!("listen web\n    bind {front}\n    timeout queue 1m\n    {lines}\n");
        for ((server, words), number) in servers.iter().zip(words).zip(1..) {
            body.push_str(&format!("    server s{number} {} {words}\n", server.address()));
        }
        let global = match flavour {
            Flavour::Stickd => global.to_owned(),
            Flavour::Haproxy => format!("nbthread 1\n{global}"),
        };
        let spec = Spec::with_global(&place, "a", &global, &body).reloadable();
        let supervisor = place.path("supervisor");
        let words = ["-S", &supervisor.display().to_string()];
        let node = match flavour {
            Flavour::Stickd => spec.start(),
            Flavour::Haproxy => spec.on_haproxy(haproxy().unwrap()).arguments(&words).start(),
        };
        let story = Self { node, supervisor, front, _servers: servers, _place: place };
        story.await_supervisor();
        story
    }

    /// HAProxy's supervisor forgets a signal that comes before it is there.
    fn await_supervisor(&self) {
        if self.node.flavour() == Flavour::Haproxy {
            until("the supervisor answers", SOON, || {
                ask_supervisor(&self.supervisor, "show version\n")
                    .is_ok_and(|answer| !answer.is_empty())
            });
        }
    }

    /// Opens connections for these clients.
    fn clients(&self, numbers: std::ops::Range<u32>) -> Vec<TcpStream> {
        numbers.map(|number| connect_from(source(number), self.front).unwrap()).collect()
    }

    /// The servers of these clients, one after the other.
    fn names(&self, numbers: std::ops::Range<u32>) -> Vec<(TcpStream, String)> {
        let named = |mut stream: TcpStream| {
            let mut name = [0; 2];
            stream.read_exact(&mut name).unwrap();
            (stream, String::from_utf8_lossy(&name).into_owned())
        };
        numbers.map(|number| named(self.clients(number..number + 1).remove(0))).collect()
    }

    /// Reloads, and waits until the new process alone accepts clients.
    fn reload(&self) {
        self.node.reload();
        let port = format!(":{:04X} ", self.front.port());
        until("one process listens", SOON, || {
            let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let listens = |line: &&str| line.contains(" 00000000:0000 0A ") && line.contains(&port);
            sockets.lines().filter(listens).count() == 1
        });
        self.await_supervisor();
    }
}

/// How many of the clients a server has greeted, once that is `expected` and stays so.
#[track_caller]
fn expect_served(flavour: Flavour, what: &str, clients: &[TcpStream], expected: usize) {
    let served = || {
        let is_greeted = |stream: &&TcpStream| {
            stream.set_nonblocking(true).unwrap();
            let is_greeted = stream.peek(&mut [0]).is_ok_and(|len| len > 0);
            stream.set_nonblocking(false).unwrap();
            is_greeted
        };
        clients.iter().filter(is_greeted).count()
    };
    until(&format!("{flavour:?}: {what}: {expected}"), SOON, || served() == expected);
    pause(Duration::from_millis(50));
    assert_eq!(served(), expected, "{flavour:?}: {what}");
}

/// The figure of the program, of those of stickd and of HAProxy.
fn of<T>(flavour: Flavour, stickd: T, haproxy: T) -> T {
    match flavour {
        Flavour::Stickd => stickd,
        Flavour::Haproxy => haproxy,
    }
}

#[test]
fn connections_of_the_old_process_count_for_each_maxconn() {
    for (what, global, lines, words) in [
        ("maxconn of a server", "", "", "maxconn 3"),
        ("maxconn of a frontend", "", "maxconn 3", ""),
        ("maxconn in global", "maxconn 3", "", ""),
    ] {
        for flavour in flavours() {
            let story = Story::new(flavour, global, lines, &[words]);
            let mut old = story.names(0..3);
            story.reload();
            let new = story.clients(10..12);
            expect_served(flavour, what, &new, of(flavour, 0, 2));
            old.pop();
            expect_served(flavour, what, &new, of(flavour, 1, 2));
        }
    }
}

/// Who waited in the old process is first, and nobody is let in beside the limit.
#[test]
fn a_queue_goes_on_behind_the_limit() {
    for flavour in flavours() {
        let story = Story::new(flavour, "", "", &["maxconn 1"]);
        let old = story.names(0..1);
        let waited = story.clients(1..2);
        until("it waits", SOON, || story.node.api().stat("web", "BACKEND", "qcur") == "1");
        story.reload();
        let new = story.clients(10..11);
        expect_served(flavour, "new", &new, of(flavour, 0, 1));
        drop(old);
        expect_served(flavour, "waited", &waited, 1);
        expect_served(flavour, "new, beside it", &new, of(flavour, 0, 1));
        drop(waited);
        expect_served(flavour, "new", &new, 1);
    }
}

#[test]
fn leastconn_knows_the_connections_of_the_old_process() {
    for flavour in flavours() {
        let story = Story::new(flavour, "", "balance leastconn", &["", ""]);
        let mut old = story.names(0..8);
        old.retain(|(_, name)| name == "s1");
        until("four have left", SOON, || story.node.api().stat("web", "FRONTEND", "scur") == "4");
        story.reload();
        let new = story.names(10..14);
        let at_s2 = new.iter().filter(|(_, name)| name == "s2").count();
        assert_eq!(at_s2, of(flavour, 4, 2), "{flavour:?}");
    }
}

/// With `minconn` the limit of a server follows how full its backend is.
#[test]
fn fullconn_knows_the_connections_of_the_old_process() {
    for flavour in flavours() {
        let lines = "fullconn 40\n    use-server s2 if { src 127.1.0.0/27 }";
        let words = ["minconn 1 maxconn 10", "weight 0"];
        let story = Story::new(flavour, "", lines, &words);
        let old = story.names(0..20);
        assert!(old.iter().all(|(_, name)| name == "s2"), "{old:?}");
        story.reload();
        let new = story.clients(40..44);
        expect_served(flavour, "a server of minconn 1", &new, of(flavour, 4, 1));
    }
}

#[test]
fn a_round_goes_on() {
    for flavour in flavours() {
        let story = Story::new(flavour, "", "balance roundrobin", &["", "", ""]);
        let mut seen = Vec::new();
        for number in 0..4 {
            seen.extend(story.names(number..number + 1).into_iter().map(|(_, name)| name));
            story.reload();
        }
        assert_eq!(seen, of(flavour, ["s1", "s2", "s3", "s1"], ["s1"; 4]), "{flavour:?}");
    }
}

#[test]
fn a_slow_start_goes_on() {
    for flavour in flavours() {
        let words = ["weight 100 slowstart 1h", "weight 100"];
        let story = Story::new(flavour, "", "balance roundrobin", &words);
        let api = story.node.api();
        api.command("set server web/s1 state maint");
        api.command("set server web/s1 state ready");
        let at_s1 = || story.names(0..16).iter().filter(|(_, name)| name == "s1").count();
        assert!(at_s1() <= 2, "{flavour:?}: it has just come");
        story.reload();
        let expected = of(flavour, 0..=2, 8..=8);
        let at_s1 = at_s1();
        assert!(expected.contains(&at_s1), "{flavour:?}: {at_s1}");
    }
}
