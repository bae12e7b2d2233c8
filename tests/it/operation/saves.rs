//! `save` and `tables-dir`: entries outlive a stop, a crash and a start of the machine, and nothing
//! that happens to the files harms the service.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::{
    Node, Place, SOON, Server, Spec, ask, assert_new_clients_keep_their_server, binary_for_all,
    children, is_alive, run_to_end, send, source, until,
};

const CLIENTS: u32 = 60;

/// A service whose table has these words.
struct Service {
    place: Place,
    servers: Vec<Server>,
    front: SocketAddr,
}

impl Service {
    fn new() -> Self {
        let place = Place::new();
        let servers = (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
        let front = place.address();
        Self { place, servers, front }
    }

    /// Its body, with a table that has `words`.
    fn body(&self, words: &str) -> String {
        let mut body = format!(
            "listen web\n    bind {}\n    stick-table type ip size 100k {words}\n    stick on \
             src\n",
            self.front
        );
        for (number, server) in (1..).zip(&self.servers) {
            body.push_str(&format!("    server s{number} {}\n", server.address()));
        }
        body
    }

    fn file(&self) -> PathBuf {
        self.place.path("web.table")
    }

    /// `save` with the file, every so often.
    fn save(&self, every: &str) -> String {
        format!("expire 1h save {} every {every}", self.file().display())
    }

    fn spec(&self, global: &str, words: &str) -> Spec {
        Spec::with_global(&self.place, "a", global, &self.body(words))
    }

    /// The server of each client.
    fn homes(&self) -> Vec<String> {
        (0..CLIENTS).map(|number| ask(source(number), self.front).unwrap()).collect()
    }
}

/// What `show tables` says of the only table: a field of the line about its file.
fn saved(node: &Node, field: &str) -> Option<String> {
    let text = node.api().try_command("show tables").ok()?;
    let line = text.lines().find(|line| line.starts_with("  saved to "))?;
    let (_, value) = line.split_once(&format!(" {field}="))?;
    Some(value.split(' ').next()?.to_owned())
}

/// Waits until a save has begun and ended that has all of now.
fn wait_for_save(node: &Node) {
    let count = || saved(node, "saves").and_then(|count| count.parse::<u64>().ok());
    let mut before = None;
    until("the process answers", SOON, || {
        before = count();
        before.is_some()
    });
    until("two saves", SOON, || count() >= before.map(|count| count + 2));
}

/// The saver of a process that serves.
fn saver(node: &Node) -> Option<i32> {
    let pid: i32 = node.api().info("Pid").parse().ok()?;
    let is_saver = |child: &i32| {
        let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        name.trim() == "stickd-saver"
    };
    children(pid).into_iter().find(is_saver)
}

fn stop(node: &mut Node, signal: Signal) {
    node.signal(signal);
    node.wait(SOON);
}

/// The names of the files beside the table that are not those of the node.
fn temporary_files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".tmp")).collect()
}

#[test]
fn a_stop_and_a_start_keep_every_client_at_its_server() {
    for words in [&[][..], &["-W"]] {
        for signal in [Signal::SIGTERM, Signal::SIGUSR1] {
            let service = Service::new();
            let spec = service.spec("", &service.save("1h")).arguments(words);
            let mut node = spec.start();
            let homes = service.homes();
            stop(&mut node, signal);
            let metadata = fs::metadata(service.file()).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
            let node = node.start_again();
            assert_eq!(node.api().used("web"), CLIENTS as usize, "{}", node.log());
            assert!(node.log().contains("table 'web' has 60 entries of "), "{}", node.log());
            assert_eq!(service.homes(), homes, "{words:?} {signal}");
            until("no half of a file is left", SOON, || {
                temporary_files(service.place.dir()).is_empty()
            });
        }
    }
}

#[test]
fn a_crash_of_all_processes_costs_what_came_after_the_last_save() {
    for words in [&[][..], &["-W"]] {
        let service = Service::new();
        let mut node = service.spec("", &service.save("100ms")).arguments(words).start();
        let homes = service.homes();
        wait_for_save(&node);
        node.crash();
        let node = node.start_again();
        assert_eq!(service.homes(), homes);
        assert_eq!(node.api().used("web"), CLIENTS as usize);
    }
}

#[test]
fn a_crash_of_the_process_alone_costs_nothing() {
    let service = Service::new();
    let mut node = service.spec("", &service.save("1h")).start();
    let saver = saver(&node).unwrap();
    let homes = service.homes();
    send(node.pid(), Signal::SIGKILL);
    node.wait(SOON);
    until("the saver ends", SOON, || !is_alive(saver));
    let node = node.start_again();
    assert_eq!(node.api().used("web"), CLIENTS as usize);
    assert_eq!(service.homes(), homes);
}

