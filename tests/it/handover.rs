//! What a process tells the one that takes over from it: all of it, whatever it is, and whenever
//! it changes.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::{Held, Node, Place, SOON, Server, Spec, connect_from, source, until};

/// A reload whose successor does not get its configuration before it is let go on.
struct HeldBack {
    path: std::path::PathBuf,
    text: String,
}

impl HeldBack {
    fn start(node: &Node, place: &Place) -> Self {
        let path = place.path("a.cfg");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let before = node.log().len();
        node.ask_reload();
        let is_started = || node.log()[before..].contains("started process");
        until("a successor is started", SOON, is_started);
        Self { path, text }
    }

    #[track_caller]
    fn go_on(self, node: &Node) {
        let before = node.pid();
        std::fs::write(&self.path, &self.text).unwrap();
        until("the successor serves", SOON, || node.pid() != before);
        std::fs::remove_file(&self.path).unwrap();
        std::fs::write(&self.path, &self.text).unwrap();
    }
}

#[test]
fn the_state_of_every_server_survives_however_many_there_are() {
    let place = Place::new();
    let (front, own, gone) = (place.address(), place.address(), place.address());
    let _held = Held::refusing(gone);
    let mut body = format!(
        "peers mesh\n    peer a {own}\n    peer b {gone}\n\
         listen web\n    bind {front}\n    stick-table type ip size 1k peers mesh\n    \
         stick on src\n"
    );
    // Each has something to be told of it.
    for number in 1..=5000 {
        body.push_str(&format!("    server s{number} {gone} check inter 1h\n"));
    }
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let commands: Vec<_> =
        (4001..=5000).map(|n| format!("set server web/s{n} state maint")).collect();
    for line in commands.chunks(200) {
        node.api().command(&line.join(";"));
    }
    // Nobody has taught this node yet.
    let is_unfinished = !node.log().contains("no peer to learn from");
    node.reload();
    let states = node.api().command("show stat");
    let maint = states.lines().filter(|line| line.contains(",MAINT,")).count();
    assert_eq!(maint, 1000);
    assert!(!is_unfinished || node.log().contains("the lesson begins anew"), "{}", node.log());
}

/// Three servers, a table, and a node of which a reload is held back.
fn held_back(place: &Place) -> (Vec<Server>, Node, HeldBack) {
    let servers: Vec<_> =
        (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
    let mut body = format!(
        "listen web\n    bind {}\n    stick-table type ip size 1k\n    stick on src\n",
        place.address()
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    let node = Spec::new(place, "a", &body).reloadable().start();
    node.api().set_servers("web", (0..100).map(source), 1);
    let reload = HeldBack::start(&node, place);
    (servers, node, reload)
}

#[test]
fn what_is_changed_by_command_during_a_reload_reaches_the_successor() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    let api = node.api();
    let address = place.address();
    let commands = [
        format!("clear table web key {}", source(1)),
        format!("set table web key {} data.server_id 2", source(2)),
        format!("set table web key {} data.server_id 3", source(200)),
        "set server web/s1 state drain".to_owned(),
        "set server web/s1 weight 7".to_owned(),
        "set server web/s2 health stopping".to_owned(),
        format!("set server web/s3 addr {} port {}", address.ip(), address.port()),
        "disable server web/s2".to_owned(),
    ];
    api.command(&commands.join(";"));
    reload.go_on(&node);
    let table = api.table("web");
    assert!(!table.contains_key(&source(1).to_string()));
    assert_eq!(table[&source(2).to_string()]["server_id"], "2");
    assert_eq!(table[&source(200).to_string()]["server_id"], "3");
    assert_eq!(table.len(), 100);
    assert_eq!(api.stat("web", "s1", "status"), "DRAIN");
    assert_eq!(api.stat("web", "s1", "weight"), "7");
    assert_eq!(api.stat("web", "s2", "status"), "MAINT");
    let state = api.command("show servers state web");
    let line = state.lines().find(|line| line.contains(" s3 ")).unwrap();
    assert!(line.contains(&format!(" {} ", address.port())), "{line}");
}

#[test]
fn a_table_that_is_cleared_during_a_reload_stays_empty() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    node.api().command("clear table web");
    reload.go_on(&node);
    assert_eq!(node.api().used("web"), 0);
}

#[test]
fn what_would_be_lost_in_a_reload_is_refused() {
    let place = Place::new();
    let (_servers, node, reload) = held_back(&place);
    for command in [
        "set maxconn server web/s1 5",
        "set maxconn frontend web 5",
        "set maxconn global 5",
        "set server web/s1 check-port 5",
        "set server web/s1 agent-send x",
        "disable frontend web",
        "enable frontend web",
        "shutdown frontend web",
    ] {
        let answer = node.api().command(command);
        assert!(answer.starts_with("A reload is under way"), "{command}: {answer}");
    }
    reload.go_on(&node);
    assert_eq!(node.api().command("set maxconn server web/s1 5").trim(), "");
}

#[test]
fn a_command_to_a_process_that_has_handed_over_is_refused() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!(
        "listen web\n    bind {front}\n    stick-table type ip size 1k\n    stick on src\n    \
         server s1 {}\n",
        server.address()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let mut admin = UnixStream::connect(place.path("a.admin")).unwrap();
    admin.set_read_timeout(Some(SOON)).unwrap();
    let mut answers = BufReader::new(admin.try_clone().unwrap()).lines().map(Result::unwrap);
    let mut ask = |command: &str| {
        admin.write_all(command.as_bytes()).unwrap();
        answers.next().unwrap()
    };
    assert_eq!(ask("prompt\n"), "");
    let _open = connect_from(source(1), front).unwrap();
    until("the client is known", Duration::from_secs(5), || node.api().used("web") == 1);
    node.reload();
    for command in ["clear table web", "set table web key 1.2.3.4", "disable server web/s1"] {
        let answer = ask(&format!("{command}\n"));
        let answer = answer.trim_start_matches("> ");
        assert!(answer.starts_with("A new process serves"), "{command}: {answer}");
        ask("");
    }
    assert_eq!(node.api().used("web"), 1);
}
