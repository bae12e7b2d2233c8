//! `-W`: a supervisor that serves no clients keeps its process id through every reload.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{
    Node, Place, SOON, Server, Spec, ask, assert_new_clients_keep_their_server, binary, children,
    connect_from, copy_program, is_alive, pause, source, until,
};

pub(super) fn web(front: SocketAddr, servers: &[Server]) -> String {
    let mut body = format!(
        "listen web\n    bind {front}\n    stick-table type ip size 10k expire 1h\n    \
         stick on src\n"
    );
    for (number, server) in servers.iter().enumerate() {
        body.push_str(&format!("    server s{} {}\n", number + 1, server.address()));
    }
    body
}

pub(super) fn servers(place: &Place) -> Vec<Server> {
    (1..=3).map(|n| Server::name(place.address(), &format!("s{n}"))).collect()
}

fn worker(node: &Node) -> i32 {
    node.api().info("Pid").parse().unwrap()
}

/// Reloads, and waits until another worker serves.
fn reload(node: &Node, number: Signal) -> i32 {
    let before = worker(node);
    nix::sys::signal::kill(Pid::from_raw(node.first_pid()), number).unwrap();
    until("another worker serves", SOON, || serves_not(node, before));
    worker(node)
}

/// Whether a worker other than `pid` serves.
pub(super) fn serves_not(node: &Node, pid: i32) -> bool {
    let info = node.api().try_command("show info");
    info.is_ok_and(|info| info.contains("Pid: ") && !info.contains(&format!("Pid: {pid}\n")))
}

#[test]
fn reloads_keep_the_process_id_and_the_clients() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let mut node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let supervisor = node.first_pid();
    assert_eq!(node.pid(), supervisor, "the pid file names the supervisor");
    assert_ne!(worker(&node), supervisor);
    assert_new_clients_keep_their_server(front, || {
        for number in [Signal::SIGUSR2, Signal::SIGHUP, Signal::SIGUSR2] {
            reload(&node, number);
        }
    });
    assert_eq!(node.pid(), supervisor);
    assert!(node.is_running());
}

#[test]
fn the_configuration_can_ask_for_a_supervisor_too() {
    let place = Place::new();
    let front = place.address();
    let body = web(front, &servers(&place));
    let node = Spec::with_global(&place, "a", "master-worker", &body).start();
    assert_ne!(worker(&node), node.first_pid());
    assert_eq!(node.pid(), node.first_pid());
    reload(&node, Signal::SIGUSR2);
    assert_eq!(node.pid(), node.first_pid());
}

#[test]
fn a_broken_configuration_leaves_the_worker_serving() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let before = worker(&node);
    node.spec().configure("", "listen web\n    frobnicate 3\n");
    node.ask_reload();
    until("the failure is logged", SOON, || node.log().contains("reload: failed"));
    assert!(ask(source(1), front).is_ok());
    assert_eq!(worker(&node), before);
    node.spec().configure("", &web(front, &servers));
    reload(&node, Signal::SIGUSR2);
    assert!(ask(source(1), front).is_ok());
}

#[test]
fn a_worker_without_a_free_descriptor_goes_on_serving_when_a_reload_is_asked_for() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let before = worker(&node);
    let allow = |soft: &str| {
        let pid = before.to_string();
        let status =
            std::process::Command::new("prlimit").args([soft, "--pid", &pid]).status().unwrap();
        assert!(status.success());
    };
    allow("--nofile=3:");
    node.ask_reload();
    until("the failure is logged", SOON, || node.log().contains("reload: failed"));
    assert!(node.log().contains("too many open files"), "{}", node.log());
    allow("--nofile=1000:");
    assert_eq!(worker(&node), before);
    assert!(ask(source(1), front).is_ok());
    reload(&node, Signal::SIGUSR2);
}

#[test]
fn a_worker_that_cannot_start_ends_the_supervisor() {
    let place = Place::new();
    let body = "listen web\n    bind 192.0.2.1:80\n    server s1 127.0.0.1:1\n";
    let mut node = Spec::new(&place, "a", body).arguments(&["-W"]).start_unready();
    assert_eq!(node.wait(SOON).code(), Some(1));
}

#[test]
fn a_hard_stop_ends_all_and_a_soft_stop_lets_connections_finish() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}", server.address());
    let mut node = Spec::new(&place, "a", &body).arguments(&["-W"]).start();
    let mut open = connect_from(source(1), front).unwrap();
    open.read_exact(&mut [0; 3]).unwrap();
    let first = worker(&node);
    let second = reload(&node, Signal::SIGUSR2);
    assert!(is_alive(first) && is_alive(second), "the first one has a connection to finish");
    node.signal(Signal::SIGUSR1);
    until("no new connections", SOON, || ask(source(2), front).is_err());
    open.write_all(b"ping").unwrap();
    open.read_exact(&mut [0; 4]).unwrap();
    assert!(node.is_running());
    node.signal(Signal::SIGTERM);
    assert!(node.wait(SOON).success());
    assert!(!is_alive(first) && !is_alive(second));
}