#[test]
fn entries_end_while_nothing_runs() {
    let service = Service::new();
    let words = format!("expire 700ms save {}", service.file().display());
    let mut node = service.spec("", &words).start();
    service.homes();
    let last = Instant::now();
    stop(&mut node, Signal::SIGTERM);
    until("the time has passed", SOON, || last.elapsed() > Duration::from_millis(800));
    let node = node.start_again();
    assert!(node.log().contains("table 'web' has 0 entries of "), "{}", node.log());
}

#[test]
fn another_declaration_takes_what_it_can() {
    let service = Service::new();
    let mut node = service.spec("", &format!("{} store conn_cnt", service.save("1h"))).start();
    let homes = service.homes();
    stop(&mut node, Signal::SIGTERM);
    let body = service.body(&format!("{} store gpc0,http_req_cnt", service.save("1h")));
    node.spec().configure("", &body.replace("size 10k", "size 20k"));
    let mut node = node.start_again();
    assert_eq!(service.homes(), homes);
    stop(&mut node, Signal::SIGTERM);
    // Other keys: the table begins without entries, and the service begins.
    node.spec().configure("", &body.replace("type ip", "type ipv6"));
    let node = node.start_again();
    let text = "table 'web' begins without the entries of ";
    assert!(node.log().contains(text), "{}", node.log());
    assert_eq!(service.homes().len(), CLIENTS as usize);
}

#[test]
fn a_damaged_file_is_said_in_the_log_and_replaced() {
    let service = Service::new();
    let mut node = service.spec("", &service.save("100ms")).start();
    service.homes();
    stop(&mut node, Signal::SIGTERM);
    let sound = fs::read(service.file()).unwrap();
    let cut = |len: usize| sound[..len].to_vec();
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    let files = [Vec::new(), cut(8), cut(4000), cut(4100), cut(sound.len() - 1), flipped(20)];
    for damaged in files.into_iter().chain([flipped(1030), flipped(4096), flipped(4200)]) {
        let len = damaged.len();
        fs::write(service.file(), &damaged).unwrap();
        fs::remove_file(service.place.path("a.log")).unwrap();
        node = node.start_again();
        let log = node.log();
        let is_said = ["begins without the entries of ", "the file is damaged"];
        assert!(is_said.iter().any(|said| log.contains(said)), "{len} bytes: {log}");
        assert!(log.contains("[ALERT]"), "{log}");
        service.homes();
        wait_for_save(&node);
        assert_eq!(saved(&node, "failures").unwrap(), "0");
        assert_eq!(saved(&node, "entries").unwrap(), CLIENTS.to_string());
    }
}

#[test]
fn a_file_of_somebody_else_is_neither_read_nor_replaced() {
    let service = Service::new();
    fs::write(service.file(), "keep me\n".repeat(1000)).unwrap();
    let mut node = service.spec("", &service.save("100ms")).start();
    assert!(node.log().contains("no table that was saved"), "{}", node.log());
    service.homes();
    until("failures are told", SOON, || saved(&node, "failures").is_some_and(|n| n != "0"));
    let text = node.api().command("show tables");
    assert!(text.contains("error=\"the file is no table: it is left alone\""), "{text}");
    assert!(node.log().contains("table 'web' is not saved: "), "{}", node.log());
    stop(&mut node, Signal::SIGTERM);
    assert_eq!(fs::read_to_string(service.file()).unwrap(), "keep me\n".repeat(1000));
    assert!(temporary_files(service.place.dir()).is_empty());
}

#[test]
fn a_directory_that_is_missing_is_warned_of_and_harms_nothing() {
    let service = Service::new();
    let words = format!("save {}/web.table every 100ms", service.place.path("gone").display());
    let node = service.spec("", &words).start();
    assert!(node.log().contains("table 'web' is not saved: open "), "{}", node.log());
    service.homes();
    let config = node.spec().config().display().to_string();
    let checked = run_to_end(&["-c", "-f", &config]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.contains("gone does not exist"), "{said}");
    // The directory is there at the next reload, and gone later.
    fs::create_dir(service.place.path("gone")).unwrap();
    node.reload();
    wait_for_save(&node);
    fs::remove_dir_all(service.place.path("gone")).unwrap();
    until("failures are told", SOON, || saved(&node, "failures").is_some_and(|n| n != "0"));
    service.homes();
}

