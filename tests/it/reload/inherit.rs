//! Sockets, servers and files keep their names when they pass from process to process.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use crate::support::{Api, Place, SOON, Server, Spec, ask, source, until};

#[test]
fn a_server_at_a_path_with_a_blank_stays_in_maintenance() {
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let path = place.path("a b %20ö:c");
    let body = format!(
        "listen web\n    bind {}\n    server s1 {}\n    server s2 \"unix@{}\"\n",
        place.address(),
        alive.address(),
        path.display()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    node.api().command("set server web/s2 state maint");
    node.reload();
    assert_eq!(node.api().stat("web", "s2", "status"), "MAINT");
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn names_that_were_alike_stay_apart() {
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let (open, closed) = (place.path("sö.sock"), place.path("s_.sock"));
    let global = format!(
        "stats socket {} mode 666 level user\nstats socket {} mode 600 level admin",
        open.display(),
        closed.display()
    );
    let body =
        format!("listen web\n    bind {}\n    server s1 {}\n", place.address(), alive.address());
    let node = Spec::with_global(&place, "a", &global, &body).reloadable().start();
    for _ in 0..2 {
        let refused = Api::new(&open).command("disable server web/s1");
        assert!(refused.starts_with("Permission denied"), "{refused}");
        assert_eq!(Api::new(&closed).command("enable server web/s1").trim(), "");
        assert_eq!((mode_of(&open), mode_of(&closed)), (0o666, 0o600));
        node.reload();
    }
}

#[test]
fn a_new_mode_or_owner_of_a_socket_takes_effect() {
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let (front, admin) = (place.path("front"), place.path("second"));
    let configured = |words: &str, spec: Option<&Spec>| {
        let global = format!("stats socket {} level admin {words}", admin.display());
        let server = alive.address();
        let body = format!(
            "listen web\n    bind unix@{} {words}\n    server s1 {server}\n",
            front.display()
        );
        match spec {
            Some(spec) => {
                spec.configure(&global, &body);
                spec.clone()
            }
            None => Spec::with_global(&place, "a", &global, &body).reloadable(),
        }
    };
    let mut node = configured("mode 666", None).start();
    assert_eq!((mode_of(&front), mode_of(&admin)), (0o666, 0o666));
    let is_root = nix::unistd::geteuid().is_root();
    let owner = if is_root { "mode 640 user nobody group nogroup" } else { "mode 640" };
    for (words, mode, is_nobodys) in [
        ("mode 600", 0o600, false),
        (owner, 0o640, is_root),
        // What nothing is said of is as for a new socket.
        ("", 0o777 & !umask(), false),
    ] {
        let spec = configured(words, Some(node.spec()));
        node.reload();
        for path in [&front, &admin] {
            assert_eq!(mode_of(path), mode, "{words}");
            let owner = fs::metadata(path).unwrap().uid();
            assert_eq!(owner == 65534, is_nobodys, "{words}");
        }
        assert!(Api::new(&admin).try_command("show info").is_ok(), "{words}");
        // The same once more, by -sf.
        configured("mode 666", Some(&spec));
        node.reload();
        assert_eq!(mode_of(&front), 0o666);
        configured(words, Some(&spec));
        let pid = node.pid();
        let next = spec.arguments(&["-sf", &pid.to_string()]).start_unready();
        until("the next one serves", SOON, || node.pid_in_file() == Some(next.first_pid()));
        assert_eq!(mode_of(&front), mode, "{words}");
        node = next;
    }
}

/// The mask for the modes of files that this process creates.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    u32::from_str_radix(mask.trim(), 8).unwrap()
}

#[test]
fn a_socket_file_that_is_gone_or_another_is_made_anew() {
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let front = place.path("front");
    let body = format!(
        "listen web\n    bind unix@{}\n    server s1 {}\n",
        front.display(),
        alive.address()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let answers = || {
        let mut got = String::new();
        UnixStream::connect(&front).unwrap().read_to_string(&mut got).unwrap();
        got.trim().to_owned()
    };
    assert_eq!(answers(), "alive");
    let made = fs::metadata(&front).unwrap().ino();
    node.reload();
    assert_eq!((answers().as_str(), fs::metadata(&front).unwrap().ino()), ("alive", made));
    fs::remove_file(&front).unwrap();
    node.reload();
    assert_eq!(answers(), "alive");
    fs::remove_file(&front).unwrap();
    drop(UnixListener::bind(&front).unwrap());
    node.reload();
    assert_eq!(answers(), "alive");
}

#[test]
fn a_bind_line_that_changes_takes_effect() {
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let front = place.address();
    let body = |words: &str| {
        format!("listen web\n    bind {front}{words}\n    server s1 {}\n", alive.address())
    };
    let node = Spec::new(&place, "a", &body("")).reloadable().start();
    if Command::new("ss").arg("-V").output().is_err() {
        eprintln!("SKIPPED: ss, which shows a socket's queue, is not installed");
        return;
    }
    let backlog = || listening(&front).0;
    assert_eq!(backlog(), 4096);
    for (words, expected) in [(" backlog 17", 17), (" backlog 23 defer-accept", 23), ("", 4096)] {
        node.spec().configure("", &body(words));
        node.reload();
        assert_eq!(backlog(), expected);
        assert_eq!(ask(source(1), front).unwrap(), "alive");
    }
    // An interface can be given to a new socket only. The client's route decides what it sees.
    for words in [" interface lo", ""] {
        node.spec().configure("", &body(words));
        node.reload();
        until("the old socket is gone", SOON, || listening(&front).1 == 1);
        assert_eq!(ask(source(1), front).unwrap(), "alive");
        let bound = node.log().contains("the line asks for what only a new socket can have");
        assert!(bound, "{}", node.log());
    }
}

/// The length of the queue of the socket that listens at the address, and how many sockets listen
/// there. Only ss(8) tells the queue's length.
fn listening(address: &SocketAddr) -> (u32, usize) {
    let shown = Command::new("ss").args(["-Hltn", "src", &address.to_string()]).output();
    let text = String::from_utf8_lossy(&shown.unwrap().stdout).into_owned();
    let backlog = text.lines().next().and_then(|line| line.split_whitespace().nth(2));
    (backlog.and_then(|number| number.parse().ok()).unwrap_or(0), text.lines().count())
}

#[test]
fn thousands_of_listeners_are_handed_over() {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 9_900;
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let ports = format!("{}:{FIRST}-{}", place.ip(), FIRST + COUNT - 1);
    let body = format!("listen web\n    bind {ports}\n    server s1 {}\n", alive.address());
    let node = Spec::new(&place, "a", &body).reloadable().start();
    let pid = node.pid();
    node.reload();
    assert_eq!(node.api().info("Reload_generation"), "2", "{}", node.log());
    let last = SocketAddr::from((place.ip(), FIRST + COUNT - 1));
    assert_eq!(ask(source(1), last).unwrap(), "alive");
    assert_eq!(node.api().info("Listeners"), COUNT.to_string());
    let third = node.spec().clone().arguments(&["-sf", &node.pid().to_string()]).start_unready();
    until("the third serves", SOON, || node.pid_in_file() == Some(third.first_pid()));
    assert_eq!(node.api().info("Reload_generation"), "3", "{}", node.log());
    assert_eq!(ask(source(1), last).unwrap(), "alive");
    assert_ne!(node.pid(), pid);
}