#[test]
fn workers_do_not_outlive_their_supervisor() {
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let node = Spec::new(&place, "a", &web(front, &servers)).arguments(&["-W"]).start();
    let worker = worker(&node);
    node.signal(Signal::SIGKILL);
    until("the worker has ended", SOON, || !is_alive(worker));
}

#[test]
fn a_worker_does_not_come_to_serve_without_its_supervisor() {
    for after in 0..4 {
        let place = Place::new();
        let front = place.address();
        let mut body = web(front, &servers(&place));
        for number in 0..20_000 {
            body.push_str(&format!("backend b{number}\n    server s 127.0.0.1:1 check\n"));
        }
        let mut node = Spec::new(&place, "a", &body).arguments(&["-W"]).start_unready();
        let supervisor = node.first_pid();
        until("a worker", Duration::from_secs(60), || !children(supervisor).is_empty());
        let workers = children(supervisor);
        // It is still a copy of the supervisor, or it reads its configuration.
        pause(Duration::from_millis(30 * after));
        nix::sys::signal::kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
        node.wait(SOON);
        until("the worker has ended", SOON, || !workers.iter().any(|pid| is_alive(*pid)));
        assert!(!node.log().contains("serves"), "{}", node.log());
    }
}

#[test]
fn the_runtime_api_of_a_worker_that_changed_its_user_reloads() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can change the user");
        return;
    }
    let place = Place::new();
    let body = web(place.address(), &servers(&place));
    let node = Spec::with_global(&place, "a", "user nobody", &body).arguments(&["-W"]).start();
    let before = worker(&node);
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=1\n--\nGeneration: 2\nPid: "), "{said}");
    assert_ne!(worker(&node), before);
    // And the signal may be sent to the worker as well.
    let before = worker(&node);
    nix::sys::signal::kill(Pid::from_raw(before), Signal::SIGUSR2).unwrap();
    until("another worker serves", SOON, || serves_not(&node, before));
}

#[test]
fn an_interrupt_ends_the_supervisor_with_the_status_that_haproxy_has() {
    for (number, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 0), (Signal::SIGUSR1, 0)] {
        let place = Place::new();
        let body = web(place.address(), &servers(&place));
        let mut node = Spec::new(&place, "a", &body).arguments(&["-W"]).start();
        node.signal(number);
        assert_eq!(node.wait(SOON).code(), Some(status), "{number}");
    }
}

/// The executable file of a process.
fn executable(pid: i32) -> std::path::PathBuf {
    std::fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

#[test]
fn a_supervisor_becomes_the_program_that_its_workers_run() {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let front = place.address();
    let body = format!("listen web\n    bind {front}\n    server s1 {}", server.address());
    let program = place.path("balancer");
    copy_program(&binary(), &program);
    let mut node =
        Spec::new(&place, "a", &body).on(program.clone()).arguments(&["-W", "-q"]).start();
    let supervisor = node.first_pid();
    let first = worker(&node);
    let mut open = connect_from(source(1), front).unwrap();
    open.read_exact(&mut [0; 3]).unwrap();
    // An upgrade: another file under the same name.
    let newer = place.path("newer");
    copy_program(&binary(), &newer);
    std::fs::rename(&newer, &program).unwrap();
    assert_ne!(executable(supervisor), program, "it is deleted");
    let second = reload(&node, Signal::SIGUSR2);
    until("the supervisor runs the new file", SOON, || executable(supervisor) == program);
    assert_eq!(node.pid(), supervisor);
    let third = reload(&node, Signal::SIGHUP);
    until("it waits for those that have drained", SOON, || !children(supervisor).contains(&second));
    assert!(is_alive(first) && is_alive(third), "the first one has a connection to finish");
    open.write_all(b"ping").unwrap();
    open.read_exact(&mut [0; 4]).unwrap();
    // What goes wrong does not end it, and it still hears.
    std::fs::remove_file(&program).unwrap();
    let said = node.api().command("reload");
    assert!(said.starts_with("Success=0\n"), "{said}");
    node.signal(Signal::SIGINT);
    assert_eq!(node.wait(SOON).code(), Some(130));
    assert!(!is_alive(first) && !is_alive(third));
}

#[test]
fn a_reload_follows_the_link_that_the_program_was_started_by() {
    for way in [&[][..], &["-W"]] {
        let place = Place::new();
        let servers = servers(&place);
        let body = web(place.address(), &servers);
        let (old, new) = (place.path("old"), place.path("new"));
        let link = place.path("balancer");
        for version in [&old, &new] {
            copy_program(&binary(), version);
        }
        std::os::unix::fs::symlink(&old, &link).unwrap();
        let node = Spec::new(&place, "a", &body).on(link.clone()).arguments(way).start();
        assert_eq!(executable(worker(&node)), old);
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&new, &link).unwrap();
        let said = node.api().command("reload");
        assert!(said.starts_with("Success=1\n"), "{said}");
        assert_eq!(executable(worker(&node)), new);
    }
}