#[test]
fn tables_dir_saves_every_table() {
    let service = Service::new();
    let directory = service.place.path("tables");
    fs::create_dir(&directory).unwrap();
    let global = format!("tables-dir {} every 1h", directory.display());
    let body = service.body("") + "peers p\n    table t type string size 1k\n";
    let spec = Spec::with_global(&service.place, "a", &global, &body);
    let mut node = spec.start();
    let homes = service.homes();
    node.api().command("set table p/t key one data.gpc0 1");
    stop(&mut node, Signal::SIGTERM);
    let mut names: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["p%2Ft.table", "web.table"]);
    let node = node.start_again();
    assert_eq!(service.homes(), homes);
    assert_eq!(node.api().used("web"), CLIENTS as usize);
}

#[test]
fn reloads_under_load_go_on_saving_and_nobody_is_refused() {
    for words in [&[][..], &["-W"]] {
        let service = Service::new();
        let spec = service.spec("", &service.save("100ms")).arguments(words);
        let mut node = spec.start();
        let homes = service.homes();
        assert_new_clients_keep_their_server(service.front, || {
            for _ in 0..4 {
                let old = saver(&node).unwrap();
                let said = node.api().command("reload");
                assert!(said.starts_with("Success=1"), "{said}");
                until("the old saver ends", SOON, || !is_alive(old));
                until("the new process saves", SOON, || {
                    saved(&node, "saves").is_some_and(|saves| saves != "0")
                });
            }
        });
        let used = node.api().used("web");
        wait_for_save(&node);
        assert_eq!(saved(&node, "failures").unwrap(), "0", "{}", node.log());
        node.crash();
        let node = node.start_again();
        assert_eq!(node.api().used("web"), used);
        assert_eq!(service.homes(), homes);
    }
}

#[test]
fn a_saver_that_is_late_replaces_no_newer_file() {
    let service = Service::new();
    let mut node = service.spec("", &service.save("100ms")).start();
    let homes = service.homes();
    wait_for_save(&node);
    let late = saver(&node).unwrap();
    send(late, Signal::SIGSTOP);
    send(node.pid(), Signal::SIGKILL);
    node.wait(SOON);
    // Another process, which is not in the group of the first one.
    let mut next = node.spec().clone().start();
    ask(source(5000), service.front).unwrap();
    wait_for_save(&next);
    send(saver(&next).unwrap(), Signal::SIGSTOP); // it would soon mend what the late one does
    send(late, Signal::SIGCONT);
    until("the late saver ends", SOON, || !is_alive(late));
    next.crash();
    let next = next.start_again();
    assert_eq!(next.api().used("web"), CLIENTS as usize + 1);
    assert_eq!(service.homes(), homes);
}

#[test]
fn the_saver_has_no_socket_of_clients_and_can_be_done_without() {
    let service = Service::new();
    let node = service.spec("", &service.save("100ms")).start();
    let saver = saver(&node).unwrap();
    until("the saver has begun", SOON, || saved(&node, "saves").is_some_and(|n| n != "0"));
    let targets = fs::read_dir(format!("/proc/{saver}/fd")).unwrap().flatten();
    let targets = targets.filter_map(|fd| fs::read_link(fd.path()).ok());
    let sockets = targets.filter(|path| path.to_string_lossy().starts_with("socket:")).count();
    assert_eq!(sockets, 1);
    // It takes no signals that are meant for its owner.
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR2] {
        send(saver, signal);
    }
    wait_for_save(&node);
    send(saver, Signal::SIGKILL);
    until("that is said", SOON, || node.log().contains("the saver has ended"));
    service.homes();
    node.reload();
    wait_for_save(&node);
}

#[test]
fn a_command_has_tables_saved_now() {
    let service = Service::new();
    let mut node = service.spec("", &service.save("1h")).start();
    let homes = service.homes();
    until("the first save", SOON, || saved(&node, "saves").is_some_and(|n| n == "1"));
    assert_eq!(node.api().command("save tables").trim(), "");
    until("another save", SOON, || saved(&node, "saves").is_some_and(|n| n == "2"));
    node.crash();
    let _node = node.start_again();
    assert_eq!(service.homes(), homes);
}

#[test]
fn what_a_killed_saver_has_left_is_removed() {
    let service = Service::new();
    let mut node = service.spec("", &service.save("1h")).start();
    stop(&mut node, Signal::SIGTERM);
    fs::write(service.place.path("web.table.4711.tmp"), "half").unwrap();
    let _node = node.start_again();
    until("it is gone", SOON, || temporary_files(service.place.dir()).is_empty());
}

fn is_root() -> bool {
    let is_root = nix::unistd::Uid::effective().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can change root and user");
    }
    is_root
}

#[test]
fn another_user_in_another_root_saves_where_that_user_may_write() {
    if !is_root() {
        return;
    }
    for (words, global) in [(&[][..], ""), (&["-W"], ""), (&["-W"], "hardening on")] {
        let service = Service::new();
        fs::set_permissions(service.place.dir(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["root", "tables"] {
            fs::create_dir(service.place.path(name)).unwrap();
        }
        let directory = service.place.path("tables");
        chown(&directory, Some(65_534), Some(65_534)).unwrap();
        let global = format!(
            "{global}\nchroot {}\nuid 65534\ngid 65534",
            service.place.path("root").display()
        );
        let save = format!("expire 1h save {}/web.table every 100ms", directory.display());
        let spec = service.spec(&global, &save).on(binary_for_all(&service.place));
        let mut node = spec.arguments(words).start();
        let homes = service.homes();
        wait_for_save(&node);
        let file = directory.join("web.table");
        assert_eq!(fs::metadata(&file).unwrap().uid(), 65_534);
        let saver = saver(&node).unwrap();
        let status = fs::read_to_string(format!("/proc/{saver}/status")).unwrap();
        assert!(status.contains("CapPrm:\t0000000000000000"), "{status}");
        stop(&mut node, Signal::SIGTERM);
        let node = node.start_again();
        assert_eq!(service.homes(), homes);
        // A directory of which that user has lost the use.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
        chown(&directory, Some(0), Some(0)).unwrap();
        until("failures are told", SOON, || saved(&node, "failures").is_some_and(|n| n != "0"));
        assert!(node.log().contains("Permission denied"), "{}", node.log());
        chown(&directory, Some(65_534), Some(65_534)).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        until("it is saved again", SOON, || node.log().contains("is saved again"));
    }
}

#[test]
fn a_confined_saver_saves_and_can_do_little_else() {
    for words in [&[][..], &["-W"]] {
        let service = Service::new();
        let spec = service.spec("hardening on", &service.save("100ms")).arguments(words);
        let mut node = spec.start();
        let homes = service.homes();
        wait_for_save(&node);
        for _ in 0..2 {
            let saver = saver(&node).unwrap();
            let status = fs::read_to_string(format!("/proc/{saver}/status")).unwrap();
            assert!(status.contains("Seccomp:\t2"), "{status}");
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
            let said = node.api().command("reload");
            assert!(said.starts_with("Success=1"), "{said}");
            until("the new process saves", SOON, || saved(&node, "saves").is_some());
            wait_for_save(&node);
        }
        assert_eq!(saved(&node, "failures").unwrap(), "0", "{}", node.log());
        assert!(!node.log().contains("was refused"), "{}", node.log());
        node.crash();
        let _node = node.start_again();
        assert_eq!(service.homes(), homes);
    }
}

#[test]
fn what_peers_know_is_newer_than_what_was_saved() {
    let service = Service::new();
    let (a, b) = (service.place.address(), service.place.address());
    let peers = format!("peers p\n    peer a {a}\n    peer b {b}\n");
    let body = service.body(&format!("{} peers p", service.save("1h"))) + &peers;
    let mut node = Spec::new(&service.place, "a", &body).start();
    let other = format!(
        "listen web\n    bind {}\n    stick-table type ip size 10k expire 1h peers p\n    \
         stick on src\n    server s1 127.0.0.1:1\n    server s2 127.0.0.1:1\n    \
         server s3 127.0.0.1:1\n{peers}",
        service.place.address()
    );
    let other = Spec::new(&service.place, "b", &other).start();
    let ids = |node: &Node| node.api().server_ids("web");
    let set = |node: &Node, key: u32, id: u32| {
        node.api().set_servers("web", [source(key)].into_iter(), id);
    };
    set(&node, 1, 1);
    set(&node, 2, 2);
    until("the other node knows", SOON, || ids(&other).len() == 2);
    stop(&mut node, Signal::SIGTERM);
    set(&other, 1, 3);
    set(&other, 3, 3);
    let node = node.start_again();
    assert!(node.log().contains("table 'web' has 2 entries of "), "{}", node.log());
    until("it is taught", SOON, || ids(&node).len() == 3);
    until("newer wins", SOON, || ids(&node) == ids(&other));
    assert_eq!(ids(&node)[&source(1)], 3);
    assert_eq!(ids(&node)[&source(2)], 2);
}