#[test]
fn process_1_of_a_container_is_a_supervisor_by_itself() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can make a namespace of processes");
        return;
    }
    let place = Place::new();
    let front = place.address();
    let servers = servers(&place);
    let body = web(front, &servers);
    let spec =
        Spec::new(&place, "a", &body).inside(&["unshare", "--pid", "--fork", "--kill-child"]);
    let mut node = spec.start();
    assert_eq!(node.pid_in_file(), Some(1));
    let init = children(node.first_pid())[0];
    let before = node.api().info("Pid");
    assert_ne!(before, "1");
    nix::sys::signal::kill(Pid::from_raw(init), Signal::SIGUSR2).unwrap();
    until("another worker serves", SOON, || serves_not(&node, before.parse().unwrap()));
    assert!(ask(source(1), front).is_ok());
    // What others leave behind there is reaped.
    let orphan = std::process::Command::new("nsenter")
        .args(["--target", &init.to_string(), "--pid", "sh", "-c", "sleep 0.05 & sleep 0.05 &"])
        .status();
    assert!(orphan.unwrap().success());
    until("only the worker is left", SOON, || children(init).len() == 1);
    nix::sys::signal::kill(Pid::from_raw(init), Signal::SIGTERM).unwrap();
    assert!(node.wait(SOON).success());
}

#[test]
fn a_reload_works_after_chroot_and_a_change_of_user() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED: only root can change root and user");
        return;
    }
    let place = Place::new();
    let servers = servers(&place);
    let front = place.address();
    let root = place.path("root");
    std::fs::create_dir(&root).unwrap();
    let global = format!("chroot {}\nuser nobody\ngroup nogroup", root.display());
    let body = web(front, &servers);
    let node = Spec::with_global(&place, "a", &global, &body).arguments(&["-W"]).start();
    let name = ask(source(1), front).unwrap();
    let before = worker(&node);
    for _ in 0..2 {
        let pid = reload(&node, Signal::SIGUSR2);
        assert_eq!(ask(source(1), front).unwrap(), name);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(!status.contains("Uid:\t0\t"), "{status}");
    }
    assert_ne!(worker(&node), before);
    assert_eq!(node.pid(), node.first_pid());
}

/// A service manager that receives the state messages of its service.
struct Manager(UnixDatagram);

impl Manager {
    fn new(place: &Place) -> Self {
        let socket = UnixDatagram::bind(place.path("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self(socket)
    }

    /// The next message that contains `word`.
    fn hear(&self, word: &str) -> String {
        let mut buffer = [0; 500];
        loop {
            let len = self.0.recv(&mut buffer).unwrap();
            let said = String::from_utf8(buffer[..len].to_vec()).unwrap();
            if said.contains(word) {
                return said;
            }
        }
    }
}

#[test]
fn a_service_manager_is_told_of_every_step() {
    for words in [&["-Ws"][..], &[]] {
        let place = Place::new();
        let servers = servers(&place);
        let manager = Manager::new(&place);
        let socket = place.path("notify").display().to_string();
        let spec = Spec::new(&place, "a", &web(place.address(), &servers)).arguments(words);
        let node = spec.variable("NOTIFY_SOCKET", &socket).start();
        manager.hear("READY=1");
        node.ask_reload();
        let reloading = manager.hear("RELOADING=1");
        assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
        if words.is_empty() {
            let named = manager.hear("MAINPID=");
            until("the pid file names the successor", SOON, || {
                named.contains(&node.pid().to_string())
            });
        } else {
            manager.hear("READY=1");
        }
        node.signal(Signal::SIGTERM);
        manager.hear("STOPPING=1");
    }
}

#[test]
fn a_service_manager_is_not_left_by_a_configuration_that_says_daemon() {
    let place = Place::new();
    let manager = Manager::new(&place);
    let socket = place.path("notify").display().to_string();
    let body = web(place.address(), &servers(&place));
    let spec = Spec::with_global(&place, "a", "daemon", &body).arguments(&["-Ws"]);
    let mut node = spec.variable("NOTIFY_SOCKET", &socket).start();
    manager.hear("READY=1");
    assert!(node.is_running(), "the manager waits for the process that it has started");
    assert_eq!(node.pid(), node.first_pid());
}

#[test]
fn sockets_that_a_service_manager_has_opened_are_served() {
    for words in ["-Ws", "-db"] {
        let place = Place::new();
        let servers = servers(&place);
        // Only this test has bound the socket, so a process that serves must have got it.
        let listener = std::net::TcpListener::bind(place.address()).unwrap();
        let front = listener.local_addr().unwrap();
        let config = place.write("activated.cfg", &web(front, &servers));
        let script = "exec 3<&0 0</dev/null; \
                      export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec \"$0\" \"$@\"";
        // As its standard input: an inheritable descriptor would go to other tests' children too.
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::os::fd::OwnedFd::from(listener))
            .arg(binary())
            .args([words, "-f"])
            .arg(config)
            .spawn()
            .unwrap();
        until("the socket is served", SOON, || ask(source(1), front).is_ok());
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
        child.wait().unwrap();
        assert!(ask(source(1), front).is_err(), "nobody else holds the socket");
    }
}
